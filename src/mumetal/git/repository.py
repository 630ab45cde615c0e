"""Asks Git, read-only, of a repository whose own configuration may be hostile: nothing that it names is run.

Git runs programs that ``.git/config`` names: hooks, file monitors, pagers, external diffs and text converters, filters of
``.gitattributes``, signature checkers, and the transports that fetch what a partial clone lacks. Each is switched off here
for every call. The administrator's and the user's own configuration is still read: it says which folders are safe.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from mumetal.core.errors import BadInputError, UnavailableError

_SAFE = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false",
    "-c", "log.showSignature=false", "-c", "core.commitGraph=false", "--no-pager",
)  # fmt: skip
_ENV = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # a partial clone's missing objects stay missing: scanning never uses the network
    "GIT_ALLOW_PROTOCOL": "none",  # the same for Git older than that switch (2.39.4), whose fetch runs what the repository names
    "GIT_NO_REPLACE_OBJECTS": "1",  # what was committed is read, not what the repository would show instead …
    "GIT_GRAFT_FILE": os.devnull,  # … nor parents that it would put in place of the real ones, as a commit graph could
    "GIT_EXTERNAL_DIFF": "",
    "LC_ALL": "C.UTF-8",
}
_FILTER = re.compile(rb"(filter\..*)\.(?:clean|smudge|process|required)", re.DOTALL)
NO_PROGRAMS = ("--no-ext-diff", "--no-textconv")


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
            raise UnavailableError("git is not installed", where=str(root), hint="install git")
        self._command = [program, *_SAFE, "-C", str(root)]
        self._env = {**os.environ, **_ENV}
        self._root = root
        self._unfiltered: dict[str, str] | None = None

    def _surroundings(self) -> dict[str, str]:
        """Return the environment in which no filter has a program.

        A filter's name is the repository's choice and may hold ``=``, which ``-c`` would take for the value's.

        Raises:
            UnavailableError: This Git is too old to be told so.
        """
        if self._unfiltered is None:
            asked = ("config", "--list", "-z")
            names = self._run(self._env, *asked, "--name-only").split(b"\0")
            drivers = sorted({found[1] for name in names if (found := _FILTER.fullmatch(name))})
            number = int(count) if (count := os.environ.get("GIT_CONFIG_COUNT", "")).isdigit() else 0
            told = dict(self._env)
            for driver in map(os.fsdecode, drivers):
                for what, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false")):
                    told[f"GIT_CONFIG_KEY_{number}"], told[f"GIT_CONFIG_VALUE_{number}"] = f"{driver}.{what}", value
                    number += 1
            if drivers:
                told["GIT_CONFIG_COUNT"] = str(number)
                last = dict(line.partition(b"\n")[::2] for line in self._run(told, *asked).split(b"\0"))
                if any(last.get(driver + b".clean") or last.get(driver + b".process") for driver in drivers):
                    raise UnavailableError(
                        "this repository names filter programs, and this git cannot be told not to run them",
                        where=str(self._root),
                        hint="git 2.31 or newer",
                    )
            self._unfiltered = told
        return self._unfiltered

    def ask(self, *arguments: str) -> bytes:
        """Run one command and return what it prints.

        Raises:
            UnavailableError: Git refuses, for one because this is no repository.
        """
        return self._run(self._surroundings(), *arguments)

    def _run(self, surroundings: dict[str, str], *arguments: str) -> bytes:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            [*self._command, *arguments], check=False, capture_output=True, env=surroundings, stdin=subprocess.DEVNULL
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
                [*self._command, *arguments], stdin=lines, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=self._surroundings(), bufsize=1 << 20,
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

    def signers(self, commits: Sequence[str], allowed: Path) -> dict[str, str]:
        """Return the principal by commit, where an SSH signature by one of the allowed signers holds.

        Git's own check runs, with programs and the list of signers that are named here, whatever the repository names.

        Args:
            commits: Object ids.
            allowed: File of allowed signers, as ``ssh-keygen -Y verify`` reads it.

        Raises:
            UnavailableError: ssh-keygen is not installed, or Git refuses.
            BadInputError: There is no such file.
        """
        program = shutil.which("ssh-keygen")
        if program is None:
            raise UnavailableError("ssh-keygen is not installed", where=str(self._root), hint="install OpenSSH")
        if not allowed.is_file():
            raise BadInputError(
                "there is no file of allowed signers", where=str(allowed), hint="see ssh-keygen(1), ALLOWED SIGNERS"
            )
        told: dict[str, str] = {}
        settings = {
            "gpg.program": os.devnull, "gpg.openpgp.program": os.devnull, "gpg.x509.program": os.devnull,
            "gpg.ssh.program": program, "gpg.ssh.allowedSignersFile": str(allowed.resolve()),
            "gpg.minTrustLevel": "undefined",
        }  # fmt: skip
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        feed = [c.encode() for c in commits]
        asked = ("log", "--no-walk=unsorted", "--stdin", "--format=%H %G? %GS")
        with self.pipe(*options, *asked, feed=feed) as lines:
            for line in lines:
                commit, _, rest = line.decode(errors="replace").rstrip("\n").partition(" ")
                verdict, _, principal = rest.partition(" ")
                if verdict == "G" and principal:
                    told[commit] = principal[:200]
        return told

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
            "diff", "--name-status", *NO_PROGRAMS, "-z", "--find-renames", "--diff-filter=ACMRT",
            "--ignore-submodules", *arguments,
        )  # fmt: skip
        names: dict[str, str] = {}
        words = iter(os.fsdecode(word) for word in told.split(b"\0") if word)
        for status in words:
            before = next(words, "")
            name = next(words, "") if status[:1] in {"R", "C"} else before
            names[name] = "" if status.startswith("A") else before
        return names
