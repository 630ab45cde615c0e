"""The physical quantities a perturbation may turn, and how it turns them.

A perturbation never draws from a signal's own random numbers: it maps the unperturbed quantity to the perturbed one,
with numbers of its own where it needs any. So a run with a perturbation and a run of the same seed without it differ
in what the perturbation moves, and in nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from mumetal.core.event import Event

Floats = NDArray[np.float64]
FORGET_S = 5.0
Turn = Callable[[Floats, Floats], Floats]


class Knob(StrEnum):
    """One physical quantity; shapes are (n times, columns), Q qubits."""

    RELAXATION = "relaxation"  # 1/T1, 1/s, (n, Q)
    EXCESS = "excess"  # added error probability of a canary, 1, (n, Q)
    READOUT = "readout"  # readout error, 1, (n, Q)
    RESIDUAL = "residual"  # share of the last tenant's state that a reset leaves, 1, (n, 1)
    FREQUENCY = "frequency"  # qubit frequency, Hz, (n, Q)
    REPORTED = "reported"  # factor by which a calibration praises the device, 1, (n, 1)
    PULSE_DELAY = "pulse_delay"  # added to a pulse's time but not to the reference's, s, (n, 1)
    HEAT = "heat"  # added heat on the mixing chamber, the still and the 4 K plate, W, (n, 3)
    COOLING_LOSS = "cooling_loss"  # lost part of the compressor's water flow, 0 to 1, (n, 1)
    VIBRATION = "vibration"  # factor on the pulse tube's pickup, 1, (n, 1)
    RACK_LOAD = "rack_load"  # added power of the control rack, W, (n, 1)
    LEAK = "leak"  # factor on what of the pulses' power the supply's filter lets through, 1, (n, 1)
    JOBS = "jobs"  # added jobs, 1/s, (n, 1)
    SHOTS = "shots"  # added shots, 1/s, (n, 1)
    DENSITY = "density"  # added two-qubit gate density, gates per qubit and layer, (n, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The last ``loop_s`` (s) of ``stream`` before the start are shown again and again instead of the present."""

    stream: str
    loop_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A perturbation in progress.

    Args:
        start_s: From when, seconds of the twin's time.
        stop_s: Until when; a turn may outlast it where the physics does.
        turns: Which knobs turn, and how; each maps (times (n,), quantity (n, columns)) to the new quantity.
        events: What the audit trail, the queue and the logs say of it, in order of time.
        calibrations_s: When a new calibration is published because of it, seconds of the twin's time.
        replay: A stream that is replayed; None when none is.
        lasting: Whether it stays for good, as a recalibration does.
    """

    start_s: float
    stop_s: float
    turns: Mapping[Knob, Turn] = field(default_factory=dict)
    events: Sequence[Event] = ()
    calibrations_s: tuple[float, ...] = ()
    replay: Replay | None = None
    lasting: bool = False


class Bench:
    """Holds the effects in progress and applies them."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []

    def turn(self, knob: Knob, t_s: Floats, value: Floats) -> Floats:
        """Return ``value`` (n, columns) at ``t_s`` (n,) after every effect on ``knob``, in order of their start."""
        for effect in self.effects:
            if knob in effect.turns and t_s.size and t_s[-1] >= effect.start_s:
                value = effect.turns[knob](t_s, value)
        return value

    def forget(self, now_s: float) -> None:
        """Drop effects that ended so long ago, twenty times their length, that no tail of theirs is left."""
        self.effects = [
            e for e in self.effects if e.lasting or now_s < e.stop_s + 20.0 * (e.stop_s - e.start_s) + FORGET_S
        ]


def during(t_s: Floats, start_s: float, stop_s: float) -> Floats:
    """Return 1 where ``start_s <= t_s < stop_s`` and 0 elsewhere, as a column (n, 1)."""
    return ((t_s >= start_s) & (t_s < stop_s)).astype(np.float64)[:, None]
