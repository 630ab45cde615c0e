"""Notebooks: cells are mended as Python is, and every output goes, as outputs repeat what cells held."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from mumetal.core.errors import BadInputError
from mumetal.scan.fix import python
from mumetal.scan.fix.edit import Edit, Leak, edited

MAX_BYTES = 64 * 2**20
MAGIC = ("%", "!", "?")
Find = Callable[[str, bytes], Sequence[Leak]]  # what is secret in the text of a cell, by its name


def fix(data: bytes, find: Find, *, store: python.Store = "env", where: str = "notebook") -> bytes:
    """Return a notebook without secrets in its cells, and without outputs.

    Args:
        data: The notebook, JSON.
        find: Names a text's secrets.
        store: Whether secrets are looked up in the environment or in the keyring.
        where: The notebook's name, for errors.

    Raises:
        BadInputError: It is no notebook, or a secret stands where it cannot be mended; nothing is changed then.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"the notebook has more than {MAX_BYTES} bytes", where=where)
    try:
        book = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"no notebook: {str(error)[:120]}", where=where) from None
    cells = book.get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list) or not all(isinstance(c, dict) for c in cells):
        raise BadInputError("no notebook: it has no cells", where=where)
    shape = _shape(data, book)
    for number, cell in enumerate(cells, 1):
        _cell(cell, find, store, f"{where}#cell{number}")
    return _written(book, shape)


def _cell(cell: dict[str, Any], find: Find, store: python.Store, where: str) -> None:
    source = cell.get("source", "")
    listed = isinstance(source, list)
    if not (isinstance(source, str) or (listed and all(isinstance(s, str) for s in source))):
        raise BadInputError("the cell's source is no text", where=where)
    text = ("".join(source) if listed else source).encode(errors="surrogatepass")
    leaks = find(where, text)
    if leaks:
        after = _mended(text, leaks, cell.get("cell_type"), store, where).decode(errors="surrogatepass")
        cell["source"] = after.splitlines(keepends=True) if listed else after
    if cell.get("cell_type") == "code":
        cell["outputs"] = []
        cell["execution_count"] = None


def _mended(text: bytes, leaks: Sequence[Leak], kind: object, store: python.Store, where: str) -> bytes:
    if kind != "code" or text.lstrip().startswith(b"%%"):
        return edited(text, [Edit(start=k.start, stop=k.stop, new=f"<{k.name}>".encode()) for k in leaks])
    # IPython's own commands are no Python: they stand aside as comments of the same length.
    lines = text.decode().splitlines(keepends=True)
    aside = [line.lstrip().startswith(MAGIC) for line in lines]
    if not any(aside):
        return python.fix(text, leaks, store=store, where=where)
    out: list[str] = []
    for line, is_magic in zip(lines, aside, strict=True):
        lead = len(line) - len(line.lstrip())
        if is_magic:
            line = f"{line[:lead]}#{line[lead + 1 :]}"  # noqa: PLW2901
        out.append(line)
    after = python.fix("".join(out).encode(), leaks, store=store, where=where).decode().splitlines(keepends=True)
    magics = {f"{a[: len(a) - len(a.lstrip())]}#{a.lstrip()[1:]}": a for a, m in zip(lines, aside, strict=True) if m}
    return "".join(magics.get(line, line) for line in after).encode()


def _shape(data: bytes, book: object) -> tuple[int | None, bool, str]:
    """Return indent, whether only ASCII is written, and the end, such that the notebook is written as it was."""
    end = "\n" if data.endswith(b"\n") else ""
    for indent in (1, 2, 4, None):
        for ascii_only in (False, True):
            if _written(book, (indent, ascii_only, end)) == data:
                return indent, ascii_only, end
    return 1, False, end


def _written(book: object, shape: tuple[int | None, bool, str]) -> bytes:
    indent, ascii_only, end = shape
    return (json.dumps(book, indent=indent, ensure_ascii=ascii_only) + end).encode(errors="surrogatepass")
