"""The push door: a lab posts columnar JSON or an Arrow stream, and is told what became of it."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from anyio import to_thread
from fastapi import APIRouter, Request

from mumetal.app.desk import Desk
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.serve.api.body import BodyRoom
from mumetal.serve.api.identity import caller_of
from mumetal.serve.api.wire import ReceiptOut, receipt_out

MAX_AT_ONCE = 4
COLUMNAR = "application/json"
ARROW = "application/vnd.apache.arrow.stream"


class Decode(Protocol):
    """Bytes to a delivery; the bad part is quarantined in it."""

    def __call__(self, data: bytes, *, source: str, tenant: str) -> Delivery:
        """Decode ``data``.

        Raises:
            BadInputError: Nothing in it can be used.
        """
        ...


def push_router(desk: Desk, *, max_body: int, columnar: Decode, arrow: Decode) -> APIRouter:
    """Return the two push routes.

    Args:
        desk: Where deliveries are committed.
        max_body: Largest body, bytes.
        columnar: Decoder of columnar JSON.
        arrow: Decoder of an Arrow IPC stream.
    """
    router = APIRouter(prefix="/api/v1/push", tags=["push"])
    # each push holds a whole body, and then its decoded arrays: a bound on both bounds the memory
    room = BodyRoom(max_body, MAX_AT_ONCE)

    async def take(request: Request, decode: Decode, media_type: str) -> ReceiptOut:
        caller = caller_of(request)
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != media_type:
            raise BadInputError(f"this door takes {media_type}, not {given[:80]!r}", where="Content-Type")
        async with room.body(request, (caller.tenant, caller.actor)) as body:
            return await to_thread.run_sync(_commit(desk, decode, body, caller.tenant))

    @router.post("/columnar", openapi_extra=_takes(COLUMNAR))
    async def push_columnar(request: Request) -> ReceiptOut:
        """Take rows as columnar JSON; answers once they are durable."""
        return await take(request, columnar, COLUMNAR)

    @router.post("/arrow", openapi_extra=_takes(ARROW))
    async def push_arrow(request: Request) -> ReceiptOut:
        """Take rows as an Arrow IPC stream; answers once they are durable."""
        return await take(request, arrow, ARROW)

    return router


def _commit(desk: Desk, decode: Decode, body: bytes, tenant: str) -> Callable[[], ReceiptOut]:
    def commit(data: bytes) -> ReceiptOut:
        delivery = decode(data, source="push", tenant=tenant)
        return receipt_out(delivery, desk.push(delivery))

    return partial(commit, body)


def _takes(media_type: str) -> dict[str, object]:
    schema = {"type": "object"} if media_type == COLUMNAR else {"type": "string", "format": "binary"}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}
