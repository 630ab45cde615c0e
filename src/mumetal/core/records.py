"""The port of what is known and was decided: incidents, findings, labels, sightings, jobs, states, assets, and their log.

Rules that hold for every implementation:

1. Every call takes a :class:`~mumetal.core.identity.Scope`; what is another tenant's is neither seen nor changed, and
   the answer does not tell it from what is not there.
2. A write and its record in the log are one transaction: both or neither.
3. The log is read at least once: each reader keeps a position of its own, by name, and moves it when it is done.
4. The log is bounded. A reader that was away for longer is told so by :meth:`RecordLog.missed`, and reads the nouns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mumetal.core.check import LATEST_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mumetal.core.act import ActRecord
    from mumetal.core.finding import Finding
    from mumetal.core.identity import Scope
    from mumetal.core.incident import Incident, IncidentState, LabelGiven
    from mumetal.core.operation import Asset, Job, JobState, OperatingState
    from mumetal.core.record import Record, RecordKind
    from mumetal.core.sighting import Choice, Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """One item on its way to one sink; ``seq`` is its place in the queue, and grows."""

    seq: int
    item: Finding | Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One item that will not be tried again, and why; kept to be seen."""

    seq: int
    tenant: str
    kind: str
    item_id: str
    error: str


class RecordLog(Protocol):
    """The log. A tenant's scope reads its own records, a scope of the whole stack reads all."""

    def append(self, scope: Scope, kind: RecordKind, subject: str, body: bytes, correlation: str = "") -> int:
        """Write a record of a kind in ``LOG_ONLY`` and return its place; BadInputError for any other, or a large one."""

    def after(
        self, scope: Scope, cursor: int, limit: int = 1_000, kinds: Sequence[RecordKind] = ()
    ) -> Sequence[Record]:
        """Return the records past ``cursor`` (0: from the oldest kept), in order; of all kinds when none is named."""

    def missed(self, scope: Scope, cursor: int) -> bool:
        """Say whether records past ``cursor`` are no longer kept: what was not read never counts as clean."""

    def cursor(self, scope: Scope, name: str) -> int:
        """Return a reader's position in this scope; 0 for a reader that never moved."""

    def advance(self, scope: Scope, name: str, sequence: int) -> None:
        """Move a reader's position, once it is done with all up to ``sequence``; it never moves back.

        Raises BadInputError when the log does not go that far, or the scope has too many readers.
        """


class SightingRecords(Protocol):
    """What scans found, kept between scans."""

    def put(self, scope: Scope, sightings: Sequence[Sighting]) -> None:
        """Write all of it or nothing; what is there already is replaced."""

    def of_target(self, scope: Scope, target: str, mode: str, repository: str = "") -> dict[str, Sighting]:
        """Return everything known of a repository, whatever it is called; without one, of that name. By fingerprint."""

    def get(self, scope: Scope, finding_id: str) -> Sighting:
        """Return one sighting by its finding's id; raises BadInputError when the tenant has none of that id."""

    def listed(self, scope: Scope, choice: Choice | None = None, limit: int = 200) -> list[Sighting]:
        """Return sightings, what stands first, then the gravest, then by place."""

    def counts(self, scope: Scope, choice: Choice | None = None) -> dict[str, int]:
        """Return how many sightings each rule has, the most first."""

    def targets(self, scope: Scope) -> list[str]:
        """Return what was scanned."""

    def of_incident(self, scope: Scope, incident_id: str) -> list[Sighting]:
        """Return the sightings of one incident, what stands first."""


class OutboxRecords(Protocol):
    """What still has to go out, per sink, in order. All but :meth:`dead` is for a scope of the whole stack."""

    def next(self, scope: Scope, sink: str, limit: int) -> list[OutboxItem]:
        """Return the oldest waiting items; one that cannot be read becomes a dead letter at once."""

    def delivered(self, scope: Scope, sink: str, seqs: Sequence[int]) -> None:
        """Forget items that the receiver has."""

    def bury(self, scope: Scope, seq: int, error: str) -> None:
        """Make an item a dead letter."""

    def waiting(self, scope: Scope, sink: str) -> int:
        """Return how many items wait."""

    def dead(self, scope: Scope, sink: str, limit: int = 100) -> list[DeadLetter]:
        """Return a tenant's dead letters of a sink, newest first."""


