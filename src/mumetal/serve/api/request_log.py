"""Gives each request an id of ours and logs its answer: by route and who asked, never by path, query or header.

The id is made here and never taken from the client: what a stranger chose would stand in every line about the request.
"""

import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mumetal.core.logs import RoomLogger, log_context
from mumetal.serve.api.identity import PEER

HEADER = "X-Request-ID"
REQUEST = "mumetal.request"
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_log = RoomLogger("serve")


class RequestLog:
    """ASGI layer around everything else of the application.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under an id, which its answer carries too."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = scope[REQUEST] = secrets.token_hex(8)
        status, began = 0, time.monotonic()
        state = scope.setdefault("state", {})  # where a layer further in says who calls

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request
            await send(message)

        with log_context(request=request):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                _log.failure("http.error", error, method=_method(scope), route=_route(scope))
                raise
            finally:
                _log.debug(
                    "http.request",
                    method=_method(scope),
                    route=_route(scope),
                    status=status or 500,
                    who=state[PEER].name if PEER in state else "-",
                    duration_ms=round(1e3 * (time.monotonic() - began), 1),
                )


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    """Return the template of the route, such as ``/incidents/{incident_id}``; ``-`` where none took the request."""
    return str(getattr(scope.get("route"), "path", "-"))
