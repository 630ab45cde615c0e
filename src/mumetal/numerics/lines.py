"""Spectral lines and bands: Welch's power density, mains and its harmonics, and a line to lock on to."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mumetal.numerics.spectrum import hann_power

Array = NDArray[np.float64]


def welch(x: Array, rate_hz: float, segment: int) -> tuple[Array, Array]:
    """Return frequencies (Hz) and one-sided power density (unit²/Hz): Welch 1967, doi:10.1109/TAU.1967.1161901.

    Hann windows overlap by half.

    Args:
        x: Samples, shape (n,), finite.
        rate_hz: Samples a second.
        segment: Samples a window, 4 ≤ segment ≤ n.

    Raises:
        ValueError: Too few samples for one window.
    """
    if x.ndim != 1 or not 4 <= segment <= x.size:
        raise ValueError(f"a window of {segment} samples does not fit {x.shape}")
    step = segment // 2
    windows = np.lib.stride_tricks.sliding_window_view(x, segment)[::step]
    power = hann_power(windows[:, :, None])[:, :, 0].mean(axis=0) * (2.0 / rate_hz)
    power[0] /= 2
    if segment % 2 == 0:
        power[-1] /= 2
    return np.arange(power.size) * (rate_hz / segment), power


def band_rms(density: Array, frequencies: Array, bands: Sequence[tuple[float, float]]) -> Array:
    """Return the root mean square in each band ``low <= f < high`` (Hz), shape (bands,); NaN where it holds no bin."""
    step = float(frequencies[1] - frequencies[0])
    out = np.full(len(bands), math.nan)
    for index, (low, high) in enumerate(bands):
        inside = (frequencies >= low) & (frequencies < high)
        if inside.any():
            out[index] = math.sqrt(float(density[inside].sum()) * step)
    return out


def folded(frequency_hz: float, rate_hz: float) -> float:
    """Return where a line shows when it is sampled at ``rate_hz`` without a filter, in [0, rate/2]."""
    rest = math.fmod(frequency_hz, rate_hz)
    return min(rest, rate_hz - rest)


def line(x: Array, t_s: Array, frequency_hz: float) -> complex:
    """Return the complex amplitude of ``frequency_hz``: x ≈ Re(a·exp(2πi f t)) plus a mean, by tapered least squares.

    Args:
        x: Samples, shape (n,), finite.
        t_s: Their times, s, shape (n,); they fix the phase, so phases of two windows compare.
        frequency_hz: Frequency, with some periods inside the window.
    """
    n = x.size
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)
    centred = x - float(taper @ x) / float(taper.sum())
    wave = np.exp(-2j * np.pi * frequency_hz * t_s)
    return complex(2 * (taper * centred) @ wave / taper.sum())


def locked_line(x: Array, t_s: Array, around_hz: float, within_hz: float) -> tuple[float, float, float]:
    """Find the strongest line near a frequency: frequency (Hz), amplitude (unit), phase at t = 0 of ``t_s`` (rad).

    The grid is an eighth of the window's resolution, refined by a parabola through the three powers at the top.

    Args:
        x: Samples, shape (n,), finite.
        t_s: Times, s, shape (n,).
        around_hz: Where to look.
        within_hz: How far to either side.
    """
    length = float(t_s[-1] - t_s[0]) or 1.0
    steps = max(1, math.ceil(within_hz * 8 * length))
    grid = np.linspace(around_hz - within_hz, around_hz + within_hz, 2 * min(steps, 2_000) + 1)
    from_middle = t_s - float(t_s[0]) - length / 2  # a phase at the middle moves least when the frequency is off
    power = np.array([abs(line(x, from_middle, f)) for f in grid.tolist()])
    top = int(power.argmax())
    found = float(grid[top])
    if 0 < top < grid.size - 1:
        a, b, c = (float(power[top + k]) for k in (-1, 0, 1))
        bend = a - 2 * b + c
        found += 0.5 * (a - c) / bend * float(grid[1] - grid[0]) if bend < 0 else 0.0
    amplitude = line(x, from_middle, found)
    return found, abs(amplitude), float(np.angle(amplitude))
