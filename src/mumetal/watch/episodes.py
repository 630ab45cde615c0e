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
        peak_row: Row of the peak in the chunk given last; -1 when it was in an earlier chunk.
        rows: Rows past the threshold.
        quiet: Rows below the release level since the last one above it.
        confirmed: Whether dwell or strength was reached.
    """

    start_ns: int
    last_ns: int
    peak: float
    peak_row: int
    rows: int = 0
    quiet: int = 0
    confirmed: bool = False


class Episodes:
    """Follows one family of relative scores (1 at the threshold) over chunks."""

    def __init__(self) -> None:
        self.open: Episode | None = None

    def push(self, t_ns: NDArray[np.int64], relative: Array) -> tuple[list[Episode], list[Episode]]:
        """Add rows.

        Args:
            t_ns: Row times, shape (n,).
            relative: Score over threshold, shape (n,), finite.

        Returns:
            Episodes confirmed within these rows, and confirmed episodes that ended within them.
        """
        confirmed: list[Episode] = []
        ended: list[Episode] = []
        if self.open is not None:
            self.open.peak_row = -1
        active = np.flatnonzero(relative >= RELEASE)
        previous = -1
        for row in active:
            self._rest(int(row) - previous - 1, int(t_ns[row]), ended)
            previous = int(row)
            value = float(relative[row])
            now = int(t_ns[row])
            if self.open is None:
                if value < 1:
                    continue
                self.open = Episode(start_ns=now, last_ns=now, peak=value, peak_row=previous)
            episode = self.open
            episode.last_ns, episode.quiet = now, 0
            if value > episode.peak:
                episode.peak, episode.peak_row = value, previous
            if value >= 1:
                episode.rows += 1
                if not episode.confirmed and (episode.rows >= DWELL or value >= STRONG):
                    episode.confirmed = True
                    confirmed.append(episode)
        if t_ns.size:
            self._rest(t_ns.size - 1 - previous, int(t_ns[-1]), ended)
        return confirmed, ended

    def _rest(self, quiet: int, now_ns: int, ended: list[Episode]) -> None:
        if self.open is None or quiet <= 0:
            return
        self.open.quiet += quiet
        if self.open.quiet >= HOLD_ROWS and now_ns - self.open.last_ns >= HOLD_NS:
            self.close(ended)

    def close(self, ended: list[Episode]) -> None:
        """End the open episode, if any."""
        if self.open is not None and self.open.confirmed:
            ended.append(self.open)
        self.open = None
