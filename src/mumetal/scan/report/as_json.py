"""The report as JSON: findings with their places and fingerprints, counts, what was covered and what could not be read.

What ``mumetal scan --json`` writes is what the store takes in: :func:`decode` reads it back, bounded.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.scan.report.coverage import MAX_SCOPE, Mode
from mumetal.scan.report.entry import Entry
from mumetal.scan.report.outcome import Outcome
from mumetal.scan.repository_id import PATTERN

VERSION = 1
MAX_FINDINGS = 100_000
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Line = Annotated[str, Meta(max_length=400)]
Text = Annotated[str, Meta(max_length=4_096)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Level = Annotated[str, Meta(pattern="^(unknown|informational|low|medium|high|critical|fatal)$")]
Mark = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class Told(Struct, frozen=True, kw_only=True):
    """One finding as JSON; ``line`` counts from 1, columns in characters from 1, 0 when unknown.

    ``mark`` says which characters of the masked ``excerpt`` are meant, ``digest`` is SHA-256 over the artefact's bytes,
    ``secret`` tells one secret from another without telling it; each is empty where it does not apply.
    """

    rule: Name
    title: Annotated[str, Meta(max_length=300)]
    severity: Level
    confidence: Annotated[float, Meta(ge=0, le=1)]
    path: Text
    line: Count
    column: Count
    end_column: Count
    excerpt: Line
    mark: tuple[Count, Count] = (0, 0)
    detail: Annotated[str, Meta(max_length=4_000)]
    remedy: Annotated[str, Meta(max_length=4_000)]
    techniques: Annotated[tuple[Name, ...], Meta(max_length=64)]
    fingerprint: Mark
    secret: Annotated[str, Meta(pattern="^([0-9a-f]{32})?$")] = ""
    digest: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    model_version: Line = "1"
    finding: Line


class Baselined(Struct, frozen=True, kw_only=True):
    """A finding that is known and told no more, and why it may stay."""

    fingerprint: Mark
    reason: Annotated[str, Meta(max_length=1_000)] = ""


class Report(Struct, frozen=True, kw_only=True):
    """The whole report; ``target`` to ``t_ns`` as in :class:`~mumetal.scan.report.coverage.Coverage`."""

    mumetal_scan: int = VERSION
    version: Line
    target: Annotated[str, Meta(max_length=200)] = ""
    repository: Annotated[str, Meta(pattern=PATTERN)] = ""
    mode: Mode = "tree"
    whole: bool = False
    scope: Annotated[tuple[Text, ...], Meta(max_length=MAX_SCOPE)] = ()
    excluded: Annotated[tuple[Text, ...], Meta(max_length=MAX_SCOPE)] = ()
    t_ns: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    findings: Annotated[tuple[Told, ...], Meta(max_length=MAX_FINDINGS)]
    counts: dict[str, int]
    known: Count
    baselined: Annotated[tuple[Baselined, ...], Meta(max_length=MAX_FINDINGS)] = ()
    problems: Annotated[tuple[Quarantined, ...], Meta(max_length=MAX_FINDINGS)]
    scanners: Annotated[tuple[Name, ...], Meta(max_length=100)]
    artefacts: Count
    bytes: Count
    seconds: float


def told(entry: Entry) -> Told:
    """Return one entry as it is written."""
    f: Finding = entry.finding
    return Told(
        rule=f.rule,
        title=f.title,
        severity=f.severity.name.lower(),
        confidence=round(f.confidence, 4),
        path=entry.path,
        line=entry.place.line if entry.place else 0,
        column=entry.columns[0],
        end_column=entry.columns[1],
        excerpt=entry.line,
        mark=entry.mark,
        detail=f.detail,
        remedy=f.remedy,
        techniques=f.techniques,
        fingerprint=entry.fingerprint,
        secret=next((e.uri.partition(":")[2] for e in f.evidence if e.scheme == "fingerprint"), ""),
        digest=next((e.digest for e in f.evidence if e.scheme == "file"), ""),
        model_version=f.model_version,
        finding=f.finding_id,
    )


def report_of(outcome: Outcome) -> Report:
    """Return the report of an outcome."""
    covered = outcome.coverage
    return Report(
        version=outcome.version,
        target=covered.target if covered else "",
        repository=covered.repository if covered else "",
        mode=covered.mode if covered else "tree",
        whole=covered.whole if covered else False,
        scope=covered.scope if covered else (),
        excluded=covered.excluded if covered else (),
        t_ns=covered.t_ns if covered else 0,
        findings=tuple(told(e) for e in outcome.entries),
        counts=outcome.counts,
        known=outcome.known,
        baselined=tuple(Baselined(fingerprint=f, reason=r[:1_000]) for f, r in outcome.baselined),
        # An excerpt of what could not be read may hold a secret: it stays out.
        problems=tuple(Quarantined(where=p.where, reason=p.reason, t_ns=p.t_ns) for p in outcome.problems),
        scanners=outcome.scanners,
        artefacts=outcome.artefacts,
        bytes=outcome.size,
        seconds=round(outcome.seconds, 3),
    )


def encode(outcome: Outcome) -> bytes:
    """Return the report as one JSON document."""
    return msgspec.json.format(msgspec.json.encode(report_of(outcome)), indent=1) + b"\n"


def decode(data: bytes, where: str = "report") -> Report:
    """Read a report that :func:`encode` wrote.

    Raises:
        BadInputError: Not a report, of another version, or a field is out of bounds; says which.
    """
    try:
        read = msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadInputError) as error:
        raise BadInputError(
            f"no report of a scan: {str(error)[:200]}", where=where, hint="write one with mumetal scan --json"
        ) from None
    if read.mumetal_scan != VERSION:
        raise BadInputError(f"report version {read.mumetal_scan} is not known", where=where)
    return read
