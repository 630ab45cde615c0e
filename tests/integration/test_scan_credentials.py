"""Credentials from a real history: age, rotation, the revoke hook with its ledger, and a vendor that is asked over TLS."""

import http.client
import http.server
import json
import os
import secrets
import ssl
import string
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.finding import Severity
from mumetal.scan.credentials import revoke, verify
from mumetal.scan.credentials.verified import VerifiedScanner
from mumetal.scan.secrets.rule import shipped
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner
from mumetal.serve.cli.app import app
from mumetal.trust.ledger.reading import LedgerReader

RUN = CliRunner()


def token() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))


class Lab:
    """A repository whose token was rotated once, two years ago and one year ago."""

    def __init__(self, folder: Path) -> None:
        self.store, self.old, self.new = folder / "store", token(), token()
        self.file = folder / "work" / "run.py"
        self.file.parent.mkdir()
        os.chdir(self.file.parent)
        self.git("init", "-q")
        for value, day in ((self.old, "2024-01-02"), (self.new, "2025-03-04")):
            self.file.write_text(f'QiskitRuntimeService(token="{value}")\n')
            self.git("add", ".")
            self.git("commit", "-qm", day, GIT_AUTHOR_DATE=f"{day}T00:00:00Z")

    def git(self, *words: str, **env: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
        subprocess.run(["git", *identity, *words], check=True, capture_output=True, env={**os.environ, **env})

    def run(self, *words: str) -> str:
        done = RUN.invoke(app, ["scan", *words, "--store", str(self.store)])
        assert done.exit_code in {0, 1}, done.output
        return done.output

    def known(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.run("inventory", "--json"))["credentials"]
        return found


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "scan-cache"))
    made = Lab(tmp_path)
    yield made
    for file in made.store.rglob("*"):
        assert not file.is_file() or not any(s.encode() in file.read_bytes() for s in (made.old, made.new)), file.name


