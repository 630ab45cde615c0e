"""Who may do what, what is proved, and where decisions are written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from mumetal.core.errors import BadInputError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mumetal.core.artefact import Artefact
    from mumetal.core.identity import Principal
    from mumetal.core.subject import Subject

Fact = str | int | bool | tuple[str, ...]
Facts = tuple[tuple[str, Fact], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """May ``principal`` do ``action`` to ``resource``?

    Args:
        tenant: Whose resource it is.
        principal: Who asks, and for whom.
        action: Verb, dotted.
        resource: To what.
        context: What else a policy may look at, by name.
    """

    tenant: str
    principal: Principal
    action: str
    resource: Subject
    context: Facts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """What must be kept by whoever does what is permitted.

    Args:
        duty: What, such as ``"two_approvals"``; who cannot keep it may not go on.
        policy: Id of the policy that asks for it.
        parameters: How, by name.
    """

    duty: str
    policy: str
    parameters: Facts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer to one request, and what it rests on.

    Args:
        request: What was asked.
        permitted: Whether it may be done.
        policies: Ids of the policies that decided; empty for a denial that no policy asked for (default deny).
        version: Version of the set of policies.
        obligations: What must be kept while it is done.
        reason: Why not, in words for whoever asked.
    """

    request: Request
    permitted: bool
    policies: tuple[str, ...]
    version: str
    obligations: tuple[Obligation, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        if self.permitted and not (self.policies and self.version):
            raise BadInputError("a permit names the policy that gives it, and the version")

    @property
    def policy(self) -> str:
        """The deciding policies in one line: ``"a, b@3"``."""
        return f"{', '.join(self.policies) or 'default'}@{self.version}"

    @property
    def digest(self) -> str:
        """SHA-256 over question and answer, ``"sha256:…"``: two decisions with one digest are the same."""
        told = msgspec.json.encode(msgspec.to_builtins(self), order="deterministic")
        return f"sha256:{hashlib.sha256(told).hexdigest()}"


class DeniedError(RejectedError):
    """A decision is no.

    Args:
        message: Why, in words for whoever asked.
        decision: The decision; None when none was reached.
        where: Who decided.
        hint: What to do.
    """

    def __init__(self, message: str, decision: Decision | None = None, *, where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.decision = decision


class Authorizer(Protocol):
    """Decides. Default deny; an error while deciding is a deny."""

    def authorize(self, request: Request) -> Decision:
        """Return the decision that permits; called by :mod:`mumetal.core.acts` alone, which sees to its obligations.

        Raises:
            DeniedError: Not allowed, or the decision failed.
        """


class Verifier(Protocol):
    """Checks bytes against what was promised of them."""

    def verify(self, artefact: Artefact) -> None:
        """Return nothing when the artefact is what it should be.

        Raises:
            RejectedError: It is not; says which step failed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One decision, written before the act; the outcome is a second entry.

    Args:
        tenant: For whom.
        t_ns: When, nanoseconds since 1970 UTC.
        actor: Person or agent.
        action: Verb, dotted.
        subject: To what.
        why: Model version, finding or incident ids, in one line.
        outcome: Empty before the act; ``"done"``, ``"failed: …"``, ``"denied"`` or ``"undone"`` after.
        on_behalf_of: Who sent the actor; empty when they acted for themselves.
        token: Id of the token the actor came with, or else who sent them; never the token.
        policy: The policies that decided, and their version.
        decision: Digest of the decision.
    """

    tenant: str
    t_ns: int
    actor: str
    action: str
    subject: str
    why: str
    outcome: str = ""
    on_behalf_of: str = ""
    token: str = ""
    policy: str = ""
    decision: str = ""


class Ledger(Protocol):
    """Append-only record that can be verified offline."""

    def append(self, entry: LedgerEntry) -> int:
        """Write durably and return the entry's index.

        Raises:
            UnavailableError: It could not be written; then the act must not happen.
        """

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        """Return entries from ``start``, in order."""

    def verify(self) -> None:
        """Check the whole record.

        Raises:
            RejectedError: An entry was altered, removed or reordered; says where.
        """
