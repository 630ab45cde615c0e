"""One person at one machine: the simplest honest answer to "may they?"."""

import hmac
import os
import pwd
from collections.abc import Collection, Mapping

from mumetal.core import check
from mumetal.core.errors import RejectedError
from mumetal.core.ports import Permit, Request

OPERATOR_ACTIONS = frozenset(
    {
        "incident.read",
        "incident.change",
        "series.read",
        "event.read",
        "quarantine.read",
        "ledger.read",
        "delivery.push",
    }
)


class LocalOperator:
    """Permits the listed actions to one principal on one tenant, and nothing else.

    Who the principal *is* must have been established before (the operating system's user, a session): this only
    decides. Default deny; anything that goes wrong while deciding is a deny too.

    Args:
        principal: The operator's name.
        tenant: The tenant they work for.
        actions: What they may do; exact verbs, no patterns.
        agents: Mumetal's own agents and the verbs each may do by itself, for any tenant.
    """

    def __init__(
        self,
        principal: str,
        tenant: str,
        actions: Collection[str] = OPERATOR_ACTIONS,
        agents: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        check.name(principal, "principal")
        check.name(tenant, "tenant")
        self._principal, self._tenant, self._actions = principal, tenant, frozenset(actions)
        self._agents = {name: frozenset(verbs) for name, verbs in (agents or {}).items()}

    def authorize(self, request: Request) -> Permit:
        """Return a permit.

        Raises:
            RejectedError: Not allowed, or the decision failed; does not tell which part of the request was wrong.
        """
        try:
            allowed = (
                hmac.compare_digest(request.tenant.encode(), self._tenant.encode())
                and hmac.compare_digest(request.principal.encode(), self._principal.encode())
                and request.action in self._actions
                and 0 < len(request.resource) <= 4_096
            )
        except Exception as error:
            raise RejectedError("denied: the decision failed", where="access.local") from error
        if request.action in self._agents.get(request.principal, ()) and request.resource:
            return Permit(policy="access.local.agent", policy_version="1")
        if allowed is not True:
            raise RejectedError("denied: the local operator may not do this", where="access.local")
        return Permit(policy="access.local.operator", policy_version="1")


def os_user() -> str:
    """Return the operating system's name for whoever runs this process."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid{os.geteuid()}"
