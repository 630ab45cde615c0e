"""Cryptography is named, judged and ranked; endpoints are asked without a handshake; hostile files break nothing."""

import datetime as dt
import json
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from OpenSSL import SSL
from typer.testing import CliRunner

from mumetal.catalog.crypto_timelines import decode, timelines
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.finding import Severity
from mumetal.scan.crypto import certificates, python, ssh, tls
from mumetal.scan.crypto.asset import Asset, judge
from mumetal.scan.crypto.inventory import judged, plan
from mumetal.scan.crypto.scanner import CryptoScanner
from mumetal.serve.cli.app import app

SOURCE = b"""
import hashlib, ssl, jwt
from cryptography.hazmat.primitives.asymmetric import rsa, ec, x25519
from Crypto.Cipher import DES3
a = hashlib.md5(b"x")
b = hashlib.new("sha1", b"x", usedforsecurity=False)
c = rsa.generate_private_key(public_exponent=65537, key_size=2048)
d = ec.generate_private_key(ec.SECP256R1())
e = x25519.X25519PrivateKey.generate()
f = DES3.new(key, DES3.MODE_CBC)
g = jwt.encode({}, k, algorithm="RS256")
h = jwt.decode(t, k, algorithms=["ES256", "none"])
i = ssl.SSLContext(ssl.PROTOCOL_TLSv1)
"""
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, years: int = 1) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now.replace(year=2026 + years)).sign(key, hashes.SHA256())
    )  # fmt: skip
    return built.public_bytes(serialization.Encoding.PEM)


def private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def names(found: Iterator[Asset]) -> list[str]:
    return [a.name for a in found]


def test_source_is_read_by_full_names() -> None:
    found = list(python.assets(SOURCE, "x.py"))
    assert {(a.name, a.line) for a in found} == {
        ("MD5", 5), ("RSA-2048", 7), ("ECDSA-P-256", 8), ("X25519", 9), ("3DES", 10), ("RSA-unknown", 11),
        ("ECDSA-P-256", 12), ("none", 12), ("TLS-1.0", 13),
    }  # fmt: skip
    assert not list(python.assets(b"def md5(x): return x\nmd5(1)\n# hashlib\n", "x.py"))


def test_ssh_files_are_read() -> None:
    key = RSA.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    text = b"KexAlgorithms mlkem768x25519-sha256,curve25519-sha256,diffie-hellman-group1-sha1\nCiphers aes256-gcm@openssh.com,3des-cbc\nMACs -hmac-md5\n"
    assert names(ssh.assets(text, "sshd_config")) == ["X25519MLKEM768", "X25519", "DH-1024", "AES", "3DES"]
    assert names(ssh.assets(b"host " + key + b" me\n", "known_hosts")) == ["RSA-2048"]
    assert not list(ssh.assets(bytes(range(256)) * 100, "known_hosts"))


def test_certificates_and_keys_are_named_and_a_damaged_one_spares_the_rest() -> None:
    data = (
        certificate(RSA)
        + private(EC)
        + b"-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n-----END CERTIFICATE-----\n"
    )
    told = certificates.assets(data, "x.pem")
    found = [next(told), next(told)]
    with pytest.raises(BadInputError, match="line"):
        next(told)
    assert [(a.kind, a.name, a.expires) for a in found] == [
        ("certificate", "RSA-2048", 2027),
        ("key", "ECDSA-P-256", 0),
    ]
    der = x509.load_pem_x509_certificate(certificate(EC)).public_bytes(serialization.Encoding.DER)
    assert names(certificates.assets(der, "x.der")) == ["ECDSA-P-256"]


def test_ten_thousand_hostile_inputs() -> None:
    rng = random.Random(3)
    scanner = CryptoScanner(least=Severity.INFORMATIONAL)
    seeds = [(certificate(EC), "x.pem"), (SOURCE, "x.py"), (b"KexAlgorithms curve25519-sha256\n", "sshd_config"),
             (x509.load_pem_x509_certificate(certificate(EC)).public_bytes(serialization.Encoding.DER), "x.der")]  # fmt: skip
    hello = bytes.fromhex("0200002e0303") + tls.RETRY + bytes.fromhex("00130100") + bytes.fromhex("0006002b00020304")
    for n in range(10_000):
        seed, name = seeds[n % 4] if n % 5 == 0 else (hello, "hello")
        data = bytearray(seed)
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(data))
            if rng.random() < 0.6:
                data[at] = rng.randrange(256)
            else:
                del data[at : at + rng.randrange(1, 20)]
            data = data or bytearray(b"x")
        try:
            if name == "hello":
                tls.server_hello(bytes(data))
            else:
                list(scanner.scan(Artefact(uri=name, data=bytes(data))))
        except BadInputError:
            pass


@contextmanager
def serving(handle: object) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def once() -> None:
        line, _ = listener.accept()
        with line:
            line.settimeout(10)
            assert callable(handle)
            handle(line)

    worker = threading.Thread(target=once)
    worker.start()
    try:
        yield listener.getsockname()[1]
    finally:
        worker.join(15)
        listener.close()


def by_python(folder: Path, version: ssl.TLSVersion) -> object:
    (folder / "c.pem").write_bytes(certificate(RSA))
    (folder / "k.pem").write_bytes(private(RSA))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem", folder / "k.pem")
    context.maximum_version = version

    def handle(line: socket.socket) -> None:
        with suppress(OSError):
            context.wrap_socket(line, server_side=True)

    return handle


