"""Exceedances that belong together: dwell before an alert, and after it the rows in which it still goes on."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DWELL = 2  # rows past the threshold that confirm an alert
STRONG = 1.5  # times the threshold that confirms in one row
CALM = 0.5  # times the threshold below which nothing has gathered yet
RELEASE = 0.75  # times the threshold below which an alert begins to end
HOLD_ROWS = 20
HOLD_NS = 10 * 10**9
LOOK_ROWS = 2
LOOK_NS = 2 * 10**9  # whether it goes on is judged once in so many rows and so long, …
LOOKS = 16  # … later once in this part of the time it has stood, …
LONGEST_NS = 60 * 10**9  # … and at least once in so long
EBB = 0.9  # times the largest of one stretch that the next stays below, where a level is on its way back …
EBB_ROWS = 8
EBB_NS = 8 * 10**9  # … stretches of so many rows and so long …
EBB_FLAT = 2  # stretches in a row without a fall, after which it is not on its way back
EBBS = 4  # … and so many in a row, down to half of the peak at most
PATIENCE = 2  # times as long as a sign of it took to gather: so long it waits for the next
GATHER_NS = 30 * 10**9  # longest that a sign is taken to have gathered: some streams are never calm


class Afresh(Protocol):
    """A family's detectors, those that accumulate started afresh, over the rows of one chunk."""

    def now(self, start: int, stop: int) -> tuple[Array, Array]:
        """Return relative scores of the next rows, shape (stop - start,): of those that hold no state, and of those afresh."""

    def restart(self) -> None:
        """Start afresh with the next row."""

    def forget(self) -> None:
        """Go on as the family's own detectors with the next chunk."""

    def take_over(self, start: int) -> Array:
        """Go on as the family's own detectors from a row on, and return its relative scores from there."""


