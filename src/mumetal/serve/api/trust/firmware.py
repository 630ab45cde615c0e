"""The firmware fleet over the API: the records as the pages show them."""

from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter, Request

from mumetal.core.errors import BadInputError, MissingError
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.wire import _Out
from mumetal.serve.faces import Faces
from mumetal.trust.api import BoardRecord, FirmwareBook

WORST = ("ailing", "unproved", "good")


class ProofOut(_Out):
    """One look at what a board runs."""

    kind: Literal["TPM 2.0 quote", "host-observed measurement"]
    t_ns: int
    held: bool
    said: str
    why: str


class ReleasedOut(_Out):
    """The release that vouches for the image."""

    name: str
    version: str
    security_version: int
    expires_ns: int
    approvers: list[str]


class VerdictOut(_Out):
    """The last judgement of the image."""

    t_ns: int
    held: bool
    checked: list[str]
    failed: list[str]
    techniques: list[str]
    unknown: list[str]


class StageOut(_Out):
    """Where a rollout stands on the board."""

    state: Literal["installing", "on trial", "confirmed", "put back", "stuck"]
    t_ns: int
    actor: str
    why: str


class BoardOut(_Out):
    """All that is known of one board."""

    device: str
    board: str
    image: str
    sha384: str
    size: int
    state: Literal["good", "ailing", "unproved"]
    release: ReleasedOut | None
    proofs: list[ProofOut]
    verdict: VerdictOut | None
    stage: StageOut | None
    confirmed: int


def firmware_api(book: FirmwareBook | None) -> APIRouter:
    """Return the routes over the book of boards."""
    router = APIRouter(prefix="/api/v1", tags=["firmware"])

    @router.get("/firmware")
    def fleet(request: Request) -> list[BoardOut]:
        """Return what is known of each board's firmware, those that ail first."""
        boards = worst_first(book.boards(caller_of(request).tenant)) if book else []
        return [BoardOut.model_validate(b) for b in boards]

    @router.get("/firmware/{device:path}")
    def board(request: Request, device: str) -> BoardOut:
        """Return what is known of one board's firmware."""
        return BoardOut.model_validate(board_or_missing(book, caller_of(request).tenant, device))

    return router


def worst_first(boards: Sequence[BoardRecord]) -> list[BoardRecord]:
    """Order boards: those that ail first, then those never looked at, then by name."""
    return sorted(boards, key=lambda b: (WORST.index(b.state), b.device))


def board_or_missing(book: FirmwareBook | None, tenant: str, device: str) -> BoardRecord:
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


def routes(faces: Faces) -> Sequence[APIRouter]:
    """Return the routes of the part."""
    return (firmware_api(faces.firmware),)
