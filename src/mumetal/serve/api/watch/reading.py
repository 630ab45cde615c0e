"""The reading routes of the API, and the one that changes an incident."""

from typing import Annotated

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from mumetal.app.desk import Change, Desk
from mumetal.core.errors import BadInputError, MissingError
from mumetal.core.incident import IncidentState, Label
from mumetal.core.ports import Truth
from mumetal.serve.api.body import read_body
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.watch.live import LiveDoor
from mumetal.serve.api.wire import (
    EventOut,
    FindingOut,
    HealthOut,
    IncidentOut,
    OverviewOut,
    QuarantinedOut,
    SeriesOut,
    StateOut,
    TruthOut,
    series_out,
)

MAX_CHANGE_BYTES = 16_384
DEFAULT_SPAN_NS = 600 * 10**9
Limit = Annotated[int, Query(ge=1, le=1_000)]
Moment = Annotated[int, Query(ge=0, lt=2**63)]  # nanoseconds since 1970 UTC; 0 where it is not given


class ChangeIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person does to an incident."""

    state: IncidentState | None = None
    owner: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    label: Label | None = None
    note: Annotated[str, msgspec.Meta(max_length=1_000)] = ""

    def change(self) -> Change:
        """Return it as the desk takes it."""
        return Change(state=self.state, owner=self.owner, label=self.label, note=self.note)


def incident_or_missing(desk: Desk, tenant: str, incident_id: str) -> None:
    """Check that the tenant has this incident.

    Raises:
        MissingError: It has not.
    """
    try:
        desk.incident(tenant, incident_id)
    except BadInputError as error:
        raise MissingError(error.message, where=error.where, hint=error.hint) from None


def truth_of(desk: Desk, tenant: str) -> list[Truth]:
    """Return what the twin did to devices this tenant has streams of; the port's own answer names no tenant."""
    known = desk.truth()
    mine = {health.device for health in desk.overview(tenant).streams} if known else set()
    return [truth for truth in known if truth.device in mine]


def span(desk: Desk, tenant: str, start_ns: int, stop_ns: int) -> tuple[int, int]:
    """Fill in a range of time: until now, and ten minutes long, where it is not given.

    Raises:
        BadInputError: It ends before it starts.
    """
    stop = stop_ns or desk.overview(tenant).now_ns + 1
    start = start_ns or stop - DEFAULT_SPAN_NS
    if stop < start:
        raise BadInputError("the range ends before it starts", where="start_ns, stop_ns")
    return start, stop


def reading_router(desk: Desk, live: LiveDoor) -> APIRouter:
    """Return the routes over ``desk``; live streams come from ``live``."""
    router = APIRouter(prefix="/api/v1")
    _fleet_routes(router, desk)
    _incident_routes(router, desk)
    _device_routes(router, desk, live)
    return router


def _fleet_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/healthz", tags=["fleet"])
    def healthz() -> HealthOut:
        """Say that the server serves, and nothing else: anybody on this machine may ask."""
        return HealthOut(status="ok")

    @router.get("/overview", tags=["fleet"])
    def overview(request: Request) -> OverviewOut:
        """Return the fleet in one glance."""
        return OverviewOut.model_validate(desk.overview(caller_of(request).tenant))

    @router.get("/quarantine", tags=["fleet"])
    def quarantine(request: Request, limit: Limit = 100) -> list[QuarantinedOut]:
        """Return refused input, newest first."""
        return [QuarantinedOut.model_validate(q) for q in desk.quarantine(caller_of(request).tenant, limit)]

    @router.get("/truth", tags=["fleet"])
    def truth(request: Request) -> list[TruthOut]:
        """Return what the twin really did; empty when no twin runs."""
        return [TruthOut.model_validate(t) for t in truth_of(desk, caller_of(request).tenant)]


