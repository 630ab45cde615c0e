"""Samples: what a sensor, a controller or a calibration says over time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError

MAX_CHANNELS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One column of a series.

    Args:
        name: Channel name, such as ``"mxc.temperature"`` or ``"q3.T1"``.
        unit: SI unit of the stored values; ``"1"`` for pure numbers.
        provenance: Where the values come from and how they were converted, e.g.
            ``"bluefors:CH6 T 26-11-01.log, kelvin"``.
    """

    name: str
    unit: str
    provenance: str = ""

    def __post_init__(self) -> None:
        check.name(self.name, "channel")
        check.text(self.unit, "unit", 32)
        check.text(self.provenance, "provenance", 1_000)
        if not self.unit:
            raise BadInputError(f"channel {self.name!r} has no unit", hint="use '1' for a pure number")


def epoch_of(channels: Sequence[Channel]) -> str:
    """Return the id of a channel map: 16 hex digits over names and units, in order."""
    text = "\n".join(f"{c.name}\t{c.unit}" for c in channels)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One device's samples of some channels, in order of (``t_ns``, ``seq``).

    A sample's identity is (tenant, device, stream, epoch, t_ns, seq): the same sample sent twice counts once.
    A value that was not observed at its time is NaN.

    Args:
        tenant: Who owns the data.
        device: Device name.
        stream: Stream name within the device, such as ``"cryostat"``.
        channels: Column descriptions, length C.
        t_ns: Sample times, nanoseconds since 1970 UTC, int64, shape (n,).
        values: Samples in SI units, float64, shape (n, C).
        seq: Order among samples of one time, int64, shape (n,); zeros when omitted.
        epoch: Id of the channel map; derived, never given.

    Raises:
        BadInputError: Shapes disagree, rows are out of order or repeated, a time is impossible, or a value is infinite.
    """

    tenant: str = LOCAL
    device: str
    stream: str
    channels: tuple[Channel, ...]
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    seq: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    epoch: str = field(init=False)

    def __post_init__(self) -> None:
        for what in ("tenant", "device", "stream"):
            check.name(getattr(self, what), what)
        if not 1 <= len(self.channels) <= MAX_CHANNELS:
            raise BadInputError(f"a series has 1 to {MAX_CHANNELS} channels, not {len(self.channels)}")
        if len({c.name for c in self.channels}) != len(self.channels):
            raise BadInputError(f"stream {self.stream!r} names a channel twice")
        t = np.ascontiguousarray(self.t_ns, np.int64)
        v = np.ascontiguousarray(self.values, np.float64)
        s = np.ascontiguousarray(self.seq, np.int64)
        if s.size == 0 and t.size:
            s = np.zeros(t.shape, np.int64)
        if t.ndim != 1 or s.shape != t.shape or v.shape != (t.size, len(self.channels)):
            raise BadInputError(
                f"shapes do not fit: t_ns {t.shape}, seq {s.shape}, values {v.shape}, {len(self.channels)} channels"
            )
        if t.size:
            check.time_ns(int(t.min()), "first time")
            check.time_ns(int(t.max()), "last time")
            step = np.diff(t)
            if np.any((step < 0) | ((step == 0) & (np.diff(s) <= 0))):
                raise BadInputError(
                    "rows are not in strict order of (t_ns, seq)", hint="sort with core.series.sorted_by_time first"
                )
        if np.isinf(v).any():
            raise BadInputError("a value is infinite", hint="NaN means not observed")
        for array in (t, v, s):
            array.flags.writeable = False
        object.__setattr__(self, "t_ns", t)
        object.__setattr__(self, "values", v)
        object.__setattr__(self, "seq", s)
        object.__setattr__(self, "epoch", epoch_of(self.channels))

    def __len__(self) -> int:
        return int(self.t_ns.size)

    @property
    def names(self) -> tuple[str, ...]:
        """Channel names, length C."""
        return tuple(c.name for c in self.channels)

    def rows(self, start: int, stop: int) -> "Series":
        """Return rows ``start`` to ``stop`` (exclusive), sharing memory."""
        return self._with(slice(start, stop))

    def between(self, start_ns: int, stop_ns: int) -> "Series":
        """Return rows with ``start_ns <= t_ns < stop_ns``."""
        first, last = np.searchsorted(self.t_ns, [start_ns, stop_ns])
        return self.rows(int(first), int(last))

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one channel's values, shape (n,).

        Raises:
            BadInputError: There is no such channel.
        """
        try:
            return self.values[:, self.names.index(name)]
        except ValueError:
            raise BadInputError(
                f"stream {self.stream!r} has no channel {name!r}", hint="channels: " + ", ".join(self.names[:20])
            ) from None

    def _with(self, rows: slice) -> "Series":
        part = object.__new__(Series)  # rows of a checked series are checked: the scorer cuts many times a chunk
        for name in ("tenant", "device", "stream", "channels", "epoch"):
            object.__setattr__(part, name, getattr(self, name))
        for name in ("t_ns", "values", "seq"):
            object.__setattr__(part, name, getattr(self, name)[rows])
        return part


def sorted_by_time(
    t_ns: NDArray[np.int64], values: NDArray[np.float64], seq: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], int]:
    """Put rows in order of (t_ns, seq) and drop repeats of an identity, keeping the first.

    Args:
        t_ns: Times, shape (n,).
        values: Values, shape (n, C).
        seq: Order among equal times, shape (n,); without it the order of arrival counts equal times up.

    Returns:
        Ordered times, values and seq, and how many repeats were dropped.
    """
    order = np.argsort(t_ns, kind="stable") if seq is None else np.lexsort((seq, t_ns))
    t, v = t_ns[order], values[order]
    if seq is None:
        first = np.r_[True, np.diff(t) != 0] if t.size else np.empty(0, bool)
        index = np.arange(t.size)
        s = index - np.maximum.accumulate(np.where(first, index, 0)) if t.size else np.empty(0, np.int64)
        return t, v, s.astype(np.int64), 0
    s = seq[order]
    keep = np.r_[True, (np.diff(t) != 0) | (np.diff(s) != 0)] if t.size else np.empty(0, bool)
    return t[keep], v[keep], s[keep], int((~keep).sum())
