"""What others use, run as they come: each is told a folder and says in which files it found something."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from mumetal.core.errors import BadInputError

OUT = "{out}"
FOLDER = "{folder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one tool over one folder.

    Args:
        files: Paths in which something was found, relative to the folder.
        findings: How many findings in all.
        cpu_s: Processor time of the tool and its children, s.
        wall_s: By the clock, s.
        peak_mib: Largest resident set of one process, MiB.
        exit_code: How it ended; tools that find something often end with 1.
    """

    files: frozenset[str]
    findings: int
    cpu_s: float
    wall_s: float
    peak_mib: float
    exit_code: int


class _Any(msgspec.Struct):
    """The few fields that the peers' reports have in common; what a report lacks stays empty."""

    path: str = ""
    filename: str = ""


class _Line(msgspec.Struct):
    path: str = ""


class _Cred(msgspec.Struct):
    line_data_list: list[_Line] = []


class _Detect(msgspec.Struct):
    results: dict[str, list[msgspec.Raw]] = {}


class _Bandit(msgspec.Struct):
    results: list[_Any] = []


class _Hit(msgspec.Struct):
    path: str = ""


class _Finding(msgspec.Struct):
    finding: _Hit = msgspec.field(default_factory=_Hit)


class _Kingfisher(msgspec.Struct):
    findings: list[_Finding] = []


class _Ours(msgspec.Struct):
    findings: list[_Any] = []


def _kingfisher(text: bytes) -> list[str]:
    return [f.finding.path for f in msgspec.json.decode(text, type=_Kingfisher).findings]


def _detect_secrets(text: bytes) -> list[str]:
    return [name for name, all_of in msgspec.json.decode(text, type=_Detect).results.items() for _ in all_of]


def _credsweeper(text: bytes) -> list[str]:
    return [c.line_data_list[0].path for c in msgspec.json.decode(text, type=list[_Cred]) if c.line_data_list]


def _trufflehog3(text: bytes) -> list[str]:
    return [one.path for one in msgspec.json.decode(text, type=list[_Any])]


def _bandit(text: bytes) -> list[str]:
    return [one.filename for one in msgspec.json.decode(text, type=_Bandit).results]


def _ours(text: bytes) -> list[str]:
    return [one.path.split("!")[0].split("#")[0] for one in msgspec.json.decode(text, type=_Ours).findings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as it is called.

    Args:
        name: Its name, with the version where it says one.
        command: Words of the command, with ``{folder}`` and ``{out}`` for where it looks and what it writes.
        read: Takes the paths, one for each finding, from its report.
        history: Words added to look through a Git history; empty when it cannot, or not in one run.
        secrets: Whether it looks for secrets; the other kind looks at code.
    """

    name: str
    command: tuple[str, ...]
    read: Callable[[bytes], list[str]]
    history: tuple[str, ...] = ()
    secrets: bool = True


def ours(only: str = "secrets") -> Tool:
    """Return this very installation."""
    words = (
        sys.executable,
        "-m",
        "mumetal",
        "scan",
        FOLDER,
        "--only",
        only,
        "--fail-on",
        "none",
        "--format",
        "json",
        "--out",
        OUT,
    )
    return Tool(name=f"mumetal ({only})", command=words, read=_ours, history=("--history",), secrets=only == "secrets")


_KNOWN: tuple[tuple[str, str, tuple[str, ...], Callable[[bytes], list[str]], tuple[str, ...], bool], ...] = (
    ("kingfisher", "kingfisher-bin",
     ("scan", FOLDER, "--no-validate", "--no-update-check", "--confidence", "low", "--format", "json", "--output", OUT), _kingfisher, ("--git-history", "full"), True),
    ("detect-secrets", "detect-secrets", ("-C", FOLDER, "scan", "--all-files", "--no-verify"), _detect_secrets, (), True),
    ("credsweeper", "CredSweeper", ("--path", FOLDER, "--save-json", OUT), _credsweeper, (), True),
    ("trufflehog3", "trufflehog3", ("--no-history", "--json", "--output", OUT, FOLDER), _trufflehog3, (), True),
    ("bandit", "bandit", ("-q", "-r", "-f", "json", "-o", OUT, FOLDER), _bandit, (), False),
)  # fmt: skip


def peers(folder: Path | None = None) -> tuple[list[Tool], list[str]]:
    """Return the peers that are installed and the packages of those that are not.

    Args:
        folder: A virtual environment or its ``bin`` folder; None looks on the path.

    Raises:
        BadInputError: There is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise BadInputError("there is no such folder", where=str(folder), hint="a virtual environment with the peers")
    where = None if folder is None else os.pathsep.join((str(folder / "bin"), str(folder)))
    found: list[Tool] = []
    missing: list[str] = []
    for program, package, words, read, history, secrets in _KNOWN:
        path = shutil.which(program, path=where)
        if path is None:
            missing.append(package)
        else:
            found.append(Tool(name=package, command=(path, *words), read=read, history=history, secrets=secrets))
    return found, missing


def run(tool: Tool, folder: Path, *, history: bool = False, report: bool = True) -> Run:
    """Run a tool over a folder and read what it found.

    Args:
        tool: The tool.
        folder: Where it looks.
        history: Look through the Git history instead of the files.
        report: Read the report; False only measures.

    Raises:
        BadInputError: The tool's report is not what its version is known to write.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "report.json")
        words = [w.replace(FOLDER, str(folder)).replace(OUT, str(out)) for w in tool.command]
        with Path(scratch, "stdout").open("w+b") as told:
            code, cpu, wall, peak = measured([*words, *(tool.history if history else ())], told)
            told.seek(0)
            text = out.read_bytes() if out.exists() else told.read()
        try:
            paths = tool.read(text) if report else []
        except msgspec.DecodeError as error:
            raise BadInputError(f"{tool.name}'s report cannot be read: {str(error)[:200]}", where=str(folder)) from None
    names = frozenset(_relative(p, folder) for p in paths)
    return Run(files=names, findings=len(paths), cpu_s=cpu, wall_s=wall, peak_mib=peak, exit_code=code)


def _relative(path: str, folder: Path) -> str:
    """Return a path as seen from the folder; tools say it absolute, from the folder, or from where they run."""
    said = Path(path)
    for base in (folder, folder.resolve()):
        if said.is_relative_to(base):
            return said.relative_to(base).as_posix()
    return said.as_posix().lstrip("/")


def measured(
    words: Sequence[str], told: "IO[bytes]", surroundings: Mapping[str, str] | None = None
) -> tuple[int, float, float, float]:
    """Run one command; return its exit code, processor time s, wall time s and largest resident set MiB, children included."""
    began = time.perf_counter()
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.DEVNULL, env=surroundings
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss / 1024


def size_of(folder: Path) -> tuple[int, int]:
    """Return (bytes of all files, lines of Python) below a folder, Git's own left out."""
    size = lines = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".git" not in path.relative_to(folder).parts:
            data = path.read_bytes()
            size += len(data)
            lines += data.count(b"\n") if path.suffix == ".py" else 0
    return size, lines
