"""The report for a person: place, severity, the line with what is meant underlined, and what to do; then the counts."""

from mumetal.core.finding import Severity
from mumetal.scan.report.entry import Entry, plain
from mumetal.scan.report.outcome import Outcome

RED, YELLOW, CYAN, BOLD, DIM, END = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[1m", "\x1b[2m", "\x1b[0m"
COLOUR = {
    Severity.FATAL: BOLD + RED, Severity.CRITICAL: BOLD + RED, Severity.HIGH: RED, Severity.MEDIUM: YELLOW,
    Severity.LOW: CYAN, Severity.INFORMATIONAL: DIM,
}  # fmt: skip
SHOWN_PROBLEMS = 20


def encode(outcome: Outcome, *, colour: bool = False) -> str:
    """Return the report as text, with ANSI colours when asked for."""
    parts = [entries_text(outcome, colour=colour)]
    parts += [
        _paint(f"not read: {plain(problem.where)}: {plain(problem.reason)}\n", YELLOW, colour=colour)
        for problem in outcome.problems[:SHOWN_PROBLEMS]
    ]
    if len(outcome.problems) > SHOWN_PROBLEMS:
        parts.append(f"… and {len(outcome.problems) - SHOWN_PROBLEMS} more that could not be read\n")
    parts.append(_paint(summary(outcome), BOLD, colour=colour) + "\n")
    return "".join(parts)


def entries_text(outcome: Outcome, *, colour: bool = False) -> str:
    """Return the entries alone."""
    return "".join(_entry(e, colour=colour) for e in outcome.entries)


def summary(outcome: Outcome) -> str:
    """Say in one line what came of it."""
    found = ", ".join(f"{n} {name}" for name, n in outcome.counts.items()) or "nothing found"
    known = f", {outcome.known} known" if outcome.known else ""
    refused = f", {len(outcome.problems)} not read" if outcome.problems else ""
    things = f"{outcome.artefacts:,} file{'' if outcome.artefacts == 1 else 's'}"
    return f"{found}{known}{refused} in {things}, {outcome.size / 1e6:,.1f} MB, {outcome.seconds:.1f} s"


def _paint(text: str, style: str, *, colour: bool) -> str:
    return f"{style}{text}{END}" if colour and style else text


def _entry(entry: Entry, *, colour: bool) -> str:
    finding, place = entry.finding, entry.place
    where = plain(entry.path) + (f":{place.line}" if place else "")
    if entry.columns[0]:
        where += f":{entry.columns[0]}"
    severity = _paint(finding.severity.name.lower(), COLOUR.get(finding.severity, ""), colour=colour)
    head = f"{_paint(where, BOLD, colour=colour)}  {severity}  {plain(finding.title)}"
    tail = _paint(f"[{finding.rule}, {finding.confidence:.0%} sure]", DIM, colour=colour)
    lines = [f"{head}  {tail}"]
    if entry.line and place:
        gutter = f"{place.line:>6} | "
        lines.append(gutter + entry.line)
        start, stop = entry.mark
        if stop:
            arrows = _paint("^" * max(1, stop - start), COLOUR.get(finding.severity, ""), colour=colour)
            lines.append(" " * (len(gutter) + start) + arrows)
    elif finding.detail:
        lines.append("       " + plain(finding.detail))
    if finding.remedy:
        lines.append("       to mend it: " + plain(finding.remedy))
    return "\n".join(lines) + "\n\n"
