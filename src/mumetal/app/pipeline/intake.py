"""One thread per source: poll, commit, go on; a source that goes away is a finding, and is asked again."""

from collections.abc import Callable

from mumetal.core import check
from mumetal.core.artefact import Evidence
from mumetal.core.clock import Clock
from mumetal.core.delivery import Delivery, Receipt
from mumetal.core.errors import MumetalError, UnavailableError
from mumetal.core.finding import Finding, Severity
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Source
from mumetal.core.subject import Subject, SubjectKind

POLL_VALUES = 200_000
POLL_PAUSE_S = 0.5
RETRY_FIRST_S = 1.0
RETRY_MOST_S = 60.0
TRIES = 60  # readings after which what was told of its absence is surely judged
_log = RoomLogger("app")


def unavailable_finding(source: Source, tenant: str, error: MumetalError, now_ns: int) -> Finding:
    """Say that a source went away."""
    return Finding(
        tenant=tenant,
        subject=Subject(kind=SubjectKind.SOURCE, name=source.name[:200]),
        rule="serve.source_unavailable",
        title=f"Source {source.name[:200]} cannot be read",
        detail=check.readable(str(error))[:4_000],
        remedy=error.hint or "Check that the place exists and can be read; it is asked again by itself.",
        start_ns=now_ns,
        stop_ns=now_ns,
        severity=Severity.MEDIUM,
        confidence=1.0,
        evidence=(Evidence(uri=f"source:{source.name}"[:4_096]),),
    )


def close_source(source: Source, tenant: str) -> None:
    """Close a source that is read no more."""
    source.close()
    _log.info("source.closed", source=source.name, tenant=tenant)


class SourceRunner:
    """Reads one source until stopped; whoever opened it closes it.

    Args:
        source: What to read.
        tenant: For whom.
        cursor: Where to go on from.
        commit: Makes a delivery durable and queues it for scoring.
        report: Takes the finding that the source is away.
        clock: Time.
        over: Told the name and the tenant of a source that is read again; returns whether anything was over by it.
    """

    def __init__(
        self,
        source: Source,
        tenant: str,
        cursor: str,
        commit: Callable[[Delivery], Receipt],
        report: Callable[[Finding], None],
        clock: Clock,
        over: Callable[[str, str], bool] = lambda _source, _tenant: True,
    ) -> None:
        self._source = source
        self._tenant = tenant
        self._cursor = cursor
        self._commit = commit
        self._report = report
        self._clock = clock
        self._stop = clock.flag()
        self._thread = clock.thread(self._run, f"source {source.name}")
        self.away = ""
        self._over, self._tries = over, 1  # a former run may have left it away
        self.caught_up = clock.flag()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()
        _log.info("source.opened", source=self._source.name, tenant=self._tenant, resumed=bool(self._cursor))

    def stop(self) -> None:
        """Ask the thread to end, and wait for it."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        pause = RETRY_FIRST_S
        while not self._stop.is_set():
            try:
                delivery = self._poll()
                if delivery.data or delivery.quarantined or delivery.cursor != self._cursor:
                    self._commit(delivery)
                    self._cursor = delivery.cursor
            except MumetalError as error:
                if not self._stop.is_set():
                    self._went_away(error)
                    wait = pause if isinstance(error, UnavailableError) else RETRY_MOST_S
                    pause = min(pause * 2, RETRY_MOST_S)
                    self._stop.wait(wait)
                continue
            if self.away:
                _log.info("source.recovered", source=self._source.name, tenant=self._tenant)
            self.away = ""
            pause = RETRY_FIRST_S
            if self._tries:
                self._tries = 0 if self._over(self._source.name, self._tenant) else self._tries - 1
            if delivery.caught_up:
                self.caught_up.set()
                self._stop.wait(POLL_PAUSE_S)

    def _poll(self) -> Delivery:
        try:
            return self._source.poll(self._cursor, POLL_VALUES)
        except MumetalError:
            raise
        except Exception as error:  # whatever a source of another package raises, it is a finding and is asked again
            raise UnavailableError(f"the source failed: {type(error).__name__}: {error}"[:300]) from error

    def _went_away(self, error: MumetalError) -> None:
        if not self.away:
            _log.warning("source.unavailable", source=self._source.name, tenant=self._tenant, reason=str(error))
            self._report(unavailable_finding(self._source, self._tenant, error, self._clock.now_ns()))
        self.away, self._tries = str(error), TRIES
