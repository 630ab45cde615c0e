"""What is about to be committed, and what a branch changes."""

from collections.abc import Iterator
from pathlib import Path

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.scan.sources.batch import read_blobs
from mumetal.scan.sources.expand import expanded
from mumetal.scan.sources.git import Git
from mumetal.scan.sources.limits import Limits, Report, silent
from mumetal.scan.sources.tree import WorkTree


class Staged:
    """Files as they stand in the index, not as they stand in the folder.

    Args:
        root: A folder of the repository.
        t_ns: The time findings carry, as the index has none, nanoseconds since 1970 UTC.
        limits: Bounds.
        report: Told what is left out, and why.
    """

    def __init__(self, root: Path, *, t_ns: int, limits: Limits | None = None, report: Report = silent) -> None:
        self._git = Git(root)
        self._t_ns = t_ns
        self._limits = limits or Limits()
        self._report = report

    def blobs(self) -> Iterator[Artefact]:
        """Yield each staged file once."""
        names = self._git.changed("--cached")
        facts = (("t_ns", str(self._t_ns)), ("place", "staged"))
        asked = [f":./{name}".encode(errors="surrogateescape") for name in names if "\n" not in name]
        uris = [name for name in names if "\n" not in name]
        for missing in set(names) - set(uris):
            self._report(Quarantined.of(missing.encode(errors="replace").decode(), "a line's end in a name: not read"))
        for number, data in read_blobs(self._git, asked, self._limits, self._report):
            artefact = Artefact(uri=uris[number], kind="blob", data=data, facts=facts)
            yield from expanded(artefact, self._limits, self._report)


def branch_changes(root: Path, base: str, *, limits: Limits | None = None, report: Report = silent) -> WorkTree:
    """Return the work tree's files that differ from where the branch left ``base``.

    Raises:
        BadInputError: The base is not known here.
        UnavailableError: This is no repository.
    """
    git = Git(root)
    names = git.changed("--merge-base", git.commit(base), "--")
    return WorkTree(root, paths=tuple(names), limits=limits, report=report)
