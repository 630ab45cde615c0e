"""Which samples, events and snapshots are known already: the same one sent twice counts once.

Samples: a stream keeps the time intervals it has seen (at most 16, the closest two are joined). Rows that fall outside
all of them are new without a further look, which is every row of a live stream and of a backfill in order. Rows inside
are compared with the identities of the newest blocks, kept in memory, and with those on disk when the blocks do not
reach back far enough. Events and snapshots: a 63-bit BLAKE2b fingerprint of their identity, in sorted arrays.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot

Key = tuple[str, str, str, str]
Ints = NDArray[np.int64]
Known = Callable[[Key, int, int], tuple[Ints, Ints]]
MAX_INTERVALS = 16
SPLIT_NS = 3_600 * 10**9
BLOCK_ROWS = 16_384
EVERYTHING = -(1 << 62)
NOTHING = 1 << 62


@dataclass(frozen=True, slots=True)
class Block:
    """Identities of one frame's rows of a stream: ``t_ns`` and ``seq``, shape (n,), in order."""

    sequence: int
    t_ns: Ints
    seq: Ints


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one stream and epoch; replaced, never changed, so that a write can be taken back.

    Args:
        intervals: Disjoint (first, last) times that hold every sample, in order.
        blocks: The newest identities, oldest first.
        floor: Every identity at or past this time is in ``blocks``.
    """

    intervals: tuple[tuple[int, int], ...] = ()
    blocks: tuple[Block, ...] = ()
    floor: int = EVERYTHING


def joined(intervals: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return intervals in order and disjoint, at most 16: those that overlap are joined, then the closest."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    while len(out) > MAX_INTERVALS:
        at = min(range(len(out) - 1), key=lambda i: out[i + 1][0] - out[i][1])
        out[at : at + 2] = [(out[at][0], out[at + 1][1])]
    return tuple(out)


def pieces(t_ns: Ints) -> list[tuple[int, int]]:
    """Return the intervals a run of ordered times covers, cut where an hour is missing."""
    if not t_ns.size:
        return []
    first, last = int(t_ns[0]), int(t_ns[-1])
    if last - first <= SPLIT_NS:
        return [(first, last)]
    cuts = np.flatnonzero(np.diff(t_ns) > SPLIT_NS)
    starts, stops = t_ns[np.r_[0, cuts + 1]], t_ns[np.r_[cuts, t_ns.size - 1]]
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


class Fingerprints:
    """A set of 63-bit fingerprints: one sorted array and the newest ones beside it."""

    def __init__(self, known: NDArray[np.int64]) -> None:
        self._old = np.unique(known)
        self._new: set[int] = set()

    def __contains__(self, print_: int) -> bool:
        if print_ in self._new:
            return True
        at = int(np.searchsorted(self._old, np.int64(print_)))
        return at < self._old.size and int(self._old[at]) == print_

    def add(self, print_: int) -> None:
        """Take one in."""
        self._new.add(print_)

    def discard(self, print_: int) -> None:
        """Take one that was just added back out."""
        self._new.discard(print_)

    def settle(self) -> None:
        """Fold the newest into the array, once there are many; what is folded can no longer be discarded."""
        if len(self._new) > 65_536:
            self._old = np.union1d(self._old, np.fromiter(self._new, np.int64, len(self._new)))
            self._new.clear()

    def __len__(self) -> int:
        return int(self._old.size) + len(self._new)


def fingerprint(datum: Event | DeviceSnapshot) -> int:
    """Return the 63-bit fingerprint of an event's or a snapshot's identity."""
    parts: tuple[str, ...] = (datum.tenant, "event", datum.event_id) if isinstance(datum, Event) else ()
    if isinstance(datum, DeviceSnapshot):
        parts = (datum.tenant, "snapshot", datum.device, str(datum.t_ns))
    text = "\0".join(f"{len(p)}:{p}" for p in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little") >> 1


def key_of(series: Series) -> Key:
    """Return what a series' samples share of their identity."""
    return (series.tenant, series.device, series.stream, series.epoch)


@dataclass(slots=True, kw_only=True)
class Staged:
    """A delivery's data after comparison, and how to forget them again.

    Args:
        data: What is new.
        late: Rows older than their stream's newest by more than the lateness, repeats not counted.
        repeats: Rows, events and snapshots that were there already.
        again: Those rows, as they came now.
        late_by_place: ``late`` for each series among ``data``, in order.
    """

    data: tuple[Datum, ...] = ()
    late: int = 0
    repeats: int = 0
    again: list[Series] = field(default_factory=list)
    late_by_place: tuple[int, ...] = ()
    undo: list[Callable[[], None]]

    def forget(self) -> None:
        """Undo what staging noted, newest first."""
        for step in reversed(self.undo):
            step()
        self.undo.clear()


