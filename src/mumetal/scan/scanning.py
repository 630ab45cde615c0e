"""One scan from end to end: settings, scanners, source, baseline; the command prints what comes of it."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec

from mumetal import __version__
from mumetal.core.artefact import Artefact
from mumetal.core.clock import Clock
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.ports import BlobSource, Scanner
from mumetal.core.settings import read_toml
from mumetal.scan import SCANNERS
from mumetal.scan.engine import Progress, ScanConfig, scan_blobs
from mumetal.scan.report.baseline import Baseline
from mumetal.scan.report.coverage import MAX_SCOPE, Coverage, left_out_by
from mumetal.scan.report.entry import Entry, Remembering, entries
from mumetal.scan.report.outcome import Outcome, ranked
from mumetal.scan.repository_id import is_shallow, repository_id
from mumetal.scan.secrets.scanner import SecretScanner
from mumetal.scan.settings import ScanSettings
from mumetal.scan.sources import Changes, History, Limits, Report, Stream, WorkTree

MAX_PYPROJECT_BYTES = 4_000_000
MIB = 2**20


class _Own(msgspec.Struct, frozen=True):
    scan: ScanSettings = ScanSettings()


class _Mumetal(msgspec.Struct, frozen=True):
    scan: ScanSettings = ScanSettings()


class _Tool(msgspec.Struct, frozen=True):
    mumetal: _Mumetal = _Mumetal()


class _Pyproject(msgspec.Struct, frozen=True):
    tool: _Tool = _Tool()


def load(folder: Path, named: Path | None = None) -> ScanSettings:
    """Return what ``mumetal.toml`` (section ``scan``) or ``pyproject.toml`` (``tool.mumetal.scan``) says.

    Args:
        folder: Where the two files are looked for; the first that says anything counts.
        named: A settings file given by name; then no other is read.

    Raises:
        BadInputError: The file cannot be read, or says something impossible.
    """
    own = named or folder / "mumetal.toml"
    if named or own.exists():
        said = read_toml(_read(own), _Own, str(own)).scan
        if named or said != ScanSettings():
            return said
    project = folder / "pyproject.toml"
    if not project.exists():
        return ScanSettings()
    try:
        return msgspec.toml.decode(_read(project), type=_Pyproject).tool.mumetal.scan
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error)[:300], where=str(project), hint="see docs/how-to/scan-in-ci.md") from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PYPROJECT_BYTES + 1)
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be read", where=str(path)) from None
    if len(data) > MAX_PYPROJECT_BYTES:
        raise BadInputError(f"larger than {MAX_PYPROJECT_BYTES} bytes", where=str(path))
    return data


def scanners(only: Sequence[str], *, verify: bool = False) -> list[Scanner]:
    """Return the scanners asked for by the last part of their ids; all when nothing is asked for.

    Args:
        only: Kinds to look for.
        verify: Whether each secret's vendor is asked; a person says so on the command line, never a file.

    Raises:
        BadInputError: A kind is asked for that there is none of.
    """
    known = {plugin_id.rsplit(".", 1)[-1]: make for plugin_id, make in SCANNERS}
    for kind in only:
        if kind not in known:
            raise BadInputError(f"nothing looks for {kind[:40]!r}", where="--only", hint="known: " + ", ".join(known))
    made = [make() for kind, make in known.items() if not only or kind in only]
    if not verify:
        return made
    from mumetal.scan.credentials.verified import VerifiedScanner

    return [VerifiedScanner(s) if isinstance(s, SecretScanner) else s for s in made]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule, as listed."""

    rule: str
    title: str
    severity: str


