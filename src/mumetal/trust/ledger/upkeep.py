"""Looks after the ledger when there is time: publishes its checkpoint, and says when something ails it."""

from collections.abc import Sequence

from mumetal.core.artefact import Evidence
from mumetal.core.clock import Clock
from mumetal.core.errors import UnavailableError
from mumetal.core.finding import Finding, Severity
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import LedgerEntry
from mumetal.core.subject import Subject, SubjectKind
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.log import SET_ASIDE, MerkleLedger
from mumetal.trust.ledger.witness_places import WitnessPlace, state

UNPUBLISHED = "serve.ledger_unpublished"
SET_BACK = "serve.ledger_clock_set_back"
REFUTED = "serve.ledger_refuted"
UNWITNESSED = "serve.ledger_unwitnessed"
UNPROVED = "serve.ledger_unproved"
LOST = "serve.store_lost"
LOOKED = 5_000
DAY_NS = 86_400 * 10**9
_log = RoomLogger("app")


def _set_aside(ledger: MerkleLedger, started: str) -> list[LedgerEntry]:
    """Return what was set aside since the last start, also by a command that only opened the ledger for a moment."""
    newest = [e for _, e in ledger.entries(max(0, ledger.size - LOOKED), LOOKED)]
    last = max((n for n, e in enumerate(newest) if e.action == started), default=-1)
    return [e for e in newest[last + 1 :] if e.action == SET_ASIDE]


class LedgerWatch:
    """Called on a tick, beside the scoring.

    Args:
        ledger: The ledger.
        clock: Time.
        skew_s: How far, s, an entry may be dated before a former one without a word.
        witnesses: Who vouches for it.
        lost: What was gone at the start though something else knows of it, a sentence each.
        started: Action by which a start is entered: what was set aside since the last one is told.
    """

    def __init__(
        self,
        ledger: MerkleLedger,
        clock: Clock,
        *,
        skew_s: float,
        witnesses: Sequence[WitnessPlace] = (),
        lost: Sequence[str] = (),
        started: str = "",
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._skew_ns = round(skew_s * 1e9)
        self._stuck = False
        self._back = False
        self._witnesses = tuple(witnesses)
        self._told: dict[str, str] = {}
        self._at_start = [*map(self._unproved, _set_aside(ledger, started)), *map(self._lost, lost)]

    def look(self) -> list[Finding]:
        """Publish, and return what is new to say."""
        at_start, self._at_start = self._at_start, []
        return [
            *at_start,
            *self._publish(),
            *self._clock_step(),
            *(f for place in self._witnesses for f in self._ask(place)),
        ]

    def _unproved(self, entry: LedgerEntry) -> Finding:
        return self._finding(
            UNPROVED,
            "The ledger's journal held entries that the ledger did not write",
            f"{entry.why}. They were set aside and are not signed.",
            "Find out who could write the ledger's folder. After a power cut, a last commit that nobody was told of may be "
            "among them.",
            Severity.HIGH,
        )

    def _lost(self, what: str) -> Finding:
        return self._finding(
            LOST,
            "A part of this installation's memory was gone at the start",
            what,
            "Restore it from a copy, and find out who removed it; what was made anew since then is kept beside.",
            Severity.HIGH,
        )

    def _ask(self, place: WitnessPlace) -> list[Finding]:
        """Say once when a witness refutes the ledger, cannot be read, or has not been seen for a day."""
        said = state(place, LedgerFolder(self._ledger.path), self._ledger.origin, self._ledger.public)
        late = bool(said.at_ns) and said.size < self._ledger.size and self._clock.now_ns() - said.at_ns > DAY_NS
        trouble = "refuted" if said.refuted else "away" if said.word else "late" if late else ""
        before, self._told[said.name] = self._told.get(said.name, ""), trouble
        if not trouble or trouble == before:
            return []
        title = {
            "refuted": f"The ledger is not what its witness {said.name} saw: it was rewritten",
            "away": f"The ledger's witness {said.name} cannot be asked",
            "late": f"The ledger's witness {said.name} has not cosigned for a day",
        }[trouble]
        detail = (
            said.word or f"{self._ledger.size - said.size} entries came since; only the log's own key vouches for them."
        )
        remedy = (
            "Run `mumetal audit verify --witnessed FOLDER --witness-key FILE`: it names the entries. Keep the disk as it is."
            if said.refuted
            else "Start `mumetal audit witness --every 60s` again, or mount its folder."
        )
        severity = Severity.CRITICAL if said.refuted else Severity.LOW
        return [self._finding(REFUTED if said.refuted else UNWITNESSED, title[:300], detail, remedy, severity)]

    def _publish(self) -> list[Finding]:
        try:
            self._ledger.publish()
        except UnavailableError as error:
            if self._stuck:
                return []
            self._stuck = True
            waiting = self._ledger.size - self._ledger.published
            _log.error("ledger.publish_failed", entries=waiting, reason=str(error))
            return [
                self._finding(
                    UNPUBLISHED,
                    "The ledger's checkpoint cannot be signed or written",
                    f"{waiting} entries are durable and wait for a checkpoint: {error}",
                    error.hint or "Free space on the disk, or make the key reachable; it is tried again by itself.",
                    Severity.HIGH,
                )
            ]
        if self._stuck:
            _log.info("ledger.publish_recovered", entries=self._ledger.published)
        self._stuck = False
        return []

    def _clock_step(self) -> list[Finding]:
        back = self._ledger.set_back_ns()
        if back <= self._skew_ns:
            if back or self._clock.now_ns() >= self._ledger.latest_ns:
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
                "Check the clock's source (NTP, PTP), and who changed it.",
                Severity.MEDIUM,
            )
        ]

    def _finding(self, rule: str, title: str, detail: str, remedy: str, severity: Severity) -> Finding:
        now = self._clock.now_ns()
        return Finding(
            subject=Subject(kind=SubjectKind.LEDGER, name="ledger"),
            rule=rule,
            title=title,
            detail=detail[:4_000],
            remedy=remedy,
            start_ns=now,
            stop_ns=now,
            severity=severity,
            confidence=1.0,
            evidence=(Evidence(uri=f"ledger:{max(0, self._ledger.size - 1)}"),),
        )
