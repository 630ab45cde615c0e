"""Whoever may connect, or send, holds nobody else up: each thing that is taken has a bound, and what is beyond it is told."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import anyio
import httpx
import numpy as np
import pytest
from tests.fake_desk import NOW, FakeDesk
from tests.integration.test_restart import NAMES, UNITS, all_of, lab, push, quiet, running
from tests.unit.serve.test_api import columnar
from tests.unit.watch.backgrounds import stream
from tests.watching import watching_of
from tests.web_client import WebClient, operator_headers

from mumetal.app.desk import Overview
from mumetal.app.pipeline.newcomers import Newcomers
from mumetal.app.settings import ServeSettings
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import UnavailableError
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.stream_health import StreamHealth, StreamState
from mumetal.serve.api import body, server
from mumetal.serve.api.body import BodyRoom
from mumetal.serve.api.server import Server
from mumetal.serve.api.watch import live
from mumetal.serve.web import create_app
from mumetal.watch.settings import WatchSettings

BEARER: dict[str, str] = {}  # of the server that runs


@pytest.fixture
def url() -> Iterator[str]:
    settings = ServeSettings(port=0)
    desk = FakeDesk()
    desk.live_pause_s = 0.05
    app = create_app(desk, settings)
    made = Server(app, settings)
    BEARER["Authorization"] = operator_headers(app)["Authorization"]
    yield made.start()
    made.stop()


def connected(url: str, said: bytes) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10)
    made.sendall(said)
    return made


def ended(connection: socket.socket, within_s: float) -> bytes:
    """What the far end said before it closed; fails when it does not close."""
    connection.settimeout(within_s)
    told = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            told += piece
    connection.close()
    return told


@pytest.mark.parametrize(("door", "status"), [("push/columnar", 200), ("push/scan", 404)])
def test_slow_bodies_hold_no_door_shut_and_are_ended(
    url: str, door: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "GRACE_S", 2.0)
    head = f"POST /api/v1/{door} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {BEARER['Authorization']}\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{{"
    slow = [connected(url, head.encode()) for _ in range(24)]
    time.sleep(0.3)
    report = {"version": "1", "findings": [], "counts": {}, "known": 0, "problems": [], "scanners": []}
    sent = columnar() if status == 200 else {**report, "artefacts": 0, "bytes": 0, "seconds": 0.0}
    assert (
        httpx.post(f"{url}/api/v1/{door}", json=sent, headers=BEARER).status_code == status
    )  # the fake desk files no scans
    for connection in slow:
        told = ended(connection, 20)
        assert told.startswith(b"HTTP/1.1 503")
        assert b"slower" in told


def test_a_head_that_is_half_sent_is_not_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 1.0)
    whole = b"GET /api/v1/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    silent, half = connected(url, b""), connected(url, b"GET / HTTP/1.1\r\nHost: 1")
    second = connected(url, whole + b"GET / HTT")  # the next request of a connection counts too
    assert ended(silent, 10) == b""
    assert ended(half, 10) == b""
    assert ended(second, 10).count(b"HTTP/1.1 ") == 1
    assert httpx.get(f"{url}/api/v1/healthz").status_code == 200


def test_connections_beyond_the_bound_are_closed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 5)
    held = [connected(url, b"G") for _ in range(5)]
    time.sleep(0.2)
    assert ended(connected(url, b""), 10) == b""
    for connection in held:
        connection.close()
    time.sleep(0.2)
    assert httpx.get(f"{url}/api/v1/healthz").status_code == 200


def test_live_streams_that_are_asked_for_at_once_are_counted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS", 3)
    known = f"Authorization: {BEARER['Authorization']}"
    ask = f"GET /api/v1/devices/aurora-27/live HTTP/1.1\r\nHost: 127.0.0.1\r\n{known}\r\n\r\n".encode()
    asked = [connected(url, ask) for _ in range(12)]
    statuses = [connection.recv(12) for connection in asked]
    assert statuses.count(b"HTTP/1.1 200") == 3
    assert statuses.count(b"HTTP/1.1 503") == 9
    for connection in asked:
        connection.close()
    for _ in range(100):  # their places are free again
        with connected(url, ask) as again:
            if again.recv(12) == b"HTTP/1.1 200":
                return
        time.sleep(0.1)
    pytest.fail("the places of streams that ended stay taken")


class Slowly:
    """A request whose body comes in pieces of one MiB, and never ends."""

    headers: ClassVar[dict[str, str]] = {}

    async def stream(self) -> AsyncIterator[bytes]:
        for _ in range(60):
            yield b"x" * 2**20
        await anyio.sleep_forever()


def test_one_caller_holds_half_of_the_room_at_most() -> None:
    refused: list[str] = []

    async def sends(room: BodyRoom, caller: str) -> None:
        try:
            async with room.body(Slowly(), caller):  # type: ignore[arg-type]
                pytest.fail("it never ends")
        except UnavailableError as error:
            refused.append(f"{caller} {error.message}")

    async def all_at_once() -> None:
        room = BodyRoom(64 * 2**20, 1)
        with anyio.move_on_after(0.5):
            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(sends, room, "one")
                group.start_soon(sends, room, "other")
        assert not room._held

    anyio.run(all_at_once)
    assert refused
    assert all(told.startswith("one more bodies") for told in refused)


def fleet(devices: int) -> Overview:
    streams = [
        StreamHealth(
            tenant="local",
            device=f"d{n:05d}",
            stream="s",
            state=StreamState.SILENT if n == devices - 1 else StreamState.WATCHING,
        )
        for n in range(devices)
    ]
    return replace(FakeDesk().overview("local"), streams=tuple(streams), now_ns=NOW)


def test_a_fleet_of_many_names_is_told_in_pages_the_worst_off_first(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, many = FakeDesk(), fleet(12_000)
    monkeypatch.setattr(desk, "overview", lambda _tenant: many)
    client = WebClient(create_app(desk, ServeSettings()))
    began = time.perf_counter()
    page = client.get("/").text
    assert time.perf_counter() - began < 5
    assert page.count('class="tile"') == 100
    assert page.index("tile-d11999") < page.index("tile-d00000")  # what is silent comes before what is well
    assert "page 1 of 120" in page
    assert "tile-d11998" in client.get("/?page=120").text
    assert client.get("/?page=100000").text.count('class="tile"') == 100


def test_streams_beyond_the_bound_are_refused_and_told_and_the_known_ones_go_on(tmp_path: Path) -> None:
    series = lab(quiet(400))
    with running(tmp_path, series) as stack:
        push(stack, series.rows(0, 50))
        stack._newcomers._most = 3
        for n in range(200):
            push(stack, stream(quiet(1), name=f"s{n}", names=NAMES, units=UNITS))
        push(stack, series.rows(50, 60))
        assert len(stack.store.streams("local")) == 3
        refused = stack.store.quarantine("local", 1_000)
        assert len(refused) == 198
        assert "max_streams" in refused[0].reason
        newest = list(stack.store.series("local", "lab", series.stream, 0, 1 << 62))
        assert sum(map(len, newest)) == 60
    with running(tmp_path, series) as stack:
        assert sum(f.rule == "app.too_many_streams" for f in all_of(stack)) == 1


def test_a_stream_that_is_stored_is_known_after_a_restart(tmp_path: Path) -> None:
    series = lab(quiet(400))
    with running(tmp_path, series) as stack:
        push(stack, series.rows(0, 50))
        told: list[Finding] = []
        again = Newcomers(stack.store, 1, told.append, ManualClock(int(series.t_ns[-1])))
        delivery = Delivery(source="test", data=(series.rows(50, 60),))
        assert again.admitted(delivery) is delivery
        assert not told


def test_the_state_of_streams_is_asked_while_new_ones_come() -> None:
    watching = watching_of(WatchSettings(), ManualClock(NOW), lambda _: Scene())
    ended, failed = threading.Event(), list[BaseException]()

    def asks() -> None:
        try:
            while not ended.is_set():
                watching.status()
        except RuntimeError as error:
            failed.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=asks) for _ in range(2)]
    try:
        for thread in threads:
            thread.start()
        for n in range(400):
            watching.observe(stream(np.ones((1, 1)), name=f"s{n}", names=("x",), start_ns=NOW - 10**9))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(before)
    assert not failed
    assert len(watching.status()) == 400
