"""Looks under one or two layers of base64, hex, URL and gzip encoding.

What is worth decoding is found by the same prefilter as everything else: the words that stand beside secrets look a known
way in base64 (at each of three offsets, as YARA's ``base64`` modifier does it) and in hex.
"""

import base64
import binascii
import re
import zlib
from urllib.parse import unquote_to_bytes

from mumetal.scan.secrets.candidate import Candidate
from mumetal.scan.secrets.rule import Rule

MAX_DEPTH = 2
_MAX_OUT = 4 << 20
_MAX_IN = 1 << 20
_WORDS = (
    b"PRIVATE KEY", b"password", b"PASSWORD", b"api_key", b"API_KEY", b"apikey", b"apiKey", b"secret", b"SECRET", b"token",
    b"TOKEN", b"access_key", b"ACCESS_KEY", b"github_pat_", b"client_secret", b"SharedAccessKey", b"AccountKey",
)  # fmt: skip


def _base64_forms(word: bytes) -> set[str]:
    """Return how a word looks inside base64 at each of the three offsets, without the signs its neighbours change."""
    forms = set()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + word).decode()
        first = (shift * 8 + 5) // 6
        last = (shift + len(word)) * 8 // 6
        forms.add(text[first:last])
    return forms


def _rule(kind: str, pattern: str, prefilter: str) -> Rule:
    return Rule(id=f"decode.{kind}", title=f"Text in {kind}", pattern=pattern, prefilter=prefilter, match=())


_ONCE = {form for word in _WORDS for form in _base64_forms(word)}
_TWICE = {again for form in _ONCE if len(form) >= 6 for again in _base64_forms(form.encode())}
_BASE64 = sorted(_ONCE | _TWICE)
_HEX = [word.hex() for word in _WORDS]
LAYERS: tuple[Rule, ...] = (
    _rule("base64", r"([A-Za-z0-9+/_\-]{16,}={0,2})", "|".join([*map(re.escape, _BASE64), "H4sI[A-Za-z0-9+/_]{20}"])),
    _rule("hex", r"((?:[0-9a-fA-F]{2}){12,})", f"(?i:{'|'.join(_HEX)})"),
    _rule("url", r"([^\s\"'<>]{8,})", r"(?i:key|token|secret|password|passwd|pwd)[A-Za-z0-9_.\-]{0,20}%(?:3[AaDd]|22)"),
)


def _unpacked(data: bytes) -> bytes:
    """Return what a gzip or zlib stream holds, at most 4 MiB; other bytes as they are."""
    if data[:2] not in {b"\x1f\x8b", b"\x78\x9c", b"\x78\xda", b"\x78\x01"}:
        return data
    try:
        return zlib.decompressobj(wbits=47).decompress(data, _MAX_OUT)
    except zlib.error:
        return data


def decoded(candidate: Candidate) -> bytes:
    """Return what lies under one layer; empty when nothing readable does."""
    text = candidate.value[:_MAX_IN]
    kind = candidate.rule.id.removeprefix("decode.")
    if kind == "url":
        return unquote_to_bytes(text)
    if kind == "hex":
        return _readable(_unpacked(bytes.fromhex(text[: len(text) // 2 * 2].decode())))
    body = text.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        return _readable(_unpacked(base64.b64decode(body + b"=" * (-len(body) % 4))))
    except (binascii.Error, ValueError):
        return b""


def _readable(data: bytes) -> bytes:
    plain = sum(32 <= b < 127 or b in b"\t\n\r" for b in data[:2_048])
    return data if data and plain >= 0.9 * min(len(data), 2_048) else b""
