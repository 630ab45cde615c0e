"""An incident report draft in Markdown, and short lines for a terminal. Pure and deterministic: same input, same text.

Every claim in the report's body ends in the evidence it rests on. Text from outside (titles, details, channel names)
is data: characters that Markdown or HTML would act on are escaped, control characters are replaced.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from mumetal.core import LOCAL
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.formats.units import often

MAX_FINDINGS = 50
MAX_TIMELINE = 100
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&-])")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def report(incident: Incident, findings: Sequence[Finding]) -> str:
    """Return a draft for a person to finish.

    Args:
        incident: The incident.
        findings: Those of its findings that are at hand; others are named by id only. Findings of other incidents or
            tenants are left out.
    """
    mine = _own(incident, findings)
    plain = [f for f in mine if not f.explained]
    parts = [
        f"# {escaped(incident.title)}",
        "",
        "*Draft made by Mumetal from its own records; a person has not checked it yet.*",
        "",
        *_facts(incident),
        "",
        "## What was seen",
        "",
        *_claims(plain, "Nothing unexplained."),
    ]
    explained = [f for f in mine if f.explained]
    if explained:
        parts += ["", "## Seen and explained", "", *_claims(explained, "")]
    parts += ["", "## Innocent causes considered", "", *_causes(mine)]
    parts += ["", "## What to do", "", *_remedies(plain)]
    parts += ["", "## Timeline", "", *_timeline(incident)]
    missing = len(incident.findings) - len(mine)
    if missing:
        parts += ["", f"*{missing} of its {len(incident.findings)} findings are not at hand and not in this report.*"]
    return "\n".join(parts) + "\n"


def summary(incidents: Iterable[Incident], limit: int = 10) -> list[str]:
    """Return one line per incident for a terminal, in the order given: rank, priority, state, device, title."""
    lines = []
    for rank, incident in enumerate(incidents, 1):
        if rank > limit:
            lines.append("…")
            break
        title = CONTROL.sub("\ufffd", incident.title)[:120]
        lines.append(
            f"{rank:>2}. {incident.priority:4.2f} {incident.severity.name.lower():<13} {incident.state.value:<12} "
            f"{incident.device:<16} {title}"
        )
    return lines


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", CONTROL.sub(" ", text)).replace("\\<", "&lt;").replace("\\>", "&gt;")


def when(t_ns: int) -> str:
    """Return a time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(t_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _own(incident: Incident, findings: Sequence[Finding]) -> list[Finding]:
    listed = set(incident.findings)
    mine = {f.finding_id: f for f in findings if f.finding_id in listed and f.tenant == incident.tenant}
    return sorted(mine.values(), key=lambda f: (-f.severity, -f.confidence, f.start_ns, f.finding_id))


def _facts(incident: Incident) -> list[str]:
    return [
        "| | |",
        "|---|---|",
        *([f"| tenant | {escaped(incident.tenant)} |"] if incident.tenant != LOCAL else []),
        f"| incident | {escaped(incident.incident_id)} |",
        f"| device | {escaped(incident.device)} |",
        f"| from, to | {when(incident.start_ns)}, {when(incident.stop_ns)} |",
        f"| state, label | {incident.state.value}, {incident.label.value} |",
        f"| owner | {escaped(incident.owner) or 'nobody yet'} |",
        f"| severity | {incident.severity.name.lower()} |",
        f"| likelihood × impact | {incident.likelihood:.2f} × {incident.impact:.2f} = **{incident.priority:.2f}** |",
        f"| why this impact | {escaped(incident.impact_reason) or 'not said'} |",
    ]


def _claims(findings: Sequence[Finding], nothing: str) -> list[str]:
    if not findings:
        return [nothing]
    lines = []
    for finding in findings[:MAX_FINDINGS]:
        carried = ", ".join(f"{escaped(a.channel)} {a.share:.0%}" for a in finding.carriers[:3])
        claim = f"- **{escaped(finding.title)}** ({finding.severity.name.lower()}, confidence {finding.confidence:.2f}"
        if finding.false_per_week is not None:
            claim += f", by chance {often(finding.false_per_week)}"
        claim += f", {when(finding.start_ns)}" + (f", carried by {carried}" if carried else "") + ")."
        if finding.detail:
            claim += f" {escaped(finding.detail)}"
        lines.append(f"{claim} {_cited(finding)}")
    if len(findings) > MAX_FINDINGS:
        rest = findings[MAX_FINDINGS:]
        lines.append(f"- {len(rest)} more, the gravest {rest[0].severity.name.lower()}. {_cited(rest[0])}")
    return lines


def _cited(finding: Finding) -> str:
    uris = [e.uri for e in finding.evidence[:5]] or [f"finding:{finding.finding_id}"]
    return "[" + "; ".join(_code(u) for u in uris) + "]"


def _code(text: str) -> str:
    plain = CONTROL.sub(" ", text)[:500].replace("`", "'").replace("|", "%7C")
    return f"`{plain.replace('<', '%3C').replace('>', '%3E')}`"  # not every reader of Markdown knows code


def _causes(findings: Sequence[Finding]) -> list[str]:
    said: dict[str, dict[str, None]] = {}  # one line for one reason, however many findings it was given for
    for finding in findings:
        for verdict in finding.causes:
            word = "accepted" if verdict.explained else "refused"
            uris = [e.uri for e in verdict.evidence[:5]] or [f"finding:{finding.finding_id}"]
            said.setdefault(f"- {escaped(verdict.cause)} {word}: {escaped(verdict.reason)}", {}).update(
                dict.fromkeys(uris)
            )
    lines = [f"{line} [{'; '.join(_code(uri) for uri in list(uris)[:5])}]" for line, uris in said.items()]
    return lines[:MAX_FINDINGS] or ["None was considered."]


def _remedies(findings: Sequence[Finding]) -> list[str]:
    cited: dict[str, Finding] = {}
    for finding in findings:
        if finding.remedy:
            cited.setdefault(finding.remedy, finding)
    lines = [f"{n}. {escaped(r)} {_cited(f)}" for n, (r, f) in enumerate(list(cited.items())[:20], 1)]
    return lines or ["No remedy is known for these findings."]


def _timeline(incident: Incident) -> list[str]:
    entries = incident.timeline[-MAX_TIMELINE:]
    return [f"- {when(e.t_ns)} {escaped(e.actor)}: {escaped(e.what)}" for e in entries] or ["Empty."]
