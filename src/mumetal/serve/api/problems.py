"""Errors as answers: problem details (RFC 9457) for programs, the tree's own words in them."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from mumetal.core.errors import (
    BadInputError,
    MissingError,
    MumetalError,
    RejectedError,
    TooLargeError,
    UnavailableError,
)

RETRY_AFTER_S = 2


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One error as RFC 9457 asks for it, with the place and the advice of the error tree."""

    title: str
    status: int
    detail: str = ""
    where: str = ""
    hint: str = ""


def status_of(error: MumetalError) -> int:
    """Return the HTTP status that says the same as the error's class."""
    table: tuple[tuple[type[MumetalError], HTTPStatus], ...] = (
        (MissingError, HTTPStatus.NOT_FOUND),
        (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (BadInputError, HTTPStatus.BAD_REQUEST),
        (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
        (RejectedError, HTTPStatus.FORBIDDEN),
    )
    return next((int(status) for kind, status in table if isinstance(error, kind)), 500)


def problem(error: MumetalError) -> Response:
    """Return the error as ``application/problem+json``."""
    status = status_of(error)
    return problem_of(status, detail=error.message, where=error.where, hint=error.hint)


def problem_of(status: int, *, detail: str = "", where: str = "", hint: str = "") -> Response:
    """Return a problem that has no error of the tree behind it, such as an unknown path."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, where=where, hint=hint)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(
        msgspec.json.encode(body), status_code=status, media_type="application/problem+json", headers=headers
    )
