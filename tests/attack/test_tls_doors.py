"""Off loopback: quantum-safe key agreement, certificates of one authority, each tenant by itself, and nothing that hangs."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.attack.test_doors import COLUMNAR, routes
from tests.authority import Authority
from tests.fake_desk import DEVICES, FakeDesk
from typer.testing import CliRunner

from mumetal.app.settings import ServeSettings
from mumetal.core.errors import RejectedError
from mumetal.scan.crypto.tls import probe
from mumetal.serve.api import tls
from mumetal.serve.api.server import Server, tls_of
from mumetal.serve.cli.app import app as commands
from mumetal.serve.web import create_app

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


class Door:
    """A server off loopback, reached over it."""

    def __init__(self, folder: Path) -> None:
        self.ours = Authority(folder, "ours")
        certificate, key = self.ours.issue("server", "", SERVER)
        self.settings = ServeSettings(
            host="0.0.0.0", port=0, tls_certificate=certificate, tls_key=key, client_ca=str(self.ours.path)
        )
        self.desk = FakeDesk()
        self.app = create_app(self.desk, self.settings)
        self.server = Server(self.app, self.settings)

    def __enter__(self) -> Self:
        self.url = self.server.start().replace("0.0.0.0", "127.0.0.1")
        self.port = int(self.url.rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def context(self, pair: tuple[str, str] | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ours.path))
        if pair:
            context.load_cert_chain(*pair)
        return context

    def client(self, pair: tuple[str, str] | None) -> httpx.Client:
        return httpx.Client(verify=self.context(pair), base_url=self.url, timeout=20)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with Door(tmp_path) as made:
        yield made


def test_the_door_agrees_on_a_quantum_safe_key(door: Door) -> None:
    agreed = probe("127.0.0.1", door.port, bytes(range(32)))
    assert (agreed.version, agreed.group) == ("TLS-1.3", "X25519MLKEM768")
    with door.client(door.ours.issue("ana", "local", CLIENT)) as classical:  # one that knows no ML-KEM gets in too
        assert classical.get("/api/v1/incidents").status_code == 200


def test_check_says_what_doors_and_sinks_agree_keys_by(tmp_path: Path) -> None:
    said = CliRunner().invoke(commands, ["check", "--store", str(tmp_path)]).output
    line = next(line for line in said.splitlines() if "key agreement" in line)
    assert "doors off loopback by X25519MLKEM768, quantum-safe" in line
    assert ("TLS sinks not quantum-safe" in line) == (ssl.OPENSSL_VERSION_INFO[:2] < (3, 5))


def test_who_has_no_certificate_of_the_authority_gets_nothing(door: Door, tmp_path: Path) -> None:
    theirs = Authority(tmp_path, "theirs")
    (tmp_path / "twin").mkdir()
    twin = Authority(tmp_path / "twin", "ours")
    strangers = (
        None,
        theirs.issue("mallory", "local", CLIENT),
        twin.issue("operator", "local", CLIENT),  # an authority of the same name
        door.ours.issue("web", "local", SERVER),  # ours, but for servers
        door.ours.issue("late", "local", CLIENT, hours=(-3, -2)),
    )
    for pair in strangers:
        with door.client(pair) as stranger, pytest.raises(httpx.TransportError):
            stranger.get("/api/v1/healthz")
    old = door.context(door.ours.issue("ana", "local", CLIENT))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=old, base_url=door.url) as before, pytest.raises(httpx.TransportError):
        before.get("/api/v1/healthz")
    with httpx.Client(base_url=door.url.replace("https", "http")) as plain, pytest.raises(httpx.TransportError):
        plain.get("/api/v1/healthz")
    with door.client(door.ours.issue("ana", "local", CLIENT)) as ana:
        assert ana.get("/api/v1/healthz").status_code == 200
        for known in ({"Authorization": "Bearer " + "0" * 64}, {"Cookie": "mumetal-session-8470=x"}):
            assert ana.get("/api/v1/incidents", headers=known).status_code == 200, "nothing counts but the certificate"
        assert ana.get("/sign-in").status_code == 404


def test_no_tenant_sees_another_over_its_own_certificate(door: Door) -> None:
    with (
        door.client(door.ours.issue("bob", "rival", CLIENT)) as bob,
        door.client(door.ours.issue("ana", "local", CLIENT)) as ana,
    ):
        mine = ana.get("/api/v1/incidents").json()[0]["incident_id"]
        asked = 0
        for value in (mine, DEVICES[0]):
            for method, template, address in routes(door.app, value):
                if template.endswith("/live"):
                    continue
                shown = bob.request(method, address).text.replace(address, "")
                asked += 1
                assert not any(device in shown for device in set(DEVICES) - {value}), (method, address)
                assert "Mixing chamber" not in shown, (method, address)
        assert asked > 50
        assert bob.post(f"/api/v1/incidents/{mine}/change", json={"state": "resolved"}).status_code == 404
        assert bob.post("/api/v1/push/columnar", json=COLUMNAR).status_code == 200
        assert ana.post("/api/v1/push/columnar", json=COLUMNAR).status_code == 200
    assert [d.tenant for d in door.desk.pushed] == ["rival", "local"]
    assert door.desk.changes == []


def test_bodies_pass_whole_in_both_directions(door: Door) -> None:
    rows = 60_000
    big = COLUMNAR | {
        "t_ns": [1_790_000_000 * 10**9 + n for n in range(rows)],
        "values": [[n / 7 for n in range(rows)]],
    }
    with door.client(door.ours.issue("ana", "local", CLIENT)) as ana:
        for _ in range(2):
            assert ana.post("/api/v1/push/columnar", json=big).status_code == 200
        page = ana.get("/api/v1/openapi.json")
        assert page.json() == json.loads(page.content)
        with ana.stream("GET", "/api/v1/devices/aurora-27/live") as live:
            assert next(line for line in live.iter_lines() if line.startswith("data: "))
    assert [sum(len(s) for s in d.data) for d in door.desk.pushed] == [rows, rows]  # type: ignore[arg-type, misc]


def test_who_says_nothing_or_nonsense_is_let_go(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.3)
    for said in (
        b"",
        b"\x16\x03\x01\x00",
        b"\x16\x03\x01\xff\xff" + bytes(70_000),
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(300_000),
    ):
        with socket.create_connection(("127.0.0.1", door.port), timeout=10) as line:
            began = time.monotonic()
            try:
                line.sendall(said)
                while line.recv(4_096):
                    pass
            except OSError:
                pass
            assert time.monotonic() - began < 8
    with door.client(door.ours.issue("ana", "local", CLIENT)) as ana:
        assert ana.get("/api/v1/healthz").status_code == 200


def test_no_session_is_resumed(door: Door) -> None:
    context = door.context(door.ours.issue("ana", "local", CLIENT))
    session = None
    for _ in range(2):
        line = socket.create_connection(("127.0.0.1", door.port))
        with context.wrap_socket(line, server_hostname="127.0.0.1", session=session) as sealed:
            sealed.sendall(b"GET /api/v1/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert sealed.recv(4_096).startswith(b"HTTP/1.1 200")
            while sealed.recv(4_096):
                pass
            session = sealed.session
            assert not sealed.session_reused


def test_what_cannot_be_a_door_is_refused(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    certificate, key = ours.issue("server", "", SERVER)
    _, other = ours.issue("other", "", SERVER)
    (tmp_path / "junk.pem").write_text("junk")
    junk = str(tmp_path / "junk.pem")
    for names in (
        (certificate, other, str(ours.path)),
        (junk, key, str(ours.path)),
        (certificate, junk, str(ours.path)),
        (certificate, key, junk),
    ):
        settings = ServeSettings(host="0.0.0.0", tls_certificate=names[0], tls_key=names[1], client_ca=names[2])
        with pytest.raises(RejectedError, match="TLS cannot be set up"):
            tls_of(settings)
