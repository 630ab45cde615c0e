"""Exceedances that belong together: dwell before an alert, hysteresis after it, merging of neighbours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DWELL = 2  # rows past the threshold that confirm an alert
STRONG = 1.5  # times the threshold that confirms in one row
RELEASE = 0.75  # times the threshold below which an alert begins to end
HOLD_ROWS = 20
HOLD_NS = 10 * 10**9


@dataclass(slots=True, kw_only=True)
class Episode:
    """One run of exceedances.

    Args:
        start_ns: First row past the threshold.
        last_ns: Last row above the release level.
        peak: Largest relative score, 1 at the threshold.
        confirmed_row: Row of the chunk given last in which it was confirmed; -1 when not in it.
        rows: Rows past the threshold.
        quiet: Rows below the release level since the last one above it.
        confirmed: Whether dwell or strength was reached.
        peak_then: Peak when it was confirmed.
    """

    start_ns: int
    last_ns: int
    peak: float
    confirmed_row: int = -1
    rows: int = 0
    quiet: int = 0
    confirmed: bool = False
    peak_then: float = 0.0


class Episodes:
    """Follows one family of relative scores (1 at the threshold) over chunks."""

    def __init__(self) -> None:
        self.open: Episode | None = None

    def push(self, t_ns: NDArray[np.int64], relative: Array) -> tuple[list[Episode], list[Episode], NDArray[np.bool_]]:
        """Add rows.

        Args:
            t_ns: Row times, shape (n,).
            relative: Score over threshold, shape (n,), finite.

        Returns:
            Episodes confirmed within these rows, confirmed episodes that ended within them, and the rows at which one
            was open, shape (n,). No split of the input changes any of it.
        """
        confirmed: list[Episode] = []
        ended: list[Episode] = []
        busy = np.zeros(t_ns.size, bool)
        if self.open is not None:
            self.open.confirmed_row = -1
        previous = -1
        for row in np.flatnonzero(relative >= RELEASE).tolist():
            self._rest(t_ns, previous + 1, row, busy, ended)
            previous = row
            value, now = float(relative[row]), int(t_ns[row])
            if self.open is None:
                if value < 1:
                    continue
                self.open = Episode(start_ns=now, last_ns=now, peak=value)
            episode = self.open
            busy[row] = True
            episode.last_ns, episode.quiet = now, 0
            episode.peak = max(episode.peak, value)
            if value >= 1:
                episode.rows += 1
                if not episode.confirmed and (episode.rows >= DWELL or value >= STRONG):
                    episode.confirmed, episode.confirmed_row, episode.peak_then = True, row, episode.peak
                    confirmed.append(episode)
        self._rest(t_ns, previous + 1, t_ns.size, busy, ended)
        return confirmed, ended, busy

    def _rest(
        self, t_ns: NDArray[np.int64], start: int, stop: int, busy: NDArray[np.bool_], ended: list[Episode]
    ) -> None:
        """Pass over quiet rows; the episode ends in the first that is late enough both in rows and in time."""
        if self.open is None or stop <= start:
            return
        by_rows = start + HOLD_ROWS - self.open.quiet - 1
        by_time = int(np.searchsorted(t_ns, self.open.last_ns + HOLD_NS))
        end = max(by_rows, by_time, start)
        busy[start : min(end, stop)] = True
        self.open.quiet += stop - start
        if end < stop:
            self.close(ended)

    def close(self, ended: list[Episode]) -> None:
        """End the open episode, if any."""
        if self.open is not None and self.open.confirmed:
            ended.append(self.open)
        self.open = None