class StateRecords(Protocol):
    """What each device was doing."""

    def put(self, scope: Scope, states: Sequence[OperatingState]) -> None:
        """Write all of it or nothing; a state of the same device and time is replaced."""

    def at(self, scope: Scope, device: str, t_ns: int) -> OperatingState | None:
        """Return what a device was doing at a time; None when nothing is known of it."""

    def listed(
        self, scope: Scope, device: str, start_ns: int = 0, stop_ns: int = LATEST_NS, limit: int = 1_000
    ) -> list[OperatingState]:
        """Return the states entered with ``start_ns <= entered_ns < stop_ns``, in order of time."""


class JobRecords(Protocol):
    """Quantum jobs as they were last heard of."""

    def put(self, scope: Scope, jobs: Sequence[Job]) -> None:
        """Write all of it or nothing; what is there already is replaced, except by what is older."""

    def get(self, scope: Scope, job_id: str) -> Job:
        """Return one job; raises BadInputError when the tenant has none of that id."""

    def listed(self, scope: Scope, device: str = "", state: JobState | None = None, limit: int = 1_000) -> list[Job]:
        """Return jobs, of all devices and states unless named, the newest first."""


class AssetRecords(Protocol):
    """The inventory."""

    def put(self, scope: Scope, assets: Sequence[Asset]) -> None:
        """Write all of it or nothing; what is there already is replaced, except by what is older."""

    def get(self, scope: Scope, asset_id: str) -> Asset:
        """Return one asset; raises BadInputError when the tenant has none of that id."""

    def listed(self, scope: Scope, kind: str = "", limit: int = 1_000) -> list[Asset]:
        """Return assets, of all kinds unless named, by id."""


class ActRecords(Protocol):
    """Acts and what came of them."""

    def put(self, scope: Scope, record: ActRecord) -> None:
        """Write an act as it is now; its log line is of the kind that its state says."""

    def get(self, scope: Scope, act_id: str) -> ActRecord | None:
        """Return one act; None when the tenant has none of that id."""

    def listed(self, scope: Scope, limit: int = 200) -> list[ActRecord]:
        """Return acts, newest first."""


class PartTables(Protocol):
    """A part's own tables: those whose names begin with its prefix."""

    def read(self, statement: str, **values: object) -> Sequence[tuple[object, ...]]:
        """Return the rows of a ``SELECT``; values are bound by name, never pasted in."""

    def write(self, statement: str, **values: object) -> None:
        """Run one statement in a transaction of its own."""


class Records(Protocol):
    """Everything that is known and was decided, and its log."""

    log: RecordLog
    sightings: SightingRecords
    outbox: OutboxRecords
    states: StateRecords
    jobs: JobRecords
    assets: AssetRecords
    acts: ActRecords

    def put(self, scope: Scope, findings: Sequence[Finding], incidents: Sequence[Incident]) -> None:
        """Write all of it or nothing; what is there already is replaced, and each sink gets its copy.

        Raises:
            RejectedError: Something belongs to another tenant.
            UnavailableError: The disk is full or the database is locked; nothing was written.
            BadInputError: A text cannot be written as UTF-8.
        """

    def incident(self, scope: Scope, incident_id: str) -> Incident:
        """Return one incident; raises BadInputError when the tenant has none, whether or not another one has."""

    def incidents(self, scope: Scope, state: IncidentState | None = None, limit: int = 100) -> list[Incident]:
        """Return incidents, unexplained first, then explained, then resolved; within each by priority."""

    def open_for(self, scope: Scope) -> list[Incident]:
        """Return what is not resolved, oldest first, to put triage back where it was."""

    def findings(self, scope: Scope, finding_ids: Sequence[str]) -> list[Finding]:
        """Return findings in the order asked for; ids the tenant does not have are left out."""

    def labels(self, scope: Scope) -> list[LabelGiven]:
        """Return every label that was given, oldest first; the newest of an incident is the one that holds."""

    def add_user(self, scope: Scope, name: str) -> None:
        """Make a person known; again is no error."""

    def users(self, scope: Scope) -> list[str]:
        """Return a tenant's people."""

    def tenants(self, scope: Scope) -> list[str]:
        """Return whose incidents are kept here; for a scope of the whole stack, at its restart, never for a page."""

    def tables(self, prefix: str) -> PartTables:
        """Return the tables of a part: those whose names begin with its prefix."""

    def close(self) -> None:
        """Let go of the database."""
