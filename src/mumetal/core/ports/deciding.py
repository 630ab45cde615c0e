"""Who may do what, what is proved, and where decisions are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mumetal.core.artefact import Artefact


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """May ``principal`` do ``action`` to ``resource``?"""

    tenant: str
    principal: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Yes, and which policy said so."""

    policy: str
    policy_version: str


class Authorizer(Protocol):
    """Decides. Default deny; an error while deciding is a deny."""

    def authorize(self, request: Request) -> Permit:
        """Return a permit.

        Raises:
            RejectedError: Not allowed, or the decision failed.
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
        why: Policy id, model version, finding or incident ids, in one line.
        outcome: Empty before the act; ``"done"``, ``"failed: …"`` or ``"undone"`` after.
    """

    tenant: str
    t_ns: int
    actor: str
    action: str
    subject: str
    why: str
    outcome: str = ""


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
