"""JOSE in any text: the algorithm in a token's own header (RFC 7515), and the keys of a JWK set (RFC 7517)."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mumetal.scan.crypto.asset import Asset, Kind, Use

MAX_TOKENS = 1_000
MAX_KEYS = 1_000
_TOKEN = re.compile(rb"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,2000})\.[A-Za-z0-9_-]{2,20000}\.[A-Za-z0-9_-]{0,8000}")
_SIGNATURES = {
    "ES256": "ECDSA-P-256", "ES384": "ECDSA-P-384", "ES512": "ECDSA-P-521", "ES256K": "ECDSA-secp256k1", "EdDSA": "EdDSA",
    "Ed25519": "Ed25519", "none": "none", "HS256": "HMAC-SHA-256", "HS384": "HMAC-SHA-384", "HS512": "HMAC-SHA-512",
    "ML-DSA-44": "ML-DSA-44", "ML-DSA-65": "ML-DSA-65", "ML-DSA-87": "ML-DSA-87",
}  # fmt: skip


class _Header(Struct, frozen=True):
    alg: Annotated[str, Meta(max_length=40)]
    enc: Annotated[str, Meta(max_length=40)] = ""


class _Key(Struct, frozen=True):
    kty: Annotated[str, Meta(max_length=10)]
    crv: Annotated[str, Meta(max_length=20)] = ""
    n: str = ""
    d: str = ""
    use: str = ""


class _Document(Struct, frozen=True):
    keys: tuple[_Key, ...] = ()
    kty: str = ""
    crv: Annotated[str, Meta(max_length=20)] = ""
    n: str = ""
    d: str = ""
    use: str = ""


def assets(data: bytes, where: str) -> Iterator[Asset]:
    """Yield the algorithms of the tokens, and the keys of a JWK set, in a text."""
    seen: set[tuple[str, int]] = set()
    if b"eyJ" in data:
        for number, found in enumerate(_TOKEN.finditer(data)):
            if number >= MAX_TOKENS:
                break
            line = data.count(b"\n", 0, found.start()) + 1
            for name, use in _of_header(found[1]):
                if (name, line) not in seen:
                    seen.add((name, line))
                    yield _asset("algorithm", name, use, where, line, "a token's header")
    if b'"kty"' in data[:200_000]:
        yield from _keys(data, where)


def _of_header(text: bytes) -> Iterator[tuple[str, Use]]:
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)), type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
        return
    if header.alg in _SIGNATURES:
        yield _SIGNATURES[header.alg], "signature"
    elif header.alg[:2] in {"RS", "PS"} and header.alg[2:].isdigit():
        yield "RSA-unknown", "signature"
    elif header.alg.startswith("RSA"):
        yield "RSA-unknown", "key-agreement"
    elif header.alg.startswith("ECDH-ES"):
        yield "ECDH", "key-agreement"


def _keys(data: bytes, where: str) -> Iterator[Asset]:
    try:
        read = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the word stands in a text that is no key
        return
    keys = read.keys or ((_Key(kty=read.kty, crv=read.crv, n=read.n, d=read.d, use=read.use),) if read.kty else ())
    at = 0
    for key in keys[:MAX_KEYS]:
        at = max(at, data.find(b'"kty"', at + 1))
        line = data.count(b"\n", 0, at) + 1
        size = len(key.n.rstrip("=")) * 6 // 8 * 8
        name = {"RSA": f"RSA-{size}" if size else "RSA-unknown", "EC": f"ECDSA-{key.crv}", "OKP": key.crv}.get(
            key.kty, ""
        )
        use: Use = "key-agreement" if key.use == "enc" or key.crv in {"X25519", "X448"} else "signature"
        if name:
            yield _asset("key", name[:40], use, where, line, f"{'private' if key.d else 'public'} JWK")


def _asset(kind: Kind, name: str, use: Use, where: str, line: int, note: str) -> Asset:
    return Asset(kind=kind, name=name, use=use, where=where, line=line, note=note)