class Identity:
    """Everything known, for one store. Not thread-safe: the owner holds the log's lock.

    Args:
        known: Returns the identities on disk of a key between two times, both included.
        lateness_ns: How much older than the newest a row may be without being late, ns.
    """

    def __init__(self, known: Known, lateness_ns: int) -> None:
        self._known, self._lateness = known, lateness_ns
        self._seen: dict[Key, Seen] = {}
        self._newest: dict[tuple[str, str, str], int] = {}
        self.prints = Fingerprints(np.empty(0, np.int64))
        self.committed = 0

    def load(self, ranges: Iterable[tuple[Key, int, int]], prints: NDArray[np.int64]) -> None:
        """Start from what is on disk: covered times by key, and fingerprints."""
        grouped: dict[Key, list[tuple[int, int]]] = {}
        for key, first, last in ranges:
            grouped.setdefault(key, []).append((first, last))
        for key, intervals in grouped.items():
            self._seen[key] = Seen(intervals=joined(intervals), floor=NOTHING)
            newest = max(last for _, last in intervals)
            name = (key[0], key[1], key[2])
            self._newest[name] = max(newest, self._newest.get(name, EVERYTHING))
        self.prints = Fingerprints(prints)

    def tenants(self) -> list[str]:
        """Return every tenant that has samples, in order."""
        return sorted({who for who, _, _ in self._newest})

    def streams(self, tenant: str) -> list[tuple[str, str]]:
        """Return the (device, stream) pairs of a tenant, in order."""
        return sorted({(device, stream) for who, device, stream in self._newest if who == tenant})

    def stage(self, data: Iterable[Datum], sequence: int, now_ns: int) -> Staged:
        """Compare data with what is known and note what is new as frame ``sequence``."""
        staged = Staged(undo=[])
        try:
            self._stage_all(data, sequence, now_ns, staged)
        except BaseException:
            # What was noted before the failure must not make a retry look known.
            staged.forget()
            raise
        return staged

    def _stage_all(self, data: Iterable[Datum], sequence: int, now_ns: int, staged: Staged) -> None:
        fresh: list[Datum] = []
        late: list[int] = []
        for datum in data:
            if isinstance(datum, Series):
                new = self._stage_series(datum, sequence, now_ns, staged)
                if new is not None:
                    fresh.append(new[0])
                    late.append(new[1])
                continue
            print_ = fingerprint(datum)
            if print_ in self.prints:
                staged.repeats += 1
                continue
            self.prints.add(print_)
            staged.undo.append(lambda p=print_: self.prints.discard(p))  # type: ignore[misc]
            fresh.append(datum)
        staged.data, staged.late, staged.late_by_place = tuple(fresh), sum(late), tuple(late)

    def _stage_series(self, series: Series, sequence: int, now_ns: int, staged: Staged) -> tuple[Series, int] | None:
        if not len(series):
            return None
        key = key_of(series)
        seen = self._seen.get(key, Seen())
        covered = pieces(series.t_ns)
        if any(first <= b and a <= last for a, b in covered for first, last in seen.intervals):
            keep = ~self._repeated(key, seen, series)
            staged.repeats += int((~keep).sum())
            if not keep.all():
                staged.again.append(_picked(series, ~keep))
            if not keep.any():
                return None
            if not keep.all():
                series = _picked(series, keep)
                covered = pieces(series.t_ns)
        before, newest = self._seen.get(key), self._newest.get(key[:3])
        late = 0
        if newest is not None:
            # A stream whose clock once ran ahead must not make all that follows late.
            bound = min(newest, now_ns) - self._lateness
            late = int(np.searchsorted(series.t_ns, bound))
        self._seen[key] = self._with(seen, Block(sequence, series.t_ns.copy(), series.seq.copy()), covered)
        self._newest[key[:3]] = max(int(series.t_ns[-1]), newest if newest is not None else EVERYTHING)
        staged.undo.append(lambda: self._restore(key, before, newest))
        return series, late

    def _restore(self, key: Key, seen: Seen | None, newest: int | None) -> None:
        if seen is None:
            self._seen.pop(key, None)
        else:
            self._seen[key] = seen
        if newest is None:
            self._newest.pop(key[:3], None)
        else:
            self._newest[key[:3]] = newest

    def _repeated(self, key: Key, seen: Seen, series: Series) -> NDArray[np.bool_]:
        """Return which rows are known, shape (n,)."""
        first, last = int(series.t_ns[0]), int(series.t_ns[-1])
        known = [(b.t_ns, b.seq) for b in seen.blocks if b.t_ns[0] <= last and b.t_ns[-1] >= first]
        if first < seen.floor:
            known.append(self._known(key, first, min(last, seen.floor)))
        repeated = np.zeros(len(series), np.bool_)
        for t_ns, seq in known:
            if t_ns.size:
                repeated |= _among(series, t_ns, seq)
        return repeated

    def _with(self, seen: Seen, block: Block, covered: list[tuple[int, int]]) -> Seen:
        blocks, floor = (*seen.blocks, block), seen.floor
        rows = sum(b.t_ns.size for b in blocks)
        # Only what is committed can be found on disk again, so only that may leave memory.
        while len(blocks) > 1 and rows > BLOCK_ROWS and blocks[0].sequence <= self.committed:
            floor = max(floor, int(blocks[0].t_ns[-1]) + 1)
            rows -= blocks[0].t_ns.size
            blocks = blocks[1:]
        return replace(seen, intervals=joined((*seen.intervals, *covered)), blocks=blocks, floor=floor)


def _among(series: Series, t_ns: Ints, seq: Ints) -> NDArray[np.bool_]:
    order = np.lexsort((seq, t_ns))
    ids = np.empty(t_ns.size, [("t", np.int64), ("s", np.int64)])
    ids["t"], ids["s"] = t_ns[order], seq[order]
    mine = np.empty(len(series), ids.dtype)
    mine["t"], mine["s"] = series.t_ns, series.seq
    if not (ids["s"].any() or mine["s"].any()):
        return np.isin(series.t_ns, t_ns)
    at = np.minimum(np.searchsorted(ids, mine), ids.size - 1)
    return np.asarray(ids[at] == mine)


def _picked(series: Series, keep: NDArray[np.bool_]) -> Series:
    return Series(
        tenant=series.tenant,
        device=series.device,
        stream=series.stream,
        channels=series.channels,
        t_ns=series.t_ns[keep],
        values=series.values[keep],
        seq=series.seq[keep],
    )
