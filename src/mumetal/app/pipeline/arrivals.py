"""In which order a stream's rows are judged: what is new, what came late, and what is dated ahead of all clocks."""

from dataclasses import dataclass

from mumetal.core.series import Series

AHEAD_NS = 120 * 10**9  # so far ahead of now, beside the stream's own lead, a row may be dated
PATIENT = 20  # deliveries in a row, all of them ahead, before the stream's clock is taken to be another
PATIENT_NS = 900 * 10**9  # and for so long, by this machine's clock, nothing else came
FEW = 3  # deliveries in a row of which nothing was judged, from which the stream is not called watched


@dataclass(slots=True, kw_only=True)
class Arrivals:
    """What came of one stream.

    A row dated ahead of now moves no mark, be it the stream's first: else whoever may write one row ends the watching of the
    stream. A clock that is ahead for good, as one that says local time and is read as UTC, shows that by many deliveries
    over a long time, all of them ahead; what is on time is judged after that too.

    Args:
        newest_ns: Time of the newest row that was judged in order.
        on_time_ns: Time of the newest row that was judged and not dated ahead, at most when it came.
        late: Rows that came too late to be judged.
        ahead: Rows dated ahead, set aside.
        lead_ns: How far its clock is ahead of now, ns; 0 where that is no further than any row may be.
        waiting: Deliveries that were all ahead, since the last one that was not.
        waiting_since_ns: When the first of them came.
        nearest_ns: How far ahead the least of them is dated, ns.
        unjudged: Deliveries since the last one of which something was judged.
    """

    newest_ns: int = 0
    on_time_ns: int = 0
    late: int = 0
    ahead: int = 0
    lead_ns: int = 0
    waiting: int = 0
    waiting_since_ns: int = 0
    nearest_ns: int = 0
    unjudged: int = 0

    @classmethod
    def since(cls, newest_ns: int, now_ns: int) -> "Arrivals":
        """Return those of a stream whose rows up to ``newest_ns`` are known."""
        lead_ns = newest_ns - now_ns
        return cls(newest_ns=newest_ns, on_time_ns=min(newest_ns, now_ns), lead_ns=lead_ns if lead_ns > AHEAD_NS else 0)

    def sort(self, rows: Series, now_ns: int, lateness_ns: int) -> tuple[Series, Series]:
        """Return the rows to judge in order, and those that came late and are judged by themselves.

        Args:
            rows: In order of time.
            now_ns: Time of arrival, ns since 1970 UTC.
            lateness_ns: How much older than the newest a row may be and still be judged, ns.
        """
        came, rows = len(rows), self._not_ahead(rows, now_ns)
        stale = int(rows.t_ns.searchsorted(self.newest_ns, side="right"))
        # What is dated ahead makes nothing late: what counts is the newest row on time.
        missed = int(rows.t_ns.searchsorted(self.on_time_ns - lateness_ns, side="left")) if stale else 0
        self.late += missed
        if came:
            self.unjudged = 0 if missed < len(rows) else self.unjudged + 1
        fresh = rows.rows(stale, len(rows))
        if len(fresh):
            self.newest_ns = int(fresh.t_ns[-1])
        on_time = int(rows.t_ns.searchsorted(now_ns + AHEAD_NS, side="right"))
        if on_time:
            self.on_time_ns = max(self.on_time_ns, min(int(rows.t_ns[on_time - 1]), now_ns))
            self.lead_ns = self.lead_ns if self.newest_ns > now_ns + AHEAD_NS else 0
        return fresh, rows.rows(missed, stale)

    def _not_ahead(self, rows: Series, now_ns: int) -> Series:
        """Return the rows that are not dated ahead; those that are wait, until they are all that comes for long enough."""
        if not len(rows):
            return rows
        known = self._up_to(rows, now_ns)
        if known:
            self.waiting = 0
        else:
            ahead_ns = int(rows.t_ns[-1]) - now_ns
            self.nearest_ns = min(self.nearest_ns, ahead_ns) if self.waiting else ahead_ns
            self.waiting_since_ns = self.waiting_since_ns if self.waiting else now_ns
            self.waiting += 1
            if self.waiting >= PATIENT and now_ns - self.waiting_since_ns >= PATIENT_NS:
                self.lead_ns, self.waiting = self.nearest_ns, 0
                known = self._up_to(rows, now_ns)
        self.ahead += len(rows) - known
        return rows.rows(0, known)

    def _up_to(self, rows: Series, now_ns: int) -> int:
        return int(rows.t_ns.searchsorted(now_ns + self.lead_ns + AHEAD_NS, side="right"))

    @property
    def degraded(self) -> str:
        """Why the stream is not watched as it should be, in words; empty where it is."""
        if self.lead_ns:
            return "its newest row is dated far ahead of now, so that what is on time is judged by itself"
        if self.unjudged >= FEW or (self.unjudged and not self.newest_ns):
            return "nothing of what came last was judged: it is late, or dated far ahead of now"
        return ""

    @property
    def reason(self) -> str:
        """What was not judged as it should be, in words; empty where nothing was."""
        late = f"{self.late} late rows were stored and not scored" if self.late else ""
        ahead = f"{self.ahead} rows dated ahead of now were stored and not scored" if self.ahead else ""
        return "; ".join(filter(None, (late, ahead)))
