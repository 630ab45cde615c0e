"""Ways to attack, and how much of each could be seen."""

import math
from dataclasses import dataclass
from enum import StrEnum

from mumetal.core import check
from mumetal.core.errors import BadInputError


class Grade(StrEnum):
    """How well a technique is attested."""

    VERIFIED = "V"
    CITED = "O"
    RECALLED = "R"
    HYPOTHESIS = "hypothesis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Technique:
    """One way to attack a quantum stack.

    Args:
        technique_id: Dotted, tactic first: ``"impair.calibration_misreport"``.
        title: What it is called.
        tactic: What the attacker wants.
        layer: Which part of the stack: ``"cryostat"``, ``"control"``, ``"calibration"``, ``"queue"``, ``"qubits"``, …
        preconditions: What the attacker must have.
        effects: What it brings about.
        observables: Telemetry that betrays it.
        mitigations: What stops or weakens it.
        grade: How well it is attested.
        references: Papers, advisories, ids.
    """

    technique_id: str
    title: str
    tactic: str
    layer: str
    preconditions: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    observables: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()
    grade: Grade
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.name(self.technique_id, "technique id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a detector actually had when its power is asked for.

    Args:
        samples: Independent samples, shots, pulses or days.
        noise: Standard deviation of one sample, in the unit of the technique's strength.
        rate_hz: Samples a second; 0 when not periodic.
        channels: How many channels carry the effect.
        false_alarm, power: Probabilities of a false alarm and of detection asked for, in (0, 1).
        before, references: Samples seen before the attack, and undisturbed reference samples beside each, ≥ 0.
    """

    samples: float
    noise: float
    rate_hz: float = 0.0
    channels: int = 1
    false_alarm: float = 1e-3
    power: float = 0.9
    before: float = 0.0
    references: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.false_alarm < 1 and 0 < self.power < 1):
            raise BadInputError("false_alarm and power lie strictly between 0 and 1")
        if not (min(self.samples, self.noise, self.before, self.references) >= 0 and math.isfinite(self.noise)):
            raise BadInputError("samples, noise and references are not negative, and noise is finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The smallest attack that would have been caught.

    Args:
        technique: Technique id.
        smallest: Smallest strength caught, in ``unit``; infinite where blind.
        bound: Smallest strength any test could have caught; NaN where no bound is known.
        unit: Unit of both.
        reason: Why, in one sentence; says *blind* where it is.
        advice: What to instrument or run to see again; empty when nothing is needed.
    """

    technique: str
    smallest: float
    bound: float
    unit: str
    reason: str
    advice: str = ""

    @property
    def blind(self) -> bool:
        """Whether no strength at all would have been caught."""
        return not math.isfinite(self.smallest)
