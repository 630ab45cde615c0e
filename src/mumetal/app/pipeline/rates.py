"""How much came in, and how fast, for the overview."""

import threading
from collections import deque

from mumetal.core.delivery import Receipt
from mumetal.core.series import Series

WINDOW_S = 10.0


class Rates:
    """Counts what the store accepted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, int]] = deque()
        self.rows = 0
        self.values = 0
        self.quarantined = 0

    def note(self, receipt: Receipt, quarantined: int, now_s: float) -> None:
        """Count one commit at monotonic time ``now_s`` (s)."""
        with self._lock:
            self.rows += sum(len(d) if isinstance(d, Series) else 1 for d in receipt.fresh)
            self.values += receipt.values
            self.quarantined += quarantined
            self._recent.append((now_s, receipt.values))

    def values_per_s(self, now_s: float) -> float:
        """Return values a second over the last ten seconds."""
        with self._lock:
            while self._recent and self._recent[0][0] < now_s - WINDOW_S:
                self._recent.popleft()
            return sum(v for _, v in self._recent) / WINDOW_S
