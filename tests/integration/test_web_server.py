"""A real uvicorn on loopback: plain, live streams, stopping, and mutual TLS."""

import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.authority import Authority
from tests.fake_desk import FakeDesk
from tests.web_client import operator_headers

from mumetal.app.settings import ServeSettings
from mumetal.core.errors import UnavailableError
from mumetal.serve.api.server import Server
from mumetal.serve.web import create_app


@pytest.fixture
def desk() -> FakeDesk:
    made = FakeDesk()
    made.live_pause_s = 0.01
    return made


@pytest.fixture
def served(desk: FakeDesk) -> Iterator[tuple[Server, httpx.Client]]:
    settings = ServeSettings(port=0)
    app = create_app(desk, settings)
    server = Server(app, settings)
    url = server.start()
    with httpx.Client(base_url=url, headers=operator_headers(app), timeout=20) as client:
        yield server, client
    server.stop()


def test_pages_and_api_are_served(served: tuple[Server, httpx.Client]) -> None:
    _, client = served
    assert client.get("/api/v1/healthz").json() == {"status": "ok"}
    page = client.get("/")
    assert "Overview" in page.text
    assert page.headers["content-security-policy"]
    assert "server" not in page.headers


def test_a_taken_port_is_said(served: tuple[Server, httpx.Client]) -> None:
    port = served[1].base_url.port
    assert port is not None
    settings = ServeSettings(port=port)
    with pytest.raises(UnavailableError, match="cannot listen"):
        Server(create_app(FakeDesk(), settings), settings).start()


def test_live_samples_come_as_events_and_end_with_the_reader(
    served: tuple[Server, httpx.Client], desk: FakeDesk
) -> None:
    found: list[dict[str, object]] = []
    with served[1].stream("GET", "/api/v1/devices/aurora-27/live?stream=cryostat") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
            if len(found) == 3:
                break
    assert {f["stream"] for f in found} == {"cryostat"}
    times = [t for f in found for t in f["t_ns"]]  # type: ignore[attr-defined]
    assert times == sorted(set(times))
    assert desk.live_closed.wait(20), "the iterator was not closed when the reader went"


def test_stop_ends_live_streams_and_frees_the_port(served: tuple[Server, httpx.Client], desk: FakeDesk) -> None:
    server, client = served
    started, ended = threading.Event(), threading.Event()

    def read() -> None:
        try:
            with client.stream("GET", "/api/v1/devices/aurora-27/live") as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        started.set()
        except httpx.HTTPError:
            pass
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert started.wait(20)
    server.stop()
    assert ended.wait(20)
    reader.join()
    assert desk.live_closed.wait(20)
    with pytest.raises(httpx.ConnectError):
        client.get("/")
    server.stop()


def test_a_body_past_the_bound_is_refused_on_the_wire(desk: FakeDesk) -> None:
    settings = ServeSettings(port=0, max_body_mib=1)
    app = create_app(desk, settings)
    server = Server(app, settings)
    url = server.start()
    try:

        def chunks() -> Iterator[bytes]:
            for _ in range(40):
                yield b" " * 2**16

        headers = operator_headers(app) | {"Content-Type": "application/json"}
        answer = httpx.post(f"{url}/api/v1/push/columnar", content=chunks(), headers=headers)
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # the server may close while the rest is still on its way
    finally:
        server.stop()
    assert desk.pushed == []


def test_off_loopback_only_certificates_of_the_authority_get_in_each_as_its_tenant(
    desk: FakeDesk, tmp_path: Path
) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    certificate, key = ours.issue("server", "", ExtendedKeyUsageOID.SERVER_AUTH)
    settings = ServeSettings(host="0.0.0.0", port=0, tls_certificate=certificate, tls_key=key, client_ca=str(ours.path))
    server = Server(create_app(desk, settings), settings)
    url = server.start().replace("0.0.0.0", "127.0.0.1")
    assert url.startswith("https://")

    def client(pair: tuple[str, str] | None) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(ours.path))
        if pair:
            context.load_cert_chain(*pair)
        return httpx.Client(verify=context, base_url=url, timeout=20)

    usage = ExtendedKeyUsageOID.CLIENT_AUTH
    try:
        with client(ours.issue("alice", "local", usage)) as alice:
            incidents = alice.get("/api/v1/incidents").json()
            assert len(incidents) == 8
            alice.post(f"/api/v1/incidents/{incidents[0]['incident_id']}/change", json={"label": "attack"})
            assert desk.changes[0][2] == "alice"
        with client(ours.issue("bob", "rival", usage)) as bob:
            assert bob.get("/api/v1/incidents").json() == []
        with client(ours.issue("nemo", "", usage)) as nemo:
            assert nemo.get("/api/v1/incidents").status_code == 403
        for pair in (None, theirs.issue("mallory", "local", usage)):
            with client(pair) as stranger, pytest.raises(httpx.TransportError):
                stranger.get("/api/v1/incidents")
        with pytest.raises(httpx.TransportError):
            httpx.get(url.replace("https", "http") + "/api/v1/incidents")
    finally:
        server.stop()
