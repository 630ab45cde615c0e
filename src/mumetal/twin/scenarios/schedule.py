"""When things happen: a seeded plan of perturbations."""

from dataclasses import dataclass

import numpy as np

from mumetal.core.errors import BadInputError
from mumetal.twin.scenarios import PERTURBATIONS, find


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One perturbation to come.

    Args:
        name: Which.
        start_s: When it starts, s of the twin's time.
        duration_s: How long it lasts, s.
        strength: How strong, in the unit it declares.
    """

    name: str
    start_s: float
    duration_s: float
    strength: float

    def __post_init__(self) -> None:
        find(self.name).check(self.strength, self.duration_s)
        if self.start_s < 0:
            raise BadInputError(f"{self.name} cannot start at {self.start_s:g} s, before the twin does")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Perturbations in order of their start."""

    planned: tuple[Planned, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "planned", tuple(sorted(self.planned, key=lambda p: (p.start_s, p.name))))


# The first minute of a demonstration: (name, start s, duration s). An attack, an innocent look-alike, an attack …
OPENING = (
    ("crosstalk_hammering", 4.0, 12.0),
    ("co_tenant_load", 9.0, 12.0),
    ("timing_covert_channel", 11.0, 20.0),
    ("calibration_misreport", 14.0, 22.0),
    ("pulse_tube", 17.0, 8.0),
    ("cryostat_sabotage", 20.0, 25.0),
    ("radiation_burst", 23.0, 0.15),
    ("config_edit", 27.0, 15.0),
    ("authorised_recalibration", 33.0, 4.0),
    ("tls_jump", 38.0, 20.0),
    ("device_substitution", 46.0, 22.0),
    ("warm_up", 75.0, 25.0),
    ("telemetry_replay", 110.0, 25.0),
    ("reset_leakage", 140.0, 25.0),
    ("telemetry_export", 170.0, 25.0),
    ("readout_crosstalk", 200.0, 25.0),
    ("supply_tap", 230.0, 25.0),
)
SPACING_S = 24.0


def demo_schedule(seed: int, start_s: float = 0.0, length_s: float = 600.0) -> Schedule:
    """Return what happens in a demonstration.

    Within the first 40 s five attacks and five innocent causes have begun; afterwards something new begins about every
    24 s. Times move by up to a second and strengths by up to a fifth with the seed.

    Args:
        seed: Makes the plan.
        start_s: When the demonstration starts on the twin's clock, s: what was run before is quiet history.
        length_s: How long it goes on, s.
    """
    rng = np.random.default_rng([seed, 0x5CED])
    planned = [_planned(rng, name, start_s + start, duration) for name, start, duration in OPENING]
    names = [name for name, _ in PERTURBATIONS]
    at = OPENING[-1][1] + 50.0
    while at < length_s:
        for name in rng.permutation(names):
            if at < length_s:
                planned.append(_planned(rng, str(name), start_s + at, float(rng.uniform(8.0, 20.0))))
            at += SPACING_S
    return Schedule(planned=tuple(planned))


def _planned(rng: np.random.Generator, name: str, start_s: float, duration_s: float) -> Planned:
    listed = find(name)
    strength = float(np.clip(listed.usual * rng.uniform(0.8, 1.2), listed.low, listed.high))
    if name == "radiation_burst":
        duration_s = min(duration_s, 0.15)
    return Planned(name=name, start_s=start_s + float(rng.uniform(0.0, 1.0)), duration_s=duration_s, strength=strength)
