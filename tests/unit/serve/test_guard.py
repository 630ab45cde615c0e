"""The guard: hosts, origins, sites and the headers of every answer; and who may listen where."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.fake_desk import FakeDesk
from tests.web_client import WebClient

from mumetal.app.settings import ServeSettings
from mumetal.core.errors import RejectedError
from mumetal.serve.api.identity import Peer, peer_of_certificate, tenant_by_organisation
from mumetal.serve.api.server import Server, tls_of
from mumetal.serve.web import create_app

HOST = "http://127.0.0.1:8470"


@pytest.fixture
def client() -> WebClient:
    return WebClient(create_app(FakeDesk(), ServeSettings()), base=HOST)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.4:8470", "", "[::", "localhost.evil"]
)
def test_a_foreign_host_is_refused(client: WebClient, host: str) -> None:
    assert client.get("/api/v1/overview", headers={"Host": host}).status_code == 403
    assert client.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8470", "localhost:1", "[::1]:8470", "LOCALHOST"])
def test_loopback_names_are_let_in(client: WebClient, host: str) -> None:
    assert client.get("/api/v1/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:8470"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_change_another_site_starts_is_refused(headers: dict[str, str]) -> None:
    desk = FakeDesk()
    client = WebClient(create_app(desk, ServeSettings()), base=HOST)
    incident = desk.incidents("local")[0].incident_id
    for path in (f"/incidents/{incident}/change", f"/api/v1/incidents/{incident}/change", "/api/v1/push/columnar"):
        assert client.post(path, data={"state": "resolved"}, headers=headers).status_code == 403
    assert desk.changes == []
    assert desk.pushed == []


def test_our_own_form_is_let_in() -> None:
    desk = FakeDesk()
    client = WebClient(create_app(desk, ServeSettings()), base=HOST)
    incident = desk.incidents("local")[0].incident_id
    headers = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"/incidents/{incident}/change", data={"label": "fault"}, headers=headers).status_code == 303
    assert len(desk.changes) == 1


def test_another_site_may_link_to_us_but_not_read_us(client: WebClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    followed = client.get("/evidence?uri=event:a", headers=headers)
    assert (followed.status_code, 'href="/evidence?uri=event:a"' in followed.text) == (403, True)
    assert 'href="//evil' not in client.get("//evil.example/", headers=headers).text
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    answer = client.get("/api/v1/overview", headers={"Origin": "http://evil.example"})
    assert not [h for h in answer.headers if h.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/api/v1/overview", "/static/style.css", "/nowhere", "/api/v1/nowhere"])
def test_every_answer_carries_the_headers(client: WebClient, path: str) -> None:
    for answer in (client.get(path), client.get(path, headers={"Host": "evil.example"})):
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_broken_desk_answers_500_without_its_insides(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tenant: str) -> object:
        raise ZeroDivisionError("secret inside")

    desk = FakeDesk()
    client = WebClient(create_app(desk, ServeSettings()), raises=False)
    monkeypatch.setattr(desk, "overview", broken)
    for path in ("/", "/api/v1/overview"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "frame-ancestors" in answer.headers["content-security-policy"]


def test_off_loopback_a_request_without_a_certificate_is_refused() -> None:
    desk = FakeDesk()
    app = create_app(desk, ServeSettings(host="192.0.2.1", tls_certificate="c", tls_key="k", client_ca="a"))
    answer = WebClient(app, base="https://192.0.2.1").get("/api/v1/overview")
    assert answer.status_code == 403, "off loopback a request without a certificate is refused"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org", ""])
def test_off_loopback_needs_tls_and_an_identity(host: str) -> None:
    given = {"tls_certificate": "cert.pem", "tls_key": "key.pem", "client_ca": "ca.pem"}
    for missing in (*given, None):
        some = {k: v for k, v in given.items() if k != missing} if missing else {}
        settings = ServeSettings(host=host, **some)  # type: ignore[arg-type]
        with pytest.raises(RejectedError):
            Server(create_app(FakeDesk(), settings), settings)


def test_half_a_tls_setting_is_refused_on_loopback_too() -> None:
    with pytest.raises(RejectedError, match="TLS"):
        tls_of(ServeSettings(tls_certificate="cert.pem"))
    assert tls_of(ServeSettings()) is None


def test_files_that_are_not_there_are_refused() -> None:
    with pytest.raises(RejectedError, match="not a file"):
        tls_of(ServeSettings(tls_certificate="no.pem", tls_key="no.pem", client_ca="no.pem"))


def certificate(name: str, organisation: str, second: str = "") -> x509.Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    pairs = ((NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, name), (NameOID.COMMON_NAME, second))
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs if value])
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip


def test_a_certificate_gives_name_and_tenant() -> None:
    peer = peer_of_certificate(certificate("alice", "lab-a"))
    assert peer == Peer(name="alice", organisation="lab-a", verified=True)
    assert peer is not None
    assert tenant_by_organisation(peer) == "lab-a"
    assert tenant_by_organisation(Peer(name="ana")) == "local"
    assert peer_of_certificate(None) is None
    assert peer_of_certificate(certificate("", "lab-a")) is None
    assert peer_of_certificate(certificate("alice", "lab-a", "operator")) is None, "of two names none is meant"
    for organisation in ("", "../x", "a b", "x" * 300):
        with pytest.raises(RejectedError):
            tenant_by_organisation(Peer(name="eve", organisation=organisation, verified=True))
