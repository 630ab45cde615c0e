"""Two values for one moment of a stream: neither is dropped in silence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.artefact import Evidence
from mumetal.core.delivery import Delivery
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import Store
from mumetal.core.series import Series
from mumetal.core.subject import Subject
from mumetal.formats.moments import iso

MOST_READ = 500_000  # stored rows that one delivery is held against
GAP_NS = 60 * 10**9  # rows further apart are looked up apart, so that two of them do not have all between them read
IDS = np.dtype([("t", np.int64), ("s", np.int64)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """What came again and says something else.

    Args:
        now: Such rows as they came now, a series for each stretch.
        before: The rows that are stored, in the same order.
        unread: Rows that came again and were not held against what is stored, since that was too much to read.
    """

    now: tuple[Series, ...] = ()
    before: tuple[Series, ...] = ()
    unread: int = 0


def disputed(store: Store, again: Sequence[Series]) -> Disputed:
    """Hold rows whose identity was stored already against the stored rows of their times and numbers.

    Args:
        store: Where the first ones are.
        again: The rows as they came now.
    """
    now, before, left, unread = list[Series](), list[Series](), MOST_READ, 0
    for rows in again:
        cuts = np.flatnonzero(np.diff(rows.t_ns) > GAP_NS) + 1
        for start, stop in zip((0, *cuts.tolist()), (*cuts.tolist(), len(rows)), strict=True):
            piece = rows.rows(start, stop)
            if left <= 0:
                unread += len(piece)
                continue
            until_ns = int(piece.t_ns[-1]) + 1
            for stored in store.series(piece.tenant, piece.device, piece.stream, int(piece.t_ns[0]), until_ns):
                left -= len(stored)
                mine, theirs = _other(piece, stored)
                if mine.size:
                    now.append(_picked(piece, mine))
                    before.append(_picked(stored, theirs))
    return Disputed(now=tuple(now), before=tuple(before), unread=unread)


def _other(rows: Series, stored: Series) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which rows have other values than the stored row of the same identity, and which stored rows those are."""
    nothing = np.empty(0, np.intp)
    if stored.epoch != rows.epoch or not len(stored):
        return nothing, nothing
    mine, theirs = _ids(rows), _ids(stored)
    order = np.argsort(mine, kind="stable")
    at = order[np.minimum(np.searchsorted(mine[order], theirs), mine.size - 1)]
    same = np.flatnonzero(mine[at] == theirs)
    chosen = same[_differ(rows.values[at[same]], stored.values[same]).any(axis=1)]
    by_time = np.argsort(at[chosen], kind="stable")
    return at[chosen][by_time], chosen[by_time]


def _ids(rows: Series) -> NDArray[np.void]:
    out = np.empty(len(rows), IDS)
    out["t"], out["s"] = rows.t_ns, rows.seq
    return out


def _picked(series: Series, rows: NDArray[np.intp]) -> Series:
    return Series(
        tenant=series.tenant,
        device=series.device,
        stream=series.stream,
        channels=series.channels,
        t_ns=series.t_ns[rows],
        values=series.values[rows],
        seq=series.seq[rows],
    )


def findings_of(delivery: Delivery, found: Disputed) -> list[Finding]:
    """Return what is told of the disputed rows of one delivery, a finding for each stream."""
    streams: dict[tuple[str, str], list[tuple[Series, Series]]] = {}
    for now, before in zip(found.now, found.before, strict=True):
        streams.setdefault((now.device, now.stream), []).append((now, before))
    return [_finding(delivery.source, pairs) for pairs in streams.values()]


def _finding(source: str, pairs: Sequence[tuple[Series, Series]]) -> Finding:
    now, before = pairs[0]
    column = int(np.flatnonzero(_differ(now.values[:1], before.values[:1])[0])[0])
    channel, t_ns, stop_ns = now.channels[column], int(now.t_ns[0]), max(int(s.t_ns[-1]) for s, _ in pairs) + 1
    return Finding(
        tenant=now.tenant,
        subject=Subject.stream(now.device, now.stream),
        rule="app.disputed_rows",
        identity=str(t_ns - t_ns % GAP_NS),  # one finding a minute, however many deliveries dispute it
        title=f"{now.stream} of {now.device}: two values for one moment"[:300],
        detail=f"{sum(len(s) for s, _ in pairs)} rows from {source} have the times and numbers of rows that are "
        f"stored already, and other values. The first, {iso(t_ns)}: {channel.name} was stored as "
        f"{before.values[0, column]:.9g} {channel.unit} and is now said to be {now.values[0, column]:.9g}. "
        "The stored values stay; the others were judged and not stored.",
        remedy="Find out who else sends this stream: one of both is not the device. Give each sender its own stream.",
        start_ns=t_ns,
        stop_ns=stop_ns,
        severity=Severity.HIGH,
        confidence=0.9,
        techniques=("evasion.telemetry_replay",),
        evidence=(Evidence.of_series(now.device, now.stream, t_ns, stop_ns, note="the stored ones"),),
    )


def _differ(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where values differ; what was observed neither time does not."""
    return np.asarray(~((a == b) | (np.isnan(a) & np.isnan(b))))
