"""When rows come: a host's clock with jitter, drift and steps, rows lost in bursts, sent twice, and out of order by a few."""

import numpy as np
from numpy.typing import NDArray

from bench.foreign.draws import Draws
from bench.foreign.lab import TraceRows
from bench.foreign.noise import Array

EARLY_NS, LATE_NS = 1_706_745_600 * 10**9, 1_798_761_600 * 10**9  # 2024-02 to 2027-01
REORDERED = 3  # rows a late one may be behind
_WEEK_NS = 7 * 86_400 * 10**9
_MONDAY_NS = 4 * 86_400 * 10**9  # 1970-01-05


def start_of(draws: Draws, frame: TraceRows) -> int:
    """Return when the first row is: in a week drawn, at the frame's time of the week."""
    weeks = int(draws.rng.integers(EARLY_NS // _WEEK_NS, LATE_NS // _WEEK_NS))
    return _MONDAY_NS + weeks * _WEEK_NS + round(frame.first_s * 1e9)


def stamped(draws: Draws, frame: TraceRows, first_ns: int, pulled_s: Array) -> NDArray[np.int64]:
    """Return each row's time as the host's clock says it, rising, int64 ns, shape (n,).

    Args:
        draws: Chance.
        frame: The rows.
        first_ns: When the first is.
        pulled_s: What an event adds to the clock, seconds, shape (n,).
    """
    k = np.arange(frame.n)
    jitter = draws.spread(1e-5, 0.05) * np.abs(draws.rng.normal(size=frame.n)).clip(0, 4)
    drift = draws.within(-20e-6, 20e-6) * k
    steps = np.zeros(frame.n)
    if draws.chance(0.3):  # the time service sets it now and then
        for at in draws.rng.integers(frame.n, size=draws.pick((1, 2, 4))):
            steps[at:] += draws.within(-0.3, 0.3)
    t = first_ns + np.round((frame.row_s * (k + jitter + drift + steps) + pulled_s) * 1e9).astype(np.int64)
    return np.asarray(np.maximum.accumulate(t) + _ties(t))


def arrival(draws: Draws, gone: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rows' numbers in the order in which they come; lost ones are left out, some come twice.

    Args:
        draws: Chance.
        gone: Rows that an event loses, shape (n,).
    """
    lost = gone.copy()
    n = gone.size
    if draws.chance(0.4):
        for at in draws.rng.integers(n, size=draws.pick((1, 3, 6))):
            lost[at : at + int(draws.rng.geometric(1 / 6))] = True
    rows = np.flatnonzero(~lost)
    if draws.chance(0.12):
        rows = np.sort(np.r_[rows, draws.rng.choice(rows, size=max(1, rows.size // 1_000))])
    if draws.chance(0.12):
        place = np.arange(rows.size, dtype=float)
        late = draws.rng.choice(rows.size, size=max(1, rows.size // 500), replace=False)
        place[late] += draws.rng.integers(1, REORDERED, size=late.size) + 0.5
        rows = rows[np.argsort(place, kind="stable")]
    return rows


def _ties(t: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return nanoseconds that part rows which a step back would give one time."""
    held = np.maximum.accumulate(t)
    same = np.r_[False, held[1:] == held[:-1]]
    run = np.arange(t.size)
    return np.asarray(run - np.maximum.accumulate(np.where(same, 0, run)))
