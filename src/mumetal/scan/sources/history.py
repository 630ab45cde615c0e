"""Every blob that any branch or tag ever held, once, with the oldest commit that has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.git.objects import read_objects
from mumetal.git.repository import Git
from mumetal.scan.sources.expand import expanded
from mumetal.scan.sources.limits import Limits, Report, silent


@dataclass(frozen=True, slots=True)
class _Known:
    commit: bytes
    path: bytes


class History:
    """The blobs of a repository's whole history.

    Git lists objects oldest commit first, so that the first listing of a blob is the commit that brought it; blobs are read
    in the order they lie in the pack, which keeps Git's delta cache warm.

    Args:
        root: A folder of the repository.
        since: Only commits that this one does not have (``since..``); empty takes all.
        pushed: Only commits of this one that no branch or tag has yet, as a server sees a push before it takes it.
        limits: Bounds.
        report: Told what is left out, and why.
    """

    def __init__(
        self,
        root: Path,
        *,
        since: str = "",
        pushed: str = "",
        limits: Limits | None = None,
        report: Report = silent,
    ) -> None:
        self._git = Git(root)
        self._since = since
        self._pushed = pushed
        self._limits = limits or Limits()
        self._report = report

    def blobs(self) -> Iterator[Artefact]:
        """Yield each distinct blob once; uri ``git:COMMIT:PATH``, author date as its time.

        Raises:
            UnavailableError: This is no repository.
            BadInputError: ``since`` or ``pushed`` is not known here.
        """
        self._git.ask("rev-parse", "--git-dir")
        if self._since:
            self._git.commit(self._since)
        if self._pushed:
            self._pushed = self._git.commit(self._pushed)
        known = self._listed()
        order = self._in_pack_order(known)
        dates = self._author_dates({k.commit for k in known.values()})
        for number, data in read_objects(self._git, order, self._limits.chunk, self._report):
            said = known[order[number]]
            path = said.path.decode(errors="backslashreplace")
            yield from expanded(
                Artefact(
                    uri=f"git:{said.commit.decode()[:12]}:{path}"[:4_000],
                    kind="blob",
                    data=data,
                    facts=(
                        ("t_ns", dates.get(said.commit, "")),
                        ("commit", said.commit.decode()),
                        ("path", path),
                        ("place", "history"),
                    ),
                ),
                self._limits,
                self._report,
            )

    def _listed(self) -> dict[bytes, _Known]:
        found: dict[bytes, _Known] = {}
        commit = b""
        span = [f"{self._since}..HEAD"] if self._since else ["--all"]
        span = [self._pushed, "--not", "--all"] if self._pushed else span
        with self._git.pipe(
            "rev-list", "--objects", "--reverse", "--in-commit-order", "--missing=print", *span, "--"
        ) as lines:
            for line in lines:
                oid, mark, path = line.rstrip(b"\n").partition(b" ")
                if oid.startswith(b"?"):
                    self._report(Quarantined.of(oid[1:].decode(), "the object is missing from this clone"))
                elif not mark:
                    commit = oid
                elif path:
                    found.setdefault(oid, _Known(commit, path))
        return found

    def _in_pack_order(self, known: dict[bytes, _Known]) -> list[bytes]:
        """Return the blobs among the listed objects; trees are listed with a path as well."""
        # of a push only its own objects are asked for: a server's repository may hold millions of others
        which = [] if self._pushed else ["--batch-all-objects", "--unordered"]
        feed = list(known) if self._pushed else []
        with self._git.pipe("cat-file", *which, "--batch-check=%(objectname) %(objecttype)", feed=feed) as lines:
            return [
                oid
                for oid, _, kind in (line.rstrip().partition(b" ") for line in lines)
                if kind == b"blob" and oid in known
            ]

    def _author_dates(self, commits: set[bytes]) -> dict[bytes, str]:
        dates: dict[bytes, str] = {}
        with self._git.pipe(
            "log", "--all", "--no-walk=unsorted", "--stdin", "--format=%H %at", feed=sorted(commits)
        ) as lines:
            for line in lines:
                oid, _, seconds = line.strip().partition(b" ")
                if seconds.isdigit():
                    dates[oid] = str(int(seconds) * 10**9)
        return dates
