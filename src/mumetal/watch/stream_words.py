"""What a finding may mean where its detector does not know: by the kind of stream and its leading channel."""

import re
from dataclasses import dataclass

from mumetal.core.finding import Severity
from mumetal.core.ports import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamKind:
    """One kind of stream, known by its names.

    Args:
        stream: Pattern of the stream's name.
        channel: Pattern of the leading channel's name.
        techniques: Technique ids that trouble on it may be a trace of.
        words: How it is told.
    """

    stream: str = ".*"
    channel: str = ".*"
    techniques: tuple[str, ...] = ()
    words: Words


KINDS = (
    StreamKind(
        stream=r".*(cryo|bluefors|fridge|temperature|pressure|compressor|maxigauge).*",
        techniques=("impair.cryostat_sabotage",),
        words=Words(
            title="Cryostat of {device} is off its ordinary course ({channel})",
            severity=Severity.HIGH,
            remedy="Check compressor, valves and set points on site, and who changed them last; park the qubits.",
        ),
    ),
    StreamKind(
        stream=r".*(control|awg|rfsoc|pulse).*",
        channel=r".*(timing|jitter).*",
        techniques=("exfiltration.timing_covert_channel", "impair.config_edit"),
        words=Words(
            title="Pulse timing of {device} is off ({channel})",
            severity=Severity.HIGH,
            remedy="Check the reference clock, then compare the controller's configuration and firmware with the signed ones.",
        ),
    ),
    StreamKind(
        stream=r".*(control|awg|rfsoc|pulse).*",
        channel=r".*power.*",
        techniques=("impair.crosstalk_hammering", "impair.config_edit"),
        words=Words(
            title="Controller power of {device} is off ({channel})",
            severity=Severity.MEDIUM,
            remedy="Compare with the jobs that ran then, and the pulse schedules with the approved ones.",
        ),
    ),
    StreamKind(
        stream=r".*(control|awg|rfsoc|pulse).*",
        techniques=("impair.config_edit",),
        words=Words(
            title="Control electronics of {device} are off ({channel})",
            severity=Severity.MEDIUM,
            remedy="Compare the controller's configuration with the signed one and look for changes by hand.",
        ),
    ),
    StreamKind(
        stream=r".*(qubit|canary|readout).*",
        techniques=("impair.crosstalk_hammering", "impair.calibration_misreport"),
        words=Words(
            title="Canary errors of {device} rose or fell ({channel})",
            severity=Severity.HIGH,
            remedy="See which jobs ran beside the named qubits, and pause pulse-level jobs while in doubt.",
        ),
    ),
    StreamKind(
        stream=r".*(queue|jobs|scheduler).*",
        techniques=("impair.crosstalk_hammering",),
        words=Words(
            title="Job queue of {device} behaves unlike before ({channel})",
            severity=Severity.MEDIUM,
            remedy="Look at the jobs with the densest two-qubit gates and at who sent them.",
        ),
    ),
    StreamKind(
        words=Words(
            title="{stream} of {device} is off its ordinary course ({channel})",
            severity=Severity.MEDIUM,
            remedy="Look at the channels named and at what was changed just before.",
        ),
    ),
)


def kind_of(stream: str, channel: str) -> StreamKind:
    """Return the first kind that fits a stream and its leading channel; the last one fits everything."""
    for kind in KINDS:
        if re.fullmatch(kind.stream, stream, re.IGNORECASE) and re.fullmatch(kind.channel, channel, re.IGNORECASE):
            return kind
    return KINDS[-1]
