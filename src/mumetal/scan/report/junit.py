"""JUnit XML, as build servers read it: one failed case per finding, one passed case per scanner that found nothing."""

from html import escape

from mumetal.scan.report.entry import Entry, plain
from mumetal.scan.report.outcome import Outcome


def encode(outcome: Outcome) -> bytes:
    """Return the report as JUnit XML. Characters that XML 1.0 does not know are replaced."""
    quiet = [s for s in outcome.scanners if not any(e.finding.rule.startswith(s) for e in outcome.entries)]
    total, failed = len(outcome.entries) + len(quiet), len(outcome.entries)
    attributes = f'tests="{total}" failures="{failed}" errors="0" time="{outcome.seconds:.3f}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="mumetal" {attributes}>',
        f'<testsuite name="mumetal scan" skipped="0" {attributes}>',
    ]
    lines += [_case(entry) for entry in outcome.entries]
    lines += [f'<testcase classname="{_text(s)}" name="nothing found" time="0"/>' for s in quiet]
    if outcome.problems:
        said = "\n".join(f"{p.where}: {p.reason}" for p in outcome.problems)
        lines.append(f"<system-err>{_text(said)}</system-err>")
    lines += ["</testsuite>", "</testsuites>", ""]
    return "\n".join(lines).encode()


def _case(entry: Entry) -> str:
    finding, line = entry.finding, entry.place.line if entry.place else 0
    where = f"{entry.path}:{line}" if line else entry.path
    body = "\n".join(part for part in (where, entry.line, finding.detail, finding.remedy) if part)
    place = f' file="{_text(entry.path)}"' + (f' line="{line}"' if line else "")
    return (
        f'<testcase classname="{_text(finding.rule)}" name="{_text(where)}"{place} time="0">'
        f'<failure type="{finding.severity.name.lower()}" message="{_text(finding.title)}">{_text(body)}</failure>'
        "</testcase>"
    )


def _text(text: str) -> str:
    legal = "".join(
        c if c in "\n\t" or (c >= "\x20" and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "�"
        for c in plain(text)
    )
    return escape(legal, quote=True)
