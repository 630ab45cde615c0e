"""Certificates and keys in PEM and DER: which algorithm, which length, until when. Private keys are named, never kept."""

import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.scan.crypto.asset import Asset, Use

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{3,40})-----[A-Za-z0-9+/=\s:,\-]{16,65536}?-----END \1-----")
SUFFIXES = (".pem", ".crt", ".cer", ".der", ".key", ".pub")
MAX_PIECES = 2_000
MAX_DER = 65_536
LATEST = datetime(2199, 12, 31, tzinfo=UTC)  # 9999 means that it never ends (RFC 5280, section 4.1.2.5)


def assets(data: bytes, where: str) -> Iterator[Asset]:
    """Yield the certificates and keys in a file; one that is damaged makes the file bad after the good ones were told.

    Raises:
        BadInputError: Something calls itself a certificate or key and is not.
        UnavailableError: The ``cryptography`` package is not installed.
    """
    blocks = [
        (m[1].decode(), m[0], data.count(b"\n", 0, m.start()) + 1)
        for m, _ in zip(_PEM.finditer(data), range(MAX_PIECES), strict=False)
    ]
    if not blocks and where.lower().endswith((".der", ".cer", ".crt")) and data[:1] == b"\x30" and len(data) <= MAX_DER:
        blocks = [("DER", data, 0)]
    if not blocks:
        return
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise UnavailableError(
            "certificates are read by the package cryptography, which is not installed",
            where=where,
            hint="pip install 'mumetal[crypto]'",
        ) from None
    bad: list[str] = []
    for label, block, line in blocks:
        try:
            yield from _read(label, block, where, line)
        except BadInputError as error:
            bad.append(f"line {line}: {error.message}")
    if bad:
        raise BadInputError("; ".join(bad)[:300], where=where)


def _read(label: str, block: bytes, where: str, line: int) -> Iterator[Asset]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if label == "CERTIFICATE":
                yield _certificate(x509.load_pem_x509_certificate(block), where, line)
            elif label == "DER":
                yield _certificate(x509.load_der_x509_certificate(block), where, line)
            elif label in {"PUBLIC KEY", "RSA PUBLIC KEY"}:
                yield _key(serialization.load_pem_public_key(block), "public key", where, line)
            elif label.endswith("PRIVATE KEY") and b"ENCRYPTED" not in block:
                load = (
                    serialization.load_ssh_private_key
                    if label.startswith("OPENSSH")
                    else serialization.load_pem_private_key
                )
                yield _key(load(block, None).public_key(), "private key", where, line)
    except (ValueError, TypeError, UnsupportedAlgorithm, OverflowError, RecursionError) as error:
        raise BadInputError(f"no {label.lower()} that can be read ({type(error).__name__})", where=where) from None


def _certificate(certificate: object, where: str, line: int) -> Asset:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    assert isinstance(certificate, x509.Certificate)
    hashed = certificate.signature_hash_algorithm
    subject = certificate.subject.rfc4514_string()[:200]
    use: Use = "signature"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.CODE_SIGNING in usage:
            use = "code-signing"
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        pass
    weak = hashed is not None and hashed.name in {"md5", "sha1"}
    until = min(certificate.not_valid_after_utc, LATEST)
    return Asset(
        kind="certificate",
        name=("MD5" if hashed and hashed.name == "md5" else "SHA-1") if weak else name_of(certificate.public_key()),
        use=use,
        where=where,
        line=line,
        note=f"{subject}; valid until {until:%Y-%m-%d}; signed with {hashed.name if hashed else 'its own scheme'}",
        ends_ns=int(until.timestamp()) * 10**9,
    )


def _key(key: object, what: str, where: str, line: int) -> Asset:
    name = name_of(key)
    use: Use = "key-agreement" if name.startswith(("X25519", "X448", "DH", "ML-KEM")) else "signature"
    return Asset(kind="key", name=name, use=use, where=where, line=line, note=what)


def name_of(key: object) -> str:
    """Return the canonical name of a public key of the package ``cryptography``."""
    from cryptography.hazmat.primitives.asymmetric import dh, dsa, ec, ed448, ed25519, rsa, x448, x25519

    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA-{key.key_size}"
    if isinstance(key, dh.DHPublicKey):
        return f"DH-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        known = {
            "secp192r1": "P-192",
            "secp224r1": "P-224",
            "secp256r1": "P-256",
            "secp384r1": "P-384",
            "secp521r1": "P-521",
        }
        return f"ECDSA-{known.get(key.curve.name, key.curve.name)}"
    for kind, name in (
        (ed25519.Ed25519PublicKey, "Ed25519"),
        (ed448.Ed448PublicKey, "Ed448"),
        (x25519.X25519PublicKey, "X25519"),
        (x448.X448PublicKey, "X448"),
    ):
        if isinstance(key, kind):
            return name
    bare = type(key).__name__.removesuffix("PublicKey").removeprefix("_").upper()
    return bare.replace("MLDSA", "ML-DSA-").replace("MLKEM", "ML-KEM-")[:100]
