"""Where each version of a model stands, and what may follow.

::

    draft ──gates──► validated ──approved──► shadow ──approved──► active ──next one──► retired
      └───────────────────┴────────────────────┴───────────────────┴──────────────────►  ▲ │
                                                                     rollback: last good ◄──┘

At most one version is in shadow and at most one is active. ``good`` lists the versions that were active before, newest
last: a rollback takes the newest of them, and the last rollback can be undone. What is shipped with Mumetal was gated at
the release and is active at the first start; beside a lab's own active version it is only a draft. The record is sealed,
numbered and named on the ledger, so that an old one put back in its place does not hold.
"""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import canonical
from mumetal.trust.models.manifest import Sha256, Short
from mumetal.trust.models.refusals import MAX_REFUSALS, Refusal, answered

MAX_RECORD = 4 * 2**20
MAX_VERSIONS = 2_000
MAX_GOOD = 64


class State(StrEnum):
    """Where a version stands."""

    DRAFT = "draft"
    VALIDATED = "validated"
    SHADOW = "shadow"
    ACTIVE = "active"
    RETIRED = "retired"


NEXT = {
    State.DRAFT: State.VALIDATED,
    State.VALIDATED: State.SHADOW,
    State.SHADOW: State.ACTIVE,
}


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person's word for one step of one version.

    Args:
        approver: Who.
        target: The state they approve.
        report: Digest of the gate report they saw.
        t_ns: When, nanoseconds since 1970 as text (beyond the 53 bits of a canonical number).
    """

    approver: Short
    target: State
    report: Sha256
    t_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]


class Version(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version's standing.

    Args:
        version: SHA-256 of its manifest.
        state: Where it stands.
        since_ns: Since when, as text.
        report: Digest of the gate report that let it be validated; empty before.
        approvals: Who vouched for it.
        shipped: Whether it came with Mumetal itself.
        registrant: Who registered it; empty for a version from before that was kept.
        refusals: What the gates refused of it, oldest first.
    """

    version: Sha256
    state: State
    since_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
    report: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    approvals: Annotated[tuple[Approval, ...], Meta(max_length=32)] = ()
    shipped: bool = False
    registrant: Annotated[str, Meta(max_length=200)] = ""
    refusals: Annotated[tuple[Refusal, ...], Meta(max_length=256)] = ()

    @property
    def standing(self) -> tuple[Refusal, ...]:
        """The refusals that nobody has answered."""
        return tuple(r for r in self.refusals if not r.answered_by)


