"""The pages' routes: each reads the desk, makes a view and renders it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated
from urllib.parse import parse_qs

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from mumetal.app.desk import Change, Desk, Overview
from mumetal.core.errors import BadInputError, MissingError
from mumetal.core.incident import IncidentState, Label
from mumetal.core.ports import Ledger
from mumetal.serve.api.body import read_body
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.watch.reading import incident_or_missing, truth_of
from mumetal.serve.faces import Faces
from mumetal.serve.pages.render import html
from mumetal.serve.pages.watch import views
from mumetal.serve.pages.watch.evidence import open_evidence
from mumetal.watch.api import MeasuredConditions, PowerBook, measure_conditions

MAX_FORM_BYTES = 16_384
DAY_NS = 86_400 * 10**9
LOOK_POINTS = (
    50_000  # rows of a short stretch that come unthinned: thinning keeps extremes, and noise would look larger
)
LASTING_S = (10.0, 60.0, 3_600.0, 86_400.0, 604_800.0)  # lengths of an attack that the power page offers
PLOT_NS = 120 * 10**9
Report = Callable[[str, str], str]


def pages_router(desk: Desk, *, ledger: Ledger | None, report: Report | None) -> APIRouter:
    """Return the routes of the pages over ``desk``."""
    router = APIRouter(include_in_schema=False)
    _overview(router, desk)
    _incident(router, desk, report)
    _device(router, desk)
    _power(router, desk)
    _rest(router, desk, ledger)
    return router


def _overview(router: APIRouter, desk: Desk) -> None:
    @router.get("/")
    def overview(request: Request, page: Annotated[int, Query(ge=1, le=1_000_000)] = 1) -> Response:
        tenant = caller_of(request).tenant
        now = desk.overview(tenant)
        incidents = desk.incidents(tenant, None, views.ROWS)
        values = {
            "at": "overview",
            "twin": bool(truth_of(desk, tenant)),
            "overview": now,
            "fleet": views.tiles(now, incidents, page),
            "most": views.STREAMS,
            "rows": views.rows(desk, tenant, incidents),
            "counts": views.counts(incidents),
            "empty": views.first_words(now, incidents),
        }
        return html("overview_live.html" if _is_refresh(request) else "overview.html", values)


def _is_refresh(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _incident(router: APIRouter, desk: Desk, report: Report | None) -> None:
    def values(tenant: str, incident_id: str) -> dict[str, object]:
        incident_or_missing(desk, tenant, incident_id)
        incident = desk.incident(tenant, incident_id)
        findings = desk.findings(tenant, incident.findings[: views.FINDINGS])
        now = desk.overview(tenant).now_ns
        around = max(PLOT_NS, 2 * (incident.stop_ns - incident.start_ns))
        return {
            "at": "incident",
            "twin": bool(truth_of(desk, tenant)),
            "now_ns": now,
            "incident": incident,
            "findings": views.finding_views(findings),
            "causes": views.considered(findings),
            "remedies": tuple(dict.fromkeys(f.remedy for f in findings if f.remedy)),
            "techniques": tuple(dict.fromkeys(t for f in findings for t in f.techniques)),
            "from_ns": incident.start_ns - around,
            "to_ns": incident.stop_ns + around,
            "labels": list(Label),
            "states": (IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED),
            "has_report": report is not None,
        }

    @router.get("/incidents/{incident_id}")
    def incident(request: Request, incident_id: str) -> Response:
        found = values(caller_of(request).tenant, incident_id)
        return html("incident_live.html" if _is_refresh(request) else "incident.html", found)

    @router.post("/incidents/{incident_id}/change")
    async def change(request: Request, incident_id: str) -> Response:
        caller = caller_of(request)
        wanted = change_of_form(await read_body(request, MAX_FORM_BYTES))

        def act() -> Response:
            incident_or_missing(desk, caller.tenant, incident_id)
            # the form always brings the owner's field along: an owner who stays is no change
            same = wanted.owner == desk.incident(caller.tenant, incident_id).owner
            desk.change(caller.scope, incident_id, replace(wanted, owner=None) if same else wanted)
            if _is_refresh(request):
                return html("incident_live.html", values(caller.tenant, incident_id))
            return RedirectResponse(request.url.path.removesuffix("/change"), status_code=303)

        return await to_thread.run_sync(act)

    @router.get("/incidents/{incident_id}/report.md")
    def draft(request: Request, incident_id: str) -> Response:
        tenant = caller_of(request).tenant
        incident_or_missing(desk, tenant, incident_id)
        if report is None:
            raise MissingError("no report writer is set up", where=incident_id)
        return PlainTextResponse(report(tenant, incident_id), media_type="text/markdown")


def change_of_form(body: bytes) -> Change:
    """Return the change a form asks for.

    Raises:
        BadInputError: A choice that does not exist, or a text that is too long.
    """
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=8)
    except ValueError as error:
        raise BadInputError(str(error), where="form") from None
    form = {key: found[-1] for key, found in fields.items()}
    owner, note = form.get("owner"), form.get("note", "")
    if len(owner or "") > 200 or len(note) > 1_000:
        raise BadInputError("the text is too long", where="owner, note", hint="200 and 1000 characters at most")
    try:
        return Change(
            state=IncidentState(form["state"]) if "state" in form else None,
            label=Label(form["label"]) if "label" in form else None,
            owner=owner,
            note=note,
        )
    except ValueError as error:
        raise BadInputError(str(error), where="form") from None


def _device(router: APIRouter, desk: Desk) -> None:
    @router.get("/devices/{device}")
    def device(request: Request, device: str, stream: str = "") -> Response:
        tenant = caller_of(request).tenant
        now = desk.overview(tenant)
        streams = [s for s in now.streams if s.device == device]
        if not streams:
            raise MissingError(f"there is no device {device[:80]!r}", hint="the overview lists all that sent data")
        tile = views.tile(device, streams, views.standing_of(device, desk.incidents(tenant, None, views.ROWS)))
        snapshots = desk.snapshots(tenant, device, 2)
        since_ns = now.now_ns - DAY_NS
        if snapshots and snapshots[-1].revision:  # commits come days apart
            since_ns = min(since_ns, snapshots[-1].t_ns - 30 * DAY_NS)
        chosen = next((s for s in tile.streams if s.stream == stream), None) or _liveliest(tile)
        values = {
            "at": "device",
            "twin": bool(truth_of(desk, tenant)),
            "now_ns": now.now_ns,
            "tile": tile,
            "stream": chosen,
            "states": list(desk.states(tenant, device))[-8:][::-1],
            "snapshot": snapshots[-1] if snapshots else None,
            "calibration": views.calibration(snapshots[-1]) if snapshots else (),
            "changed": views.changed(snapshots[-2], snapshots[-1]) if len(snapshots) > 1 else (),
            "events": list(desk.events(tenant, device, since_ns, now.now_ns + 1, 200))[::-1][:40],
            "incidents": [i for i in desk.incidents(tenant, None, views.ROWS) if i.device == device][:8],
        }
        return html("device_live.html" if _is_refresh(request) else "device.html", values)


def _power(router: APIRouter, desk: Desk) -> None:
    def measured(tenant: str) -> MeasuredConditions:
        return measure_conditions(
            [(s.device, s.stream, s.last_ns) for s in desk.overview(tenant).streams if s.last_ns],
            lambda device, stream, start, stop: desk.series(tenant, device, stream, start, stop, LOOK_POINTS),
            lambda device: desk.snapshots(tenant, device, 30),
            lambda device, start, stop: desk.events(tenant, device, start, stop, 20_000),
        )

    book = PowerBook(measured)

    @router.get("/power")
    def power(request: Request, lasting: Annotated[float, Query(ge=1, le=604_800)] = 3_600.0) -> Response:
        tenant = caller_of(request).tenant
        overview = desk.overview(tenant)
        budget, had = overview.alerts_per_week, book.had(tenant)
        entries = () if had is None else had.ledger(lasting_s=lasting, alerts_per_week=budget, codes=overview.codes)
        values = {
            "at": "power",
            "twin": bool(truth_of(desk, tenant)),
            "lasting": lasting,
            "lengths": LASTING_S,
            "budget": budget,
            "waiting": had is None,
            "seeing": [e for e in entries if not e.power.blind],
            "blind": [e for e in entries if e.power.blind],
        }
        return html("power.html", values)


def _liveliest(tile: views.DeviceTile) -> object:
    """Choose the stream to show first: the one that stands out most, then the fastest."""
    return max(tile.streams, key=lambda s: (s.score >= 0.5, s.rate_hz, s.stream))


def _rest(router: APIRouter, desk: Desk, ledger: Ledger | None) -> None:
    def now_of(tenant: str) -> Overview:
        return desk.overview(tenant)

    @router.get("/quarantine")
    def quarantine(request: Request) -> Response:
        tenant = caller_of(request).tenant
        values = {
            "at": "quarantine",
            "twin": bool(truth_of(desk, tenant)),
            "overview": now_of(tenant),
            "refused": desk.quarantine(tenant, 200),
        }
        return html("quarantine.html", values)

    @router.get("/truth")
    def truth(request: Request) -> Response:
        tenant = caller_of(request).tenant
        found = sorted(truth_of(desk, tenant), key=lambda t: -t.start_ns)
        if not found:
            raise MissingError("no twin runs, so nobody knows the truth")
        incidents = desk.incidents(tenant, None, 1_000)
        seen = {
            index: [i for i in incidents if i.device == t.device and i.start_ns < t.stop_ns and i.stop_ns > t.start_ns]
            for index, t in enumerate(found)
        }
        values = {"at": "truth", "twin": True, "now_ns": now_of(tenant).now_ns, "truth": found, "seen": seen}
        return html("truth.html", values)

    @router.get("/evidence")
    def evidence(
        request: Request,
        uri: Annotated[str, Query(max_length=4_096)],
        incident: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        tenant = caller_of(request).tenant
        opened = open_evidence(desk, ledger, tenant, uri, incident)
        values = {
            "at": "evidence",
            "twin": bool(truth_of(desk, tenant)),
            "now_ns": now_of(tenant).now_ns,
            "opened": opened,
            "incident_id": incident,
        }
        return html("evidence.html", values)


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    return (pages_router(faces.desk, ledger=faces.ledger, report=faces.report),)
