"""Certificates and keys are taken out of images, packed ones too, as files the crypto inventory reads."""

import gzip
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from tests import firmware_images as images

from mumetal.core.artefact import Artefact
from mumetal.scan.crypto.scanner import CryptoScanner
from mumetal.scan.firmware.inspect import inspect
from mumetal.scan.firmware.keys import artefacts

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform key")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=7)
    return (
        made.not_valid_before(start).not_valid_after(start + timedelta(90)).sign(key, hashes.SHA256()).public_bytes(DER)
    )


def test_what_lies_in_a_packed_kernel_reaches_the_crypto_inventory() -> None:
    key, other = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    public = other.public_key().public_bytes(DER, SPKI)
    private = other.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    inside = b"\x90" * 99 + certificate(key) + bytes(50) + public + b"\0\0" + private + b"\0" + certificate(key)
    image = Artefact(uri="boot.itb", kind="firmware", data=images.fit(gzip.compress(inside)))
    found = list(artefacts(image))
    assert [a.uri.split("!")[1].rsplit("-", 1)[0] for a in found] == ["private-key", "certificate", "public-key"]
    assert len({a.digest for a in found}) == 3, "the certificate that is there twice is told once"
    known = [asset for a in found for asset in CryptoScanner().assets(a)]
    assert sorted((k.kind, k.name) for k in known) == [
        ("certificate", "RSA-2048"), ("key", "ECDSA-P-256"), ("key", "ECDSA-P-256"),
    ]  # fmt: skip
    assert {kind for kind, _ in inspect(image).facts} >= {"certificate", "public-key", "private-key"}
    assert private.split(b"\n")[1].decode() not in repr((found, inspect(image)))


def test_an_image_without_keys_has_none() -> None:
    for name, data in images.every().items():
        assert not list(artefacts(Artefact(uri=name, kind="firmware", data=data)))
