"""Which channels carry what a stream does now: a sparse mixture over several looks at its last rows.

A row of channels is looked at as it is (the last :data:`ROWS` rows), averaged over spans, and as the energy of its row-to-row
differences, which tells a frozen channel. Each look knows from ordinary rows how channels follow one another, and how far
each leaves the others now and then: so far it counts for nothing. Chosen on half of the public series of
``bench.watch.attribution_changes``.
"""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.series import Series
from mumetal.numerics.covariance import ledoit_wolf
from mumetal.numerics.inclusion import Look, inclusion
from mumetal.numerics.normal import chi2_upper
from mumetal.watch.detectors.standard import Scale, shares

Array = NDArray[np.float64]
ROWS = 32
LEVELS, ENERGIES = (1, 8, 32), (8, 32)  # rows averaged
CYCLES = 12  # spans that the ordinary rows must hold
LEARN = 4_096  # ordinary rows learnt from
MOST = 128  # channels looked at: with more, those that are farthest off
LEARNT, JUDGED = 4.0, 20.0  # deviations that an ordinary value, and one judged, count for at most
RIDGE = 0.05  # variance that no neighbour foretells
RARE = 0.02  # share of ordinary rows that may leave their neighbours further than the law of χ² says
STILL = 1e-3  # energy, in squared standard deviations, below which a channel counts as still


def carried(scale: Scale, ordinary: Series, window: Series) -> tuple[Attribution, ...]:
    """Say which channels carry what the window's last rows do.

    The sparse mixture comes first (``inclusion``: evidence for a change times its probability),
    then the conditional residual and the exact Shapley value of the joint distance over the last :data:`ROWS` rows.

    Args:
        scale: Of the stream.
        ordinary: Ordinary rows.
        window: Last rows of the same channels, at least one.
    """
    past, _ = scale.apply(ordinary.values[-LEARN:])
    now, seen = scale.apply(window.values)
    told = np.ones(now.shape[1], bool) if seen is None else seen[-ROWS:].mean(axis=0) >= 0.5
    kept = _farthest(past, now, told)
    names = tuple(window.names[i] for i in kept)
    looks = looks_of(past[:, kept], now[:, kept])
    _, evidence = inclusion(looks, told[kept])
    whole = looks[0]
    pulled = whole.rows @ whole.precision
    residual = (pulled**2).mean(axis=0) / np.diag(whole.precision)
    return (
        *shares(names, evidence, "inclusion"),
        *shares(names, residual, "conditional-residual"),
        *shares(names, (whole.rows * pulled).mean(axis=0), "shapley"),
    )


def looks_of(past: Array, now: Array) -> list[Look]:
    """Return the looks at standardised rows now (m, C), m ≥ 1, beside ordinary ones (n, C); the first is at rows as they are."""
    seen = [(past, now[-min(ROWS, max(1, len(past) // 4)) :])]
    seen += [
        (_means(past, n)[:: max(1, n // 2)], _means(now[-n:], n))
        for n in LEVELS
        if n * CYCLES <= len(past) and n <= len(now)
    ]
    seen += [
        (_energy(past, n)[:: max(1, n // 2)], _energy(now[-n - 1 :], n))
        for n in ENERGIES
        if n * CYCLES <= len(past) and n < len(now)
    ]
    return [_look(ordinary, rows) for ordinary, rows in seen]


def _farthest(past: Array, now: Array, told: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the channels looked at, in order."""
    if now.shape[1] <= MOST:
        return np.arange(now.shape[1])
    spread = past.std(axis=0) + STILL
    far = ((now[-ROWS:] - past.mean(axis=0)) ** 2).mean(axis=0) / spread**2
    still = np.abs(np.log((np.diff(now[-ROWS:], axis=0) ** 2).sum(axis=0) / ROWS + STILL) - np.log(spread**2 + STILL))
    return np.sort(np.argsort(np.where(told, -np.maximum(far, still), np.inf), kind="stable")[:MOST])


def _means(x: Array, span: int) -> Array:
    total = np.concatenate([np.zeros((1, x.shape[1])), x.cumsum(axis=0)])
    return np.asarray((total[span:] - total[:-span]) / span, np.float64)


def _energy(x: Array, span: int) -> Array:
    return np.asarray(np.log(_means(np.diff(x, axis=0) ** 2, span) + STILL), np.float64)


def _look(past: Array, now: Array) -> Look:
    """Bring rows to a common scale, and learn how ordinary ones hang together."""
    middle = np.median(past, axis=0)
    low, high = np.quantile(past, (0.16, 0.84), axis=0)
    spread = np.maximum(np.maximum((high - low) / 2, past.std(axis=0)), 1e-2) * (1 + 1 / np.sqrt(len(past)))
    apart = (past - middle) / spread
    covariance = ledoit_wolf(np.clip(apart, -LEARNT, LEARNT))[0] + RIDGE * np.eye(apart.shape[1])
    precision = np.linalg.inv(covariance)
    # What ordinary stretches as long as this one leave unexplained beyond the law of χ² is added to each channel's own.
    square = (np.clip(apart, -JUDGED, JUDGED) @ precision) ** 2 / np.diag(precision)
    usual = np.quantile(_means(square, len(now)), 1 - RARE, axis=0) * len(now) / chi2_upper(RARE, len(now))
    wider = np.maximum(usual - 1, 0.0) / np.diag(precision)
    precision = np.linalg.inv(covariance + np.diag(wider))
    return Look(rows=np.clip((now - middle) / spread, -JUDGED, JUDGED), precision=np.asarray(precision, np.float64))
