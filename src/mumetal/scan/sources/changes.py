"""What is about to be committed, and what a branch changes: the files as they are, and which of their lines are new."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.git.objects import read_objects
from mumetal.git.repository import NO_PROGRAMS, Git
from mumetal.scan.sources.expand import expanded
from mumetal.scan.sources.limits import Limits, Report, silent
from mumetal.scan.sources.tree import WorkTree

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """How one file changed.

    Args:
        path: Its name now, relative to the folder.
        before: Its name in the repository where the change began; empty for a new file.
        added: First and last line of each stretch that is new; empty when Git does not tell by lines.
    """

    path: str
    before: str = ""
    added: tuple[tuple[int, int], ...] = ()

    def adds(self, line: int) -> bool:
        """Whether a line is new."""
        return any(first <= line <= last for first, last in self.added)


class Changes:
    """What changed below a folder, or in one file.

    Args:
        root: A folder of the repository, or a file in it.
        base: Commit that the branch left; empty takes what is staged, against the newest commit.
        t_ns: The time findings in staged files carry, as the index has none, nanoseconds since 1970 UTC.
        limits: Bounds.
        report: Told what is left out, and why.

    Raises:
        BadInputError: The base is not known here.
        UnavailableError: This is no repository.
    """

    def __init__(
        self, root: Path, base: str = "", *, t_ns: int = 0, limits: Limits | None = None, report: Report = silent
    ) -> None:
        self._folder = root if root.is_dir() else root.parent
        here = Git(self._folder)
        # asked of the whole repository: a file that moved in from elsewhere is no new one
        self._git = here.top()
        self._t_ns = t_ns
        self._limits = limits or Limits()
        self._report = report
        self._staged = not base
        self._base = self._git.merge_base(base) if base else self._head()
        self._prefix = here.prefix()
        self._only = "" if root.is_dir() else root.name

    def _head(self) -> str:
        try:
            return self._git.commit("HEAD")
        except BadInputError:  # nothing was committed yet
            return self._git.empty_tree()

    def _asked(self) -> tuple[str, ...]:
        return (*(("--cached",) if self._staged else ()), self._base, "--")

    def _mine(self, name: str) -> str:
        """Return a name relative to the folder; empty when it lies elsewhere or is not the file asked for."""
        here = name.removeprefix(self._prefix) if name.startswith(self._prefix) else ""
        return here if not self._only or here == self._only else ""

    def blobs(self) -> Iterator[Artefact]:
        """Yield each changed file once, whole: staged files from the index, others as they stand in the folder."""
        names = [here for name in self._git.renamed(*self._asked()) if (here := self._mine(name))]
        if not self._staged:
            yield from WorkTree(self._folder, paths=tuple(names), limits=self._limits, report=self._report).blobs()
            return
        facts = (("t_ns", str(self._t_ns)), ("place", "staged"))
        uris = [name for name in names if "\n" not in name]
        asked = [f":{self._prefix}{name}".encode(errors="surrogateescape") for name in uris]
        for missing in set(names) - set(uris):
            self._report(Quarantined.of(missing.encode(errors="replace").decode(), "a line's end in a name: not read"))
        for number, data in read_objects(self._git, asked, self._limits.chunk, self._report):
            artefact = Artefact(uri=uris[number], kind="blob", data=data, facts=facts)
            yield from expanded(artefact, self._limits, self._report)

    def deltas(self) -> dict[str, Delta]:
        """Return how each changed file changed, by its name now.

        Raises:
            UnavailableError: Git refuses.
        """
        before = self._git.renamed(*self._asked())
        added: dict[str, list[tuple[int, int]]] = {}
        with self._git.pipe("diff", "--unified=0", *_PLAIN, *self._asked()) as lines:
            path, skip = "", 0
            while line := lines.readline(1 << 20):
                whole = line
                while not whole.endswith(b"\n") and whole:  # the rest of a long line
                    whole = lines.readline(1 << 20)
                if skip:
                    skip -= not line.startswith(b"\\")
                elif line.startswith(b"+++ "):
                    path = _named(line[4:])
                    added.setdefault(path, [])
                elif found := _HUNK.match(line):
                    gone, first, new = int(found[1] or 1), int(found[2]), int(found[3] or 1)
                    skip = gone + new
                    if new:
                        added[path].append((first, first + new - 1))
        return {
            here: Delta(path=here, before=old, added=tuple(added.get(name, ())))
            for name, old in before.items()
            if (here := self._mine(name))
        }

    def before(self, delta: Delta) -> Iterator[Artefact]:
        """Yield the file as it was where the change began, taken apart, under its name now."""
        if not delta.before or "\n" in delta.before:
            return
        asked = [f"{self._base}:{delta.before}".encode(errors="surrogateescape")]
        for _, data in read_objects(self._git, asked, self._limits.chunk, silent):
            yield from expanded(Artefact(uri=delta.path, kind="blob", data=data), self._limits, silent)


_PLAIN = (
    "--no-color", *NO_PROGRAMS, "--find-renames", "--diff-filter=ACMRT",
    "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules",
)  # fmt: skip


def _named(text: bytes) -> str:
    """Return the path of a ``+++`` line: ``b/PATH`` with a tab behind odd names, or quoted as C does."""
    name = text.rstrip(b"\n").removesuffix(b"\t")
    if name.startswith(b'"'):
        name = _ESCAPED.sub(
            lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else _ESCAPES.get(m[1], m[1]), name[1:].rstrip(b'"')
        )
    return os.fsdecode(name.removeprefix(b"b/"))
