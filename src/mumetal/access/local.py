"""One person at one machine: the simplest honest answer to "may they?"."""

import hmac
import os
import pwd
from collections.abc import Collection, Mapping

from mumetal.core import check
from mumetal.core.identity import WHOLE_STACK, Principal, PrincipalKind
from mumetal.core.ports import Decision, DeniedError, Request

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
VERSION = "2"  # of the rules in this module


class LocalOperator:
    """Permits the listed actions to one principal on one tenant, and nothing else.

    Who the principal *is* must have been established before (the operating system's user, a session): this only
    decides. Default deny; anything that goes wrong while deciding is a deny too.

    Args:
        principal: The operator's name.
        tenant: The tenant they work for.
        actions: What they may do; exact verbs, no patterns.
        agents: Mumetal's own agents and the verbs each may do by itself, for any tenant.
        certificate: Common name of a certificate that stands for the operator too; empty for none.
    """

    def __init__(
        self,
        principal: str,
        tenant: str,
        actions: Collection[str] = OPERATOR_ACTIONS,
        agents: Mapping[str, Collection[str]] | None = None,
        certificate: str = "",
    ) -> None:
        check.name(principal, "principal")
        check.name(tenant, "tenant")
        self._names = (principal, certificate) if certificate else (principal,)
        self._tenant, self._actions = tenant, frozenset(actions)
        self._agents = {name: frozenset(verbs) for name, verbs in (agents or {}).items()}

    def authorize(self, request: Request) -> Decision:
        """Return the decision that permits.

        Who was sent by somebody may do what both may: the agent by its verbs, the sender by theirs.

        Raises:
            DeniedError: Not allowed, or the decision failed; does not tell which part of the request was wrong.
        """
        try:
            who = request.principal
            asks = who.on_behalf_of or who
            policies = []
            ours = who.tenant in {WHOLE_STACK, request.tenant}
            if ours and who.kind is PrincipalKind.AGENT and request.action in self._agents.get(who.name, ()):
                policies.append("access.local.agent")
            if asks.kind is PrincipalKind.PERSON and self._may(asks, request):
                policies.append("access.local.operator")
            allowed = len(policies) == (1 if asks is who else 2)
            decision = Decision(request=request, permitted=allowed, policies=tuple(policies), version=VERSION)
        except Exception as error:
            raise DeniedError("denied: the decision failed", where="access.local") from error
        if not decision.permitted:
            raise DeniedError("denied: the local operator may not do this", decision, where="access.local")
        return decision

    def _may(self, who: Principal, request: Request) -> bool:
        return (
            hmac.compare_digest(request.tenant.encode(), self._tenant.encode())
            and hmac.compare_digest(who.tenant.encode(), self._tenant.encode())
            and any(hmac.compare_digest(who.name.encode(), name.encode()) for name in self._names)
            and request.action in self._actions
        )


def os_user() -> str:
    """Return the operating system's name for whoever runs this process."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid{os.geteuid()}"
