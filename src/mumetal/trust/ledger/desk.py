"""What the audit page, its API and its export read: a tenant's own decisions, each with its proof."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mumetal.core.acts import Acts, permitted
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MissingError
from mumetal.core.identity import Caller
from mumetal.core.ports import Authorizer, LedgerEntry, Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.trust.keys.public import encode as encode_public_key
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.checkpoint import of_note as checkpoint_of_note
from mumetal.trust.ledger.extract import end as extract_end
from mumetal.trust.ledger.extract import head as extract_head
from mumetal.trust.ledger.extract import line as extract_line
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.proof import Proof as LedgerProof
from mumetal.trust.ledger.witness_places import WitnessPlace, WitnessState
from mumetal.trust.ledger.witness_places import state as witness_state

ROWS = 50
LOOKED = 50_000
EXPORTED = 10_000
CHUNK = 1_024
READ = "ledger.read"
EXPORT = "ledger.export"
OUTCOMES = ("begun", "done", "failed", "denied", "undone", "rolled-back", "stuck", "unconfirmed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries are looked for; empty fields match all.

    Args:
        who: Part of the actor's name, whatever the case.
        what: Part of action, subject or reason.
        outcome: One of ``OUTCOMES``; ``begun`` is an entry written before its act.
        start_ns: Not before, nanoseconds since 1970 UTC; 0 for any.
        stop_ns: Before; 0 for any.
        before: Only entries with a smaller index; -1 for all.
    """

    who: str = ""
    what: str = ""
    outcome: str = ""
    start_ns: int = 0
    stop_ns: int = 0
    before: int = -1

    def __post_init__(self) -> None:
        if max(len(self.who), len(self.what)) > 200:
            raise BadInputError("at most 200 characters to look for", where="who, what")
        if self.outcome and self.outcome not in OUTCOMES:
            raise BadInputError("no such outcome", where="outcome", hint=", ".join(OUTCOMES))
        if self.stop_ns and self.stop_ns < self.start_ns:
            raise BadInputError("the range ends before it starts", where="from, to")

    def matches(self, entry: LedgerEntry) -> bool:
        """Say whether an entry is meant."""
        what = self.what.casefold()
        return (
            self.who.casefold() in entry.actor.casefold()
            and any(what in text.casefold() for text in (entry.action, entry.subject, entry.why))
            and (not self.outcome or (entry.outcome.partition(":")[0] or "begun") == self.outcome)
            and entry.t_ns >= self.start_ns
            and (not self.stop_ns or entry.t_ns < self.stop_ns)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Entries, newest first.

    Args:
        rows: (index, entry).
        older: Index to go on before; -1 when everything was looked through.
        size: Entries of the whole ledger.
        looked: How many of them were looked through.
    """

    rows: tuple[tuple[int, LedgerEntry], ...]
    older: int
    size: int
    looked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the ledger stands.

    Args:
        origin: Its name.
        key_id: Its key.
        signed: Its newest checkpoint.
        size: Entries; those past the checkpoint are durable and not signed yet.
        witnesses: Who else vouches.
    """

    origin: str
    key_id: str
    signed: Checkpoint | None
    size: int
    witnesses: tuple[WitnessState, ...] = field(default=())


class AuditDesk:
    """Reads one ledger for whoever may; everything not permitted is refused, and nobody sees another tenant's entries.

    Args:
        ledger: The ledger.
        authorizer: Who decides.
        clock: Time.
        witnesses: Who vouches for it.
    """

    def __init__(
        self,
        ledger: MerkleLedger,
        authorizer: Authorizer,
        clock: Clock,
        witnesses: Sequence[WitnessPlace] = (),
    ) -> None:
        self._ledger = ledger
        self._authorizer = authorizer
        self._acts = Acts(ledger, authorizer, clock)
        self._witnesses = tuple(witnesses)

    def search(self, caller: Caller, wanted: Wanted) -> Found:
        """Return the newest entries that match, looking through at most 50,000.

        Raises:
            RejectedError: The caller may not read the ledger.
        """
        self._permit(caller)
        size = self._ledger.size
        at = size if wanted.before < 0 else min(size, wanted.before)
        first, rows = at, []
        for index, entry in self._backwards(at):
            if first - index > LOOKED:
                break
            at = index
            if entry.tenant == caller.tenant and wanted.matches(entry):
                rows.append((index, entry))
                if len(rows) == ROWS:
                    break
        return Found(rows=tuple(rows), older=at if at > 0 else -1, size=size, looked=first - at)

    def proof(self, caller: Caller, index: int) -> LedgerProof:
        """Return an entry of the caller's tenant with its proof, checked here.

        Raises:
            RejectedError: The caller may not read the ledger, or the proof does not hold.
            MissingError: The tenant has no such entry.
        """
        self._permit(caller)
        entry = next((e for i, e in self._ledger.entries(index, 1) if i == index), None) if index >= 0 else None
        if entry is None or entry.tenant != caller.tenant:
            raise MissingError(f"there is no entry {index}", hint="the audit page lists them")
        note, data, path = self._ledger.prove(index)
        made = LedgerProof(index=index, entry=data, path=path, note=note)
        made.verify(self._ledger.origin, self._ledger.public)
        return made

    def standing(self, caller: Caller) -> Standing:
        """Return how the ledger stands, witnesses included.

        Raises:
            RejectedError: The caller may not read the ledger.
        """
        self._permit(caller)
        folder = LedgerFolder(self._ledger.path)
        public = self._ledger.public
        seen = tuple(witness_state(place, folder, self._ledger.origin, public) for place in self._witnesses)
        return Standing(
            origin=self._ledger.origin,
            key_id=public.key_id,
            signed=folder.checkpoint(),
            size=self._ledger.size,
            witnesses=seen,
        )

    def public_key(self, caller: Caller) -> bytes:
        """Return the log's public key as a file.

        Raises:
            RejectedError: The caller may not read the ledger.
        """
        self._permit(caller)
        return encode_public_key(self._ledger.public, self._ledger.origin)

    def export(self, caller: Caller, wanted: Wanted) -> Iterator[bytes]:
        """Return JSON lines of the matching entries, newest first, each with its proof; at most 10,000.

        An export is an act: permitted and entered before the first line.

        Raises:
            RejectedError: The caller may not.
        """
        with self._acts.act(_asked(caller, EXPORT), f"entries of {caller.tenant} as JSON lines"):
            note = self._ledger.publish()
        return self._lines(
            caller, wanted, note_size=checkpoint_of_note(note).size, head=extract_head(self._ledger.origin, note)
        )

    def _lines(self, caller: Caller, wanted: Wanted, *, note_size: int, head: bytes) -> Iterator[bytes]:
        yield head
        tree, count, complete = LedgerFolder(self._ledger.path).tree(note_size), 0, True
        for index, entry in self._backwards(note_size if wanted.before < 0 else min(note_size, wanted.before)):
            if entry.tenant != caller.tenant or not wanted.matches(entry):
                continue
            if count == EXPORTED:
                complete = False
                break
            yield extract_line(index, entry, tree.inclusion(index))
            count += 1
        yield extract_end(count, complete=complete)

    def _backwards(self, stop: int) -> Iterator[tuple[int, LedgerEntry]]:
        while stop > 0:
            start = max(0, stop - CHUNK)
            yield from reversed(self._ledger.entries(start, stop - start))
            stop = start

    def _permit(self, caller: Caller) -> None:
        permitted(self._authorizer, _asked(caller, READ))


def _asked(caller: Caller, action: str) -> Request:
    ledger = Subject(kind=SubjectKind.LEDGER, name="ledger")
    return Request(tenant=caller.tenant, principal=caller.scope.principal, action=action, resource=ledger)


def moment(text: str, where: str) -> int:
    """Read a date, or a date and a time, in UTC; nanoseconds since 1970, 0 for nothing.

    Raises:
        BadInputError: It is none.
    """
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text[:40])
    except ValueError:
        raise BadInputError("not a date", where=where, hint="write 2026-11-22 or 2026-11-22T10:00, UTC") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1e9)
