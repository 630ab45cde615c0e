"""What every request must pass before anything reads it, and the headers every answer carries.

1. The ``Host`` header names this server (against DNS rebinding), on loopback.
2. A request that another site started is refused: a reader who followed a link gets a page that leads on.
3. A request that changes something comes from this very origin, or from no browser at all.
4. Every answer says what it may load, that it may not be framed, and that its type is what it says.
5. ``HEAD`` is answered like ``GET``, without the body.
"""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mumetal.core.errors import MumetalError, RejectedError
from mumetal.serve.api.identity import SIGN_IN

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not "no-referrer": with it browsers send "Origin: null" with forms, and rule 3 could not hold
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
READING = frozenset({"GET", "HEAD", "OPTIONS"})
ErrorPage = Callable[[Request, MumetalError], Response]


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_of(authority: str) -> str:
    try:
        return (urlsplit(f"//{authority}").hostname or "").lower()
    except ValueError:
        return ""


def check_request(method: str, scheme: str, headers: Headers, *, any_host: bool) -> None:
    """Check a request by rules 1 to 3 of this module.

    Args:
        method: HTTP method.
        scheme: ``"http"`` or ``"https"``.
        headers: The request's headers.
        any_host: True where the server's certificate binds the name already.

    Raises:
        RejectedError: One of them does not hold; says which.
    """
    authority = headers.get("host", "")
    if not any_host and not is_loopback(_host_of(authority)):
        raise RejectedError("this name does not belong to this server", where="Host", hint="use 127.0.0.1 or localhost")
    site = headers.get("sec-fetch-site", "none")
    if site not in {"same-origin", "none"}:
        raise RejectedError("another site started this request", where="Sec-Fetch-Site")
    if method in READING:
        return
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"{scheme}://{authority}".lower():
        raise RejectedError("another origin started this request", where="Origin")


class Guard:
    """ASGI layer around the application that enforces this module's rules.

    Args:
        app: The application.
        any_host: Whether rule 1 is left to the certificate.
        refuse: Makes the answer to a refused request.
    """

    def __init__(self, app: ASGIApp, *, any_host: bool, refuse: ErrorPage) -> None:
        self._app = app
        self._any_host = any_host
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        bare = scope["method"] == "HEAD" and not scope["path"].startswith(f"{SIGN_IN}/")  # a link is used once
        if bare:
            scope = {**scope, "method": "GET"}

        async def send_with_headers(message: Message) -> None:
            if bare and message["type"] == "http.response.body":
                message = {**message, "body": b"", "more_body": False}
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for key, value in HEADERS.items():
                    headers.setdefault(key, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            check_request(scope["method"], scope["scheme"], Headers(scope=scope), any_host=self._any_host)
        except RejectedError as error:
            await self._refuse(Request(scope), error)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
