"""Makes scopes, once somebody is identified: the only place in the house that may.

1. A person or a program is identified by the connection it comes over (``serve``), and gets the scope of its tenant.
2. An agent of the stack works on one tenant's records at a time, with that tenant's scope, and says who sent it.
3. The whole stack is for what no tenant can ask: after a restart, to learn whose incidents there are; to follow the log;
   to deliver what waits for a sink. Such a scope opens no tenant's records.
"""

from collections.abc import Sequence

from mumetal.core.errors import RejectedError
from mumetal.core.identity import WHOLE_STACK, Principal, PrincipalKind, Scope

AGENTS = "mumetal."  # the agents' names begin so, and nobody else's


def person(tenant: str, name: str, *, roles: Sequence[str] = (), token_id: str = "") -> Scope:
    """Return the scope of a person who was identified.

    Raises:
        RejectedError: The name is one of the stack's own agents'.
        BadInputError: The name, tenant, a role or the token's id cannot be used.
    """
    return _of_tenant(PrincipalKind.PERSON, tenant, name, roles, token_id)


def service(tenant: str, name: str, *, roles: Sequence[str] = (), token_id: str = "") -> Scope:
    """Return the scope of a tenant's program that was identified.

    Raises:
        RejectedError: The name is one of the stack's own agents'.
        BadInputError: The name, tenant, a role or the token's id cannot be used.
    """
    return _of_tenant(PrincipalKind.SERVICE, tenant, name, roles, token_id)


def agent(tenant: str, name: str, *, sent_by: Principal | None = None) -> Scope:
    """Return an agent's scope in one tenant.

    Args:
        tenant: Whose records it works on.
        name: Its name, ``"mumetal.triage"``.
        sent_by: Who asked for it; None when it acts by itself.

    Raises:
        RejectedError: The name is no agent's.
        BadInputError: ``sent_by`` belongs to another tenant, or was sent itself.
    """
    return Scope(tenant=tenant, principal=_agent(name, sent_by))


def whole_stack(name: str) -> Scope:
    """Return an agent's scope over the whole stack.

    Raises:
        RejectedError: The name is no agent's.
    """
    return Scope(tenant=WHOLE_STACK, principal=_agent(name, None))


def _agent(name: str, sent_by: Principal | None) -> Principal:
    if not name.startswith(AGENTS):
        raise RejectedError("this is no agent of the stack", where=name[:80], hint=f"their names begin with {AGENTS}")
    return Principal(kind=PrincipalKind.AGENT, tenant=WHOLE_STACK, name=name, on_behalf_of=sent_by)


def _of_tenant(kind: PrincipalKind, tenant: str, name: str, roles: Sequence[str], token_id: str) -> Scope:
    if name.startswith(AGENTS):
        raise RejectedError(
            f"a {kind} may not be called like an agent of the stack", where=name[:80], hint="use another name"
        )
    who = Principal(kind=kind, tenant=tenant, name=name, roles=tuple(roles), token_id=token_id)
    return Scope(tenant=tenant, principal=who)
