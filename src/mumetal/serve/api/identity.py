"""Who calls: the one local operator on loopback, the subject of a client certificate elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from mumetal.access.api import person_scope
from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.identity import Caller

PEER = "mumetal_peer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The far end of a connection.

    Args:
        name: Common name of the client certificate; ``"operator"`` on loopback.
        organisation: Organisation of the client certificate; empty on loopback.
        verified: Whether a certificate was checked; False on loopback, where the machine's own user is trusted.
    """

    name: str = "operator"
    organisation: str = ""
    verified: bool = False


TenantOf = Callable[[Peer], str]


def tenant_by_organisation(peer: Peer) -> str:
    """Return the tenant: the certificate's organisation, or the one local tenant on loopback.

    Raises:
        RejectedError: The certificate names no organisation that could be a tenant.
    """
    if not peer.verified:
        return LOCAL
    try:
        check.name(peer.organisation, "tenant")
    except BadInputError:
        raise RejectedError(
            f"the certificate of {peer.name!r} names no tenant",
            hint="issue it with the tenant as its organisation (O)",
        ) from None
    return peer.organisation


def peer_of_certificate(certificate: dict[str, Any] | None) -> Peer | None:
    """Return the peer of a certificate as ``ssl.SSLSocket.getpeercert`` tells it; None without a common name."""
    if not certificate:
        return None
    subject = {key: value for part in certificate.get("subject", ()) for key, value in part}
    name = str(subject.get("commonName", ""))
    if not name:
        return None
    return Peer(name=name[:200], organisation=str(subject.get("organizationName", "")), verified=True)


def caller_of(request: Request) -> Caller:
    """Return who calls, by the connection it came over.

    Raises:
        RejectedError: The connection carries no identity although one is needed, maps to no tenant, or poses as an agent.
    """
    peer: Peer | None = request.scope.get("state", {}).get(PEER)
    if peer is None:
        if request.app.state.identity_required:
            raise RejectedError("no client certificate was presented", hint="connect with a certificate of client_ca")
        peer = Peer()
    tenant_of: TenantOf = request.app.state.tenant_of
    scope = person_scope(tenant_of(peer), peer.name)
    return Caller(actor=peer.name, tenant=scope.tenant, scope=scope)
