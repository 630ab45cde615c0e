"""Takes a Jupyter notebook apart into its cells' sources and outputs."""

from collections.abc import Iterator

import msgspec

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.scan.sources.limits import Report

_MAX_TEXT = 8 << 20
_IMAGES = ("image/", "application/pdf", "audio/", "video/")


class _Output(msgspec.Struct):
    text: str | list[str] = ""
    data: dict[str, msgspec.Raw] = {}
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = []


class _Cell(msgspec.Struct):
    cell_type: str = "code"
    source: str | list[str] = ""
    outputs: list[_Output] = []
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


class _Notebook(msgspec.Struct):
    cells: list[_Cell]
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _shown(output: _Output) -> str:
    parts = [_joined(output.text), output.ename, output.evalue, "\n".join(output.traceback)]
    for kind, raw in output.data.items():
        if not kind.startswith(_IMAGES):
            try:
                said = msgspec.json.decode(raw, type=str | list[str])
            except (msgspec.DecodeError, UnicodeDecodeError):
                parts.append(bytes(raw).decode(errors="replace"))
            else:
                parts.append(_joined(said))
    return "\n".join(p for p in parts if p)[:_MAX_TEXT]


def cells(artefact: Artefact, report: Report) -> Iterator[Artefact]:
    """Yield each cell's source as ``URI#cell3`` and what it printed as ``URI#cell3-output``, counted from 1.

    A notebook that cannot be read is reported and yielded as the plain text it is.
    """
    try:
        book = msgspec.json.decode(artefact.data, type=_Notebook)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        report(Quarantined.of(artefact.uri, f"no notebook, read as text: {str(error)[:200]}"))
        yield artefact
        return
    for number, cell in enumerate(book.cells, 1):
        kind = "code" if cell.cell_type == "code" else cell.cell_type[:20]
        source = _joined(cell.source)
        if source:
            yield _part(artefact, f"cell{number}", source, ("cell", kind))
        printed = "\n".join(filter(None, map(_shown, cell.outputs)))
        if printed:
            yield _part(artefact, f"cell{number}-output", printed, ("cell", "output"))
        if len(cell.metadata) > 2:
            yield _part(
                artefact, f"cell{number}-metadata", bytes(cell.metadata).decode(errors="replace"), ("cell", "metadata")
            )
    if len(book.metadata) > 2:
        yield _part(artefact, "metadata", bytes(book.metadata).decode(errors="replace"), ("cell", "metadata"))


def _part(artefact: Artefact, name: str, text: str, fact: tuple[str, str]) -> Artefact:
    return Artefact(
        tenant=artefact.tenant,
        uri=f"{artefact.uri}#{name}",
        kind="cell",
        data=text.encode(errors="surrogatepass"),
        facts=(*artefact.facts, fact),
    )