def _incident_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/incidents", tags=["incidents"])
    def incidents(request: Request, state: IncidentState | None = None, limit: Limit = 100) -> list[IncidentOut]:
        """Return incidents, highest priority first."""
        found = desk.incidents(caller_of(request).tenant, state, limit)
        return [IncidentOut.model_validate(i) for i in found]

    @router.get("/incidents/{incident_id}", tags=["incidents"])
    def incident(request: Request, incident_id: str) -> IncidentOut:
        """Return one incident."""
        tenant = caller_of(request).tenant
        incident_or_missing(desk, tenant, incident_id)
        return IncidentOut.model_validate(desk.incident(tenant, incident_id))

    @router.get("/incidents/{incident_id}/findings", tags=["incidents"])
    def findings(request: Request, incident_id: str, limit: Limit = 100) -> list[FindingOut]:
        """Return an incident's findings, in order of arrival."""
        tenant = caller_of(request).tenant
        incident_or_missing(desk, tenant, incident_id)
        ids = desk.incident(tenant, incident_id).findings[:limit]
        return [FindingOut.model_validate(f) for f in desk.findings(tenant, ids)]

    schema = {"requestBody": {"required": True, "content": {"application/json": {"schema": _change_schema()}}}}

    @router.post("/incidents/{incident_id}/change", tags=["incidents"], openapi_extra=schema)
    async def change(request: Request, incident_id: str) -> IncidentOut:
        """Change state, owner or label; authorised, written to the ledger, then done."""
        caller = caller_of(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise BadInputError("a change is application/json", where="Content-Type")
        body = await read_body(request, MAX_CHANGE_BYTES)
        try:
            wanted = msgspec.json.decode(body, type=ChangeIn)
        except msgspec.DecodeError as error:
            raise BadInputError(str(error), where="body", hint="fields: state, owner, label, note") from None

        def act() -> IncidentOut:
            incident_or_missing(desk, caller.tenant, incident_id)
            return IncidentOut.model_validate(desk.change(caller.scope, incident_id, wanted.change()))

        return await to_thread.run_sync(act)


def _change_schema() -> dict[str, object]:
    properties: dict[str, object] = {
        "state": {"type": "string", "enum": [state.value for state in IncidentState]},
        "label": {"type": "string", "enum": [label.value for label in Label]},
        "owner": {"type": "string", "maxLength": 200},
        "note": {"type": "string", "maxLength": 1_000},
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _device_routes(router: APIRouter, desk: Desk, live: LiveDoor) -> None:
    @router.get("/devices/{device}/streams/{stream}/series", tags=["devices"])
    def series(
        request: Request,
        device: str,
        stream: str,
        start_ns: Moment = 0,
        stop_ns: Moment = 0,
        points: Annotated[int, Query(ge=2, le=20_000)] = 2_000,
        channel: Annotated[list[str] | None, Query(max_length=64)] = None,
    ) -> list[SeriesOut]:
        """Return samples thinned to about ``points`` rows, keeping extremes; one entry per epoch."""
        tenant = caller_of(request).tenant
        start, stop = span(desk, tenant, start_ns, stop_ns)
        found = desk.series(tenant, device, stream, start, stop, points)
        return [out for s in found if (out := series_out(s, channel or ())).channels]

    @router.get("/devices/{device}/events", tags=["devices"])
    def events(
        request: Request, device: str, start_ns: Moment = 0, stop_ns: Moment = 0, limit: Limit = 200
    ) -> list[EventOut]:
        """Return a device's events in order of time."""
        tenant = caller_of(request).tenant
        start, stop = span(desk, tenant, start_ns, stop_ns)
        return [EventOut.model_validate(e) for e in desk.events(tenant, device, start, stop, limit)]

    @router.get("/devices/{device}/states", tags=["devices"])
    def states(request: Request, device: str) -> list[StateOut]:
        """What a device has been doing, oldest first; the last of them holds."""
        return [StateOut.model_validate(s) for s in desk.states(caller_of(request).tenant, device)]

    @router.get("/devices/{device}/live", tags=["devices"])
    def follow(request: Request, device: str, stream: str = "") -> StreamingResponse:
        """Follow a device: server-sent events named ``samples``, until the reader goes."""
        return live.answer(request, desk.live(caller_of(request).tenant, device), stream)
