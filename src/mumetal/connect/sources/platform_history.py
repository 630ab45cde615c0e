"""What a repository's branch did to the platforms in it, commit by commit, as Git tells it.

The branch's own line is followed (first parents), for that is what stood in the lab: a merge is one step, written by all who
wrote what it brought. A line that no longer holds the commit read last was rewritten: then the step leads from that commit to
the new tip, whatever lies between.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.formats.foreign import WAY
from mumetal.formats.git_commit import MAX_BYTES as COMMIT_BYTES
from mumetal.formats.git_commit import Commit, read_commit
from mumetal.formats.qibolab import FILES, MAX_BYTES
from mumetal.git.objects import read_objects
from mumetal.git.repository import Git

REGULAR = (b"100644", b"100755")
WHERE = tuple(f":(glob)**/{name}" for name in FILES)
FOREIGN = {
    "it looks like a QUAM repository, for which there is no source": frozenset(("quam.json", "quam_state.json", "state.json", "wiring.json")),
    "it looks like a QubiC repository, for which there is no source": frozenset(("qubitcfg.json", "qubic_cfg.json")),
}  # fmt: skip
MAX_MERGED = 200  # commits whose authors a merge is said to have


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One commit of the line, and the platforms it changed.

    Args:
        commit: Its id.
        folders: Folders of the platforms whose files differ from the step before, from the repository's top.
        rewritten: The commit read last, when the line does not hold it any more; else empty.
    """

    commit: str
    folders: tuple[str, ...]
    rewritten: str = ""


