"""More pushes than are taken at once wait their turn; who would wait too long is refused."""

import anyio
import pytest
from fastapi import Request

from mumetal.core.errors import UnavailableError
from mumetal.serve.api import body
from mumetal.serve.api.body import BodyRoom


def request(content: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_one_more_waits_its_turn() -> None:
    async def several() -> list[bytes]:
        room, done = BodyRoom(64, 2), list[bytes]()

        async def one(n: int) -> None:
            async with room.body(request(b"%d" % n), n) as told:
                await anyio.sleep(0.01)
                done.append(told)

        async with anyio.create_task_group() as group:
            for n in range(8):
                group.start_soon(one, n)
        return done

    assert sorted(anyio.run(several)) == [b"%d" % n for n in range(8)]


def test_who_would_wait_too_long_is_refused_and_holds_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "WAIT_S", 0.01)

    async def full() -> bytes:
        room = BodyRoom(64, 1)
        async with room.body(request(b"first"), "a"):

            async def another() -> None:
                with pytest.raises(UnavailableError, match="worked on"):
                    async with room.body(request(b"second"), "b"):
                        pass

            async with anyio.create_task_group() as group:
                group.start_soon(another)
        async with room.body(request(b"third"), "b") as told:
            return told

    assert anyio.run(full) == b"third"
