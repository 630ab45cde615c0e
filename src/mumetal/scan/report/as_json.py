"""The report as JSON: findings with their places and fingerprints, counts, and what could not be read."""

import msgspec
from msgspec import Struct

from mumetal.core.delivery import Quarantined
from mumetal.core.finding import Finding
from mumetal.scan.report.entry import Entry
from mumetal.scan.report.outcome import Outcome


class Told(Struct, frozen=True, kw_only=True):
    """One finding as JSON; ``line`` counts from 1, columns in characters from 1, 0 when unknown."""

    rule: str
    title: str
    severity: str
    confidence: float
    path: str
    line: int
    column: int
    end_column: int
    excerpt: str
    detail: str
    remedy: str
    techniques: tuple[str, ...]
    fingerprint: str
    finding: str


class Report(Struct, frozen=True, kw_only=True):
    """The whole report."""

    mumetal_scan: int = 1
    version: str
    findings: tuple[Told, ...]
    counts: dict[str, int]
    known: int
    problems: tuple[Quarantined, ...]
    scanners: tuple[str, ...]
    artefacts: int
    bytes: int
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
        detail=f.detail,
        remedy=f.remedy,
        techniques=f.techniques,
        fingerprint=entry.fingerprint,
        finding=f.finding_id,
    )


def encode(outcome: Outcome) -> bytes:
    """Return the report as one JSON document."""
    report = Report(
        version=outcome.version,
        findings=tuple(told(e) for e in outcome.entries),
        counts=outcome.counts,
        known=outcome.known,
        # An excerpt of what could not be read may hold a secret: it stays out.
        problems=tuple(Quarantined(where=p.where, reason=p.reason, t_ns=p.t_ns) for p in outcome.problems),
        scanners=outcome.scanners,
        artefacts=outcome.artefacts,
        bytes=outcome.size,
        seconds=round(outcome.seconds, 3),
    )
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
