"""Libraries that lock files pin, tokens' own headers and JWK sets: read, judged, put into a valid bill."""

import base64
import gzip
import json
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests import firmware_images
from tests.unit.scan.firmware.test_keys import certificate
from typer.testing import CliRunner

from mumetal.catalog.crypto_timelines import timelines
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan.crypto import jose, libraries
from mumetal.scan.crypto.cbom import encode
from mumetal.scan.crypto.inventory import judged, plan
from mumetal.scan.crypto.scanner import CryptoScanner
from mumetal.serve.cli.app import app

UV = b"""version = 1
[[package]]
name = "numpy"
version = "2.4.0"
[[package]]
name = "PyCrypto"
version = "2.6.1"
[[package]]
name = "cryptography"
version = "50.0.2"
"""
CARGO = b'version = 4\n[[package]]\nname = "serde"\nversion = "1.0.0"\n[[package]]\nname = "rsa"\nversion = "0.9.6"\n'
NPM = json.dumps(
    {
        "packages": {
            "": {"name": "x"},
            "node_modules/crypto-js": {"version": "4.1.1"},
            "node_modules/a/node_modules/@noble/curves": {"version": "1.2.0"},
            "node_modules/left-pad": {"version": "1.0.0"},
        }
    },
    indent=1,
).encode()


def token(**header: str) -> str:
    parts = (json.dumps(header), '{"sub": "ada"}')
    return ".".join([*(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts), "c2lnbmF0dXJl"])


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("uv.lock", UV, [("pypi pycrypto 2.6.1", 6), ("pypi cryptography 50.0.2", 9)]),
        ("poetry.lock", UV, [("pypi pycrypto 2.6.1", 6), ("pypi cryptography 50.0.2", 9)]),
        (
            "requirements.txt",
            b"numpy\nPyJWT==2.9.0\necdsa<0.20\n",
            [("pypi pyjwt 2.9.0", 2), ("pypi ecdsa below0.20", 3)],
        ),
        ("Cargo.lock", CARGO, [("cargo rsa 0.9.6", 6)]),
        ("package-lock.json", NPM, [("npm crypto-js 4.1.1", 6), ("npm @noble/curves 1.2.0", 9)]),
        ("other.json", NPM, []),
    ],
)
def test_lock_files_name_their_libraries(name: str, data: bytes, found: list[tuple[str, int]]) -> None:
    seen = [(a.name.replace("below ", "below"), a.line) for a in libraries.assets(data, f"src/{name}")]
    assert [s for s, _ in seen] == [s for s, _ in found]
    assert all(abs(a - b) <= 1 for (_, a), (_, b) in zip(seen, found, strict=True)), seen


def test_an_unfit_library_is_a_finding_and_a_step_of_the_plan() -> None:
    (finding,) = CryptoScanner().scan(Artefact(uri="uv.lock", data=UV))
    assert (finding.rule, finding.severity.name) == ("scan.crypto.broken", "MEDIUM")
    assert "CVE-2013-7459" in finding.detail
    assert "cryptography" in finding.remedy
    verdicts = judged([*libraries.assets(UV, "uv.lock"), *libraries.assets(CARGO, "Cargo.lock")], timelines())
    assert {s.algorithm for s in plan(verdicts)} == {"pypi pycrypto 2.6.1", "cargo rsa 0.9.6"}


@pytest.mark.parametrize("name", ["uv.lock", "Cargo.lock", "package-lock.json"])
@pytest.mark.parametrize("data", [b"\xff", b"[", b"{", b'{"packages": 1}', b"[" * 100_000])
def test_a_broken_lock_file_is_said(name: str, data: bytes) -> None:
    with pytest.raises(BadInputError):
        list(libraries.assets(data, name))


def test_tokens_and_key_sets_are_named_by_what_they_say() -> None:
    text = f"a {token(alg='RS256')}\nb {token(alg='HS256')} {token(alg='none', typ='JWT')}\nc eyJub3QifQ.x.y\n".encode()
    assert [(a.name, a.line) for a in jose.assets(text, "x.log")] == [
        ("RSA-unknown", 1),
        ("HMAC-SHA-256", 2),
        ("none", 2),
    ]
    rsa = {"kty": "RSA", "n": base64.urlsafe_b64encode(b"\x81" * 256).decode().rstrip("="), "e": "AQAB"}
    keys = [rsa, {"kty": "EC", "crv": "P-256", "x": "", "y": "", "d": "s"}, {"kty": "OKP", "crv": "X25519", "x": ""}]
    found = list(jose.assets(json.dumps({"keys": keys}).encode(), "jwks.json"))
    assert [(a.name, a.use, a.note) for a in found] == [
        ("RSA-2048", "signature", "public JWK"),
        ("ECDSA-P-256", "signature", "private JWK"),
        ("X25519", "key-agreement", "public JWK"),
    ]
    assert [v.status for v in judged(found, timelines())] == ["broken-by-quantum"] * 3


def test_the_command_finds_the_certificate_in_a_firmware_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = rsa.generate_private_key(65537, 2048)
    Path("boot.itb").write_bytes(firmware_images.fit(gzip.compress(b"\x90" * 99 + certificate(key) + bytes(50))))
    done = CliRunner().invoke(app, ["scan", "crypto", "--json"])
    told = json.loads(done.output)
    (found,) = (v["asset"] for v in told["assets"])
    assert (found["kind"], found["name"]) == ("certificate", "RSA-2048")
    assert found["where"].startswith("boot.itb!certificate-")
    assert told["plan"][0]["algorithm"] == "RSA-2048"
    assert told["problems"] == []


def test_the_bill_with_libraries_holds_to_the_official_schema() -> None:
    found = [
        *libraries.assets(UV, "uv.lock"),
        *libraries.assets(NPM, "package-lock.json"),
        *jose.assets(token(alg="ES256").encode(), "t"),
    ]
    text = encode(judged(found, timelines()), t_ns=1_795_370_400 * 10**9, serial=UUID(int=7))
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    named = {(c["type"], c["name"], c.get("version")) for c in json.loads(text)["components"]}
    assert ("library", "pycrypto", "2.6.1") in named
    assert ("library", "@noble/curves", "1.2.0") in named
    assert ("cryptographic-asset", "ECDSA-P-256", None) in named
