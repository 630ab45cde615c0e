"""Fresh samples for the pages, thinned and bounded; a slow reader misses samples, never holds up the scorer."""

import itertools
import queue
import threading
from collections.abc import Iterator

import numpy as np

from mumetal.core.series import Series

LIVE_ROWS = 200
QUEUE = 64


def thin(series: Series, rows: int) -> Series:
    """Keep at most about ``rows`` rows: of each bin the rows that hold the extremes of the widest-moving channel."""
    n = len(series)
    if n <= rows:
        return series
    seen = np.isfinite(series.values)
    centre = np.where(seen, series.values, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    spread = np.where(seen, series.values - centre, 0.0)
    scale = spread.std(axis=0)
    loud = np.abs(spread / np.where(scale > 0, scale, 1.0)).max(axis=1)
    edges = np.linspace(0, n, rows + 1).astype(int)
    keep = [int(a + np.argmax(loud[a:b])) for a, b in itertools.pairwise(edges) if b > a]
    index = np.array(sorted(set(keep)))
    return Series(
        tenant=series.tenant,
        device=series.device,
        stream=series.stream,
        channels=series.channels,
        t_ns=series.t_ns[index],
        values=series.values[index],
        seq=series.seq[index],
    )


class LiveFeed:
    """Hands fresh samples to whoever looks."""

    def __init__(self) -> None:
        self._readers: dict[int, tuple[str, str, queue.Queue[Series]]] = {}
        self._lock = threading.Lock()
        self._next = 0
        self._stopped = threading.Event()

    def put(self, series: Series) -> None:
        """Offer samples to the readers of their device."""
        with self._lock:
            readers = [
                q for tenant, device, q in self._readers.values() if (tenant, device) == (series.tenant, series.device)
            ]
        if not readers:
            return
        small = thin(series, LIVE_ROWS)
        for reader in readers:
            if not reader.full():
                reader.put_nowait(small)

    def read(self, tenant: str, device: str) -> Iterator[Series | None]:
        """Yield samples of one device; None about once a second when there are none; ends when stopped."""
        mine: queue.Queue[Series] = queue.Queue(QUEUE)
        with self._lock:
            key, self._next = self._next, self._next + 1
            self._readers[key] = (tenant, device, mine)
        try:
            while not self._stopped.is_set():
                try:
                    yield mine.get(timeout=1.0)
                except queue.Empty:
                    yield None
        finally:
            with self._lock:
                self._readers.pop(key, None)

    def stop(self) -> None:
        """End all readers."""
        self._stopped.set()
