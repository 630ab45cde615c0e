"""A store in memory, as slow and obvious as possible; every promise of the port holds for it too."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mumetal.core.artefact import Evidence
from mumetal.core.check import LATEST_NS
from mumetal.core.delivery import Datum, Delivery, Quarantined, Receipt
from mumetal.core.event import Event
from mumetal.core.series import Channel, Series, sorted_by_time
from mumetal.core.snapshot import DeviceSnapshot


class FakeStore:
    """Keeps every row in a dictionary under its identity."""

    def __init__(self, lateness_s: float = 120.0) -> None:
        self._lateness = round(lateness_s * 1e9)
        self._rows: dict[tuple[str, str, str, str], dict[tuple[int, int], tuple[list[float], int]]] = {}
        self._channels: dict[tuple[str, str, str, str], tuple[Channel, ...]] = {}
        self._events: dict[tuple[str, str], Event] = {}
        self._snapshots: dict[tuple[str, str, int], DeviceSnapshot] = {}
        self._quarantine: list[tuple[str, Quarantined]] = []
        self._cursors: dict[str, str] = {}
        self._digests: list[str] = []

    def append(self, delivery: Delivery) -> Receipt:
        frame = len(self._digests) + 1
        fresh: list[Datum] = []
        repeats = late = values = 0
        for datum in delivery.data:
            if isinstance(datum, Event):
                new = (datum.tenant, datum.event_id) not in self._events
                self._events.setdefault((datum.tenant, datum.event_id), datum)
            elif isinstance(datum, DeviceSnapshot):
                new = (datum.tenant, datum.device, datum.t_ns) not in self._snapshots
                self._snapshots.setdefault((datum.tenant, datum.device, datum.t_ns), datum)
            else:
                rows = self._rows.setdefault((datum.tenant, datum.device, datum.stream, datum.epoch), {})
                self._channels[datum.tenant, datum.device, datum.stream, datum.epoch] = datum.channels
                seen = [
                    t
                    for k, r in self._rows.items()
                    if k[:3] == (datum.tenant, datum.device, datum.stream)
                    for t, _ in r
                ]
                keep = [i for i in range(len(datum)) if (int(datum.t_ns[i]), int(datum.seq[i])) not in rows]
                repeats += len(datum) - len(keep)
                for i in keep:
                    rows[int(datum.t_ns[i]), int(datum.seq[i])] = (datum.values[i].tolist(), frame)
                    late += bool(seen) and int(datum.t_ns[i]) < max(seen) - self._lateness
                values += len(keep) * len(datum.channels)
                if keep:
                    fresh.append(replace_rows(datum, keep))
                continue
            repeats += not new
            if new:
                fresh.append(datum)
        self._quarantine += [(delivery.tenant, q) for q in delivery.quarantined]
        if delivery.cursor:
            self._cursors[delivery.source] = delivery.cursor
        self._digests.append(hashlib.sha256(repr((frame, delivery)).encode()).hexdigest())
        return Receipt(
            sequence=frame, digest=self._digests[-1], values=values, late=late, repeats=repeats, fresh=tuple(fresh)
        )

    def cursor(self, source: str) -> str:
        return self._cursors.get(source, "")

    def tenants(self) -> Sequence[str]:
        return sorted({k[0] for k, rows in self._rows.items() if rows})

    def streams(self, tenant: str) -> Sequence[tuple[str, str]]:
        return sorted({(k[1], k[2]) for k, rows in self._rows.items() if k[0] == tenant and rows})

    def series(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Iterator[Series]:
        for key, rows in self._rows.items():
            chosen = sorted((i, v) for i, (v, _) in rows.items() if start_ns <= i[0] < stop_ns)
            if key[:3] == (tenant, device, stream) and chosen:
                t, v, s, _ = sorted_by_time(
                    np.array([i[0] for i, _ in chosen]),
                    np.array([x for _, x in chosen]),
                    np.array([i[1] for i, _ in chosen]),
                )
                yield Series(
                    tenant=tenant, device=device, stream=stream, channels=self._channels[key], t_ns=t, values=v, seq=s
                )

    def events(self, tenant: str, start_ns: int, stop_ns: int, limit: int = 10_000) -> Sequence[Event]:
        found = [e for e in self._events.values() if e.tenant == tenant and start_ns <= e.t_ns < stop_ns]
        return sorted(found, key=lambda e: e.t_ns)[:limit]

    def snapshots(
        self, tenant: str, device: str, limit: int = 100, until_ns: int = LATEST_NS
    ) -> Sequence[DeviceSnapshot]:
        found = [s for s in self._snapshots.values() if (s.tenant, s.device) == (tenant, device) and s.t_ns < until_ns]
        return sorted(found, key=lambda s: s.t_ns)[-limit:]

    def calibrated(self) -> Sequence[tuple[str, str]]:
        return sorted({(s.tenant, s.device) for s in self._snapshots.values()})

    def quarantine(self, tenant: str, limit: int = 100) -> Sequence[Quarantined]:
        return [q for who, q in reversed(self._quarantine) if who == tenant][:limit]

    def evidence(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Evidence:
        frames = {
            f
            for k, rows in self._rows.items()
            if k[:3] == (tenant, device, stream)
            for (t, _), (_, f) in rows.items()
            if start_ns <= t < stop_ns
        }
        text = "".join(f"{self._digests[f - 1]}\n" for f in sorted(frames))
        digest = hashlib.sha256(text.encode()).hexdigest() if frames else ""
        return Evidence.of_series(device, stream, start_ns, stop_ns, digest=digest)

    def thinned(
        self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int
    ) -> Sequence[Series]:
        return [extremes(found, points) for found in self.series(tenant, device, stream, start_ns, stop_ns)]

    def maintain(self, now_ns: int) -> None:
        del now_ns  # nothing is old here

    def close(self) -> None:
        pass


def extremes(series: Series, points: int) -> Series:
    """Keep of each of a few stretches the rows that hold a channel's smallest or largest value."""
    if len(series) <= points:
        return series
    keep: set[int] = set()
    for stretch in np.array_split(np.arange(len(series)), max(1, points // (2 * len(series.channels)))):
        seen = np.nan_to_num(series.values[stretch])
        keep |= {int(stretch[i]) for i in (*seen.argmin(axis=0), *seen.argmax(axis=0))}
    return replace_rows(series, sorted(keep))


def replace_rows(series: Series, keep: list[int]) -> Series:
    return replace(series, t_ns=series.t_ns[keep], values=series.values[keep], seq=series.seq[keep])