def ns(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 10**9


def test_age_and_rotation_come_from_the_history(lab: Lab) -> None:
    new, old = lab.known()
    assert (new["present"], old["present"]) == (True, False)
    second = 10**9
    assert abs(int(str(new["first_ns"])) - ns("2025-03-04")) < second
    assert abs(int(str(new["rotated_ns"])) - ns("2025-03-04")) < second
    assert old["rotated_ns"] == 0
    assert abs(int(str(old["replaced_ns"])) - ns("2025-03-04")) < second
    assert int(str(old["age_days"])) - int(str(new["age_days"])) == 427
    assert new["vendor"] == "IBM Quantum"
    told = lab.run("inventory")
    assert "rotated 2025-03-04" in told
    assert lab.new not in told
    assert lab.known()[0]["fingerprint"] == new["fingerprint"], "the key stays"
    (lab.store / "credentials.key").unlink()
    assert lab.known()[0]["fingerprint"] != new["fingerprint"], "another installation tells it otherwise"


def test_the_hook_is_told_only_after_the_ledger_and_only_when_applied(lab: Lab, tmp_path: Path) -> None:
    said, mark = tmp_path / "said.json", str(lab.known()[1]["fingerprint"])
    hook = tmp_path / "hook.py"
    hook.write_text(f"import sys\nopen({str(said)!r}, 'w').write(sys.stdin.read())\nprint('noise')\n")
    command = f"{sys.executable} {hook}"
    assert "dry run" in lab.run("revoke", mark[:8], "--command", command)
    assert not said.exists()
    lab.run("revoke", mark[:8], "--command", command, "--apply")
    order = json.loads(said.read_text())
    assert order["fingerprint"] == mark
    assert "secret" not in order
    assert any("run.py" in p for p in order["places"])
    assert lab.known()[1]["revoked_ns"]
    assert "revoked" in lab.run("inventory")
    lab_env = {"OLD_TOKEN": lab.old}
    done = RUN.invoke(
        app,
        [
            "scan",
            "revoke",
            mark[:8],
            "--command",
            command,
            "--secret",
            "env:OLD_TOKEN",
            "--apply",
            "--store",
            str(lab.store),
        ],
        env=lab_env,
    )
    assert done.exit_code == 0
    assert lab.old not in done.output
    assert json.loads(said.read_text())["secret"] == lab.old
    said.unlink()
    bad = RUN.invoke(app, ["scan", "revoke", mark, "--command", "false", "--apply", "--store", str(lab.store)])
    assert bad.exit_code == 3
    ledger = LedgerReader(lab.store / "ledger")
    ledger.verify()
    entries = [e for _, e in ledger.entries(0, 100) if e.action == "credential.revoke"]
    assert [e.outcome.split(":")[0] for e in entries] == ["", "done", "", "done", "", "failed"]
    assert "secret sent" in entries[2].why


def test_bad_hooks_and_names_are_refused(lab: Lab) -> None:
    mark = str(lab.known()[0]["fingerprint"])
    for words in ([mark], [mark, "--command", "x", "--webhook", "https://h"], [mark, "--webhook", "http://example.invalid/"],
                  ["zzzzzzzz", "--command", "true"], [mark[:3], "--command", "true"],
                  [mark, "--command", "true", "--apply", "--secret", "plain-text"]):  # fmt: skip
        done = RUN.invoke(app, ["scan", "revoke", *words, "--store", str(lab.store)])
        assert done.exit_code == 2, (words, done.output)


class Vendor(http.server.BaseHTTPRequestHandler):
    live = ""
    seen: list[tuple[str, str, str]] = []  # noqa: RUF012 - one server at a time

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        key = self.headers.get("Authorization", "") + body
        type(self).seen.append((self.command, self.path, key))
        if self.path.startswith("/elsewhere"):
            self.send_response(302)
            self.send_header("Location", "https://example.invalid/steal")
        else:
            self.send_response(200 if self.live and self.live in key else 401)
        self.end_headers()
        self.wfile.write(b'{"ok": true}' * 10_000)

    do_GET = do_POST = answer  # noqa: N815 - the server's own names

    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    (folder / "k.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem", folder / "k.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], folder / "c.pem"
    server.shutdown()
    server.server_close()


def endpoint(path: str = "/user") -> verify.Endpoint:
    return verify.Endpoint(
        vendor="V", rules=("x",), host="localhost", path=path, headers={"Authorization": "Bearer {secret}"},
        live=(200,), dead=(401,), reference="https://example.invalid/",
    )  # fmt: skip


def connect(port: int, trusted: Path | None) -> Callable[[str], http.client.HTTPConnection]:
    context = ssl.create_default_context(cafile=str(trusted) if trusted else None)
    return lambda host: http.client.HTTPSConnection(host, port, timeout=5, context=context)


def test_a_vendor_is_asked_over_tls_and_believed_by_its_status(vendor: tuple[int, Path]) -> None:
    port, trusted = vendor
    Vendor.live, Vendor.seen = "sk-live", []
    ask = connect(port, trusted)
    assert verify.ask(endpoint(), b"sk-live", ask).state == "live"
    assert verify.ask(endpoint(), b"sk-dead", ask).state == "dead"
    marked = verify.Endpoint(
        vendor="V", rules=("x",), host="localhost", path="/t", method="POST", body="k={secret}", live=(200,), marker='"ok":true',
        reference="https://example.invalid/",
    )  # fmt: skip
    assert verify.ask(marked, b"sk-live", ask).state == "live"
    assert verify.ask(marked, b"a&b=sk-live", ask).state == "live"
    assert Vendor.seen[-1][2] == "k=a%26b%3Dsk-live", "the key is quoted"
    assert verify.ask(endpoint("/elsewhere"), b"sk-live", ask).state == "unknown", "no redirect is followed"
    assert len(Vendor.seen) == 5


def test_nothing_is_sent_to_who_cannot_prove_its_name(vendor: tuple[int, Path]) -> None:
    Vendor.seen = []
    answer = verify.ask(endpoint(), b"sk-live", connect(vendor[0], None))
    assert answer.state == "unknown"
    assert "sk-live" not in answer.said
    for key in (b"a\r\nHost: evil", b"sp ace", "ü".encode(), b"x" * 5_000):
        assert verify.ask(endpoint(), key, connect(vendor[0], vendor[1])).state == "unknown"
    assert Vendor.seen == []


def test_the_endpoints_are_documented_and_their_rules_exist() -> None:
    known = {r.id for r in shipped().rules}
    assert set(verify.endpoints()) <= known
    for each in verify.endpoints().values():
        assert "{secret}" in "".join(each.headers.values()) + each.body
        assert "{secret}" not in each.path, "addresses end up in logs"


def test_what_the_vendor_says_weighs(lab: Lab) -> None:
    asked: list[bytes] = []

    def asking(_endpoint: verify.Endpoint, secret: bytes) -> verify.Answer:
        asked.append(secret)
        return verify.Answer(state="live" if secret == lab.new.encode() else "dead", said="status", host="h")

    scanner = VerifiedScanner(SecretScanner(SecretConfig(engine="re2")), asking)
    text = "".join(f'QiskitRuntimeService(token="{t}")\n' for t in (lab.old, lab.new, lab.old))
    found = list(scanner.scan(Artefact(uri="a.py", data=text.encode())))
    assert [f.severity for f in found] == [Severity.LOW, Severity.CRITICAL, Severity.LOW]
    assert len(asked) == 2, "each secret once"
    assert all(lab.old not in repr(f) and lab.new not in repr(f) for f in found)


def test_no_setting_can_turn_verification_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text("[tool.mumetal.scan]\nverify = true\n")

    def never(*_: object) -> verify.Answer:
        raise AssertionError("a vendor was asked")

    monkeypatch.setattr("mumetal.scan.credentials.verified.ask", never)
    assert RUN.invoke(app, ["scan"]).exit_code == 2, "an unknown setting is refused"
    Path("pyproject.toml").unlink()
    assert RUN.invoke(app, ["scan"]).exit_code == 1


def test_a_webhook_is_told_on_this_machine_and_a_refusal_counts() -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_address[1]}/hook"
    Vendor.live, Vendor.seen = "abc", []
    order = revoke.Order(fingerprint="abc", rule="r")
    assert "200" in revoke.Hook(webhook=place).call(order)
    assert json.loads(Vendor.seen[0][2]) == {"fingerprint": "abc", "rule": "r"}
    Vendor.live = ""
    with pytest.raises(UnavailableError, match="401"):
        revoke.Hook(webhook=place).call(order)
    server.shutdown()
    server.server_close()
    with pytest.raises(UnavailableError):
        revoke.Hook(webhook=place).call(order)
    with pytest.raises(BadInputError):
        revoke.Hook(webhook="ftp://x/")
