"""What goes on in every slow lab: rooms, cooling water, work."""

import numpy as np

from bench.foreign.draws import Draws
from bench.foreign.lab import Drives, TraceRows
from bench.foreign.noise import Array, blocks, coloured, daily, lag

OUTSIDE = 295.0


def ordinary(draws: Draws, frame: TraceRows) -> Drives:
    """Draw what drives a lab on ordinary days.

    ``power``, ``tube`` (cold head), ``water_flow``, ``valve``: 1 is nominal. ``water`` and ``room``: °C. ``load``: share of the
    machine in use, 0 to 1. ``heat``: 0; a tenant of physics gives it its unit. ``unrest``: factor of all noise, more while it works.
    """
    n, one = frame.n, np.ones(frame.n)
    day = daily(frame.t_s, draws.within(0.30, 0.45))
    weekend = frame.weekend()
    room = (
        draws.within(19.5, 23.5)
        + draws.within(0.15, 1.2) * day * (1 - 0.3 * weekend)
        + draws.within(0.05, 0.4) * coloured(draws.rng, n, 1.6)
    )
    water = (
        draws.within(14.0, 20.0) + 0.3 * (room - room.mean()) + draws.within(0.05, 0.3) * coloured(draws.rng, n, 1.4)
    )
    working = lag(blocks(draws.rng, n, frame.rows(draws.spread(1_500, 20_000)), (0.05, 0.5, 0.8, 1.0)), frame.rows(120))
    load = working * (1 - draws.within(0.2, 0.8) * weekend)
    drives = {"room": room, "water": water, "load": load, "heat": 0 * one, "unrest": 1 + draws.within(0.05, 0.5) * load}
    return drives | {name: one.copy() for name in ("power", "tube", "water_flow", "valve")}


def earlier_stop(draws: Draws, frame: TraceRows, d: Drives) -> tuple[tuple[int, int, str, str], ...]:
    """Stop the cold head once in the first days of one lab in four, and return what was logged."""
    if not draws.chance(0.25):
        return ()
    at = int(draws.within(0.05, 0.35) * frame.n)
    end = at + int(frame.rows(draws.spread(300, 4_000)))
    d["tube"][at:end] = 0.0
    return ((at, end, "compressor.restart", "cold head off and on"),)


def smooth(x: Array, at: float, width: float) -> Array:
    """Return 0 far below ``at`` and 1 far above."""
    return np.asarray(1 / (1 + np.exp(-np.clip((x - at) / width, -60, 60))))


def mixed(cold: Array, warm: Array, share: Array) -> Array:
    """Return what lies between two positive values, by the logarithm; share 1 is cold."""
    return np.asarray(np.exp(share * np.log(np.maximum(cold, 1e-6)) + (1 - share) * np.log(np.maximum(warm, 1e-6))))