@dataclass(slots=True, kw_only=True)
class Episode:
    """One run of exceedances.

    Args:
        start_ns: First row past the threshold.
        last_ns: Last row above the release level.
        peak: Largest relative score, 1 at the threshold.
        slowest_ns: Longest that its detectors took to see it, from calm at first, started afresh since.
        confirmed_row: Row of the chunk given last in which it was confirmed; -1 when not in it.
        rows: Rows past the threshold.
        quiet: Rows below the release level since the last one above it.
        confirmed: Whether dwell or strength was reached.
        since_ns: Row after which its detectors started afresh.
        confirmed_ns: Row that confirmed it.
        look_ns: Row before the present look.
        looked: Rows of the present look.
        seen: Whether they saw it again in the present look.
        crest: Largest relative score, of detectors that hold no state, in the present stretch …
        before: … in the one before, …
        highest: … and at all.
        stretch_ns: Row before the present stretch.
        stretched: Rows of it.
        ebbs: Stretches in a row whose largest score fell.
        flat: Stretches in a row whose largest score did not.
    """

    start_ns: int
    last_ns: int
    peak: float
    slowest_ns: int
    confirmed_row: int = -1
    rows: int = 0
    quiet: int = 0
    confirmed: bool = False
    since_ns: int = 0
    confirmed_ns: int = 0
    look_ns: int = 0
    looked: int = 0
    seen: bool = False
    crest: float = 0.0
    before: float = 0.0
    highest: float = 0.0
    stretch_ns: int = 0
    stretched: int = 0
    ebbs: int = 0
    flat: int = 0

    def confirm(self, row: int, now_ns: int) -> None:
        """Note that it is real, and look from here on whether it lasts."""
        self.confirmed, self.confirmed_row = True, row
        self.confirmed_ns = self.since_ns = self.look_ns = self.stretch_ns = now_ns

    def again(self, now_ns: int) -> None:
        """Note that detectors which started afresh see it."""
        if not self.seen:
            self.seen, self.slowest_ns = True, max(self.slowest_ns, now_ns - self.since_ns)

    @property
    def look_until_ns(self) -> int:
        """When the present look may end."""
        return self.look_ns + min(max(LOOK_NS, (self.look_ns - self.confirmed_ns) // LOOKS), LONGEST_NS)

    def turn(self, now_ns: int) -> None:
        """Note, at the end of a stretch, whether its largest score is below that of the one before."""
        if self.stretched < EBB_ROWS or now_ns < self.stretch_ns + EBB_NS:
            return
        fell = self.crest < EBB * self.before
        self.ebbs = self.ebbs + 1 if fell and self.crest >= 1 else 0
        self.flat = self.flat + 1 if not fell and self.crest >= 1 else 0
        self.before, self.crest, self.stretch_ns, self.stretched = self.crest, 0.0, now_ns, 0

    @property
    def returning(self) -> bool:
        """Whether what is seen is a level on its way back."""
        return self.ebbs >= EBBS and self.before <= 0.5 * self.highest


class Episodes:
    """Follows one family of relative scores (1 at the threshold) over chunks.

    What a detector has accumulated stands long after an attack is over. So when an alert is out, the detectors start
    afresh beside their former selves, and again whenever they see the attack anew (Page 1954, doi:10.1093/biomet/41.1-2.100,
    restarts after each alarm). The alert waits for the next such sign twice as long as the slowest one took, the first
    included. Without it, it is over, and the fresh detectors go on alone: the same evidence raises nothing twice. It is over as well when a level
    has been falling back for a while, as after sabotage of a refrigerator; should it rise again or stay where it is, that is raised anew.
    """

    saved = ("open", "_ebb", "_calm_ns")

    def __init__(self) -> None:
        self.open: Episode | None = None
        self._ebb: Episode | None = None  # what is over and on its way back
        self._calm_ns = 0

    def push(
        self, t_ns: NDArray[np.int64], relative: Array, afresh: Afresh | None = None
    ) -> tuple[list[Episode], list[Episode], NDArray[np.bool_]]:
        """Add rows.

        Args:
            t_ns: Row times, shape (n,).
            relative: Score over threshold, shape (n,), finite.
            afresh: The family's detectors, where some accumulate.

        Returns:
            Episodes confirmed within these rows, confirmed episodes that ended within them, and the rows at which one
            was open, shape (n,). No split of the input changes any of it.
        """
        confirmed: list[Episode] = []
        ended: list[Episode] = []
        busy = np.zeros(t_ns.size, bool)
        if self.open is not None:
            self.open.confirmed_row = -1
        row = 0
        while row < t_ns.size:
            standing = self._ebb or self.open
            if standing is None or not standing.confirmed:
                row = self._await(t_ns, relative, row, busy)
                if self.open is not None and self.open.confirmed:
                    confirmed.append(self.open)
                    if afresh is not None:
                        afresh.restart()
                continue
            first, row = row, self._stand(standing, t_ns, relative, row, afresh)
            busy[first:row] = True
            if standing.looked:
                continue
            if self._over(standing, int(t_ns[row - 1])):
                self.close(ended)
                self._calm_ns = int(t_ns[row - 1])
                if afresh is not None and row < t_ns.size:
                    relative[row:] = afresh.take_over(row)
                elif afresh is not None:
                    afresh.forget()
            elif self._ebb is None and standing.returning:
                self.close(ended)
                self._ebb = replace(standing)
        return confirmed, ended, busy

    def _await(self, t_ns: NDArray[np.int64], relative: Array, start: int, busy: NDArray[np.bool_]) -> int:
        """Pass over rows until an episode is confirmed; return the row after it, or after the last."""
        self._calm_ns = self._calm_ns or int(t_ns[0])
        calm = start + np.flatnonzero(relative[start:] < CALM)
        row = self._confirm(t_ns, relative, start, calm, busy)
        before = int(np.searchsorted(calm, row))
        self._calm_ns = int(t_ns[calm[before - 1]]) if before else self._calm_ns
        return row

    def _confirm(
        self, t_ns: NDArray[np.int64], relative: Array, start: int, calm: NDArray[np.int64], busy: NDArray[np.bool_]
    ) -> int:
        previous = start - 1
        for row in (start + np.flatnonzero(relative[start:] >= RELEASE)).tolist():
            self._rest(t_ns, previous + 1, row, busy)
            previous = row
            value, now = float(relative[row]), int(t_ns[row])
            if self.open is None:
                if value < 1:
                    continue
                before = int(np.searchsorted(calm, row))
                calm_ns = int(t_ns[calm[before - 1]]) if before else self._calm_ns
                self.open = Episode(start_ns=now, last_ns=now, peak=value, slowest_ns=now - calm_ns)
            episode = self.open
            busy[row] = True
            episode.last_ns, episode.quiet = now, 0
            episode.peak = max(episode.peak, value)
            if value >= 1:
                episode.rows += 1
                if episode.rows >= DWELL or value >= STRONG:
                    episode.confirm(row, now)
                    return row + 1
        self._rest(t_ns, previous + 1, t_ns.size, busy)
        return int(t_ns.size)

    def _rest(self, t_ns: NDArray[np.int64], start: int, stop: int, busy: NDArray[np.bool_]) -> None:
        """Pass over quiet rows; what is not confirmed ends in the first that is late enough both in rows and in time."""
        if self.open is None or stop <= start:
            return
        by_rows = start + HOLD_ROWS - self.open.quiet - 1
        by_time = int(np.searchsorted(t_ns, self.open.last_ns + HOLD_NS))
        end = max(by_rows, by_time, start)
        busy[start : min(end, stop)] = True
        self.open.quiet += stop - start
        if end < stop:
            self.open = None

    @staticmethod
    def _stand(episode: Episode, t_ns: NDArray[np.int64], relative: Array, start: int, afresh: Afresh | None) -> int:
        """Pass over rows up to the end of the look, or of the chunk; return the row after the last."""
        complete = start + LOOK_ROWS - episode.looked - 1
        complete = max(complete, int(np.searchsorted(t_ns, episode.look_until_ns)))
        stop = min(complete + 1, t_ns.size)
        still, fresh = afresh.now(start, stop) if afresh is not None else (relative[start:stop], np.zeros(stop - start))
        loud, again = np.flatnonzero(np.maximum(still, fresh) >= RELEASE), np.flatnonzero(fresh >= RELEASE)
        episode.quiet += stop - start
        if loud.size:
            last = start + int(loud[-1])
            episode.last_ns, episode.quiet = int(t_ns[last]), stop - 1 - last
        if again.size:
            episode.again(int(t_ns[start + int(again[0])]))
        episode.peak = max(episode.peak, float(relative[start:stop].max()))
        episode.looked += stop - start
        episode.stretched += stop - start
        episode.crest = max(episode.crest, float(still.max()))
        episode.highest = max(episode.highest, episode.crest)
        if complete < stop:
            end_ns = int(t_ns[complete])
            episode.turn(end_ns)
            if afresh is not None and episode.seen:
                afresh.restart()
                episode.since_ns, episode.seen = end_ns, False
            episode.look_ns, episode.looked = end_ns, 0
        return stop

    def _over(self, episode: Episode, now_ns: int) -> bool:
        """Whether it has been quiet for long enough or, where it was on its way back, is so no more; asked at the end of a look."""
        if self._ebb is not None and (episode.flat >= EBB_FLAT or episode.crest > max(1.0, episode.before / EBB)):
            return True
        hold_ns = max(HOLD_NS, PATIENCE * min(episode.slowest_ns, GATHER_NS))
        return episode.quiet >= HOLD_ROWS and now_ns >= episode.last_ns + hold_ns

    def close(self, ended: list[Episode]) -> None:
        """End the open episode, if any."""
        if self.open is not None and self.open.confirmed:
            ended.append(self.open)
        self.open = self._ebb = None