class Rollback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest way back that was taken.

    Args:
        out: The version it took out of service; putting it back is the undo.
        by: Person or agent.
        why: The reason.
        t_ns: When, as text.
    """

    out: Sha256
    by: Short
    why: Annotated[str, Meta(max_length=500)]
    t_ns: Annotated[str, Meta(pattern="^[0-9]{1,19}$")]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All versions of one model.

    Args:
        format: Version of this layout.
        name: The model's name.
        revision: Counts the changes, from 1.
        versions: In order of registration.
        good: Versions that were active before, newest last.
        back: The newest rollback, while it can be undone.
    """

    format: Literal["mumetal-model-record/1"] = "mumetal-model-record/1"
    name: Short
    revision: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    versions: Annotated[tuple[Version, ...], Meta(max_length=MAX_VERSIONS)] = ()
    good: Annotated[tuple[Sha256, ...], Meta(max_length=MAX_GOOD)] = ()
    back: Rollback | None = None

    def __post_init__(self) -> None:
        known = [v.version for v in self.versions]
        named = {*self.good, *((self.back.out,) if self.back else ())}
        if len(set(known)) != len(known) or not named <= set(known):
            raise BadInputError("a version is listed twice, or a good one not at all", where=self.name)
        for state in (State.ACTIVE, State.SHADOW):
            if sum(v.state is state for v in self.versions) > 1:
                raise BadInputError(f"two versions are {state.value}", where=self.name)

    def in_state(self, state: State) -> Version | None:
        """Return the newest version in a state."""
        return next((v for v in reversed(self.versions) if v.state is state), None)

    def find(self, prefix: str) -> Version:
        """Return the version that begins with ``prefix``.

        Raises:
            BadInputError: None does, or several do.
        """
        found = [v for v in self.versions if v.version.startswith(prefix)] if prefix else []
        if len(found) != 1:
            why = "no version begins" if not found else f"{len(found)} versions begin"
            raise BadInputError(f"{why} with {prefix[:64]!r}", where=self.name, hint="see `mumetal model show NAME`")
        return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change that was checked and not made yet: the record after it, and the versions it moves."""

    before: Record
    after: Record
    version: str
    target: State


def encode(record: Record) -> bytes:
    """Return the canonical bytes that are sealed; a record from before registrants and refusals has those it had."""
    fields = msgspec.to_builtins(record)
    for version in fields["versions"]:
        for name in ("registrant", "refusals"):
            if not version[name]:
                del version[name]
    return canonical.encode(fields)


def decode(data: bytes, where: str = "record") -> Record:
    """Read a record back.

    Raises:
        BadInputError: Malformed or not in canonical form.
    """
    try:
        record = msgspec.convert(canonical.decode_json(data, MAX_RECORD, 8, where), Record)
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a model's record: {error}"[:500], where=where) from None
    if encode(record) != data:
        raise BadInputError("the record is not in canonical form", where=where)
    return record


def digest(record: Record) -> str:
    """Return the SHA-256 that the ledger names, hex."""
    return hashlib.sha256(encode(record)).hexdigest()


def add(record: Record, version: str, now_ns: int, *, registrant: str = "", refusals: tuple[Refusal, ...] = ()) -> Step:
    """Register a version as a draft; what was refused of the same bytes before stands against it too.

    Raises:
        BadInputError: It is there already, or there are too many.
    """
    if any(v.version == version for v in record.versions):
        raise BadInputError("this version is registered already", where=f"{record.name}@{version[:12]}")
    if len(record.versions) >= MAX_VERSIONS:
        raise BadInputError(f"a model has at most {MAX_VERSIONS} versions", where=record.name)
    fresh = Version(version=version, state=State.DRAFT, since_ns=str(now_ns), registrant=registrant, refusals=refusals)
    return _step(record, (*record.versions, fresh), record.good, version, State.DRAFT)


def adopt(record: Record, version: str, now_ns: int, *, report: str) -> Step:
    """Take in a version that is shipped with Mumetal: active unless a lab's own version is, beside which it is a draft.

    Raises:
        BadInputError: It is there already, or there are too many.
    """
    added = add(record, version, now_ns).after
    shipped = msgspec.structs.replace(added.find(version), shipped=True, report=report)
    added = msgspec.structs.replace(added, versions=_swap(added.versions, shipped))
    active = record.in_state(State.ACTIVE)
    if active is not None and not active.shipped:
        return _step(record, added.versions, record.good, version, State.DRAFT)
    step = _moved(added, shipped, State.ACTIVE, now_ns, before=record)
    return replace(step, after=msgspec.structs.replace(step.after, revision=record.revision + 1))


def refuse(record: Record, version: Version, refusal: Refusal) -> Step:
    """Note what the gates refused."""
    changed = msgspec.structs.replace(version, refusals=(*version.refusals, refusal)[-MAX_REFUSALS:])
    return _step(record, _swap(record.versions, changed), record.good, version.version, version.state)


def answer(record: Record, version: Version, who: str, what: str, now_ns: int) -> Step:
    """Note a person's answer to every refusal that stands against a version.

    Raises:
        BadInputError: None does, or nothing is said.
    """
    where = f"{record.name}@{version.version[:12]}"
    if not version.standing:
        raise BadInputError("no refusal stands against it", where=where)
    if not what.strip():
        raise BadInputError("say what became of the reason it was refused for", where=where)
    changed = msgspec.structs.replace(version, refusals=answered(version.refusals, who, what, now_ns))
    return _step(record, _swap(record.versions, changed), record.good, version.version, version.state)


def approve(record: Record, version: Version, approval: Approval) -> Step:
    """Note one person's word.

    Raises:
        BadInputError: It is for no next step, for another gate report, or given already.
    """
    where = f"{record.name}@{version.version[:12]}"
    if NEXT.get(version.state) is not approval.target or approval.target is State.VALIDATED:
        raise BadInputError(f"a {version.state.value} version waits for no such approval", where=where)
    if approval.report != version.report:
        raise BadInputError("the approval is for another gate report", where=where)
    if any((a.approver, a.target) == (approval.approver, approval.target) for a in version.approvals):
        raise BadInputError(f"{approval.approver} approved that already", where=where)
    changed = msgspec.structs.replace(version, approvals=(*version.approvals, approval))
    return _step(record, _swap(record.versions, changed), record.good, version.version, version.state)


def vouched(version: Version, *, not_by: frozenset[str]) -> set[str]:
    """Return who vouched for a version's next state, as far as their word counts.

    Args:
        version: The version.
        not_by: Whose word does not count: who made it.
    """
    target = NEXT.get(version.state)
    given = {a.approver for a in version.approvals if a.target is target and a.report == version.report}
    return given - not_by


def promote(record: Record, version: Version, now_ns: int, *, report: str, needed: int, not_by: frozenset[str]) -> Step:
    """Move a version one state on.

    Args:
        record: All versions.
        version: The one to move.
        now_ns: When.
        report: Digest of the passed gate report, for the step to validated; otherwise not looked at.
        needed: Approvals asked for (2 for what can touch hardware).
        not_by: Whose word does not count: who made it.

    Raises:
        RejectedError: A refusal stands, or approvals are missing; says how many.
        BadInputError: Nothing follows that state.
    """
    where = f"{record.name}@{version.version[:12]}"
    target = NEXT.get(version.state)
    if target is None:
        raise BadInputError(f"nothing follows {version.state.value}", where=where)
    for stands in version.standing:
        raise RejectedError(
            f"it was refused, and nobody has answered: {stands.why}"[:900], where=where,
            hint="mend it; then somebody who neither registered nor trained it runs `mumetal model answer`",
        )  # fmt: skip
    if target is State.VALIDATED:
        if not report:
            raise RejectedError("no gate report lets it pass", where=where, hint="run `mumetal model gate`")
        return _moved(record, msgspec.structs.replace(version, report=report), target, now_ns)
    given = vouched(version, not_by=not_by)
    if len(given) < needed:
        raise RejectedError(
            f"{len(given)} of {needed} approvals for {target.value}",
            where=where,
            hint="somebody who neither registered nor trained it runs `mumetal model approve`",
        )
    return _moved(record, version, target, now_ns)


def retire(record: Record, version: Version, now_ns: int) -> Step:
    """Take a version out of service for good: it loads no more, and no rollback goes back to it.

    Raises:
        BadInputError: It is out of service already.
    """
    good = tuple(g for g in record.good if g != version.version)
    back = record.back if record.back and record.back.out != version.version else None
    if version.state is State.RETIRED and (good, back) == (record.good, record.back):
        raise BadInputError("it is retired already", where=f"{record.name}@{version.version[:12]}")
    without = msgspec.structs.replace(record, good=good, back=back)
    return _moved(without, version, State.RETIRED, now_ns, before=record)


def roll_back(record: Record, now_ns: int, *, by: str, why: str) -> Step:
    """Put the last good version back and retire the active one, which may be put back in turn.

    Raises:
        BadInputError: No version was active before.
    """
    if not record.good:
        raise BadInputError("no earlier version was active", where=record.name, hint="retire it, or promote another")
    last = record.find(record.good[-1])
    active = record.in_state(State.ACTIVE)
    versions = record.versions
    if active is not None:
        versions = _swap(versions, _at(active, State.RETIRED, now_ns))
    versions = _swap(versions, _at(last, State.ACTIVE, now_ns))
    step = _step(record, versions, record.good[:-1], last.version, State.ACTIVE)
    taken = None if active is None else Rollback(out=active.version, by=by, why=why[:500], t_ns=str(now_ns))
    return replace(step, after=msgspec.structs.replace(step.after, back=taken))


def undo(record: Record, now_ns: int) -> Step:
    """Take the newest rollback back: the version it took out is active again, the one it put in is good as before.

    Raises:
        BadInputError: Nothing was rolled back since the last promotion.
    """
    if record.back is None:
        raise BadInputError("there is no rollback to take back", where=record.name)
    return _moved(record, record.find(record.back.out), State.ACTIVE, now_ns)


def _moved(record: Record, version: Version, target: State, now_ns: int, *, before: Record | None = None) -> Step:
    versions, good = record.versions, record.good
    occupant = record.in_state(target) if target in {State.ACTIVE, State.SHADOW} else None
    if occupant is not None:
        versions = _swap(versions, _at(occupant, State.RETIRED, now_ns))
        if target is State.ACTIVE:
            good = (*[g for g in good if g != occupant.version], occupant.version)[-MAX_GOOD:]
    versions = _swap(versions, _at(version, target, now_ns))
    return _step(record, versions, good, version.version, target, before=before)


def _at(version: Version, state: State, now_ns: int) -> Version:
    return msgspec.structs.replace(version, state=state, since_ns=str(now_ns))


def _swap(versions: tuple[Version, ...], changed: Version) -> tuple[Version, ...]:
    return tuple(changed if v.version == changed.version else v for v in versions)


def _step(
    record: Record,
    versions: tuple[Version, ...],
    good: tuple[str, ...],
    version: str,
    target: State,
    *,
    before: Record | None = None,
) -> Step:
    back = None if target is State.ACTIVE else record.back
    after = msgspec.structs.replace(record, revision=record.revision + 1, versions=versions, good=good, back=back)
    return Step(before=before or record, after=after, version=version, target=target)
