"""The firmware fleet's pages: what runs on each board, proved when and how, approved by whom, and how its rollout stands."""

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mumetal.core.errors import BadInputError
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.problems import MissingError
from mumetal.serve.api.reading import truth_of
from mumetal.serve.desk import Desk
from mumetal.serve.firmware.book import Book
from mumetal.serve.firmware.record import BoardRecord
from mumetal.serve.pages.render import html

SHOWN = 500
WORST = ("ailing", "unproved", "good")


def firmware_router(desk: Desk, book: Book | None) -> APIRouter:
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


def worst_first(boards: Sequence[BoardRecord]) -> list[BoardRecord]:
    """Order boards: those that ail first, then those never looked at, then by name."""
    return sorted(boards, key=lambda b: (WORST.index(b.state), b.device))


def board_or_missing(book: Book | None, tenant: str, device: str) -> BoardRecord:
    """Return a board of the tenant.

    Raises:
        MissingError: The tenant has none of that name.
    """
    try:
        found = book.board(tenant, device) if book else None
    except BadInputError as error:
        raise MissingError(error.message, where=device[:80]) from None
    if found is None:
        raise MissingError(f"there is no board {device[:80]!r}", hint="the firmware page lists all")
    return found
