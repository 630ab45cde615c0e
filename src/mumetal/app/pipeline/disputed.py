"""Two values for one moment of a stream: neither is dropped in silence."""

from collections.abc import Sequence

import numpy as np

from mumetal.core.artefact import Evidence
from mumetal.core.delivery import Delivery
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import Store
from mumetal.core.series import Series
from mumetal.core.subject import Subject
from mumetal.formats.moments import iso

COMPARED = 2_000  # rows of one delivery that are held against what is stored: a retry of a large one is taken as one
MINUTE_NS = 60 * 10**9


def disputed(store: Store, again: Sequence[Series]) -> list[tuple[Series, Series]]:
    """Return rows that say something else than the stored rows of their times and numbers, and those stored rows.

    Args:
        store: Where the first ones are.
        again: Rows whose identity was stored already.
    """
    out = []
    for rows in (each.rows(0, COMPARED) for each in again):
        known: dict[tuple[int, int], tuple[Series, int]] = {}
        start_ns, stop_ns = int(rows.t_ns[0]), int(rows.t_ns[-1]) + 1
        for stored in store.series(rows.tenant, rows.device, rows.stream, start_ns, stop_ns):
            if stored.epoch == rows.epoch:
                known |= {
                    (int(t), int(q)): (stored, i) for i, (t, q) in enumerate(zip(stored.t_ns, stored.seq, strict=True))
                }
        for row in range(len(rows)):
            first = known.get((int(rows.t_ns[row]), int(rows.seq[row])))
            if first is None:
                continue
            one, other = rows.rows(row, row + 1), first[0].rows(first[1], first[1] + 1)
            if not np.array_equal(one.values, other.values, equal_nan=True):
                out.append((one, other))
    return out


def finding_of(delivery: Delivery, pairs: Sequence[tuple[Series, Series]]) -> Finding:
    """Return what is told of the disputed rows of one delivery; there must be some."""
    now, before = pairs[0]
    column = int(np.flatnonzero(~np.isclose(now.values[0], before.values[0], rtol=0, atol=0, equal_nan=True))[0])
    channel, t_ns = now.channels[column], int(now.t_ns[0])
    stored, told = before.values[0, column], now.values[0, column]
    return Finding(
        tenant=now.tenant,
        subject=Subject.stream(now.device, now.stream),
        rule="app.disputed_rows",
        identity=str(t_ns // MINUTE_NS),
        title=f"{now.stream} of {now.device}: two values for one moment"[:300],
        detail=f"{len(pairs)} rows from {delivery.source} have the times and numbers of rows that are stored already, and other values. "
        f"The first, {iso(t_ns)}: {channel.name} was stored as {stored:.9g} {channel.unit} and is now said to be {told:.9g}. "
        "The stored values stay; the others were judged and not stored.",
        remedy="Find out who else sends this stream: one of both is not the device. Give each sender a stream of its own.",
        start_ns=t_ns,
        stop_ns=int(pairs[-1][0].t_ns[0]) + 1,
        severity=Severity.HIGH,
        confidence=0.9,
        techniques=("evasion.telemetry_replay",),
        evidence=(
            Evidence.of_series(now.device, now.stream, t_ns, int(pairs[-1][0].t_ns[0]) + 1, note="the stored ones"),
        ),
    )
