"""Request bodies, read in pieces: never past a bound, never slower than one, and never more of them than fit.

What is held is counted in bytes that have come, not in bytes that were promised, so that a sender of slow bodies takes no
room from others; and one caller may hold half of the room at most.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

from anyio import CapacityLimiter, current_time, move_on_after
from fastapi import Request
from starlette.requests import ClientDisconnect

from mumetal.core.errors import TooLargeError, UnavailableError

GRACE_S = 10.0  # in which a small body may come as slowly as it likes
SLOWEST = 512 * 2**10  # bytes/s of what is larger
WAIT_S = 10.0  # for a turn: a client that sends one push after another is not refused for others'
BUSY = "keep the data and try again"


class BodyRoom:
    """Room for the bodies of some routes, and for those being worked on.

    Args:
        limit: Largest body, bytes; there is room for four of them.
        at_once: How many are worked on at a time.
    """

    def __init__(self, limit: int, at_once: int) -> None:
        self._limit, self._room = limit, 4 * limit
        self._held: Counter[Hashable] = Counter()
        self._working = CapacityLimiter(at_once)

    @asynccontextmanager
    async def body(self, request: Request, caller: Hashable) -> AsyncIterator[bytes]:
        """Hand a caller's whole body over, once it may be worked on.

        Raises:
            TooLargeError: The body is longer than the limit.
            UnavailableError: It comes too slowly, there is no room for it, or too many are worked on.
        """
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            if self._held[caller] + size > self._room // 2 or self._held.total() + size > self._room:
                raise UnavailableError("more bodies are under way than there is room for", hint=BUSY)
            mine += size
            self._held[caller] += size

        entered = False
        try:
            data = await read_body(request, self._limit, hold)
            with move_on_after(WAIT_S):
                await self._working.acquire()
                entered = True
            if not entered:
                raise UnavailableError(f"{self._working.total_tokens:.0f} bodies are worked on", hint=BUSY)
            yield data
        finally:
            if entered:
                self._working.release()
            self._held[caller] -= mine
            self._held += Counter()  # callers who hold nothing are forgotten


async def read_body(request: Request, limit: int, hold: Callable[[int], None] = lambda _size: None) -> bytes:
    """Return the whole body.

    Args:
        request: The request.
        limit: Most bytes to take; a longer body is refused as soon as that is known.
        hold: Told of each piece before it is kept; raises where there is no room.

    Raises:
        TooLargeError: The body is longer, by its header or in fact.
        UnavailableError: The client went away meanwhile; nobody reads the answer.
        UnavailableError: It comes slower than it may.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    pieces = bytearray()
    end = current_time() + GRACE_S
    stream = aiter(request.stream())
    try:
        while True:
            piece: bytes | None = None
            with move_on_after(end + len(pieces) / SLOWEST - current_time()) as waiting:
                piece = await anext(stream, None)
            if waiting.cancelled_caught:
                raise UnavailableError(
                    f"the body came slower than {SLOWEST} bytes/s after {GRACE_S:.0f} s", hint="send less at a time"
                )
            if piece is None:
                return bytes(pieces)
            if len(pieces) + len(piece) > limit:
                raise _too_large(limit)
            hold(len(piece))
            pieces += piece
    except ClientDisconnect:
        raise UnavailableError("the client went away before it had said all") from None


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body is larger than {limit} bytes", hint="send less at a time (serve.max_body_mib)")
