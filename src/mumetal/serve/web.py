"""Puts the web half together: guard, errors, API, push door and pages over one desk."""

import threading
from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mumetal import __version__
from mumetal.access.api import Sessions, new_tokens, os_user
from mumetal.app.desk import Desk
from mumetal.app.models.live import LiveModels
from mumetal.app.opened import named
from mumetal.app.parts import own_parts
from mumetal.app.scans import Scans
from mumetal.app.settings import ServeSettings
from mumetal.app.verbs import VerbDesk
from mumetal.core.clock import SystemClock
from mumetal.core.errors import BadInputError, MumetalError, UnavailableError
from mumetal.core.part import Part, Running, looked_up
from mumetal.core.ports import Ledger
from mumetal.serve.api.acts import acts_router
from mumetal.serve.api.guard import HEADERS, Guard, is_loopback
from mumetal.serve.api.identity import Identify, TenantOf, caller_of, tenant_by_organisation
from mumetal.serve.api.problems import problem, problem_of
from mumetal.serve.api.request_log import HEADER, REQUEST, RequestLog
from mumetal.serve.faces import Faces, Report
from mumetal.serve.pages.render import error_page, html, navigate, static_files
from mumetal.serve.pages.sign_in import sign_in_router, stranger_page
from mumetal.trust.api import AuditDesk, FirmwareBook


def create_app(
    desk: Desk,
    settings: ServeSettings,
    *,
    tenant_of: TenantOf = tenant_by_organisation,
    sessions: Sessions | None = None,
    ledger: Ledger | None = None,
    report: Report | None = None,
    scans: Scans | None = None,
    firmware: FirmwareBook | None = None,
    models: LiveModels | None = None,
    audit: AuditDesk | None = None,
    verbs: VerbDesk | None = None,
    running: Mapping[str, Running] | None = None,
    parts: Sequence[Part] | None = None,
) -> FastAPI:
    """Return the application.

    Args:
        desk: The running stack.
        settings: Where it will listen and what it takes.
        tenant_of: Tenant of a peer; raises RejectedError for one that has none.
        sessions: Who may come over loopback; those of tokens that are in no file where none are given.
        ledger: Where ``ledger:`` evidence is opened; without it such evidence is shown as a pointer only.
        report: Draft report of (tenant, incident id), in Markdown; without it pages offer none.
        models: The models that have pages, and the way to change them; without it the page says how to start.
        scans: Where reports of scans are filed; without it the page says how to make one.
        firmware: Book of the boards' firmware; without it the page says how to start one.
        audit: What the audit pages read; without it there are none.
        verbs: What can be asked to be done; without it no act is taken.
        running: What runs of each part, by id.
        parts: Whose routes and pages there are; the package's own where none are given.
    """
    app = FastAPI(
        title="Mumetal", version=__version__, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None
    )
    if certified(settings):
        sessions = None
    elif sessions is None:
        sessions = Sessions(os_user(), new_tokens(), SystemClock())
    app.state.sessions = sessions
    app.state.tenant_of = tenant_of
    app.state.stopping = threading.Event()
    shown = own_parts() if parts is None else tuple(parts)
    faces = Faces(
        desk=desk,
        settings=settings,
        stopping=app.state.stopping,
        caller=caller_of,
        render=html,
        ledger=ledger,
        report=report,
        scans=scans,
        firmware=firmware,
        models=models,
        audit=audit,
        verbs=verbs,
        running=running or {},
    )
    for part in shown:
        with named(part):
            _include(app, part, faces)
    app.include_router(acts_router(verbs))
    if sessions is not None:
        app.include_router(sign_in_router(sessions))
    navigate((page for part in shown for page in part.pages), signs_out=sessions is not None)
    app.mount("/static", static_files(), name="static")
    _answer_errors(app)
    app.add_middleware(Identify, sessions=sessions, stranger=_stranger, refuse=_refuse)
    app.add_middleware(Guard, any_host=not is_loopback(settings.host), refuse=_refuse)
    app.add_middleware(RequestLog)
    return app


def certified(settings: ServeSettings) -> bool:
    """Whether certificates say who calls; sessions and tokens do where there are none."""
    return bool(settings.tls_certificate) or not is_loopback(settings.host)


def _stranger(request: Request) -> Response:
    hint = "sign in with `mumetal link`, or send the token of a file as `Authorization: Bearer`"
    answer = problem_of(401, detail="nobody was identified", hint=hint)
    if not request.url.path.startswith("/api/"):
        answer = stranger_page(401)
        answer.headers["HX-Refresh"] = "true"  # a part of a page that asks for itself shows the page that helps
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _include(app: FastAPI, part: Part, faces: Faces) -> None:
    for place in part.routes:
        made = looked_up(place)
        assert callable(made)
        for router in made(faces):
            app.include_router(router)


def _refuse(request: Request, error: MumetalError) -> Response:
    return problem(error) if request.url.path.startswith("/api/") else error_page(request, problem(error), error)


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(MumetalError)
    def of_ours(request: Request, error: MumetalError) -> Response:
        return _refuse(request, error)

    @app.exception_handler(RequestValidationError)
    def of_parameters(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0] if error.errors() else {}
        where = ".".join(str(part) for part in first.get("loc", ()))
        return _refuse(request, BadInputError(str(first.get("msg", "the request cannot be read")), where=where))

    @app.exception_handler(Exception)
    def of_surprises(request: Request, _error: Exception) -> Response:
        # answered outside the guard, so the headers are put on here; the server logs the error itself
        answer = problem_of(500, detail="something broke here", hint="the server's log says what")
        if not request.url.path.startswith("/api/"):
            broken = UnavailableError("something broke here", hint="the server's log says what")
            answer = error_page(request, answer, broken)
        answer.headers.update(HEADERS | {HEADER: str(request.scope.get(REQUEST, "-"))})
        return answer

    @app.exception_handler(HTTPException)
    def of_paths(request: Request, error: HTTPException) -> Response:
        allowed = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        if request.method == "OPTIONS" and allowed:
            return Response(status_code=204, headers=allowed)
        answer = problem_of(error.status_code, detail=str(error.detail))
        answer.headers.update(allowed)
        if request.url.path.startswith("/api/"):
            return answer
        return error_page(request, answer, BadInputError("there is no such page", hint="start from the overview"))
