"""Which detector answers which technique, on which channels, and what to run or install where none can."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from mumetal.core.ports import Detector
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.canary_rise import CanaryRise
from mumetal.watch.covert.codes import Codes
from mumetal.watch.covert.replay import Replay
from mumetal.watch.covert.sequence import SequenceCorrelation
from mumetal.watch.covert.template import MatchedTemplate
from mumetal.watch.covert.timing import TimingChannel
from mumetal.watch.detectors.ewma import Ewma


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One technique answered by a detector on a live stream.

    Args:
        technique: Technique id.
        detector: Asked for its power.
        stream: Pattern of streams in which the technique shows.
        channel: Pattern of channels that carry it, the most telling first.
        unit: Unit they must have; empty for any.
        relative: Whether strengths are told in standard deviations of the noise.
        missing: What to install when no such channel is there.
    """

    technique: str
    detector: Callable[[], Detector]
    stream: re.Pattern[str]
    channel: tuple[re.Pattern[str], ...]
    unit: str = ""
    relative: bool = False
    missing: str


def _any(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(p, re.IGNORECASE) for p in patterns)


CRYOSTAT = re.compile(r".*(cryo|bluefors|fridge|temperature|pressure|compressor|maxigauge).*", re.IGNORECASE)
QUBITS = re.compile(r".*(qubit|canary|readout).*", re.IGNORECASE)
CONTROL = re.compile(r".*(control|awg|rfsoc|pulse|timing).*", re.IGNORECASE)

ANSWERS = (
    Answer(
        technique="exfiltration.timing_covert_channel", detector=TimingChannel, stream=CONTROL,
        channel=_any(r".*(timing|jitter).*"), unit="s", relative=True,
        missing="record the timing residual of each data pulse, in seconds, and of reference pulses beside it",
    ),
    Answer(
        technique="exfiltration.timing_covert_channel", detector=SequenceCorrelation, stream=CONTROL,
        channel=_any(r".*(timing|jitter).*"), unit="s", relative=True,
        missing="record the timing residual of each data pulse, in seconds",
    ),
    Answer(
        technique="exfiltration.timing_covert_channel", detector=MatchedTemplate, stream=CONTROL,
        channel=_any(r".*(timing|jitter).*"), unit="s", relative=True,
        missing="record the timing residual of each data pulse, in seconds",
    ),
    Answer(
        technique="impair.cryostat_sabotage", detector=Ewma, stream=CRYOSTAT,
        channel=_any(r".*compressor.*water.*out.*", r".*compressor.*", r".*temperature.*"), unit="K",
        missing="log the compressor's water and helium temperatures and the plates' temperatures",
    ),
    Answer(
        technique="impair.crosstalk_hammering", detector=CanaryRise, stream=QUBITS,
        channel=_any(r"q\d+\.canary.*", r"q\d+\..*error.*"), missing="run canaries on the qubits beside the tenants' jobs",
    ),
    Answer(
        technique="impair.config_edit", detector=CanaryRise, stream=QUBITS,
        channel=_any(r"q\d+\.canary.*", r"q\d+\..*error.*"), missing="run canaries that repeat the gates of the pulse library",
    ),
    Answer(
        technique="evasion.telemetry_replay", detector=Replay, stream=CRYOSTAT, channel=_any(r".*"),
        missing="record the cryostat's log with all its digits",
    ),
)  # fmt: skip


def answers_with(codes: Codes | None) -> tuple[Answer, ...]:
    """Return the answers, with one more where the lab has pulse timing codes of its own."""
    if codes is None:
        return ANSWERS
    usual = next(a for a in ANSWERS if a.detector is MatchedTemplate)
    return (*ANSWERS, replace(usual, detector=partial(MatchedTemplate, codes.sequences, "of your own")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A circuit that would make a technique visible, and how many shots it takes.

    Args:
        technique: Technique id.
        circuit: What to run.
        before: Probability of the telling outcome without the attack.
        after: The same under the attack.
        source: Where the figures come from.
    """

    technique: str
    circuit: str
    before: float
    after: float
    source: str

    def shots(self, false_alarm: float, power: float) -> int:
        """Return the shots that tell the two apart: test of two proportions, one of them known."""
        a = z_upper(false_alarm) * math.sqrt(self.before * (1 - self.before))
        b = -z_upper(power) * math.sqrt(self.after * (1 - self.after))
        return math.ceil(((a + b) / (self.after - self.before)) ** 2)


CANARIES = (
    Canary(
        technique="collection.reset_leakage", circuit="prepare |1>, reset, measure, on each qubit handed over",
        before=0.01, after=0.02, source="residual of 1% beside a readout error of 1%: THREATS, numbers for the twin",
    ),
    Canary(
        technique="collection.reset_bypass", circuit="prepare |2>, reset, measure with a three-level discriminator",
        before=0.01, after=0.02, source="as for reset leakage; Xu et al., CCS 2023",
    ),
    Canary(
        technique="collection.readout_crosstalk",
        circuit="measure a qubit while its neighbour on the same readout line is in |0>, then in |1>",
        before=0.02, after=0.03, source="a change of 1% in assignment error; arXiv 2405.08962 reports readable lines",
    ),
    Canary(
        technique="impair.relayed_neighbour", circuit="Ramsey on qubits two hops from each tenant",
        before=0.06, after=0.10, source="a quarter of the ZZ effect of 10 CX next door; THREATS",
    ),
    Canary(
        technique="impair.double_sided_crosstalk", circuit="two-qubit Grover between busy neighbours",
        before=0.06, after=0.228, source="P(11) from 0.940 to 0.772 under 10 CX: THREATS",
    ),
    Canary(
        technique="collection.residual_state", circuit="repeat |1>, idle, measure, and correlate neighbouring shots",
        before=0.01, after=0.02, source="as for reset leakage; arXiv 2401.15529",
    ),
    Canary(
        technique="impair.discriminator_glitch", circuit="prepare |0> and |1> in turn, and follow the class confusion",
        before=0.02, after=0.04, source="assignment error doubled",
    ),
)  # fmt: skip

# Techniques that leave no trace in telemetry, why, and what to record to know how much there is to hear.
SUPPLY = "record the supply's power in W, or EM bands, beside pulse energy (joins in an edge file)"
PASSIVE = {
    "collection.controller_power_trace": ("whoever only listens to the supply moves nothing that is recorded", SUPPLY),
    "collection.single_trace_reconstruction": (
        "whoever only listens to the supply moves nothing that is recorded",
        SUPPLY,
    ),
    "collection.qkd_power_backdoor": (
        "whoever only listens to the driver moves nothing that is recorded",
        "record the driver's power",
    ),
}
