"""In which order a stream's rows are judged: what is new, what came late, and what is dated ahead of all clocks."""

from dataclasses import dataclass

from mumetal.core.series import Series

AHEAD_NS = 120 * 10**9  # so far ahead of now, beside the stream's own lead, a row may be dated
ZONES_NS = 26 * 3_600 * 10**9  # from the westernmost zone read as the easternmost
PATIENT = (
    64  # rows in a row that are ahead, with none between them that is not, after which the stream's clock is another
)


@dataclass(slots=True, kw_only=True)
class Arrivals:
    """What came of one stream.

    A row dated ahead of now moves no mark: else whoever may write one row ends the watching of the stream. A stream whose
    clock is ahead by itself, as one that says local time and is read as UTC, shows that by its first rows, or by rows that
    are all ahead.

    Args:
        newest_ns: Time of the newest row that was judged.
        late: Rows that came too late to be judged.
        ahead: Rows dated ahead, set aside.
        lead_ns: How far its clock is ahead of now, ns.
        waiting: Rows ahead since the last one that was not.
    """

    newest_ns: int = 0
    late: int = 0
    ahead: int = 0
    lead_ns: int = 0
    waiting: int = 0

    @classmethod
    def since(cls, newest_ns: int, now_ns: int) -> "Arrivals":
        """Return those of a stream whose rows up to ``newest_ns`` are known."""
        return cls(newest_ns=newest_ns, lead_ns=max(0, newest_ns - now_ns))

    def sort(self, rows: Series, now_ns: int, lateness_ns: int) -> tuple[Series, Series]:
        """Return the rows to judge in order, and those that came late and are judged by themselves.

        Args:
            rows: In order of time.
            now_ns: Time of arrival, ns since 1970 UTC.
            lateness_ns: How much older than the newest a row may be and still be judged, ns.
        """
        rows = self._not_ahead(rows, now_ns)
        stale = int(rows.t_ns.searchsorted(self.newest_ns, side="right"))
        missed = int(rows.t_ns.searchsorted(self.newest_ns - lateness_ns, side="left")) if stale else 0
        self.late += missed
        fresh = rows.rows(stale, len(rows))
        if len(fresh):
            if not self.newest_ns:
                self.lead_ns = max(0, int(fresh.t_ns[-1]) - now_ns)
            self.newest_ns = int(fresh.t_ns[-1])
        return fresh, rows.rows(missed, stale)

    def _not_ahead(self, rows: Series, now_ns: int) -> Series:
        ahead = int(rows.t_ns.searchsorted(now_ns + self.lead_ns + AHEAD_NS, side="right"))
        count = len(rows) - ahead
        if not self.newest_ns or not count:
            self.waiting = 0 if len(rows) else self.waiting
            return rows
        self.waiting = count if ahead else self.waiting + count
        if self.waiting >= PATIENT and not ahead:
            self.lead_ns, self.waiting = int(rows.t_ns[-1]) - now_ns, 0
            return rows
        self.ahead += count
        return rows.rows(0, ahead)

    def blind(self, now_ns: int) -> bool:
        """Whether its first row was dated further ahead than any time zone is, so that what comes now is late."""
        return self.late > 0 and self.newest_ns > now_ns + ZONES_NS

    @property
    def reason(self) -> str:
        """What was not judged as it should be, in words; empty where nothing was."""
        late = f"{self.late} late rows were stored and not scored" if self.late else ""
        ahead = f"{self.ahead} rows dated ahead of now were stored and not scored" if self.ahead else ""
        return "; ".join(filter(None, (late, ahead)))
