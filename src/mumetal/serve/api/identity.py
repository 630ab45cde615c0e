"""Who calls: the subject of a client certificate, or on loopback whoever a session or a token names.

1. A server that checks certificates puts the subject of each connection on it, and nothing else counts there.
2. On loopback a request comes with a token (``Authorization: Bearer``) or with the cookie of a session.
3. Nobody else gets further than :data:`OPEN`: the page that says how to sign in, its style, and whether the server lives.
4. The senders' token opens :data:`FOR_SENDERS` and nothing else.
5. What was being answered when its session ends, ends too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.x509 import Certificate, ObjectIdentifier
from cryptography.x509.oid import NameOID
from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mumetal.access.api import Known, Sessions, person_scope, service_scope
from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.identity import Caller
from mumetal.core.logs import RoomLogger

PEER = "mumetal_peer"
SIGN_IN = "/sign-in"
OPEN = frozenset({SIGN_IN, "/api/v1/healthz"})
OPEN_UNDER = (f"{SIGN_IN}/", "/static/")
FOR_SENDERS = frozenset({"/api/v1/push/columnar", "/api/v1/push/arrow"})
_log = RoomLogger("serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The far end of a connection.

    Args:
        name: Common name of the client certificate; on loopback the operating system's name of the operator.
        organisation: Organisation of the client certificate; empty on loopback.
        verified: Whether a certificate was checked.
        token_id: What it came with on loopback, never the secret of it.
        service: Whether it is a program that sends rows.
    """

    name: str
    organisation: str = ""
    verified: bool = False
    token_id: str = ""
    service: bool = False


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


def peer_of_certificate(certificate: Certificate | None) -> Peer | None:
    """Return the peer of a certificate; None without one common name: of two, nobody can say which is meant."""
    if certificate is None:
        return None
    name, organisation = (_only(certificate, oid) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME))
    return Peer(name=name[:200], organisation=organisation, verified=True) if name else None


def _only(certificate: Certificate, oid: ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if len(found) == 1 else ""


def caller_of(request: Request) -> Caller:
    """Return who calls.

    Raises:
        RejectedError: Nobody was identified, or who was maps to no tenant, or poses as an agent.
    """
    peer: Peer | None = request.scope.get("state", {}).get(PEER)
    if peer is None:
        raise _uncertified()
    tenant_of: TenantOf = request.app.state.tenant_of
    made = service_scope if peer.service else person_scope
    scope = made(tenant_of(peer), peer.name, token_id=peer.token_id)
    return Caller(actor=peer.name, tenant=scope.tenant, scope=scope)


def _uncertified() -> RejectedError:
    return RejectedError("no client certificate was presented", hint="connect with a certificate of client_ca")


def cookie_name(scope: Scope) -> str:
    """Return the name of the session's cookie: browsers keep one jar for all ports of a host."""
    return f"mumetal-session-{(scope.get('server') or ('', 0))[1]}"


def session_of(scope: Scope) -> str:
    """Return the secret of the session that a request came with; empty for none."""
    return cookie_parser(Headers(scope=scope).get("cookie", "")).get(cookie_name(scope), "")


class Identify:
    """ASGI layer around the application that knows who calls, and lets nobody else in.

    Args:
        app: The application.
        sessions: Those of loopback; None where connections carry certificates.
        stranger: Makes the answer to somebody who is not known.
        refuse: Makes the answer to somebody who may not.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        sessions: Sessions | None,
        stranger: Callable[[Request], Response],
        refuse: Callable[[Request, RejectedError], Response],
    ) -> None:
        self._app, self._sessions = app, sessions
        self._stranger, self._refuse = stranger, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note who calls and pass the request on, or answer it here."""
        if scope["type"] != "http":
            raise RejectedError("only HTTP is spoken here")
        state = scope.setdefault("state", {})
        known = None if self._sessions is None or PEER in state else self._known(self._sessions, scope)
        if known is not None:
            state[PEER] = Peer(name=known.name, token_id=known.token_id, service=known.sends_only)
        path, request = scope["path"], Request(scope)
        if PEER not in state and path not in OPEN and not path.startswith(OPEN_UNDER):
            answer = self._stranger(request) if self._sessions else self._refuse(request, _uncertified())
            await answer(scope, receive, send)
        elif known is not None and known.sends_only and path not in FOR_SENDERS:
            error = RejectedError("the senders' token opens the push door for rows only", where="Authorization")
            await self._refuse(request, error)(scope, receive, send)
        elif known is not None and known.session and self._sessions is not None:
            await self._app(scope, receive, _while(self._sessions, session_of(scope), send))
        else:
            await self._app(scope, receive, send)

    @staticmethod
    def _known(sessions: Sessions, scope: Scope) -> Known | None:
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if not kind:
            secret = session_of(scope)
            return sessions.of_session(secret) if secret else None
        known = sessions.of_token(token.strip()) if kind.lower() == "bearer" else None
        if known is None:
            _log.warning("access.refused", what="token")
        return known


def _while(sessions: Sessions, secret: str, send: Send) -> Send:
    """Return a ``send`` that ends the answer when the session has ended."""
    ended = False

    async def send_while(message: Message) -> None:
        nonlocal ended
        if ended:
            return
        if message.get("more_body") and sessions.of_session(secret) is None:
            ended, message = True, {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return send_while
