"""One artefact by the name that a finding gave it."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.git.objects import read_objects
from mumetal.git.repository import Git
from mumetal.scan.sources.expand import expanded
from mumetal.scan.sources.limits import Limits, Report
from mumetal.scan.sources.tree import WorkTree


def named_file(root: Path, path: str, limits: Limits, report: Report) -> Iterator[Artefact]:
    """Yield one file below ``root``, taken apart; names are those a scan started there gives.

    Raises:
        BadInputError: The path leads out of the folder.
    """
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not (root / parts).resolve().is_relative_to(root.resolve()):
        raise BadInputError("the path leads out of the folder", where=path[:200])
    yield from WorkTree(root, paths=(path,), limits=limits, report=report).blobs()


def named_blob(git: Git, uri: str, limits: Limits, report: Report) -> Iterator[Artefact]:
    """Yield one blob of a history by its uri, ``git:COMMIT:PATH``, taken apart.

    Raises:
        BadInputError: It is no such uri.
    """
    _, commit, path = [*uri.split(":", 2), "", ""][:3]
    if not (commit and path and commit.isalnum()) or "\n" in path:
        raise BadInputError("the place is no blob of a history", where=uri[:200])
    for _, data in read_objects(git, [f"{commit}:{path}".encode(errors="surrogateescape")], limits.chunk, report):
        yield from expanded(Artefact(uri=uri, kind="blob", data=data), limits, report)
