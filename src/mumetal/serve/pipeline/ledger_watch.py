"""Looks after the ledger when there is time: publishes its checkpoint, and says when something ails it."""

from mumetal.core.artefact import Evidence
from mumetal.core.clock import Clock
from mumetal.core.errors import MumetalError, UnavailableError
from mumetal.core.finding import Finding, Severity
from mumetal.trust.ledger.log import MerkleLedger

STREAM = "ledger"
UNPUBLISHED = "serve.ledger_unpublished"
SET_BACK = "serve.ledger_clock_set_back"


class LedgerWatch:
    """Called on a tick, beside the scoring.

    Args:
        ledger: The ledger.
        clock: Time.
        skew_s: How far, s, an entry may be dated before a former one without a word.
    """

    def __init__(self, ledger: MerkleLedger, clock: Clock, *, skew_s: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self._skew_ns = round(skew_s * 1e9)
        self._stuck = False
        self._back = False

    def look(self) -> list[Finding]:
        """Publish, and return what is new to say."""
        return [*self._publish(), *self._clock_step()]

    def _publish(self) -> list[Finding]:
        try:
            self._ledger.publish()
        except UnavailableError as error:
            if self._stuck:
                return []
            self._stuck = True
            waiting = self._ledger.size - self._ledger.published
            return [
                self._finding(
                    UNPUBLISHED,
                    "The ledger's checkpoint cannot be signed or written",
                    f"{waiting} entries are durable and wait for a checkpoint: {error}",
                    error,
                    Severity.HIGH,
                )
            ]
        self._stuck = False
        return []

    def _clock_step(self) -> list[Finding]:
        back = self._ledger.set_back_ns()
        if back <= self._skew_ns:
            if back or self._clock.now_ns() > self._ledger.latest_ns:
                self._back = False
            return []
        if self._back:
            return []
        self._back = True
        return [
            self._finding(
                SET_BACK,
                "The clock was set back: a decision is dated before the one before it",
                f"By {back / 1e9:.1f} s. The entry is kept, in the order in which it came; nothing is lost.",
                None,
                Severity.MEDIUM,
            )
        ]

    def _finding(self, rule: str, title: str, detail: str, error: MumetalError | None, severity: Severity) -> Finding:
        now = self._clock.now_ns()
        return Finding(
            stream=STREAM,
            rule=rule,
            title=title,
            detail=detail[:4_000],
            remedy=(error.hint if error else "") or "Check the clock's source (NTP, PTP) and the disk.",
            start_ns=now,
            stop_ns=now,
            severity=severity,
            confidence=1.0,
            evidence=(Evidence(uri=f"ledger:{max(0, self._ledger.size - 1)}"),),
        )
