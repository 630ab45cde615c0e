"""The scans' pages: what was found, by rule, severity and place; one finding with why, and how it is mended."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mumetal.app.desk import Desk
from mumetal.app.scans import Scans
from mumetal.core.finding import Severity
from mumetal.scan.api import card_of
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.scan.scans import Text, choice_of, sighting_of
from mumetal.serve.api.watch.reading import truth_of
from mumetal.serve.faces import Faces
from mumetal.serve.pages.render import html

ROWS = 200
LEVELS = tuple(s.name.lower() for s in (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL))
RULES = 30


def scan_pages_router(desk: Desk, scans: Scans | None) -> APIRouter:
    """Return the routes; where nothing was scanned the page says how to."""
    router = APIRouter(include_in_schema=False)

    def around(request: Request) -> dict[str, object]:
        tenant = caller_of(request).tenant
        return {"at": "scans", "twin": bool(truth_of(desk, tenant)), "now_ns": desk.overview(tenant).now_ns}

    @router.get("/scans")
    def listing(
        request: Request, target: Text = "", rule: Text = "", path: Text = "", severity: Text = "", closed: Text = ""
    ) -> Response:
        scope = caller_of(request).scope
        chosen = choice_of(target, rule, path, severity, bool(closed))
        rows = scans.rows if scans else None
        values = {
            "found": rows.listed(scope, chosen, ROWS) if rows else [],
            "counts": list((rows.counts(scope, chosen) if rows else {}).items())[:RULES],
            "targets": rows.targets(scope) if rows else [],
            "levels": LEVELS,
            "asked": {"target": target, "rule": rule, "path": path, "severity": severity, "closed": closed},
        }
        return html("scans.html", {**around(request), **values})

    @router.get("/scans/{finding_id}")
    def one(request: Request, finding_id: str) -> Response:
        found = sighting_of(scans, caller_of(request).scope, finding_id)
        return html("sighting.html", {**around(request), "s": found, "card": card_of(found.rule)})

    return router


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    return (scan_pages_router(faces.desk, faces.scans),)
