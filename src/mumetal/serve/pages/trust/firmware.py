"""The firmware fleet's pages: what runs on each board, proved when and how, approved by whom, and how its rollout stands."""

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mumetal.app.desk import Desk
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.trust.firmware import board_or_missing, worst_first
from mumetal.serve.api.watch.reading import truth_of
from mumetal.serve.faces import Faces
from mumetal.serve.pages.render import html
from mumetal.trust.api import FirmwareBook

SHOWN = 500


def firmware_router(desk: Desk, book: FirmwareBook | None) -> APIRouter:
    """Return the routes; without a book the page says how to start one."""
    router = APIRouter(include_in_schema=False)

    def around(request: Request) -> dict[str, object]:
        tenant = caller_of(request).tenant
        return {"at": "firmware", "twin": bool(truth_of(desk, tenant)), "now_ns": desk.overview(tenant).now_ns}

    @router.get("/firmware")
    def fleet(request: Request) -> Response:
        boards = worst_first(book.boards(caller_of(request).tenant)) if book else []
        counts = Counter(b.state for b in boards)
        values = {
            "boards": boards[:SHOWN],
            "hidden": max(0, len(boards) - SHOWN),
            "counts": counts,
            "open": sum(b.open for b in boards),
            "images": len({b.sha384 for b in boards if b.sha384}),
        }
        return html("firmware.html", {**around(request), **values})

    @router.get("/firmware/{device:path}")
    def board(request: Request, device: str) -> Response:
        found = board_or_missing(book, caller_of(request).tenant, device)
        return html("firmware_board.html", {**around(request), "b": found})

    return router


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    return (firmware_router(faces.desk, faces.firmware),)
