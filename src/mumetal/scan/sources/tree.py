"""The files of a folder, as Git sees them where Git is there."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mumetal.core import LOCAL
from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.git.repository import Git
from mumetal.scan.sources.expand import expanded, is_plain
from mumetal.scan.sources.limits import Limits, Report, silent
from mumetal.scan.sources.pieces import pieces

_SKIPPED = {".git", ".hg", ".svn", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".tox", ".venv", "venv"}


class WorkTree:
    """Files below a folder; links are never followed, so there are no loops and no way out.

    Args:
        root: A folder, or a single file.
        paths: Only these, relative to ``root``; None takes all.
        ignored: Whether files that ``.gitignore`` names are read as well; without Git all are.
        limits: Bounds.
        report: Told what is left out, and why.
        tenant: Whose files they are.
        called: What the folder is called in front of the files' names, or the single file; empty for names below ``root``.
    """

    def __init__(
        self,
        root: Path,
        *,
        paths: tuple[str, ...] | None = None,
        ignored: bool = False,
        limits: Limits | None = None,
        report: Report = silent,
        tenant: str = LOCAL,
        called: str = "",
    ) -> None:
        if not root.exists():
            raise BadInputError("there is no such file or folder", where=str(root))
        self._root = root
        self._base = os.path.join(root, "")  # noqa: PTH118 - a Path a file costs more than reading it
        self._paths = paths
        self._ignored = ignored
        self._limits = limits or Limits()
        self._report = report
        self._tenant = tenant
        self._before = (called or root.name) if root.is_file() else called and f"{called}/"

    def blobs(self) -> Iterator[Artefact]:
        """Yield each file once, archives and notebooks taken apart."""
        for seen, name in enumerate(self._names(), 1):
            if seen > self._limits.files:
                self._report(Quarantined.of(str(self._root), f"only the first {self._limits.files} files were read"))
                return
            yield from self._file(name)

    def _names(self) -> Iterator[str]:
        if self._root.is_file():
            yield ""
            return
        if self._paths is not None:
            yield from self._paths
            return
        if not self._ignored:
            try:
                known = Git(self._root).files()
            except UnavailableError:  # no Git here, or no repository: a plain walk sees more, never less
                known = None
            if known is not None:
                yield from known
                return
        yield from self._walk()

    def _walk(self) -> Iterator[str]:
        root = os.fspath(self._root)
        for folder, folders, files in os.walk(root, followlinks=False, onerror=self._unreadable):
            below = os.path.relpath(folder, root)
            depth = 0 if below == "." else below.count(os.sep) + 1
            if depth >= self._limits.depth and folders:
                self._report(Quarantined.of(folder, f"folders deeper than {self._limits.depth} were not read"))
                folders.clear()
            folders[:] = sorted(f for f in folders if f not in _SKIPPED)
            for name in sorted(files):
                yield name if below == "." else os.path.join(below, name)  # noqa: PTH118 - names may be no valid text

    def _unreadable(self, error: OSError) -> None:
        self._report(Quarantined.of(str(error.filename), f"could not be read: {error.strerror}"))

    def _file(self, name: str) -> Iterator[Artefact]:
        path = self._base + name if name else os.fspath(self._root)
        uri = _printable(self._before + name)[:4_096]
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if not os.path.islink(path):  # noqa: PTH114 - as above
                self._report(Quarantined.of(uri, f"could not be read: {error.strerror}"))
            return
        try:
            yield from self._opened(handle, uri)
        except OSError as error:
            self._report(Quarantined.of(uri, f"could not be read to its end: {error.strerror}"))
        finally:
            os.close(handle)

    def _opened(self, handle: int, uri: str) -> Iterator[Artefact]:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            return
        size = state.st_size
        if size > self._limits.file_bytes:
            self._report(Quarantined.of(uri, f"larger than {self._limits.file_bytes} bytes, not read"))
            return
        facts = (("t_ns", str(state.st_mtime_ns)), ("place", "tree"))
        if size < self._limits.chunk:
            data = os.read(handle, size + 1)
            if len(data) == size:  # all of it in one call, as ever unless somebody is writing it
                if not data:
                    return
                whole = Artefact(tenant=self._tenant, uri=uri, data=data, facts=facts)
                yield from (whole,) if is_plain(whole) else expanded(whole, self._limits, self._report)
                return
            os.lseek(handle, 0, os.SEEK_SET)
        with os.fdopen(handle, "rb", closefd=False) as file:
            for piece in pieces(file, uri, chunk=self._limits.chunk, facts=facts, tenant=self._tenant, size=size):
                yield from expanded(piece, self._limits, self._report)


def _printable(name: str) -> str:
    """Return a name that any report can carry: undecodable bytes and control signs are written as escapes."""
    if name.isprintable():
        return name
    return "".join(
        c if c.isprintable() else c.encode("utf-8", "surrogateescape").hex(" ").join(("<", ">")) for c in name
    )
