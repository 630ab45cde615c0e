"""Files and folders as they lie, without asking git: what is named is read, links in folders are not followed."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError

SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__", "node_modules"}
)
MAX_DEPTH = 64
MIB = 2**20


class PathSource:
    """Files, and folders down to the leaf.

    Args:
        paths: Files and folders.
        max_bytes: Larger files are named and not read, bytes.
        problem: Told of what could not be read.
    """

    def __init__(
        self, paths: Sequence[Path], *, max_bytes: int = 32 * MIB, problem: Callable[[Quarantined], None] | None = None
    ) -> None:
        self._paths = tuple(paths)
        self._max_bytes = max_bytes
        self._problem = problem or (lambda _: None)

    def blobs(self) -> Iterator[Artefact]:
        """Yield each file once, folders in order of name.

        Raises:
            BadInputError: A path that was named is not there.
        """
        seen: set[tuple[int, int]] = set()
        for path in self._paths:
            if not path.exists():
                raise BadInputError("there is nothing here", where=_said(path), hint="name files or folders to scan")
            files = _below(path, self._problem) if path.is_dir() else iter((path,))
            for file in files:
                if (artefact := self._read(file, seen)) is not None:
                    yield artefact

    def _read(self, path: Path, seen: set[tuple[int, int]]) -> Artefact | None:
        said = _said(path)
        try:
            # O_NONBLOCK: a pipe with no writer must not hold the scan up.
            with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
                state = os.fstat(file.fileno())
                if not stat.S_ISREG(state.st_mode) or (state.st_dev, state.st_ino) in seen:
                    return None
                seen.add((state.st_dev, state.st_ino))
                if state.st_size > self._max_bytes:
                    self._problem(Quarantined.of(said, f"{state.st_size} bytes, more than {self._max_bytes}"))
                    return None
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            self._problem(Quarantined.of(said, error.strerror or type(error).__name__))
            return None
        if len(data) > self._max_bytes:
            self._problem(Quarantined.of(said, f"more than {self._max_bytes} bytes"))
            return None
        return Artefact(uri=said, data=data, facts=(("t_ns", str(max(0, state.st_mtime_ns))),))


def _said(path: Path) -> str:
    """Return a path as text, ``/`` between parts; bytes that are no UTF-8 are replaced."""
    return os.fsencode(path.as_posix()).decode(errors="replace")[:4_096]


def _below(folder: Path, problem: Callable[[Quarantined], None]) -> Iterator[Path]:
    stack = [(folder, 0)]
    while stack:
        place, depth = stack.pop()
        try:
            with os.scandir(place) as listing:
                inside = sorted(listing, key=lambda e: e.name)
        except OSError as error:
            problem(Quarantined.of(_said(place), error.strerror or type(error).__name__))
            continue
        deeper = []
        for entry in inside:
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False) and entry.name not in SKIPPED:
                deeper.append((Path(entry.path), depth + 1))
        if depth >= MAX_DEPTH and deeper:
            problem(Quarantined.of(_said(place), f"nested deeper than {MAX_DEPTH} folders"))
            continue
        stack.extend(reversed(deeper))