def rules(only: Sequence[str]) -> list[RuleLine]:
    """List the rules of the scanners asked for; a scanner without a list of its own stands for itself."""
    from mumetal.scan.code.rules import CODE_RULES
    from mumetal.scan.code.scanner import CodeScanner

    listed: list[RuleLine] = []
    for scanner in scanners(only):
        if isinstance(scanner, SecretScanner):
            listed += [
                RuleLine(rule=f"{scanner.info.plugin_id}.{r.id}", title=r.title, severity=r.severity)
                for r in scanner.rules
            ]
        elif isinstance(scanner, CodeScanner):
            listed += [RuleLine(rule=n, title=r.title, severity=r.severity.name.lower()) for n, r in CODE_RULES]
        else:
            listed.append(RuleLine(rule=scanner.info.plugin_id, title=scanner.info.title, severity="-"))
    return sorted(listed, key=lambda r: r.rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What to scan; at most one of ``staged``, ``diff``, ``history`` and ``stdin`` is set.

    Args:
        paths: Files and folders; for the git sources the repository.
        staged: The index.
        diff: What differs from where the branch left this commit.
        history: Every commit.
        pushed: Commits of this one that no branch has yet.
        stdin: A stream to read to its end.
        payload: Name and stream of one job's payload: JSON, QPY or OpenQASM, taken apart.
    """

    paths: tuple[Path, ...] = (Path(),)
    staged: bool = False
    diff: str = ""
    history: bool = False
    pushed: str = ""
    stdin: BinaryIO | None = None
    payload: tuple[str, BinaryIO] | None = None


def plain_name(name: str) -> str:
    """Return a file's name as a target may be called."""
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.-]+", "-", name)).strip("-._")[:200] or "here"


def coverage_of(where: Where, target: str, t_ns: int, excluded: Sequence[str] = (), *, kept: bool = True) -> Coverage:
    """Return what such a scan covers.

    Args:
        where: What is scanned.
        target: Its name; empty takes that of the folder from which it is scanned.
        t_ns: When the scan begins, nanoseconds since 1970 UTC.
        excluded: Patterns of paths that are left out.
        kept: Whether somebody keeps what is found: only then is it asked which repository it is.

    Raises:
        BadInputError: The name is no plain one.
    """
    name = target or plain_name(Path.cwd().name)
    if where.stdin is not None or where.payload is not None:
        return Coverage(target=name, mode="stream", t_ns=t_ns)
    past = where.history or bool(where.pushed)
    repository = repository_id(where.paths, target, history=past) if kept else ""
    left_out = tuple(excluded[:MAX_SCOPE])
    complete = kept and len(excluded) <= MAX_SCOPE  # nothing is concluded from what nobody knows the bounds of
    if past:
        # the paths of two repositories cannot be told apart, so that nothing is concluded from what is not there
        whole = complete and where.history and len(where.paths) == 1 and not is_shallow(where.paths[0])
        scope: tuple[str, ...] = ("",)
    else:
        whole = complete and not (where.staged or where.diff)
        scope = tuple("" if p == Path() else p.as_posix() for p in where.paths)
    return Coverage(
        target=name,
        repository=repository,
        mode="history" if past else "tree",
        whole=whole,
        scope=scope,
        excluded=left_out,
        t_ns=t_ns,
    )


def source_of(where: Where, chosen: ScanSettings, clock: Clock, report: Report) -> BlobSource:
    """Return the artefacts to scan, without what the settings exclude.

    Raises:
        BadInputError: Several things at once were asked for, a path is not there, or a commit is not known.
        UnavailableError: Git is asked for and is not there, or there is no repository.
    """
    several = (where.staged, where.diff, where.history, where.pushed, where.stdin, where.payload)
    if sum(map(bool, several)) > 1:
        raise BadInputError("only one of --staged, --diff, --history, --pushed, --payload and --stdin at once")
    limits = Limits(file_bytes=chosen.max_file_mib * MIB)
    sources: list[BlobSource]
    if where.stdin is not None:
        sources = [Stream(where.stdin, t_ns=clock.now_ns(), limits=limits, report=report)]
    elif where.payload is not None:
        name, stream = where.payload
        sources = [Stream(stream, name, t_ns=clock.now_ns(), kind="payload", limits=limits, report=report)]
    elif where.staged or where.diff:
        sources = [
            Below(_folder(p), c)
            for p, (_, c) in zip(where.paths, changes_of(where, chosen, clock, report), strict=True)
        ]
    elif where.history or where.pushed:
        sources = [History(p, pushed=where.pushed, limits=limits, report=report) for p in where.paths]
    else:
        sources = [tree(p, chosen, report, called=p.as_posix()) for p in where.paths]
    return Excluding(sources, chosen.exclude)


def changes_of(where: Where, chosen: ScanSettings, clock: Clock, report: Report) -> list[tuple[str, Changes]]:
    """Return what changed below each path, with what stands before its names in findings; nothing for other sources.

    Raises:
        BadInputError: The commit is not known.
        UnavailableError: There is no repository.
    """
    if not (where.staged or where.diff):
        return []
    limits = Limits(file_bytes=chosen.max_file_mib * MIB)
    base = "" if where.staged else where.diff
    now = clock.now_ns()
    return [(Below.prefix(_folder(p)), Changes(p, base, t_ns=now, limits=limits, report=report)) for p in where.paths]


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def tree(root: Path, chosen: ScanSettings, report: Report, *, called: str = "") -> WorkTree:
    """Return the files below a folder, by their paths in it, or from where ``called`` leads to it.

    Raises:
        BadInputError: It is not there.
    """
    name = "" if called == "." else called
    return WorkTree(root, limits=Limits(file_bytes=chosen.max_file_mib * MIB), report=report, called=name)


