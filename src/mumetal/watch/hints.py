"""What a finding may mean: (stream, channel, detector) → words, severity, techniques and what to do."""

import re
from dataclasses import dataclass

from mumetal.core.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Words for a finding.

    Args:
        stream: Pattern of the stream's name.
        channel: Pattern of the leading channel's name.
        rule: Pattern of the detector's or rule's id.
        title: One line; ``{channel}``, ``{device}`` and ``{stream}`` are filled in.
        severity: How bad it is if true.
        techniques: Technique ids it may be a trace of.
        remedy: What to do about it.
    """

    stream: str = ".*"
    channel: str = ".*"
    rule: str = ".*"
    title: str
    severity: Severity
    techniques: tuple[str, ...] = ()
    remedy: str


HINTS = (
    Hint(
        rule=r"watch\.covert\.(timing|sequence|template)",
        title="Pulse timing of {device} carries more than jitter",
        severity=Severity.HIGH,
        techniques=("exfiltration.timing_covert_channel",),
        remedy="Compare the controller's firmware with its signed image, and stop exports from this controller.",
    ),
    Hint(
        rule=r"watch\.covert\.(noisy_)?replay",
        title="{stream} of {device} repeats an earlier stretch",
        severity=Severity.HIGH,
        techniques=("evasion.telemetry_replay",),
        remedy="Read the sensor by another path and distrust this stream since the repeat began.",
    ),
    Hint(
        rule=r"watch\.covert\.reset_leakage",
        title="First measurements on {device} depend on the tenant before ({channel})",
        severity=Severity.HIGH,
        techniques=("collection.reset_leakage", "collection.residual_state"),
        remedy="Reset twice between tenants or idle until it has decayed, and recalibrate the reset.",
    ),
    Hint(
        rule=r"watch\.covert\.readout_correlation",
        title="Readout of two qubits of {device} moves together ({channel})",
        severity=Severity.MEDIUM,
        techniques=("collection.readout_crosstalk", "collection.readout_end_to_end"),
        remedy="Do not give the qubits of one readout line to two tenants; check the multiplexer's isolation.",
    ),
    Hint(
        rule=r"watch\.covert\.power_leakage",
        title="{channel} of {device} tells more of what is played than before",
        severity=Severity.HIGH,
        techniques=("collection.controller_power_trace", "collection.single_trace_reconstruction"),
        remedy="Look for a removed filter or a probe on the supply and at who was at the rack; filter, and withhold the channel.",
    ),
    Hint(
        rule=r"watch\.covert\.misreport",
        title="Reported errors of {device} disagree with its canaries ({channel})",
        severity=Severity.HIGH,
        techniques=("impair.calibration_misreport",),
        remedy="Run an independent benchmark and compare it with the reported calibration before scheduling work.",
    ),
    Hint(
        rule=r"watch\.detectors\.identity",
        title="Qubit frequencies are not those of {device}",
        severity=Severity.CRITICAL,
        techniques=("impair.device_substitution",),
        remedy="Stop sending work, ask the provider which device answered, and run a spectroscopy canary.",
    ),
    Hint(
        rule=r"watch\.detectors\.day_to_day",
        title="Calibration of {device} moved more than days do ({channel})",
        severity=Severity.HIGH,
        techniques=("impair.calibration_misreport", "impair.config_edit"),
        remedy="Compare with the change log, and with an independent measurement of the channels named.",
    ),
    Hint(
        stream=r".*(cryo|bluefors|fridge|temperature|pressure|compressor|maxigauge).*",
        title="Cryostat of {device} is off its ordinary course ({channel})",
        severity=Severity.HIGH,
        techniques=("impair.cryostat_sabotage",),
        remedy="Check compressor, valves and set points on site, and who changed them last; park the qubits.",
    ),
    Hint(
        stream=r".*(control|awg|rfsoc|pulse).*",
        channel=r".*(timing|jitter).*",
        title="Pulse timing of {device} is off ({channel})",
        severity=Severity.HIGH,
        techniques=("exfiltration.timing_covert_channel", "impair.config_edit"),
        remedy="Check the reference clock, then compare the controller's configuration and firmware with the signed ones.",
    ),
    Hint(
        stream=r".*(control|awg|rfsoc|pulse).*",
        channel=r".*power.*",
        title="Controller power of {device} is off ({channel})",
        severity=Severity.MEDIUM,
        techniques=("impair.crosstalk_hammering", "impair.config_edit"),
        remedy="Compare with the jobs that ran then, and the pulse schedules with the approved ones.",
    ),
    Hint(
        stream=r".*(control|awg|rfsoc|pulse).*",
        title="Control electronics of {device} are off ({channel})",
        severity=Severity.MEDIUM,
        techniques=("impair.config_edit",),
        remedy="Compare the controller's configuration with the signed one and look for changes by hand.",
    ),
    Hint(
        stream=r".*(qubit|canary|readout).*",
        title="Canary errors of {device} rose or fell ({channel})",
        severity=Severity.HIGH,
        techniques=("impair.crosstalk_hammering", "impair.calibration_misreport"),
        remedy="See which jobs ran beside the named qubits, and pause pulse-level jobs while in doubt.",
    ),
    Hint(
        stream=r".*(queue|jobs|scheduler).*",
        title="Job queue of {device} behaves unlike before ({channel})",
        severity=Severity.MEDIUM,
        techniques=("impair.crosstalk_hammering",),
        remedy="Look at the jobs with the densest two-qubit gates and at who sent them.",
    ),
    Hint(
        title="{stream} of {device} is off its ordinary course ({channel})",
        severity=Severity.MEDIUM,
        remedy="Look at the channels named and at what was changed just before.",
    ),
)


def hint_for(stream: str, channel: str, rule: str) -> Hint:
    """Return the first hint that fits; the last one fits everything."""
    for hint in HINTS:
        if all(
            re.fullmatch(pattern, text, re.IGNORECASE)
            for pattern, text in ((hint.stream, stream), (hint.channel, channel), (hint.rule, rule))
        ):
            return hint
    return HINTS[-1]