def by_openssl() -> object:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(x509.load_pem_x509_certificate(certificate(EC)))
    context.use_privatekey(EC)

    def handle(line: socket.socket) -> None:
        line.setblocking(True)
        with suppress(SSL.Error, OSError):
            _accept(context, line)

    return handle


def _accept(context: SSL.Context, line: socket.socket) -> None:
    connection = SSL.Connection(context, line)
    connection.set_accept_state()
    connection.do_handshake()


def test_a_server_without_post_quantum_groups_is_told_from_one_with(tmp_path: Path) -> None:
    with serving(by_python(tmp_path, ssl.TLSVersion.TLSv1_3)) as port:
        plain = tls.probe("127.0.0.1", port, bytes(32))
    with serving(by_python(tmp_path, ssl.TLSVersion.TLSv1_2)) as port:
        old = tls.probe("localhost", port, bytes(32))
    with serving(by_openssl()) as port:
        hybrid = tls.probe("127.0.0.1", port, bytes(32))
    assert plain.version == hybrid.version == "TLS-1.3"
    assert plain.retried
    assert hybrid.retried
    assert hybrid.group == "X25519MLKEM768"
    if ssl.OPENSSL_VERSION_INFO < (3, 5):  # the interpreter's own library, before ML-KEM
        assert plain.group in {"X25519", "ECDH-P-256"}
    assert old.version == "TLS-1.2"
    assert old.suite.startswith("TLS_ECDHE_RSA_")
    worst = judged([*tls.assets(hybrid, "new"), *tls.assets(old, "old")], timelines())[0]
    assert (worst.asset.where, worst.asset.use, worst.severity) == ("old", "key-agreement", Severity.MEDIUM)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
    ],
)
def test_an_endpoint_that_speaks_no_tls_is_bad_input(answer: bytes) -> None:
    def handle(line: socket.socket) -> None:
        line.recv(4_096)
        line.sendall(answer)

    with serving(handle) as port, pytest.raises(BadInputError):
        tls.probe("127.0.0.1", port, bytes(32))


def test_an_endpoint_that_is_away_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(UnavailableError):
        tls.probe("127.0.0.1", port, bytes(32), timeout_s=1.0)


def asset(name: str, **more: object) -> Asset:
    return Asset(**{"kind": "algorithm", "name": name, "use": "signature", "where": "x", **more})  # type: ignore[arg-type]


def test_the_plan_puts_first_what_is_broken_then_what_is_recorded() -> None:
    verdicts = judged(
        [
            asset("ECDSA-P-384"), asset("RSA-2048"), asset("X25519", use="key-agreement", exposed=True),
            asset("RSA-1024"), asset("ML-DSA-87"), asset("SHA-384", use="hash"),
        ],
        timelines(),
    )  # fmt: skip
    steps = plan(verdicts)
    assert [s.algorithm for s in steps] == ["RSA-1024", "X25519", "ECDSA-P-384", "RSA-2048"]
    assert steps[1].replacement.startswith("ML-KEM-1024")
    rsa2048 = next(v for v in verdicts if v.asset.name == "RSA-2048")
    assert {d.year for d in rsa2048.dates} >= {2030, 2035}
    p384 = next(v for v in verdicts if v.asset.name == "ECDSA-P-384")
    assert 2030 not in {d.year for d in p384.dates}
    signing = judge(asset("ECDSA-P-384", use="code-signing"), timelines())
    assert 2030 in {d.year for d in signing.dates}
    short = judge(asset("RSA-3072", kind="certificate", ends_ns=1_800_000_000 * 10**9), timelines())
    assert short.severity == Severity.INFORMATIONAL


def test_timelines_are_refused_when_wrong() -> None:
    for bad in (b"x", b"\xff", b'checked = "x"\nfamily = [{id="a", pattern="(", status="safe"}]\ndate = []\n'):
        with pytest.raises(BadInputError):
            decode(bad)


def test_a_scan_tells_what_is_broken_and_leaves_the_rest_to_the_inventory() -> None:
    found = list(CryptoScanner().scan(Artefact(uri="x.py", data=SOURCE)))
    assert sorted(f.title for f in found) == ["3DES for encryption", "TLS-1.0 for protocol", "none for signature"]


def test_the_command_writes_a_valid_bill_and_tells_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.py").write_bytes(SOURCE)
    Path("server.pem").write_bytes(certificate(RSA) + private(RSA))
    Path("bad.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n" + b"A" * 40 + b"\n-----END CERTIFICATE-----\n")
    secret = private(RSA).split(b"\n")[3].decode()
    with serving(by_openssl()) as port:
        done = CliRunner().invoke(
            app, ["scan", "crypto", "--endpoint", f"127.0.0.1:{port}", "--format", "cbom", "--out", "bom.json"]
        )
    assert done.exit_code == 1, done.output
    bill = Path("bom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(bill) is None
    names_found = {c["name"] for c in json.loads(bill)["components"]}
    assert {"RSA-2048", "X25519MLKEM768", "TLS-1.3", "MD5"} <= names_found
    assert secret not in bill
    text = CliRunner().invoke(app, ["scan", "crypto"])
    assert "not read: bad.pem" in text.output
    assert "in this order" in text.output
    assert CliRunner().invoke(app, ["scan", "crypto", "--endpoint", "nonsense"]).exit_code == 2
