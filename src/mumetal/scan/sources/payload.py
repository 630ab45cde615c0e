"""Takes a job's payload apart: JSON whose strings hold QPY, arrays or objects as base64 and zlib, and circuits as text.

The form is that of Qiskit Runtime's encoder (``{"__type__": …, "__value__": …}``, base64 over zlib over QPY or NumPy
bytes), but any string that begins like one of these is taken apart, whatever it is called. Nothing is loaded: bytes are
unpacked within bounds and handed on.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

import msgspec

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.formats import qpy
from mumetal.scan.sources.archive import Budget
from mumetal.scan.sources.limits import Limits, Report

MAX_JSON = 64 << 20
MAX_PARTS = 10_000
MAX_DEPTH = 64
_STEP = 1 << 20
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}\s*")


def is_payload(data: bytes) -> bool:
    """Whether the bytes look like JSON with something packed inside."""
    return data[:64].lstrip()[:1] in {b"{", b"["} and b'"__type__"' in data


def parts(artefact: Artefact, limits: Limits, budget: Budget, report: Report) -> Iterator[Artefact]:
    """Yield what a payload holds as ``URI#params.pubs[0]``; what cannot be unpacked is reported.

    Args:
        artefact: The JSON document.
        limits: Bounds of one part.
        budget: What may be unpacked in all.
        report: Told what is left out, and why.
    """
    if len(artefact.data) > MAX_JSON:
        report(Quarantined.of(artefact.uri, f"JSON of more than {MAX_JSON} bytes: not taken apart"))
        return
    try:
        document: object = msgspec.json.decode(artefact.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        report(Quarantined.of(artefact.uri, f"no JSON, read as text: {str(error)[:200]}"))
        return
    for where, text in _strings(document):
        data = _unpacked(text, where, artefact.uri, limits, budget, report)
        if not data:
            continue
        budget.members -= 1
        if budget.members < 0:
            report(Quarantined.of(artefact.uri, "holds more parts than may be: the rest was not read"))
            return
        uri = f"{artefact.uri}#{where or 'value'}"[:4_000]
        facts = (*artefact.facts, ("part", "payload"))
        yield Artefact(tenant=artefact.tenant, uri=uri, kind="payload", data=data, facts=facts)
        if budget.left < 0:
            return


def metadata(artefact: Artefact, report: Report) -> Iterator[Artefact]:
    """Yield the metadata of a QPY's circuits as text, ``URI#metadata1``; a hostile QPY is reported."""
    try:
        headers = qpy.decode(artefact.data, artefact.uri).headers
    except BadInputError as error:
        report(Quarantined.of(artefact.uri, f"QPY: {error.message}"))
        return
    for number, header in enumerate(headers[:MAX_PARTS], 1):
        text = f"{header.name}\n{header.metadata}" if len(header.metadata) > 2 else ""
        if text:
            yield Artefact(
                tenant=artefact.tenant,
                uri=f"{artefact.uri}#metadata{number}",
                kind="payload",
                data=text.encode(errors="replace"),
                facts=(*artefact.facts, ("part", "metadata")),
            )


def _strings(value: object) -> Iterator[tuple[str, str]]:
    """Yield (place, text) of every string, without recursion; at most ``MAX_DEPTH`` deep."""
    waiting: list[tuple[str, object, int]] = [("", value, 0)]
    while waiting:
        where, node, depth = waiting.pop()
        if isinstance(node, str):
            yield where.removesuffix(".__value__"), node
        elif depth < MAX_DEPTH and isinstance(node, dict):
            waiting += [(f"{where}.{_word(k)}".lstrip("."), v, depth + 1) for k, v in reversed(node.items())]
        elif depth < MAX_DEPTH and isinstance(node, list):
            waiting += [(f"{where}[{i}]", v, depth + 1) for i, v in reversed(list(enumerate(node)))]


def _word(key: object) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", str(key))[:60]


def _unpacked(text: str, where: str, uri: str, limits: Limits, budget: Budget, report: Report) -> bytes:
    if text.lstrip().startswith("OPENQASM"):
        return text.encode(errors="replace")
    if not _BASE64.fullmatch(text):
        return b""
    try:
        data = base64.b64decode(text.translate({45: "+", 95: "/"}).strip() + "==", validate=False)
    except (binascii.Error, ValueError):
        return b""
    try:
        if data[:1] == b"\x78" and len(data) > 2 and (data[0] * 256 + data[1]) % 31 == 0:
            data = _inflated(zlib.decompressobj(), data, limits, budget)
        elif data[:2] == b"\x1f\x8b":
            data = _inflated(zlib.decompressobj(wbits=31), data, limits, budget)
        else:
            budget.left -= len(data)
    except (zlib.error, OverflowError) as error:
        report(Quarantined.of(f"{uri}#{where}"[:4_000], f"cannot be unpacked: {str(error)[:200]}"))
        return b""
    if data.startswith((qpy.MAGIC, b"\x93NUMPY", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")):
        return data
    return data if data and _is_text(data) else b""


def _inflated(unpack: "zlib._Decompress", data: bytes, limits: Limits, budget: Budget) -> bytes:
    out = bytearray()
    allowed = min(limits.chunk, max(len(data), 1) * limits.ratio + _STEP)
    while data and not unpack.eof:
        piece = unpack.decompress(data, _STEP)
        data = unpack.unconsumed_tail
        out += piece
        budget.left -= len(piece)
        if budget.left < 0 or len(out) > allowed:
            raise OverflowError("unpacks to more than it may")
        if not piece and not data:
            break
    return bytes(out)


def _is_text(data: bytes) -> bool:
    head = data[:4_096]
    return sum(b in b"\n\r\t" or 32 <= b < 127 for b in head) > 0.95 * len(head)
