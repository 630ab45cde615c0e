"""Asks Git, read-only: no hook, no pager, no lazy fetch, no configuration that runs programs."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from mumetal.core.errors import BadInputError, UnavailableError

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false", "--no-pager")
_ENV = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # a partial clone's missing objects stay missing: scanning never uses the network
    "GIT_EXTERNAL_DIFF": "",
    "LC_ALL": "C.UTF-8",
}


class Git:
    """One repository.

    Args:
        root: A folder inside it.

    Raises:
        UnavailableError: Git is not installed.
    """

    def __init__(self, root: Path) -> None:
        program = shutil.which("git")
        if program is None:
            raise UnavailableError("git is not installed", where=str(root), hint="install git, or scan the folder only")
        self._command = [program, *_SAFE, "-C", str(root)]
        self._env = {**os.environ, **_ENV}
        self._root = root

    def ask(self, *arguments: str) -> bytes:
        """Run one command and return what it prints.

        Raises:
            UnavailableError: Git refuses, for one because this is no repository.
        """
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            [*self._command, *arguments], check=False, capture_output=True, env=self._env, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().splitlines()
            raise UnavailableError(
                f"git {arguments[0]}: {reason[0][:300] if reason else 'failed'}", where=str(self._root)
            )
        return done.stdout

    @contextmanager
    def pipe(self, *arguments: str, feed: Sequence[bytes] = ()) -> Iterator[IO[bytes]]:
        """Run one command and hand its output over as a stream; ``feed`` are its input's lines."""
        with TemporaryFile() as lines:
            lines.write(b"".join(line + b"\n" for line in feed))
            lines.seek(0)
            process = subprocess.Popen(  # noqa: S603 - fixed program, no shell
                [*self._command, *arguments], stdin=lines, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._env,
                bufsize=1 << 20,
            )  # fmt: skip
            assert process.stdout is not None
            try:
                yield process.stdout
            finally:
                process.stdout.close()
                process.terminate()
                process.wait()

    def commit(self, name: str) -> str:
        """Return the id of the commit that ``name`` means.

        Raises:
            BadInputError: There is none here.
        """
        try:
            return (
                self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
            )
        except UnavailableError as error:
            raise BadInputError(
                f"no commit is called {name[:80]!r} here", where=error.where, hint="is it fetched?"
            ) from None

    def merge_base(self, name: str) -> str:
        """Return the commit where the branch left ``name``.

        Raises:
            BadInputError: There is no such commit, or nothing in common.
        """
        commit = self.commit(name)
        try:
            return self.ask("merge-base", commit, "HEAD").decode().split()[0]
        except (UnavailableError, IndexError):
            raise BadInputError(
                f"the branch and {name[:80]!r} have nothing in common here",
                where=str(self._root),
                hint="is the base fetched? see git fetch --depth",
            ) from None

    def empty_tree(self) -> str:
        """Return the id of the tree with nothing in it."""
        return self.ask("hash-object", "-t", "tree", "--stdin").decode().strip()

    def top(self) -> "Git":
        """Return the whole repository.

        Raises:
            UnavailableError: This is no repository.
        """
        return Git(Path(os.fsdecode(self.ask("rev-parse", "--show-toplevel").rstrip(b"\n"))))

    def prefix(self) -> str:
        """Return the folder's path in the repository, with a slash behind it; empty at the top."""
        return os.fsdecode(self.ask("rev-parse", "--show-prefix").rstrip(b"\n"))

    def files(self) -> list[str]:
        """Return tracked and new files, without those that ``.gitignore`` names, relative to the folder.

        Raises:
            UnavailableError: This is no repository.
        """
        told = self.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return [os.fsdecode(name) for name in told.split(b"\0") if name]

    def renamed(self, *arguments: str) -> dict[str, str]:
        """Return the name before by the name now, for each file that ``git diff`` lists; empty for a new file.

        Raises:
            UnavailableError: Git refuses.
        """
        told = self.ask(
            "diff", "--name-status", "--no-ext-diff", "-z", "--find-renames", "--diff-filter=ACMRT",
            "--ignore-submodules", *arguments,
        )  # fmt: skip
        names: dict[str, str] = {}
        words = iter(os.fsdecode(word) for word in told.split(b"\0") if word)
        for status in words:
            before = next(words, "")
            name = next(words, "") if status[:1] in {"R", "C"} else before
            names[name] = "" if status.startswith("A") else before
        return names
