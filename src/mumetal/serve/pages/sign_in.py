"""How a browser gets a session on loopback: a link that works once, a page for those who have none, a way out."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from mumetal.access.api import LINK_S, SESSION_S, Sessions
from mumetal.core.errors import RejectedError
from mumetal.core.logs import RoomLogger
from mumetal.serve.api.identity import SIGN_IN, cookie_name, session_of
from mumetal.serve.pages.render import html

_log = RoomLogger("serve")


class LinkOut(BaseModel):
    """A link that opens one session.

    Args:
        path: Its path, the secret in it.
        seconds: How long it works, s.
    """

    path: str
    seconds: float


def stranger_page(status: int, why: str = "") -> Response:
    """Return the page that says how to sign in.

    Args:
        status: 401 in place of what was asked for.
        why: What went wrong before.
    """
    return html("sign_in.html", {"why": why}, status)


def link_path(sessions: Sessions) -> str:
    """Return the path of a new link."""
    return f"{SIGN_IN}/{sessions.link()}"


def sign_in_router(sessions: Sessions) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get(SIGN_IN, include_in_schema=False)
    def page() -> Response:
        return stranger_page(200)

    @router.get(SIGN_IN + "/{secret}", include_in_schema=False)
    def enter(request: Request, secret: str) -> Response:
        try:
            session, known = sessions.enter(secret)
        except RejectedError as error:
            _log.warning("access.refused", what="link")
            return stranger_page(403, error.message)
        _log.info("session.opened", who=known.name, session=known.token_id)
        answer = RedirectResponse("/", status_code=303)  # at once: the address with the secret is nobody's to keep
        answer.set_cookie(
            cookie_name(request.scope), session, max_age=int(SESSION_S), path="/", httponly=True, samesite="strict"
        )
        return answer

    @router.post("/sign-out", include_in_schema=False)
    def leave(request: Request) -> Response:
        secret = session_of(request.scope)
        known = sessions.of_session(secret)
        sessions.leave(secret)
        if known is not None:
            _log.info("session.ended", who=known.name, session=known.token_id)
        answer = RedirectResponse(SIGN_IN, status_code=303)
        answer.delete_cookie(cookie_name(request.scope), path="/", httponly=True, samesite="strict")
        return answer

    @router.post("/api/v1/links", tags=["access"])
    def link(request: Request) -> LinkOut:
        """Make a link that opens one session; for whoever has the operator's token, so that no session prolongs itself."""
        if session_of(request.scope):
            raise RejectedError("a session makes no other", hint="`mumetal link` does")
        return LinkOut(path=link_path(sessions), seconds=LINK_S)

    return router
