"""Where in an artefact something was seen, and how that is written into a finding."""

import re
from dataclasses import dataclass

from mumetal.core import check
from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.errors import BadInputError

_FRAGMENT = re.compile(r"L(\d+)(?:C(\d+)-(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A span on one line of a text.

    Args:
        path: Path or blob uri, as the artefact gives it.
        line: Line, from 1.
        column: First column, in bytes from 1; 0 when the whole line is meant.
        end: Just past the last column; 0 when the whole line is meant.
    """

    path: str
    line: int
    column: int = 0
    end: int = 0

    @property
    def uri(self) -> str:
        """The place as an evidence uri: ``file:PATH#L12`` or ``file:PATH#L12C5-45``."""
        columns = f"C{self.column}-{self.end}" if self.column else ""
        return f"file:{self.path}#L{self.line}{columns}"


def place_of(uri: str) -> Place:
    """Read an evidence uri that :attr:`Place.uri` wrote.

    Raises:
        BadInputError: The uri points at something else.
    """
    path, mark, fragment = uri.removeprefix("file:").rpartition("#")
    found = _FRAGMENT.fullmatch(fragment)
    if not (uri.startswith("file:") and mark and found):
        raise BadInputError("the evidence is no place in a file", where=uri[:200])
    return Place(path=path, line=int(found[1]), column=int(found[2] or 0), end=int(found[3] or 0))


def first_line(artefact: Artefact) -> int:
    """Return the number of the artefact's first line, from 1; pieces of large files say theirs in the fact ``line``."""
    said = dict(artefact.facts).get("line", "1")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 15 else 1


def place_at(artefact: Artefact, start: int, stop: int) -> Place:
    """Return the place of ``data[start:stop]``; a span over several lines ends with its first line."""
    before = artefact.data.rfind(b"\n", 0, start) + 1
    line_end = artefact.data.find(b"\n", start, stop)
    return Place(
        path=artefact.uri,
        line=artefact.data.count(b"\n", 0, before) + first_line(artefact),
        column=start - before + 1,
        end=(stop if line_end < 0 else line_end) - before + 1,
    )


def evidence_at(artefact: Artefact, start: int, stop: int, note: str = "") -> Evidence:
    """Point at ``data[start:stop]``, with the digest of the whole artefact."""
    return Evidence(uri=place_at(artefact, start, stop).uri, digest=artefact.digest, note=note)


def time_of(artefact: Artefact) -> int:
    """Return when the artefact was written, nanoseconds since 1970 UTC.

    The source states the time in the fact ``t_ns`` (author date in a history, modification time in a tree); without it
    the earliest time a finding may carry stands.
    """
    said = dict(artefact.facts).get("t_ns", "")
    t_ns = int(said) if said.isascii() and said.isdigit() and len(said) < 20 else check.EARLIEST_NS
    return t_ns if check.EARLIEST_NS <= t_ns < check.LATEST_NS else check.EARLIEST_NS
