"""What can be read in an image whatever its format: versions, addresses, commands, certificates and keys.

Only texts that mean something are kept: in megabytes of frames or packed code, random bytes spell words. A text that
is scrambled or packed by the implant itself is not seen; the verdict says so.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAX_MATCHES = 500
MAX_CERTIFICATES = 200
VERSIONS = (
    re.compile(rb"U-Boot(?: SPL| TPL)? (20\d\d\.\d\d[0-9A-Za-z.+~-]{0,40})"),
    re.compile(rb"OpenSBI v?(\d+\.\d+(?:\.\d+)?)"),
    re.compile(rb"SeaBIOS \(version (?:rel-|debian-)?([0-9][0-9A-Za-z.+~-]{1,40})"),
    re.compile(rb"(?:SeaBIOS|VGABIOS|Bochs)[^\0]{0,40}?(?:rel-|debian-)?(\d+\.\d+\.\d+[0-9A-Za-z.+~-]{0,20})"),
    re.compile(rb"iPXE (\d+\.\d+\.\d+[0-9A-Za-z.+-]{0,40})"),
)
TEXTS = {
    "url": re.compile(rb"\b(?:https?|ftps?|tftp|mqtts?|wss?|ssh)://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]{3,200}"),
    "address": re.compile(
        rb"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d):\d{2,5}(?!\d)"
    ),
    "command": re.compile(
        rb"(?:/bin/(?:ba|da)?sh|\b(?:wget|curl|nc|ncat|telnetd|dropbear|tftpboot|bootm)\b) [ -~]{2,120}"
        rb"|/dev/tcp/[ -~]{3,100}|\bbase64 -d\b[ -~]{0,60}|\bchmod \+?[0-7sx]{1,4} [ -~]{2,80}"
    ),
    "boot-argument": re.compile(rb"\b(?:init|rdinit|console|root)=[!-~]{1,80}(?: [!-~]{1,80}){0,8}"),
    "account": re.compile(rb"(?:root|admin)(?::[!-~]{1,80}){0,1}:[x$*!][!-~]{0,120}:\d{1,5}:"),
}
PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{3,40})-----[\s!-~]{40,16000}?-----END \1-----")
SSH_KEY = re.compile(rb"\b(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp\d{3}) [A-Za-z0-9+/]{40,2000}={0,2}")
DER = (
    ("certificate", bytes.fromhex("a003020102"), 8),
    ("public-key", bytes.fromhex("300d06092a864886f70d01010105000382"), 4),
    ("public-key", bytes.fromhex("301306072a8648ce3d0201"), 2),
    ("public-key", bytes.fromhex("300506032b6570032100"), 2),
)
READABLE = re.compile(rb"[\t\n\r -~]{8,}")


FILLING = re.compile(rb"\x00{256,}|\xff{256,}")
ISLAND = (128, 4_200)
DENSE = 0.85
PAGE = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMaterial:
    """A certificate or key in an image.

    Args:
        kind: ``"certificate"``, ``"public-key"`` or ``"private-key"``.
        form: How it is written.
        label: What its PEM says it is; empty for other forms.
        data: Its bytes.
    """

    kind: str
    form: Literal["PEM", "DER", "SSH"]
    label: str = ""
    data: bytes

    @property
    def fact(self) -> tuple[str, str]:
        """The fact it becomes: kind and digest, never the bytes."""
        about = {"PEM": f" {self.label}", "DER": f" {len(self.data)} bytes", "SSH": ""}[self.form]
        return self.kind, f"{self.form}{about} sha256:{hashlib.sha256(self.data).hexdigest()}"


def read(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) facts, each once: version, url, address, command, boot-argument, certificate, key and so on."""
    seen: set[tuple[str, str]] = set()
    for fact in _all(data):
        if fact not in seen:
            seen.add(fact)
            yield fact


def texts(data: bytes) -> bytes:
    """Return the runs of at least eight printable characters, with zero bytes between them."""
    return b"\0".join(READABLE.findall(data))


def _all(data: bytes) -> Iterator[tuple[str, str]]:
    text = texts(data)
    for pattern in VERSIONS:
        for found in _some(pattern, text):
            yield "version", found[1].decode("ascii", "replace")
    for kind, pattern in TEXTS.items():
        for found in _some(pattern, text):
            yield kind, found[0].decode("ascii", "replace")
    for material in _keys(data, text):
        yield material.fact


def islands(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield a fact for each dense piece that stands inside filling: where an implant finds room without moving anything.

    128 to 4,200 bytes, hardly a 0x00 or 0xff among them, with 256 bytes or more of one filling on both sides. What starts
    on a page was put there by a linker and is left out. The fact tells length and digest, not the place, so that a piece
    which only moved stays the same.
    """
    seen: set[str] = set()
    before: tuple[int, int] | None = None
    for found in FILLING.finditer(data):
        fill = data[found.start()]
        if before is not None and before[1] == fill:
            body = data[before[0] : found.start()]
            plain = len(body) - body.count(0) - body.count(0xFF)
            digest = hashlib.sha256(body).hexdigest()
            dense = ISLAND[0] <= len(body) <= ISLAND[1] and plain >= DENSE * len(body)
            if dense and before[0] % PAGE and digest not in seen:
                seen.add(digest)
                yield "island", f"{len(body)} bytes sha256:{digest}"
                if len(seen) >= MAX_MATCHES:
                    return
        before = found.end(), fill


def keys(data: bytes) -> Iterator[KeyMaterial]:
    """Yield the certificates and keys that lie open in the bytes; one that comes twice is told twice."""
    return _keys(data, texts(data))


def _keys(data: bytes, text: bytes) -> Iterator[KeyMaterial]:
    for found in _some(PEM, text):
        kind = "private-key" if b"PRIVATE" in found[1] else "certificate" if b"CERT" in found[1] else "public-key"
        yield KeyMaterial(kind=kind, form="PEM", label=found[1].decode(), data=found[0])
    for found in _some(SSH_KEY, text):
        yield KeyMaterial(kind="public-key", form="SSH", data=found[0])
    for kind, mark, back in DER:
        yield from _der(data, kind, mark, back)


def _der(data: bytes, kind: str, mark: bytes, back: int) -> Iterator[KeyMaterial]:
    """Yield the SEQUENCEs whose content holds ``mark``, ``back`` bytes after their start."""
    at, count = data.find(mark), 0
    while at >= 0 and count < MAX_MATCHES:
        start, count = at - back, count + 1
        at = data.find(mark, at + 1)
        if start < 0 or data[start] != 0x30:
            continue
        wide = data[start + 1] == 0x82
        length = int.from_bytes(data[start + 2 : start + 4], "big") + 4 if wide else data[start + 1] + 2
        if wide == (back > 2) and start + length <= len(data):
            yield KeyMaterial(kind=kind, form="DER", data=data[start : start + length])


def _some(pattern: re.Pattern[bytes], data: bytes) -> Iterator[re.Match[bytes]]:
    for count, found in enumerate(pattern.finditer(data)):
        if count >= MAX_MATCHES:
            return
        yield found
