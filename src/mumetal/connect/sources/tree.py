"""Which files a folder holds: bounded in number and depth, links inside it are not followed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError, UnavailableError

MAX_FILES = 50_000
MAX_DEPTH = 8
MAX_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One regular file.

    Args:
        path: Where it lies.
        relative: Its path below the folder, with ``/``.
        size: Bytes.
        mtime_ns: Time of its last change, nanoseconds since 1970.
        inode: Its identity on the disk.
    """

    path: Path
    relative: str
    size: int
    mtime_ns: int
    inode: int


def require(place: Path, *, folder: bool | None = None) -> None:
    """Refuse a place that is not there now.

    Raises:
        UnavailableError: It is missing or cannot be read; it may come back.
        BadInputError: It is a file where a folder is needed, or the other way round.
    """
    try:
        is_folder = place.is_dir()
        if not is_folder and not place.is_file():
            raise UnavailableError(
                "there is no such file or folder", where=str(place), hint="check the path and that it is mounted"
            )
    except OSError as error:
        raise UnavailableError(f"cannot be read: {error.strerror}", where=str(place)) from None
    if folder is not None and folder != is_folder:
        raise BadInputError(f"a {'folder' if folder else 'file'} is needed here", where=str(place))


def files(place: Path, suffixes: tuple[str, ...] = (), depth: int = MAX_DEPTH) -> list[Found]:
    """Return the regular files below ``place`` (or itself), in order of their relative paths.

    Symbolic links below the place are skipped, so that a loop or a link out of the folder is never followed;
    the place itself may be one.

    Raises:
        UnavailableError: The place is away.
        BadInputError: More than 50,000 files.
    """
    require(place)
    try:
        if place.is_file():
            stat = place.stat()
            found = [
                Found(
                    path=place,
                    relative=_plain(place.name),
                    size=stat.st_size,
                    mtime_ns=stat.st_mtime_ns,
                    inode=stat.st_ino,
                )
            ]
        else:
            found = sorted(_walk(place, "", suffixes, depth), key=lambda f: f.relative)
    except OSError as error:
        raise UnavailableError(f"cannot be read: {error.strerror}", where=str(place)) from None
    if len(found) > MAX_FILES:
        raise BadInputError(f"more than {MAX_FILES} files", where=str(place), hint="point at a smaller folder")
    return found


def unread(place: Path, suffixes: tuple[str, ...], depth: int = MAX_DEPTH) -> tuple[Quarantined, ...]:
    """Return the files of a folder that a source leaves, each with the reason; hidden ones are nobody's data.

    Raises:
        UnavailableError: The place is away.
        BadInputError: More than 50,000 files.
    """
    if place.is_file():
        return ()
    others = [f.relative for f in files(place, (), depth) if not f.path.name.lower().endswith(suffixes)]
    others = [name for name in others if not any(part.startswith(".") for part in name.split("/"))]
    reason = f"not read: its name ends with none of {', '.join(suffixes)}"
    more = (
        (Quarantined.of("", f"{len(others) - MAX_NAMED} more files are not read"),) if len(others) > MAX_NAMED else ()
    )
    return (*(Quarantined.of(name, reason) for name in others[:MAX_NAMED]), *more)


def _walk(folder: Path, prefix: str, suffixes: tuple[str, ...], depth: int) -> Iterator[Found]:
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if depth > 0:
                        yield from _walk(Path(entry.path), f"{prefix}{_plain(entry.name)}/", suffixes, depth - 1)
                elif entry.is_file(follow_symlinks=False) and (not suffixes or entry.name.lower().endswith(suffixes)):
                    stat = entry.stat(follow_symlinks=False)
                    count += 1
                    if count > MAX_FILES + 1:
                        return
                    yield Found(
                        path=Path(entry.path),
                        relative=prefix + _plain(entry.name),
                        size=stat.st_size,
                        mtime_ns=stat.st_mtime_ns,
                        inode=stat.st_ino,
                    )
            except FileNotFoundError:
                continue  # went away between the listing and the look


def _plain(name: str) -> str:
    """Return a file's name as text that can be kept: bytes that are no UTF-8 by their hexadecimal digits."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
