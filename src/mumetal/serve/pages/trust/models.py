"""The models' pages: which version of each is active, how it fares, what it came from, and the way forward and back.

What a page does, the lifecycle does: permitted by the stack's one authorizer as the person at the other end of the
connection, entered in the ledger, then done. On loopback that is the operator; off loopback only whom the policy names.
"""

from collections.abc import Sequence
from urllib.parse import parse_qs

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from mumetal.app.desk import Desk
from mumetal.app.models.live import LiveModels
from mumetal.core import LOCAL
from mumetal.core.errors import BadInputError, MissingError
from mumetal.core.identity import Caller
from mumetal.serve.api.body import read_body
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.watch.reading import truth_of
from mumetal.serve.faces import Faces
from mumetal.serve.pages.render import html
from mumetal.serve.pages.trust import model_views as views
from mumetal.trust.api import MODEL_NAME, ModelDesk, ModelState

SHOWN = 20
MAX_FORM_BYTES = 8_192
MAX_WHY = 400


def models_router(desk: Desk, models: LiveModels | None) -> APIRouter:
    """Return the routes; without a registry the page says how to start one."""
    router = APIRouter(include_in_schema=False)
    live = models if models is not None else LiveModels()

    def around(request: Request) -> dict[str, object]:
        tenant = caller_of(request).tenant
        return {"at": "models", "twin": bool(truth_of(desk, tenant)), "now_ns": desk.overview(tenant).now_ns}

    def mine(request: Request) -> ModelDesk | None:
        # the registry is the house's own: a tenant of a shared stack sees none of it
        return live.desk if caller_of(request).tenant == LOCAL else None

    def opened(request: Request, name: str) -> ModelDesk:
        found = mine(request)
        if found is None or not MODEL_NAME.fullmatch(name) or name not in found.registry.names():
            raise MissingError(f"there is no model {name[:80]!r}", hint="the models' page lists all")
        return found

    @router.get("/models")
    def listing(request: Request) -> Response:
        found = mine(request)
        lines = [views.line_of(found.registry, name, live) for name in found.registry.names()] if found else []
        problems = live.problems if caller_of(request).tenant == LOCAL else ()
        return html("models.html", {**around(request), "lines": lines, "problems": problems})

    @router.get("/models/{name}")
    def model(request: Request, name: str) -> Response:
        unit = opened(request, name)
        registry = unit.registry
        record = registry.record(name)
        versions = [views.shown_of(unit, record, v) for v in record.versions[::-1][:SHOWN]]
        chosen = next((v for v in versions if v.version.state is ModelState.ACTIVE), versions[0])
        words, ails = views.health_of(live.looks(name), chosen.version.version)
        values = {
            "name": name,
            "record": record,
            "versions": versions,
            "chosen": chosen,
            "picture": views.lineage(registry, record, chosen),
            "looks": live.looks(name),
            "health": words if chosen.version.state is ModelState.ACTIVE else "nothing is active",
            "ails": ails,
            "unscored": live.unscored(name),
            "back_ns": int(record.back.t_ns) if record.back else 0,
        }
        return html("model.html", {**around(request), **values})

    @router.post("/models/{name}/act")
    async def act(request: Request, name: str) -> Response:
        caller = caller_of(request)
        form = form_of(await read_body(request, MAX_FORM_BYTES))

        def done() -> Response:
            act_on(opened(request, name), caller, name, form)
            live.refresh()
            return RedirectResponse(f"/models/{name}", status_code=303)

        return await to_thread.run_sync(done)

    return router


def form_of(body: bytes) -> dict[str, str]:
    """Return a form's fields.

    Raises:
        BadInputError: Not a form, or a text that is too long.
    """
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=8)
    except ValueError as error:
        raise BadInputError(str(error), where="form") from None
    form = {key: found[-1].strip() for key, found in fields.items()}
    if len(form.get("why", "")) > MAX_WHY or len(form.get("version", "")) > 64:
        raise BadInputError("the text is too long", where="why", hint=f"{MAX_WHY} characters at most")
    return form


def act_on(desk: ModelDesk, caller: Caller, name: str, form: dict[str, str]) -> None:
    """Do what a form asks for, as the caller.

    Raises:
        BadInputError: There is no such act, or the reason is missing.
        RejectedError: The caller may not, or approvals are missing.
    """
    verb, version, why = form.get("act", ""), form.get("version", ""), form.get("why", "")
    if verb in {"rollback", "undo", "retire"} and not why:
        raise BadInputError("say why: the reason goes into the ledger", where="why", hint="go back and fill it in")
    act, who = desk.lifecycle, caller.scope.principal
    match verb:
        case "answer":
            act.answer(who, name, version, why)
        case "approve":
            act.approve(who, name, version)
        case "promote":
            act.promote(who, name, version)
        case "rollback":
            act.roll_back(who, name, why)
        case "undo":
            act.undo(who, name, why)
        case "retire":
            act.retire(who, name, version, why)
        case _:
            raise BadInputError(f"there is no such act: {verb[:40]!r}", where="act")


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    return (models_router(faces.desk, faces.models),)
