"""SARIF 2.1.0 (OASIS 2023, errata 01), as code hosts read it. Lines carry no snippet but a masked one."""

import re
from typing import Any
from urllib.parse import quote

import msgspec

from mumetal.core.finding import Finding, Severity
from mumetal.scan.report.entry import Entry
from mumetal.scan.report.outcome import Outcome

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVEL = {Severity.LOW: "note", Severity.INFORMATIONAL: "note", Severity.MEDIUM: "warning"}
# GitHub's scale for security findings: over 9.0 critical, 7.0 high, 4.0 medium.
SCORE = {
    Severity.INFORMATIONAL: "1.0", Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5", Severity.FATAL: "10.0",
}  # fmt: skip
_CELL = re.compile(r"^(?P<path>.+\.ipynb)#(?P<part>[a-z0-9-]+)$")
_COMMIT = re.compile(r"^git:(?P<commit>[0-9a-f]{7,64}):(?P<path>.+)$")

Node = dict[str, Any]  # a piece of the JSON document; never leaves this module


def encode(outcome: Outcome) -> bytes:
    """Return the report as a SARIF log with one run."""
    rules: dict[str, Node] = {}
    for entry in outcome.entries:
        rules.setdefault(entry.finding.rule, _rule(entry.finding))
    order = {rule: index for index, rule in enumerate(rules)}
    run: Node = {
        "tool": {
            "driver": {
                "name": "Mumetal",
                "version": outcome.version,
                "semanticVersion": outcome.version,
                "rules": list(rules.values()),
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(entry, order) for entry in outcome.entries],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {
                        "level": "warning",
                        "message": {"text": problem.reason or "could not be read"},
                        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(problem.where)}}}],
                    }
                    for problem in outcome.problems
                ],
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}), indent=1)


def _rule(finding: Finding) -> Node:
    level = LEVEL.get(finding.severity, "error")
    text = finding.remedy or finding.title
    return {
        "id": finding.rule,
        "name": "".join(part.title() for part in re.split(r"[^A-Za-z0-9]+", finding.rule)),
        "shortDescription": {"text": finding.title},
        "fullDescription": {"text": finding.title},
        "help": {"text": text},
        "defaultConfiguration": {"level": level},
        "properties": {
            "tags": ["security", *finding.techniques],
            "security-severity": SCORE.get(finding.severity, "5.5"),
            "precision": "very-high"
            if finding.confidence >= 0.9
            else "high"
            if finding.confidence >= 0.7
            else "medium",
        },
    }


def _result(entry: Entry, order: dict[str, int]) -> Node:
    finding = entry.finding
    said: Node = {
        "ruleId": finding.rule,
        "ruleIndex": order[finding.rule],
        "level": LEVEL.get(finding.severity, "error"),
        "message": {"text": finding.detail or finding.title},
        "locations": [_location(entry)],
        "partialFingerprints": {"mumetalFingerprint/v1": entry.fingerprint},
        "rank": round(100 * finding.confidence, 1),
        "properties": {"confidence": finding.confidence, "severity": finding.severity.name.lower()},
    }
    if found := _COMMIT.match(entry.path):
        said["properties"]["commit"] = found["commit"]
    return said


def _location(entry: Entry) -> Node:
    path = found["path"] if (found := _COMMIT.match(entry.path)) else entry.path
    cell = _CELL.match(path)
    place: Node = {"artifactLocation": {"uri": _uri(cell["path"] if cell else path)}}
    location: Node = {"physicalLocation": place}
    if cell:  # a line counts inside the cell, so it names no line of the file
        line = entry.place.line if entry.place else 1
        location["logicalLocations"] = [{"name": cell["part"], "kind": "module"}]
        location["message"] = {"text": f"{cell['part']}, line {line}"}
    elif entry.place:
        region: Node = {"startLine": max(1, entry.place.line)}
        if entry.columns[1]:
            region |= {"startColumn": entry.columns[0], "endColumn": entry.columns[1]}
        if entry.line:
            region["snippet"] = {"text": entry.line}
        place["region"] = region
    return location


def _uri(path: str) -> str:
    """Return a relative reference (RFC 3986), ``/`` between its parts."""
    return quote(path.replace("\\", "/").removeprefix("./"), safe="/@!$&'()*+,;=~-._") or "unknown"
