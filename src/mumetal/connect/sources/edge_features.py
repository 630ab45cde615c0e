"""The features of one group of channels over one window: their names and units, and their values."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.edge_plan import Group, choose
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.numerics.iq_clouds import confusion, two_clouds
from mumetal.numerics.jitter import timing_features
from mumetal.numerics.lines import band_rms, folded, line, locked_line, welch
from mumetal.numerics.pulse_shape import moments, shape_distance

Array = NDArray[np.float64]
FEWEST = 16  # rows a window needs for any feature
SEGMENT_S = 0.25  # Welch's windows: 4 Hz fine, which keeps mains and its harmonics apart
MOST_SEGMENT = 65_536
PERIODS = 3.0  # of a line that a window holds at least
WITHIN_HZ = 0.15  # about the pulse tube's nominal rate
OCTAVES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One group settled for one channel map.

    Args:
        group: What the plan says.
        columns: Positions of its channels.
        beside: Positions of reference pulses, or of the prepared state.
        channels: The features.
    """

    group: Group
    columns: tuple[int, ...]
    beside: tuple[int, ...]
    channels: tuple[Channel, ...]


def settle(name: str, group: Group, series: Series) -> Made | None:
    """Settle a group for a channel map; None when none of its channels is there.

    Raises:
        BadInputError: Some are and some are not, or their number or units do not fit the kind.
    """
    names = series.names
    columns = choose(group.channels, names)
    if not columns:
        return None
    beside = choose((*group.reference, *((group.prepared,) if group.prepared else ())), names)
    columns = [c for c in columns if c not in beside]
    unit = series.channels[columns[0]].unit if columns else ""
    wrong = ""
    if len({series.channels[c].unit for c in columns}) != 1:
        wrong = "its channels have different units"
    elif group.kind == "iq" and (len(columns) != 2 or (group.prepared and len(beside) != 1)):
        wrong = "iq needs one I and one Q, and at most one prepared state"
    elif group.kind == "timing" and unit != "s":
        wrong = f"timing is in seconds, not {unit}"
    elif group.kind == "timing" and group.reference and not beside:
        wrong = "its reference pulses are not there"
    elif group.kind == "pulse" and (len(columns) < 3 or len(group.shape) not in {0, len(columns)}):
        wrong = f"a pulse of {len(columns)} samples does not fit its shape of {len(group.shape)}"
    if wrong:
        raise BadInputError(f"edge group {name!r}: {wrong}", where=f"{series.device}/{series.stream}")
    if group.kind == "iq":  # in the plan's order, I first
        columns = [c for pattern in group.channels for c in choose((pattern,), names)][:2]
    first, last = names[columns[0]], names[columns[-1]]
    said = f"edge {group.kind} of {first}" + (f" to {last}" if last != first else "")
    features = _features(group, [names[c] for c in columns], unit)
    return Made(
        group=group,
        columns=tuple(columns),
        beside=tuple(beside),
        channels=tuple(Channel(name=f"{name}.{n}", unit=u, provenance=said) for n, u in features),
    )


def _features(group: Group, names: list[str], unit: str) -> list[tuple[str, str]]:
    if group.kind == "pulse":
        told = [("energy", "1" if unit == "1" else f"{unit}2"), ("centroid", "1"), ("width", "1"), ("scatter", "1")]
        return told + ([("distance", "1"), ("gain", "1"), ("delay", "1")] if group.shape else [])
    if group.kind == "timing":
        told = [("offset", "s"), ("spread", "s"), ("kurtosis", "1"), ("lag_one", "1")]
        return told[:2] + ([("ratio", "1")] if group.reference else []) + told[2:]
    if group.kind == "iq":
        told = [(f"{c}{k}", unit) for k in (0, 1) for c in "IQ"]
        told += [("major", unit), ("minor", unit), ("separation", "1"), ("overlap", "1"), ("share1", "1"), ("far", "1")]
        return told + ([("p1_given_0", "1"), ("p0_given_1", "1")] if group.prepared else [])
    out: list[tuple[str, str]] = []
    for name in names:
        lead = "" if len(names) == 1 else f"{name}."
        out += [(f"{lead}band{k}", unit) for k in range(len(group.bands_hz) or OCTAVES)]
        if group.mains_hz:
            out += [(f"{lead}mains{k}", unit) for k in range(1, group.harmonics + 1)]
        if group.pulse_tube_hz:
            out += [
                (f"{lead}tube.{what}", u) for what, u in (("amplitude", unit), ("frequency", "Hz"), ("phase", "rad"))
            ]
    return out


