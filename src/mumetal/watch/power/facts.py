"""What a device's streams really had: rates, noise, gaps, figures, from samples and snapshots as they were stored."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.numerics.robust import location_scale
from mumetal.watch.authored.figures import is_played, is_reported, kind_of
from mumetal.watch.covert.leakage_share import Leak, leaks_in

FEWEST_ROWS = 16
FEWEST_LOOKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """One channel as it was.

    Args:
        name: Its name.
        unit: SI unit.
        level: Median.
        noise: Robust standard deviation of one sample; 0 for a channel that never moved.
        wander: Standard deviation of the level from look to look beyond what the noise explains; 0 when unknown.
        seen: Share of the rows in which it was observed, in [0, 1].
    """

    name: str
    unit: str
    level: float
    noise: float
    wander: float
    seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """One stream of one device as it was.

    Args:
        device: Device name.
        stream: Stream name.
        rate_hz: Rows a second.
        coverage: Share of the looked-at times at which it delivered, in [0, 1].
        rows: Rows looked at.
        channels: Its channels.
        leaks: What power, EM bands and temperatures told of what was played in the longest look.
        watched_s: From the oldest row looked at to the newest, s.
    """

    device: str
    stream: str
    rate_hz: float
    coverage: float
    rows: int
    channels: tuple[ChannelFacts, ...]
    leaks: tuple[Leak, ...] = ()
    watched_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFacts:
    """What the calibrations of one device had.

    Args:
        device: Device name.
        snapshots: How many there are.
        figures: How many lifetimes and errors the newest has.
        day_noise: Robust standard deviation of ln of a figure from one snapshot to the next; 0 when unknown.
        frequencies: How many qubit frequencies the newest has.
        frequency_noise: Robust standard deviation of a frequency from one snapshot to the next, Hz; 0 when unknown.
        every_s: Median time between two snapshots, s; 0 when unknown.
        commits: How many of them somebody wrote.
        pulses: How many of those changed what the device plays.
        reported: Lifetimes and fidelities that the newest reports, when somebody wrote it.
    """

    device: str
    snapshots: int
    figures: int
    day_noise: float
    frequencies: int
    frequency_noise: float
    every_s: float = 0.0
    commits: int = 0
    pulses: int = 0
    reported: int = 0


def stream_facts(device: str, stream: str, looks: Sequence[Iterable[Series]]) -> StreamFacts | None:
    """Return the facts of a stream from several looks at it, each some rows of one stretch of time.

    Rows of other channel maps than the newest are left out; None when fewer than 16 rows are left.
    """
    pieces = [[s for s in look if len(s)] for look in looks]
    known = [s for look in pieces for s in look]
    if not known:
        return None
    newest = max(known, key=lambda s: int(s.t_ns[-1]))
    known = [s for s in known if s.epoch == newest.epoch]
    values = np.concatenate([s.values for s in known])
    steps = np.concatenate([np.diff(s.t_ns) for s in known])
    if values.shape[0] < FEWEST_ROWS or steps.size == 0:
        return None
    middle = float(np.median(steps))
    location, scale = location_scale(values)
    seen = np.isfinite(values).mean(axis=0)
    wander = _wander(
        [np.concatenate([s.values for s in look]) for look in pieces if look and look[0].epoch == newest.epoch]
    )
    whole = [
        np.concatenate([s.values for s in look if s.epoch == newest.epoch] or [values[:0]]) for look in pieces if look
    ]
    constant = np.nanmax(values, axis=0, initial=-np.inf) == np.nanmin(values, axis=0, initial=np.inf)
    return StreamFacts(
        device=device,
        stream=stream,
        rate_hz=1e9 / middle if middle > 0 else 0.0,
        coverage=sum(bool(look) for look in pieces) / len(pieces),
        rows=int(values.shape[0]),
        channels=tuple(
            ChannelFacts(
                name=c.name,
                unit=c.unit,
                level=float(location[i]),
                noise=0.0 if constant[i] else float(scale[i]),
                wander=float(wander[i]) if wander.size else 0.0,
                seen=float(seen[i]),
            )
            for i, c in enumerate(newest.channels)
        ),
        leaks=leaks_in(newest.names, tuple(c.unit for c in newest.channels), max(whole, key=len)),
        watched_s=(int(newest.t_ns[-1]) - min(int(s.t_ns[0]) for s in known)) / 1e9,
    )


def _wander(looks: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return how far levels wander from look to look beyond the noise of a mean, shape (C,); empty when too few looks."""
    if len(looks) < FEWEST_LOOKS or len({look.shape[1] for look in looks}) > 1:
        return np.empty(0)
    means = np.array(
        [np.where(np.isfinite(x), x, 0.0).sum(axis=0) / np.maximum(np.isfinite(x).sum(axis=0), 1) for x in looks]
    )
    expected = np.mean([location_scale(x)[1] ** 2 / x.shape[0] for x in looks], axis=0)
    return np.asarray(np.sqrt(np.maximum(means.var(axis=0, ddof=1) - expected, 0.0)), np.float64)


def calibration_facts(device: str, snapshots: Sequence[DeviceSnapshot]) -> CalibrationFacts:
    """Return what the calibrations of a device had, from its snapshots in order of time."""
    measured = [_figures(s, ("T1", "T2", "readout_error", "gate_error")) for s in snapshots]
    tuned = [_figures(s, ("frequency",)) for s in snapshots]
    moves = [math.log(new[k] / old[k]) for old, new in pairwise(measured) for k in old.keys() & new]
    written = [{p.channel: p.value for p in s.parameters} for s in snapshots if s.revision]
    kinds = [{kind_of(c) for c, v in new.items() if old.get(c, v) != v} for old, new in pairwise(written)]
    drifts = [new[k] - old[k] for old, new in pairwise(tuned) for k in old.keys() & new]
    return CalibrationFacts(
        device=device,
        snapshots=len(snapshots),
        figures=len(measured[-1]) if measured else 0,
        day_noise=_spread(moves),
        frequencies=len(tuned[-1]) if tuned else 0,
        frequency_noise=_spread(drifts),
        every_s=float(np.median([b.t_ns - a.t_ns for a, b in pairwise(snapshots)])) / 1e9
        if len(snapshots) > 1
        else 0.0,
        commits=len(written),
        pulses=sum(any(map(is_played, k)) for k in kinds),
        reported=sum(is_reported(kind_of(c)) for c in written[-1]) if written else 0,
    )


def _figures(snapshot: DeviceSnapshot, names: tuple[str, ...]) -> dict[str, float]:
    return {p.channel: p.value for p in snapshot.parameters if p.name in names and not p.flag and p.value > 0}


def _spread(moves: list[float]) -> float:
    moved = np.array([m for m in moves if m != 0])  # a figure that was not measured anew says nothing
    return float(location_scale(moved[:, None])[1][0]) if moved.size >= 8 else 0.0