class PlatformHistory:
    """The platforms below a folder of a repository.

    Args:
        place: A folder of the repository, or a bare repository.
        branch: Which line is followed.

    Raises:
        UnavailableError: Git is not installed.
    """

    def __init__(self, place: Path, branch: str) -> None:
        self._git = Git(place)
        self._place = place
        self._branch = branch

    def tip(self) -> str:
        """Return the newest commit.

        Raises:
            UnavailableError: This is no repository now.
            BadInputError: There is no such branch, or no commit yet.
        """
        try:
            self._git.ask("rev-parse", "--git-dir")
        except UnavailableError as error:
            foreign = "dubious ownership" in error.message
            hint = f"if you trust its owner: git config --global --add safe.directory {self._place}" if foreign else (
                "point at a clone, or at a bare repository"
            )  # fmt: skip
            raise UnavailableError(error.message, where=error.where, hint=hint) from None
        try:
            return self._git.commit(self._branch)
        except BadInputError as error:
            hint = "see `git branch --all` for what is there; a new repository has no commit yet"
            raise BadInputError(error.message, where=error.where, hint=hint) from None

    def nothing(self, tip: str) -> str:
        """Return why a history without a step holds no platform, and what it is where that is known."""
        below = [prefix] if (prefix := self._git.prefix()) else []
        told = self._git.ask("ls-tree", "-r", "-z", "--name-only", "--full-tree", tip, *below)
        names = {path.rpartition(b"/")[2].decode("utf-8", "replace") for path in told.split(b"\0")}
        known = next((words for words, files in FOREIGN.items() if names & files), "")
        return f"no {' or '.join(FILES)} was ever committed{f'; {known}: {WAY}' if known else ''}"

    def steps(self, since: str, tip: str, most: int) -> tuple[list[Step], bool]:
        """Return at most ``most`` steps that follow ``since`` (empty: from the first), and whether there are more.

        Raises:
            UnavailableError: Git refuses.
        """
        if since and not self._holds(since, tip):
            return [Step(commit=tip, folders=self._between(since, tip), rewritten=since)], False
        listed = [tip, *([f"^{since}"] if since else [])]
        told = self._git.ask("rev-list", "--first-parent", "--reverse", *listed, "--", *WHERE).decode().split()
        ids = told[:most]
        pairs = [f"{i} {before}" if before else i for before, i in zip([since, *ids], ids, strict=False)]
        changed = self._changed(pairs)
        return [Step(commit=i, folders=changed.get(i, ())) for i in ids], len(told) > most

    def commits(self, ids: Sequence[str]) -> dict[str, Commit]:
        """Return commits by id; one that cannot be read is left out."""
        found: dict[str, Commit] = {}
        names = [i.encode() for i in ids]
        for number, data in read_objects(self._git, names, COMMIT_BYTES, _ignored, b"commit"):
            try:
                found[ids[number]] = read_commit(data, where=ids[number])
            except BadInputError:
                continue
        return found

    def merged(self, commit: str, before: str) -> list[str]:
        """Return the commits that a merge, or a new line, brought; newest first, 200 at most."""
        return self._git.ask("rev-list", "--no-merges", f"-n{MAX_MERGED}", commit, f"^{before}").decode().split()

    def verified(self, ids: Sequence[str], signers: Path) -> dict[str, str]:
        """Return who signed each commit, for those whose signature one of the allowed signers made."""
        return self._git.signers(ids, signers)

    def contents(self, steps: Sequence[Step], refused: list[Quarantined]) -> Iterator[dict[str, bytes]]:
        """Yield the files of each step's each folder, by name, in order; what is too large is refused."""
        asked = [(s, f, name) for s in steps for f in s.folders for name in FILES]
        names = [f"{s.commit}:{PurePosixPath(f, name)}".encode(errors="surrogateescape") for s, f, name in asked]

        def left_out(what: Quarantined) -> None:
            if what.reason.startswith("larger"):
                refused.append(what)

        with closing(read_objects(self._git, names, MAX_BYTES, left_out)) as found:
            number, data = next(found, (len(names), b""))
            for first in range(0, len(asked), len(FILES)):
                files: dict[str, bytes] = {}
                while number < first + len(FILES):
                    files[asked[number][2]] = data
                    number, data = next(found, (len(names), b""))
                yield files

    def knows(self, commit: str) -> bool:
        """Whether a commit is still here."""
        try:
            self._git.ask("cat-file", "-e", f"{commit}^{{commit}}")
        except UnavailableError:
            return False
        return True

    def _holds(self, since: str, tip: str) -> bool:
        try:
            self._git.ask("merge-base", "--is-ancestor", since, tip)
        except UnavailableError:
            return False
        return True

    def _between(self, since: str, tip: str) -> tuple[str, ...]:
        """Return the folders that differ between two commits; all of the newer one's when the older is gone."""
        if not self.knows(since):
            below = [prefix] if (prefix := self._git.prefix()) else []
            told = self._git.ask("ls-tree", "-r", "-z", "--full-tree", tip, *below)
            entries = [e.partition(b"\t") for e in told.split(b"\0") if e]
            return _folders(path for head, _, path in entries if head.startswith(REGULAR))
        return self._changed([f"{tip} {since}"]).get(tip, ())

    def _changed(self, pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the folders that each commit changed against the one named beside it, or its parent."""
        found: dict[str, list[bytes]] = {}
        now = ""
        asked = ("diff-tree", "--stdin", "-r", "-z", "--raw", "--root", "--no-renames", "--diff-merges=first-parent")
        with self._git.pipe(*asked, "--", *WHERE, feed=[p.encode() for p in pairs]) as stream:
            words = iter(stream.read().split(b"\0"))
        for word in words:
            if not word.startswith(b":"):
                now = word.strip().decode("ascii", "replace")
                continue
            before, after = word[1:].split(b" ")[:2]
            path = next(words, b"")
            if after in REGULAR or (after == b"000000" and before in REGULAR):
                found.setdefault(now, []).append(path)
        return {commit: _folders(paths) for commit, paths in found.items()}


def _folders(paths: Iterator[bytes] | list[bytes]) -> tuple[str, ...]:
    """Return the folders of platform files, each once, without those whose name Git could not be asked by."""
    ours = (PurePosixPath(p.decode("utf-8", "surrogateescape")) for p in paths if b"\n" not in p)
    return tuple(sorted({str(p.parent) for p in ours if p.name in FILES}))


def _ignored(_what: Quarantined) -> None:
    """Commits are asked for by ids that Git gave."""