def measure(made: Made, t_ns: NDArray[np.int64], values: Array, rate_hz: float) -> Array:
    """Return the features of one window, shape (features,); NaN where the window does not tell.

    Args:
        made: The group.
        t_ns: Times of the window's rows, shape (n,).
        values: All channels of the stream, shape (n, C).
        rate_hz: Rows a second.
    """
    group = made.group
    own, beside = values[:, made.columns], values[:, made.beside]
    seen = np.isfinite(own).all(axis=1) & np.isfinite(beside).all(axis=1)
    own, beside, t_ns = own[seen], beside[seen], t_ns[seen]
    if own.shape[0] < FEWEST:
        return np.full(len(made.channels), math.nan)
    if group.kind == "pulse":
        return _pulse(group, own)
    if group.kind == "timing":
        five = timing_features(own, beside)
        return five if group.reference else np.delete(five, 2)
    if group.kind == "iq":
        return _iq(own, beside)
    return np.concatenate([_field(group, own[:, c], t_ns, rate_hz) for c in range(own.shape[1])])


def _pulse(group: Group, pulses: Array) -> Array:
    middle = np.median(pulses, axis=0)
    scatter = float(np.median(shape_distance(pulses, middle)[0])) if middle.any() else math.nan
    told = [*moments(middle), scatter]
    if group.shape:
        told += [float(np.median(part)) for part in shape_distance(pulses, np.array(group.shape))]
    return np.array(told)


def _iq(shots: Array, prepared: Array) -> Array:
    clouds = two_clouds(shots)
    minor, major = np.sqrt(np.maximum(np.linalg.eigvalsh(clouds.covariance), 0.0)).tolist()
    told = [*clouds.centres.ravel().tolist(), major, minor, clouds.separation, clouds.overlap, clouds.share]
    told.append(clouds.outliers)
    return np.array(told + (list(confusion(shots, prepared[:, 0])) if prepared.shape[1] else []))


def _field(group: Group, x: Array, t_ns: NDArray[np.int64], rate_hz: float) -> Array:
    segment = min(x.size, max(16, min(MOST_SEGMENT, round(SEGMENT_S * rate_hz))))
    frequencies, density = welch(x, rate_hz, segment)
    bands = group.bands_hz or tuple((rate_hz / 2 ** (k + 2), rate_hz / 2 ** (k + 1)) for k in range(OCTAVES))
    told = band_rms(density, frequencies, bands).tolist()
    t_s = (t_ns - t_ns[0]) / 1e9
    length = float(t_s[-1])
    for order in range(1, group.harmonics + 1) if group.mains_hz else ():
        shown = folded(order * group.mains_hz, rate_hz)
        told.append(abs(line(x, t_s, shown)) if PERIODS / length <= shown <= rate_hz / 2 else math.nan)
    if group.pulse_tube_hz:
        told += _tube(group.pulse_tube_hz, x, t_ns, rate_hz, length)
    return np.array(told)


def _tube(nominal_hz: float, x: Array, t_ns: NDArray[np.int64], rate_hz: float, length: float) -> list[float]:
    """Return amplitude, frequency, and phase against a clock of the nominal rate that began in 1970."""
    if length * nominal_hz < PERIODS or nominal_hz + WITHIN_HZ >= rate_hz / 2:
        return [math.nan] * 3
    t_s = (t_ns - t_ns[0]) / 1e9
    few = max(1, round(rate_hz / (20 * nominal_hz)))  # a slow line needs no fast samples: means of a 20th of a period
    whole = x.size // few * few
    slow, at = x[:whole].reshape(-1, few).mean(axis=1), t_s[:whole].reshape(-1, few).mean(axis=1)
    frequency, amplitude, _ = locked_line(slow, at, nominal_hz, WITHIN_HZ)
    started = math.fmod(float(int(t_ns[0]) % round(1e9 * 1e3 / nominal_hz)) / 1e9, 1 / nominal_hz)
    return [amplitude, frequency, float(np.angle(line(slow, at + started, nominal_hz)))]
