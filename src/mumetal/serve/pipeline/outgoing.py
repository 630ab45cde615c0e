"""Findings and incidents on their way out: one durable outbox and one thread per sink."""

import threading
from collections.abc import Sequence

from mumetal.connect.sinks.outbox import Outbox
from mumetal.connect.stores.incidents import IncidentStore
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.ports import Sink

PAUSE_S = 1.0


class Outgoing:
    """Puts items into every sink's outbox and drains them.

    Args:
        incidents: The SQLite store the outboxes live in.
        sinks: Name and sink.
    """

    def __init__(self, incidents: IncidentStore, sinks: Sequence[tuple[str, Sink]]) -> None:
        self._boxes = [Outbox(incidents, name, sink) for name, sink in sinks]
        self._stop = threading.Event()
        self._sinks = [sink for _, sink in sinks]
        self._threads = [
            threading.Thread(target=self._drain, args=(box,), name="outbox", daemon=True) for box in self._boxes
        ]

    def put(self, items: Sequence[Finding | Incident]) -> None:
        """Queue items durably for every sink."""
        for box in self._boxes:
            box.put(items)

    def start(self) -> None:
        """Begin to drain."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Try once more, then let go; what is left goes out after the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)
        for sink in self._sinks:
            sink.close()

    def _drain(self, box: Outbox) -> None:
        while not self._stop.wait(PAUSE_S):
            box.run_once()
        box.run_once()
