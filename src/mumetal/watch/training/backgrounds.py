"""Telemetry that never was: seeded backgrounds of many kinds, so that a shipped model is made from no one's data."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
WARM = 200  # rows an autoregression runs before it counts
CHANNELS = (1, 2, 3, 4, 6, 8, 12)
CHANNEL_ODDS = (0.25, 0.15, 0.15, 0.15, 0.12, 0.10, 0.08)


def background(rng: np.random.Generator, rows: int, channels: int) -> Array:
    """Make one device's ordinary telemetry: common causes seen by several channels, noise, and innocent oddities.

    Causes are autoregressions, resonances, seasons and operating modes; channels follow them with delays, carry noise
    of their own, may drift, be counts, quantised, clipped, heavy-tailed, spiky in an ordinary way or still.

    Args:
        rng: Randomness.
        rows: Rows to make, ≥ 32.
        channels: Columns to make, ≥ 1.

    Returns:
        Values (rows, channels), finite, in arbitrary units.
    """
    causes = np.stack([_cause(rng, rows) for _ in range(int(rng.integers(1, max(2, min(channels, 5)) + 1)))], axis=1)
    weights = rng.normal(size=(causes.shape[1], channels)) * (rng.random((causes.shape[1], channels)) < 0.7)
    x = causes @ weights
    for c in range(channels):
        delay = int(rng.integers(0, 8))
        if delay:
            x[delay:, c] = x[:-delay, c].copy()
    own = np.stack([_noise(rng, rows) for _ in range(channels)], axis=1)
    x = x + 10 ** rng.uniform(-2.5, 0.3, size=channels) * own
    if rng.random() < 0.4:  # levels wander innocently
        x += np.cumsum(rng.normal(size=(rows, channels)), axis=0) / np.sqrt(rows) * 10 ** rng.uniform(-1, 0.2)
    for c in range(channels):
        x[:, c] = _measured(rng, x[:, c])
    return np.asarray(
        x * 10 ** rng.uniform(-2, 2, channels) + rng.normal(size=channels) * 10 ** rng.uniform(-1, 2, channels)
    )


def _cause(rng: np.random.Generator, rows: int) -> Array:
    kind = rng.random()
    if kind < 0.4:
        return _autoregression(rng, rows)
    return _season(rng, rows) if kind < 0.7 else _modes(rng, rows)


def _noise(rng: np.random.Generator, rows: int) -> Array:
    kind = rng.random()
    if kind < 0.5:
        return _autoregression(rng, rows)
    return rng.normal(size=rows) if kind < 0.85 else rng.standard_t(4, rows)


def _autoregression(rng: np.random.Generator, rows: int) -> Array:
    """First order, or a resonance; innovations normal or heavy-tailed; mean 0 and deviation 1."""
    n = rows + WARM
    pushed = rng.normal(size=n) if rng.random() < 0.7 else rng.standard_t(rng.uniform(3, 8), n)
    lag = np.arange(n)
    if rng.random() < 0.3:
        radius, angle = rng.uniform(0.8, 0.995), 2 * np.pi / 10 ** rng.uniform(0.7, 2.2)
        response = radius**lag * np.sin(angle * (lag + 1)) / np.sin(angle)
    else:
        response = (1 - 10 ** rng.uniform(-3, 0)) ** lag
    out = np.fft.irfft(np.fft.rfft(pushed, 2 * n) * np.fft.rfft(response, 2 * n), 2 * n)[WARM:n]
    return np.asarray((out - out.mean()) / (out.std() + 1e-9))


def _season(rng: np.random.Generator, rows: int) -> Array:
    """A few harmonics, at times with a pulse once a period."""
    turns = np.arange(rows) / 10 ** rng.uniform(1.2, 2.7) + rng.random()
    out = np.zeros(rows)
    for harmonic in range(1, int(rng.integers(2, 6))):
        out += rng.normal() / harmonic * np.sin(2 * np.pi * (harmonic * turns + rng.random()))
    if rng.random() < 0.3:
        out = np.where(turns % 1 < rng.uniform(0.05, 0.5), out + 3 * rng.normal(), out)
    return np.asarray(out / (out.std() + 1e-9))


def _modes(rng: np.random.Generator, rows: int) -> Array:
    """Operating modes: levels held for a while, in turn or at random."""
    levels = rng.normal(size=int(rng.integers(2, 5))) * 1.5
    out, mean, in_turn = np.empty(rows), 10 ** rng.uniform(1.0, 2.5), bool(rng.random() < 0.5)
    at = mode = 0
    while at < rows:
        held = int(mean if in_turn else rng.exponential(mean)) + 2
        out[at : at + held] = levels[mode]
        mode = (mode + 1) % len(levels) if in_turn else int(rng.integers(len(levels)))
        at += held
    return out


def _measured(rng: np.random.Generator, x: Array) -> Array:
    """What an instrument makes of it: mostly nothing, or one of the odd ways in which instruments speak."""
    kind, size = rng.random(), x.std() + 1e-9
    if kind < 0.08:
        return np.asarray(np.exp(np.clip(x / size, -4, 4)))
    if kind < 0.14:
        return np.maximum(x, np.quantile(x, rng.uniform(0.1, 0.6)))
    if kind < 0.22:
        return np.asarray(np.round(x / size * rng.uniform(1, 10)))
    if kind < 0.26:
        return np.asarray(rng.poisson(np.exp(np.clip(x / size, -3, 3)) * 10 ** rng.uniform(-0.5, 1.5)), np.float64)
    if kind < 0.30:
        at = rng.random(x.size) < 10 ** rng.uniform(-2.5, -1.5)
        return np.asarray(x + np.where(at, size * rng.exponential(5, x.size), 0.0))
    if kind < 0.34:
        return np.full(x.size, 0.0 if rng.random() < 0.5 else float(np.round(rng.normal(), 1)))
    return x
