"""Reading a growing text file by position: whole lines only, rotation and truncation noticed, long lines skipped."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from mumetal.core.delivery import Quarantined
from mumetal.core.errors import UnavailableError

MAX_LINE = 2**20
CHUNK = 4 * 2**20


class Position(msgspec.Struct, array_like=True, omit_defaults=True):
    """How far a file has been read.

    Args:
        offset: Bytes read.
        inode: Identity of the file on the disk; another one means that it was rotated.
        line: Lines read.
        skipping: Whether the rest of a line that is too long is still to be skipped.
        last_ns: Time of the newest line so far, nanoseconds since 1970; 0 before the first.
    """

    offset: int = 0
    inode: int = 0
    line: int = 0
    skipping: bool = False
    last_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Whole lines of one file.

    Args:
        lines: Lines without their ends.
        first: Number of the first one, from 1.
        position: Where to go on.
        quarantined: Lines that were too long.
        more: Whether more whole lines may be there now.
    """

    lines: list[bytes]
    first: int
    position: Position
    quarantined: tuple[Quarantined, ...]
    more: bool


def start(position: Position | None, inode: int, size: int) -> Position:
    """Return where to go on in a file that is now ``inode`` with ``size`` bytes; from the start if it is another."""
    if position is None or position.inode != inode or size < position.offset:
        return Position(inode=inode)
    return position


def read_lines(path: Path, position: Position, max_lines: int, *, closed: bool = False, where: str = "") -> Lines:
    """Read at most ``max_lines`` whole lines, or 4 MiB, from ``position``.

    Args:
        path: The file.
        position: As :func:`start` gave it.
        max_lines: At least 1.
        closed: Whether nobody writes to the file any more; then a last line without an end counts.
        where: Place for quarantine; the path when empty.

    Raises:
        UnavailableError: The file went away.
    """
    try:
        with path.open("rb") as file:
            file.seek(position.offset)
            data = file.read(CHUNK)
            at_end = len(data) < CHUNK
    except OSError as error:
        raise UnavailableError(f"cannot be read: {error.strerror}", where=str(path)) from None
    place = where or str(path)
    quarantined: list[Quarantined] = []
    offset, number, skipping = position.offset, position.line, position.skipping
    if skipping:
        end = data.find(b"\n")
        if end < 0:
            moved = _moved(position, offset + len(data), number, skipping=True)
            return Lines(lines=[], first=number + 1, position=moved, quarantined=(), more=not at_end)
        data = data[end + 1 :]
        offset, number, skipping = offset + end + 1, number + 1, False
    first = number + 1
    pieces = data.split(b"\n", max_lines)
    whole, rest = pieces[:-1], pieces[-1]
    limited = len(whole) == max_lines and bool(rest)
    lines: list[bytes] = []
    for line in whole:
        number += 1
        offset += len(line) + 1
        if len(line) > MAX_LINE:
            quarantined.append(Quarantined.of(f"{place}:{number}", f"line is longer than {MAX_LINE} bytes", line))
            lines.append(b"")
        else:
            lines.append(line.removesuffix(b"\r"))
    if not limited and rest:
        if len(rest) > MAX_LINE:
            quarantined.append(Quarantined.of(f"{place}:{number + 1}", f"line is longer than {MAX_LINE} bytes", rest))
            offset += len(rest)
            skipping = True
        elif closed and at_end:
            number += 1
            offset += len(rest)
            lines.append(rest.removesuffix(b"\r"))
    moved = _moved(position, offset, number, skipping=skipping)
    return Lines(lines=lines, first=first, position=moved, quarantined=tuple(quarantined), more=limited or not at_end)


def _moved(position: Position, offset: int, line: int, *, skipping: bool) -> Position:
    return Position(offset=offset, inode=position.inode, line=line, skipping=skipping, last_ns=position.last_ns)
