"""Request bodies, read in pieces and never past a bound."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from mumetal.core.errors import TooLargeError, UnavailableError


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body.

    Args:
        request: The request.
        limit: Most bytes to take; a longer body is refused as soon as that is known.

    Raises:
        TooLargeError: The body is longer, by its header or in fact.
        UnavailableError: The client went away meanwhile; nobody reads the answer.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    pieces = bytearray()
    try:
        async for piece in request.stream():
            if len(pieces) + len(piece) > limit:
                raise _too_large(limit)
            pieces += piece
    except ClientDisconnect:
        raise UnavailableError("the client went away before it had said all") from None
    return bytes(pieces)


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body is larger than {limit} bytes", hint="send less at a time (serve.max_body_mib)")
