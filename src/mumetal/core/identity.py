"""Who asks, and whose records they may touch: every read and write of records takes a scope.

A :class:`Scope` is made by ``mumetal.access`` alone, once somebody is identified; a house test looks for other makers.
Who holds one reads and writes the records of its one tenant. A scope of the whole stack is for the stack's own agents:
it lists the tenants after a restart, follows the log and delivers what waits for a sink, and opens no tenant's records.
"""

from dataclasses import dataclass
from enum import StrEnum

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError, RejectedError

WHOLE_STACK = "*"  # no tenant can be called so
MAX_ROLES = 64


class PrincipalKind(StrEnum):
    """What a principal is: a person, a tenant's program with credentials of its own, or an agent of Mumetal."""

    PERSON = "person"
    SERVICE = "service"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody or something that was identified.

    Args:
        kind: What it is.
        tenant: Whom it belongs to; :data:`WHOLE_STACK` for an agent of the stack itself.
        name: Its name, 1 to 200 printable characters.
        roles: Roles its tenant gave it, at most 64 plain names.
        token_id: Id of the token it came with, never the token; empty when it came without one.
        on_behalf_of: Who sent it; None when it acts for itself. Who was sent sends nobody further.
    """

    kind: PrincipalKind
    tenant: str = LOCAL
    name: str
    roles: tuple[str, ...] = ()
    token_id: str = ""
    on_behalf_of: "Principal | None" = None

    def __post_init__(self) -> None:
        if self.tenant != WHOLE_STACK:
            check.name(self.tenant, "tenant")
        elif self.kind is not PrincipalKind.AGENT:
            raise BadInputError(f"a {self.kind} belongs to a tenant, not to the whole stack", hint="name its tenant")
        if not 0 < len(self.name) <= 200 or not self.name.isprintable():
            raise BadInputError("a principal's name has 1 to 200 printable characters", hint="look at its certificate")
        if len(self.roles) > MAX_ROLES:
            raise BadInputError(f"a principal has at most {MAX_ROLES} roles, not {len(self.roles)}")
        for role in self.roles:
            check.name(role, "role")
        if self.token_id:
            check.name(self.token_id, "token id")
        sender = self.on_behalf_of
        if sender is not None and (sender.on_behalf_of is not None or WHOLE_STACK in {sender.tenant, sender.name}):
            raise BadInputError("only who acts for themselves can send another", where=self.name, hint="name the first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose records may be touched, and by whom: its name is in every record that a write leaves."""

    tenant: str
    principal: Principal

    def __post_init__(self) -> None:
        if self.tenant != WHOLE_STACK:
            check.name(self.tenant, "tenant")
        sender = self.principal.on_behalf_of
        if self.principal.tenant not in {self.tenant, WHOLE_STACK} or (sender and sender.tenant != self.tenant):
            raise BadInputError("a principal has no scope in another tenant", hint="identify it with that tenant")

    @property
    def whole(self) -> bool:
        """Whether it is of the whole stack."""
        return self.tenant == WHOLE_STACK

    def one_tenant(self) -> str:
        """Return the tenant; raises RejectedError for the whole stack, which opens no tenant's records."""
        if self.whole:
            raise RejectedError("a scope of the whole stack opens no tenant's records", hint="take the tenant's scope")
        return self.tenant

    def demand_whole(self) -> None:
        """Raise RejectedError when the scope is one tenant's."""
        if not self.whole:
            raise RejectedError("this is for the stack's own agents", hint="a tenant's scope reads and writes its own")

    def demand(self, tenant: str) -> None:
        """Raise RejectedError when what belongs to ``tenant`` may not be written."""
        if tenant != self.one_tenant():
            raise RejectedError("this belongs to another tenant", hint="write each tenant's with its own scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A peer, the tenant it belongs to, and the scope of its records."""

    actor: str
    tenant: str
    scope: Scope
