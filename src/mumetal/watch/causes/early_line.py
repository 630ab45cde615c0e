"""The first moments of a shaking field: the line that the quiet minutes taught, or anything else?

A window too short to resolve a line can still be compared with one that is known: the pulse tube's waveform, with its
frequency and phase, is learnt from the past, and so is the noise around it. What has grown since the onset is then
either more of that waveform or something else: a step, a ramp, a line at any other frequency and phase. Both stories have
an unknown onset and size; the ratio of their likelihoods, averaged over what is unknown, is the evidence.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series

Array = NDArray[np.float64]
COARSE_HZ = 16.0  # rows are averaged down to no less than this
LOOK_BACK_S = 4.0  # so long before a finding the shaking may have begun
ANCHOR_S = 3.0  # quiet rows before that, which the noise is told from
LEAST_PAST_S = 60.0
EVERY = 4  # rows between the onsets that other lines may have; the rest may begin at any row
PHASES = 24
SIGNED = 8  # phases of another line, which may have either sign
NEAR = (0.0, -1 / 64, 1 / 64, -1 / 32, 1 / 32)  # periods by which the learnt phase may be wrong
KNOWN = 0.05  # share of what was added by which the waveform may differ from the one learnt
ASIDE = (-9, -8, -7, 7, 8, 9)  # bins of the past, beside a line, that tell the noise on it
LINES = 24  # other frequencies, evenly in ln f …
LOWEST_HZ = 0.15  # … from this one to Nyquist's
ORDERS = 3  # of the waveform
STANDS_OUT = 20.0  # the line's power in the past over the median of its band
SPREADS = 2.0  # times the largest energy of a quiet window that is left without surprise


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyLine:
    """What the rows since an onset say.

    Args:
        hertz: Frequency of the line in the quiet past, Hz.
        gain: How much of its waveform was added, 1 doubles it.
        log_ratio: ln P(rows | more of the waveform) - ln P(rows | a step, a ramp or another line).
        left: Energy without the best of the waveforms, over twice the largest that quiet windows have.
    """

    hertz: float
    gain: float
    log_ratio: float
    left: float


def early_line(series: Series, channel: str, start_ns: int, band_hz: tuple[float, float]) -> EarlyLine | None:
    """Compare both stories from four seconds before ``start_ns`` to the newest row; None when the past taught no line."""
    t, values, step = _even(series, channel, start_ns)
    past_until = -(LOOK_BACK_S + ANCHOR_S)
    quiet = t < past_until
    if step <= 0 or 0.5 / step <= 1.25 * band_hz[1] or quiet.sum() * step < LEAST_PAST_S or t[-1] < 0:
        return None
    level = float(np.median(values[quiet]))
    hertz = _line_hz(values[quiet] - level, step, band_hz)
    if hertz is None:
        return None
    basis = _basis(t, hertz)
    weights = _waveform(basis[quiet], values[quiet] - level, t[quiet], hertz)
    rest = values - level - basis @ weights
    n = int((~quiet).sum())
    windows = np.lib.stride_tricks.sliding_window_view(rest[quiet], n)[:: max(1, n // 4)]
    if n < 8 or windows.shape[0] < 8:
        return None
    whitener = np.linalg.inv(np.linalg.cholesky(_covariance(rest[quiet], n)))
    whitened = whitener @ rest[~quiet]
    usual = float(((whitener @ windows.T) ** 2).sum(axis=0).max())
    now = t[~quiet]
    onsets = now[(now >= -LOOK_BACK_S) & (now <= 0.0)]
    shifts = np.r_[NEAR, np.arange(1, PHASES) / PHASES] / hertz
    grown = np.stack([(_basis(now + s, hertz) @ weights) * (now >= o) for s in shifts for o in onsets])
    other = _others(now, onsets, 0.5 / step)
    along, size = _projections(whitener, grown, whitened)
    support = 0.5 * np.maximum(along, 0.0) ** 2
    same, any_phase = support[: onsets.size * len(NEAR)], support
    against = [0.5 * _projections(whitener, a, whitened)[0] ** 2 for a in other]
    ratio = _average((_average(same), _average(any_phase))) - _average([_average(a) for a in against])
    best = int(along.argmax())
    left = float(whitened @ whitened - (1 + KNOWN**2) * max(along[best], 0.0) ** 2)
    return EarlyLine(
        hertz=hertz, gain=float(along[best] / size[best]), log_ratio=float(ratio), left=left / (SPREADS * usual)
    )


def _even(series: Series, channel: str, start_ns: int) -> tuple[Array, Array, float]:
    """Return evenly spaced times (n,) in s from ``start_ns``, values averaged to at least 16 Hz (n,), and the step in s."""
    values = series.column(channel)
    seen = np.isfinite(values)
    t = (series.t_ns[seen] - start_ns) / 1e9
    if t.size < 2:
        return t, values[seen], 0.0
    step = float(np.median(np.diff(t)))
    if step <= 0:
        return t, values[seen], 0.0
    grid = np.arange(t[-1], t[0], -step)[::-1]
    even = np.interp(grid, t, values[seen])
    block = max(1, int(1 / step / COARSE_HZ))
    lead = even.size % block
    return (
        grid[lead:].reshape(-1, block).mean(axis=1),
        even[lead:].reshape(-1, block).mean(axis=1),
        step * block,
    )


def _line_hz(quiet: Array, step: float, band_hz: tuple[float, float]) -> float | None:
    """Return the frequency of the strongest line within the band, Hz; None when none stands out.

    The periodogram's peak, then twice the drift of the line's phase between the halves.
    """
    size = 1 << (8 * quiet.size - 1).bit_length()
    power = np.abs(np.fft.rfft(quiet * np.hanning(quiet.size), size)) ** 2
    hertz = np.fft.rfftfreq(size, step)
    band = np.flatnonzero((hertz >= band_hz[0]) & (hertz <= band_hz[1]))
    peak = int(band[power[band].argmax()])
    if power[peak] <= STANDS_OUT * np.median(power[band]):
        return None
    found, half = float(hertz[peak]), quiet.size // 2
    for _ in range(2):
        turned = quiet[: 2 * half] * np.exp(-2j * np.pi * found * step * np.arange(2 * half))
        drift = np.angle(turned[half:].sum() * np.conj(turned[:half].sum()))
        found += float(drift) / (2 * np.pi * half * step)
    return found


def _waveform(basis: Array, quiet: Array, t: Array, hertz: float) -> Array:
    """Return the line's and its harmonics' coefficients (2 · orders,), each order shrunk by the noise beside it."""
    weights = np.linalg.lstsq(basis, quiet, rcond=None)[0]
    power = (weights**2).reshape(2, ORDERS).sum(axis=0)
    beside = [_basis(t, hertz + k / (t[-1] - t[0]) / order, (order,)) for order in range(1, ORDERS + 1) for k in ASIDE]
    noise = [float(((2 * b.T @ quiet / t.size) ** 2).sum()) for b in beside]
    share = np.maximum(1 - np.mean(np.reshape(noise, (ORDERS, -1)), axis=1) / np.maximum(power, 1e-300), 0.0)
    return np.asarray(weights * np.tile(share, 2), np.float64)


def _basis(t: Array, hertz: float, orders: tuple[int, ...] = tuple(range(1, ORDERS + 1))) -> Array:
    angle = 2 * np.pi * hertz * t[:, None] * np.array(orders)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def _covariance(quiet: Array, n: int) -> Array:
    """Return the noise's covariance (n, n), with a level of its own in each window."""
    centred = quiet - quiet.mean()
    spectrum = np.abs(np.fft.rfft(centred, 2 * centred.size)) ** 2
    lags = np.fft.irfft(spectrum)[:n] / centred.size
    place = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return np.asarray(lags[place] + lags[0] * (1.0 + 1e-6 * np.eye(n)), np.float64)


def _others(t: Array, onsets: Array, nyquist: float) -> tuple[Array, Array, Array]:
    """Return the other stories, each (m, n): a step, a ramp, a line of any frequency and phase, from any onset."""
    since = np.maximum(t - onsets[:, None], 0.0)
    begun = t >= onsets[:, None]
    lines = [
        np.sin(2 * np.pi * f * since[::EVERY] + phase) * begun[::EVERY]
        for f in np.geomspace(LOWEST_HZ, nyquist, LINES)
        for phase in np.arange(0.0, np.pi, np.pi / SIGNED)
    ]
    return begun.astype(np.float64), since, np.concatenate(lines)


def _projections(whitener: Array, templates: Array, whitened: Array) -> tuple[Array, Array]:
    """Return each template's share of the rows in standard deviations, and the template's own size in them, both (m,)."""
    shapes = whitener @ templates.T
    size = np.sqrt((shapes**2).sum(axis=0))
    size = np.where(size > 0, size, np.inf)
    return np.asarray((whitened @ shapes) / size, np.float64), size


def _average(logs: "Array | list[float] | tuple[float, float]") -> float:
    """Return ln of the mean of exp."""
    values = np.asarray(logs)
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).mean()))
