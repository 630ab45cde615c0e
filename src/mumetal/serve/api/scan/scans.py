"""The scan's routes: a report comes in, findings are read."""

from collections.abc import Sequence
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from mumetal.app.scans import Scans
from mumetal.core.errors import BadInputError, MissingError
from mumetal.core.finding import Severity
from mumetal.core.identity import Scope
from mumetal.core.sighting import Choice, Sighting
from mumetal.scan.api import decode_report
from mumetal.serve.api.body import BodyRoom
from mumetal.serve.api.identity import caller_of
from mumetal.serve.faces import Faces

Limit = Annotated[int, Query(ge=1, le=1_000)]
Text = Annotated[str, Query(max_length=400)]


class FiledOut(BaseModel):
    """What came of a report."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    new: int
    known: int
    closed: int
    back: int
    incidents: list[str]


class SightingOut(BaseModel):
    """One finding of a scan; its excerpt is masked."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    finding_id: str
    incident_id: str
    target: str
    mode: str
    fingerprint: str
    rule: str
    title: str
    severity: Severity
    confidence: float
    path: str
    line: int
    excerpt: str
    digest: str
    secret: str
    detail: str
    remedy: str
    techniques: list[str]
    first_ns: int
    last_ns: int
    closed_ns: int
    reason: str


def choice_of(target: str, rule: str, path: str, severity: str, closed: bool) -> Choice:
    """Return what is asked for.

    Raises:
        BadInputError: The severity is none.
    """
    name = severity.upper() or "UNKNOWN"
    if name not in Severity.__members__:
        raise BadInputError(f"{severity[:40]!r} is no severity", where="severity")
    return Choice(target=target, rule=rule, path=path, least=Severity[name], closed=None if closed else False)


def sighting_of(scans: Scans | None, scope: Scope, finding_id: str) -> Sighting:
    """Return one of the tenant's sightings.

    Raises:
        MissingError: There is none of that id.
    """
    try:
        return opened(scans).rows.get(scope, finding_id)
    except BadInputError as error:
        raise MissingError(error.message, where=error.where, hint=error.hint) from None


def opened(scans: Scans | None) -> Scans:
    """Return the scans.

    Raises:
        MissingError: None are kept here.
    """
    if scans is None:
        raise MissingError("no scans are kept here", hint="start with `mumetal up`")
    return scans


def scans_router(scans: Scans | None, *, max_body: int) -> APIRouter:
    """Return the routes; a report has at most ``max_body`` bytes."""
    router = APIRouter(prefix="/api/v1", tags=["scans"])
    room = BodyRoom(max_body, 1)  # reports are filed one at a time
    schema = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}

    @router.post("/push/scan", openapi_extra=schema)
    async def push(request: Request) -> FiledOut:
        """Take what `mumetal scan --json` wrote; answers once it is filed."""
        caller = caller_of(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise BadInputError("a report is application/json", where="Content-Type")
        async with room.body(request, (caller.tenant, caller.actor)) as body:

            def act() -> FiledOut:
                filed = opened(scans).filing.file(decode_report(body, "body"), caller.scope)
                return FiledOut.model_validate(filed)

            return await to_thread.run_sync(act)

    @router.get("/scans/findings")
    def findings(
        request: Request,
        target: Text = "",
        rule: Text = "",
        path: Text = "",
        severity: Text = "",
        *,
        closed: bool = False,
        limit: Limit = 200,
    ) -> list[SightingOut]:
        """Return what scans found, what stands first, then the gravest."""
        chosen = choice_of(target, rule, path, severity, closed)
        found = opened(scans).rows.listed(caller_of(request).scope, chosen, limit)
        return [SightingOut.model_validate(s, from_attributes=True) for s in found]

    @router.get("/scans/findings/{finding_id}")
    def finding(request: Request, finding_id: str) -> SightingOut:
        """Return one finding of a scan."""
        return SightingOut.model_validate(
            sighting_of(scans, caller_of(request).scope, finding_id), from_attributes=True
        )

    return router


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    return (scans_router(faces.scans, max_body=faces.max_body),)
