"""One scan from end to end: settings, scanners, source, baseline; the command prints what comes of it."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

import msgspec

from mumetal import __version__
from mumetal.core import settings as settings_file
from mumetal.core.artefact import Artefact
from mumetal.core.clock import Clock
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.ports import BlobSource, Scanner
from mumetal.core.settings import ScanSettings
from mumetal.scan import SCANNERS
from mumetal.scan.engine import Progress, scan_blobs
from mumetal.scan.report.baseline import Known
from mumetal.scan.report.entry import Remembering, entries
from mumetal.scan.report.outcome import Outcome, ranked
from mumetal.scan.secrets.matcher import cache_folder
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner
from mumetal.scan.sources.paths import MIB, PathSource

MAX_PYPROJECT_BYTES = 4_000_000


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
        said = settings_file.decode(_read(own), str(own)).scan
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


def scanners(only: Sequence[str]) -> list[Scanner]:
    """Return the scanners asked for by the last part of their ids; all when nothing is asked for.

    Raises:
        BadInputError: A kind is asked for that there is none of.
    """
    known = {plugin_id.rsplit(".", 1)[-1]: make for plugin_id, make in SCANNERS}
    for kind in only:
        if kind not in known:
            raise BadInputError(f"nothing looks for {kind[:40]!r}", where="--only", hint="known: " + ", ".join(known))
    cache = cache_folder(Path.home(), os.environ.get("XDG_CACHE_HOME", ""))
    return [
        SecretScanner(SecretConfig(cache=cache)) if kind == "secrets" else make()
        for kind, make in known.items()
        if not only or kind in only
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule, as listed."""

    rule: str
    title: str
    severity: str


def rules(only: Sequence[str]) -> list[RuleLine]:
    """List the rules of the scanners asked for; a scanner without a list of its own stands for itself."""
    listed: list[RuleLine] = []
    for scanner in scanners(only):
        if isinstance(scanner, SecretScanner):
            listed += [
                RuleLine(rule=f"{scanner.info.plugin_id}.{r.id}", title=r.title, severity=r.severity)
                for r in scanner.rules
            ]
        else:
            listed.append(RuleLine(rule=scanner.info.plugin_id, title=scanner.info.title, severity="-"))
    return sorted(listed, key=lambda r: r.rule)


def tree(paths: Sequence[Path], chosen: ScanSettings, problem: Callable[[Quarantined], None]) -> BlobSource:
    """Return the files below some paths, without what the settings exclude."""
    return Excluding(PathSource(paths, max_bytes=chosen.max_file_mib * MIB, problem=problem), chosen.exclude)


@dataclass(frozen=True, slots=True)
class _Given:
    artefact: Artefact

    def blobs(self) -> Iterator[Artefact]:
        yield self.artefact


def standard_input(stream: BinaryIO, chosen: ScanSettings) -> BlobSource:
    """Return what comes from standard input as one artefact.

    Raises:
        BadInputError: It is longer than a file may be.
    """
    data = stream.read(chosen.max_file_mib * MIB + 1)
    if len(data) > chosen.max_file_mib * MIB:
        raise BadInputError(f"more than {chosen.max_file_mib} MiB", where="standard input", hint="raise max_file_mib")
    return _Given(Artefact(uri="stdin", data=data))


class Excluding:
    """A blob source without the paths that match a pattern.

    Args:
        source: Where the artefacts come from.
        patterns: Shell patterns over the whole path; ``docs/`` means all below a folder of that name.
    """

    def __init__(self, source: BlobSource, patterns: Sequence[str]) -> None:
        self._source = source
        self._patterns = tuple(f"{p}*" if p.endswith("/") else p for p in patterns)

    def blobs(self) -> Iterator[Artefact]:
        """Yield what matches no pattern."""
        for artefact in self._source.blobs():
            if not any(
                fnmatchcase(path, p) or fnmatchcase(path, f"*/{p}")
                for p in self._patterns
                for path in (artefact.uri.removeprefix("./"),)
            ):
                yield artefact


def scan(
    source: BlobSource,
    looking: Sequence[Scanner],
    *,
    clock: Clock,
    known: dict[str, Known] | None = None,
    problems: list[Quarantined] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Scan and return what came of it.

    Args:
        source: Where artefacts come from.
        looking: Who looks into each.
        clock: For the time it took.
        known: Findings that are counted and not told, by fingerprint.
        problems: What the source could not read; grows while it is read.
        progress: Called now and then.
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
    fresh = [e for e in all_entries if e.fingerprint not in (known or {})]
    return Outcome(
        entries=ranked(fresh),
        known=len(all_entries) - len(fresh),
        problems=tuple(refused),
        scanners=tuple(s.info.plugin_id for s in looking),
        artefacts=last.artefacts,
        size=last.size,
        seconds=(clock.monotonic_ns() - began) / 1e9,
        version=__version__,
    )