def files_of(found: Sequence[Entry]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files in which something was found, and the members of archives, each once in order."""
    streams = sorted({e.finding.stream for e in found})
    inside = tuple(s for s in streams if "!" in s)
    whole = {s.partition("#")[0] if ".ipynb#" in s else s for s in streams if "!" not in s}
    return tuple(sorted(whole)), inside


class Below:
    """Changes whose files are called by their path from here, as the user named it.

    Args:
        root: Folder as named.
        source: What reads it, with paths relative to it.
    """

    def __init__(self, root: Path, source: BlobSource) -> None:
        self._prefix = self.prefix(root)
        self._source = source

    @staticmethod
    def prefix(folder: Path) -> str:
        """Return what stands before the paths below a folder."""
        name = os.fsencode(folder.as_posix()).decode(errors="replace")
        return "" if name == "." else f"{name}/"

    def blobs(self) -> Iterator[Artefact]:
        """Yield what the source yields, by its whole path."""
        for artefact in self._source.blobs():
            yield replaced(artefact, uri=f"{self._prefix}{artefact.uri}") if self._prefix else artefact


def replaced(artefact: Artefact, *, uri: str) -> Artefact:
    """Return the artefact under another name."""
    return Artefact(
        tenant=artefact.tenant, uri=uri[:4_096], kind=artefact.kind, data=artefact.data, facts=artefact.facts
    )


@dataclass(frozen=True, slots=True)
class Given:
    """One artefact at hand."""

    artefact: Artefact

    def blobs(self) -> Iterator[Artefact]:
        """Yield it."""
        yield self.artefact


class Excluding:
    """Blob sources, one after the other, without the paths that match a pattern.

    Args:
        sources: Where the artefacts come from.
        patterns: Shell patterns over the whole path; ``docs/`` means all below a folder of that name.
    """

    def __init__(self, sources: Sequence[BlobSource], patterns: Sequence[str]) -> None:
        self._sources = tuple(sources)
        self._left_out = left_out_by((*patterns, ".mumetal/"))

    def blobs(self) -> Iterator[Artefact]:
        """Yield what matches no pattern."""
        for source in self._sources:
            for artefact in source.blobs():
                if not self._left_out(artefact.uri):
                    yield artefact


def scan(
    source: BlobSource,
    looking: Sequence[Scanner],
    *,
    clock: Clock,
    known: Baseline | None = None,
    problems: list[Quarantined] | None = None,
    progress: Callable[[Progress], None] | None = None,
    coverage: Coverage | None = None,
) -> Outcome:
    """Scan and return what came of it.

    Args:
        source: Where artefacts come from.
        looking: Who looks into each.
        clock: For the time it took.
        known: Findings that are counted and not told.
        problems: What the source could not read; grows while it is read.
        progress: Called now and then.
        coverage: What the source covers, for whoever keeps the findings.
    """
    began = clock.monotonic_ns()
    refused = problems if problems is not None else []
    remembering = Remembering(source)
    last = Progress(artefacts=0, size=0, findings=0, where="")

    def tell(now: Progress) -> None:
        nonlocal last
        last = now
        if progress:
            progress(now)

    found = scan_blobs(remembering, looking, progress=tell, problem=refused.append)
    all_entries = list(entries(found, remembering))
    if coverage and len(all_entries) >= ScanConfig().max_findings:  # cut short: what is not there may yet be
        coverage = replace(coverage, whole=False)
    quiet = (known or Baseline()).reasons(all_entries)
    fresh = [e for e in all_entries if e.fingerprint not in quiet]
    return Outcome(
        entries=ranked(fresh),
        coverage=coverage,
        known=len(quiet),
        baselined=tuple(quiet.items()),
        problems=tuple(refused),
        scanners=tuple(s.info.plugin_id for s in looking),
        artefacts=last.artefacts,
        size=last.size,
        seconds=(clock.monotonic_ns() - began) / 1e9,
        version=__version__,
    )
