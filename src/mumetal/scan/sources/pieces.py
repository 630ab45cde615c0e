"""Cuts large files into artefacts that know their first line."""

from collections.abc import Iterator
from typing import BinaryIO

from mumetal.core import LOCAL
from mumetal.core.artefact import Artefact

_OVERLAP = 16_384  # of pieces of one line without end, so that a secret on the cut is whole in one of them


def pieces(
    stream: BinaryIO,
    uri: str,
    *,
    chunk: int,
    facts: tuple[tuple[str, str], ...] = (),
    kind: str = "file",
    tenant: str = LOCAL,
    size: int = -1,
) -> Iterator[Artefact]:
    """Yield a stream's bytes as artefacts of at most ``chunk`` bytes; the fact ``line`` is the first line's number.

    Args:
        stream: Where bytes come from.
        uri: What the artefacts are called.
        chunk: Most bytes of one artefact.
        facts: Facts of all pieces.
        kind: Kind of all pieces.
        tenant: Whose they are.
        size: How many bytes there will be, when it is known: spares a large buffer.
    """
    line, rest = 1, stream.read(min(chunk - 1, size)) if size >= 0 else b""
    while True:
        data = rest + stream.read(max(min(chunk - len(rest), 1 << 16 if size >= 0 and len(rest) >= size else chunk), 1))
        if len(data) <= len(rest) or not data:
            if rest and line == 1:
                yield Artefact(tenant=tenant, uri=uri, kind=kind, data=rest, facts=facts)
            elif rest:
                yield Artefact(tenant=tenant, uri=uri, kind=kind, data=rest, facts=(*facts, ("line", str(line))))
            return
        if len(data) < chunk:
            rest = data
            continue
        cut = data.rfind(b"\n", len(data) // 2) + 1
        whole = data[:cut] if cut else data
        said = facts if line == 1 else (*facts, ("line", str(line)))
        yield Artefact(tenant=tenant, uri=uri, kind=kind, data=whole, facts=said)
        line += whole.count(b"\n")
        rest = data[cut:] if cut else data[-min(_OVERLAP, len(data) // 4) :]
