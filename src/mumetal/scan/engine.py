"""Takes artefacts from a blob source through scanners; bad ones are reported and the rest still scanned."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.ports import BlobSource, Scanner


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a scan is.

    Args:
        artefacts: Artefacts looked into so far.
        size: Their bytes.
        findings: Findings so far.
        where: The artefact being looked into.
    """

    artefacts: int
    size: int
    findings: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanConfig:
    """What holds for every scanner.

    Args:
        max_findings: Findings after which the scan ends; a hostile artefact cannot fill a report.
        every: Artefacts between two calls of ``progress``.
    """

    max_findings: int = 100_000
    every: int = 64


def scan_blobs(
    source: BlobSource,
    scanners: Sequence[Scanner],
    *,
    config: ScanConfig | None = None,
    progress: Callable[[Progress], None] | None = None,
    problem: Callable[[Quarantined], None] | None = None,
) -> Iterator[Finding]:
    """Yield what the scanners find, artefact by artefact.

    Args:
        source: Where artefacts come from.
        scanners: Who looks into each.
        config: Bounds.
        progress: Called now and then, and once at the end.
        problem: Told of artefacts a scanner could not read; sources tell of theirs themselves.
    """
    limits = config or ScanConfig()
    artefacts = size = findings = 0
    where = ""
    for artefact in source.blobs():
        artefacts, size, where = artefacts + 1, size + len(artefact.data), artefact.uri
        for scanner in scanners:
            try:
                for finding in scanner.scan(artefact):
                    findings += 1
                    yield finding
            except BadInputError as error:
                if problem:
                    problem(Quarantined.of(artefact.uri, f"{scanner.info.plugin_id}: {error.message}"))
        if findings >= limits.max_findings:
            if problem:
                problem(Quarantined.of(where, f"stopped after {findings} findings"))
            break
        if progress and artefacts % limits.every == 0:
            progress(Progress(artefacts=artefacts, size=size, findings=findings, where=where))
    if progress:
        progress(Progress(artefacts=artefacts, size=size, findings=findings, where=where))
