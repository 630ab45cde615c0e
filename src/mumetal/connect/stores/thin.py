"""Fewer rows for a picture, with every extreme kept."""

from collections.abc import Iterable

import numpy as np

from mumetal.core.series import Series


class Thinner:
    """Keeps two rows for each of a number of equal time slots: where it starts and ends, carrying its least and greatest value.

    A value of the two rows is the channel's least or greatest in the slot, in the order in which the channel goes from
    the slot's first to its last row; so no peak is lost, at the price of its exact time within the slot.
    Memory is O(slots × channels), whatever the number of rows.

    Args:
        first_ns: Time of the first row.
        last_ns: Time of the last row.
        points: About how many rows are wanted, at least 2.
        channels: Number of channels.
    """

    def __init__(self, first_ns: int, last_ns: int, points: int, channels: int) -> None:
        self._first, self._slots = first_ns, max(1, points // 2)
        self._span = last_ns - first_ns + 1
        self._low = np.full((self._slots, channels), np.nan)
        self._high = self._low.copy()
        self._start, self._stop = self._low.copy(), self._low.copy()
        self._begin = np.full(self._slots, np.iinfo(np.int64).max)
        self._end = np.full(self._slots, np.iinfo(np.int64).min)

    def add(self, chunk: Series) -> None:
        """Take in the rows that follow."""
        if not len(chunk):
            return
        # Python integers would be slow and int64 products overflow: whole nanoseconds per slot, rounded up, do neither.
        width = -(-self._span // self._slots)
        slot = (chunk.t_ns - self._first) // width
        heads = np.flatnonzero(np.r_[True, np.diff(slot) != 0])
        tails = np.r_[heads[1:], len(chunk)] - 1
        at = slot[heads]
        self._low[at] = np.fmin(self._low[at], np.fmin.reduceat(chunk.values, heads))
        self._high[at] = np.fmax(self._high[at], np.fmax.reduceat(chunk.values, heads))
        self._start[at] = np.where(np.isnan(self._start[at]), chunk.values[heads], self._start[at])
        self._stop[at] = np.where(np.isnan(chunk.values[tails]), self._stop[at], chunk.values[tails])
        self._begin[at] = np.minimum(self._begin[at], chunk.t_ns[heads])
        self._end[at] = np.maximum(self._end[at], chunk.t_ns[tails])

    def series(self, like: Series) -> Series:
        """Return what was kept, with the names and channels of ``like``."""
        used = np.flatnonzero(self._end >= self._begin)
        falling = self._start[used] > self._stop[used]
        low, high = self._low[used], self._high[used]
        values = np.stack([np.where(falling, high, low), np.where(falling, low, high)], axis=1)
        t_ns = np.stack([self._begin[used], self._end[used]], axis=1).reshape(-1)
        seq = np.zeros(t_ns.size, np.int64)
        seq[1::2] = t_ns[1::2] == t_ns[::2]
        return Series(
            tenant=like.tenant,
            device=like.device,
            stream=like.stream,
            channels=like.channels,
            t_ns=t_ns,
            seq=seq,
            values=values.reshape(t_ns.size, -1),
        )


def thinned(chunks: Iterable[Series], rows: int, first_ns: int, last_ns: int, points: int) -> list[Series]:
    """Return one epoch's chunks as they are when they have at most ``points`` rows, else thinned to about as many.

    Args:
        chunks: One epoch, in order.
        rows: How many rows they have together.
        first_ns: Time of the first.
        last_ns: Time of the last.
        points: Rows wanted.
    """
    if rows <= max(points, 2):
        return list(chunks)
    thinner: Thinner | None = None
    like: Series | None = None
    for chunk in chunks:
        if thinner is None:
            thinner, like = Thinner(first_ns, last_ns, points, len(chunk.channels)), chunk
        thinner.add(chunk)
    return [thinner.series(like)] if thinner is not None and like is not None else []
