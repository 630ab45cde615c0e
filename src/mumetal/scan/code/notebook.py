"""Notebooks as one module: cells follow one another, and every line knows its cell."""

from dataclasses import dataclass

import msgspec

from mumetal.core.errors import BadInputError

MAX_NOTEBOOK_BYTES = 64 * 2**20


class _Cell(msgspec.Struct):
    cell_type: str = ""
    source: list[str] | str = ""


class _Notebook(msgspec.Struct):
    cells: list[_Cell] = []


_DECODER = msgspec.json.Decoder(_Notebook)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A notebook's code as one text.

    Args:
        text: The code, magics and shell lines replaced by ``pass``.
        first: Per code cell, its number in the notebook (from 0) and its first line in ``text`` (from 1).
    """

    text: bytes
    first: tuple[tuple[int, int], ...]

    def place(self, line: int) -> tuple[int, int]:
        """Return (cell, line within the cell from 1) of a line of the text."""
        cell, start = next(((c, s) for c, s in reversed(self.first) if s <= line), (0, 1))
        return cell, line - start + 1


def join(data: bytes, where: str) -> Joined:
    """Join the code cells of a notebook.

    Raises:
        BadInputError: Too large, or no notebook.
    """
    if len(data) > MAX_NOTEBOOK_BYTES:
        raise BadInputError(f"the notebook has {len(data)} bytes, more than {MAX_NOTEBOOK_BYTES}", where=where)
    try:
        notebook = _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadInputError(f"no notebook: {str(error)[:200]}", where=where) from None
    lines: list[str] = []
    first: list[tuple[int, int]] = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        text = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        first.append((number, len(lines) + 1))
        lines += plain(text).split("\n")
    return Joined(text="\n".join(lines).encode("utf-8", "replace"), first=tuple(first))


def plain(cell: str) -> str:
    """Return a cell with its magics (``%``, ``!``, ``?``) replaced by ``pass``, line by line."""
    lines = cell.replace("\r\n", "\n").split("\n")
    if lines[0].lstrip().startswith("%%"):
        return "\n".join("pass" if n == 0 else "" for n in range(len(lines)))
    return "\n".join(_plain_line(line) for line in lines)


def _plain_line(line: str) -> str:
    bare = line.lstrip()
    if bare.startswith(("%", "!", "?")) or (bare.endswith("?") and bare.rstrip("?").isidentifier()):
        return line[: len(line) - len(bare)] + "pass"
    return line
