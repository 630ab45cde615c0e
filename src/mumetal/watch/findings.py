"""How a finding is put into words, with its techniques and where to look."""

from mumetal.core.artefact import Evidence
from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.subject import Subject
from mumetal.watch.hints import hint_for


def stream_finding(
    *,
    tenant: str,
    device: str,
    stream: str,
    rule: str,
    start_ns: int,
    stop_ns: int,
    confidence: float,
    false_per_week: float | None = None,
    detail: str,
    attribution: tuple[Attribution, ...] = (),
    severity: Severity | None = None,
) -> Finding:
    """Put what was seen in a stream into a finding; the hint table gives title, techniques, severity and remedy."""
    lead = attribution[0].channel if attribution else "no single channel"
    hint = hint_for(stream, lead, rule)
    return Finding(
        tenant=tenant,
        subject=Subject.stream(device, stream),
        rule=rule,
        title=hint.title.format(device=device, stream=stream, channel=lead)[:300],
        detail=detail[:4_000],
        remedy=hint.remedy,
        start_ns=start_ns,
        stop_ns=stop_ns,
        severity=hint.severity if severity is None else severity,
        confidence=confidence,
        false_per_week=false_per_week,
        attribution=attribution,
        techniques=hint.techniques,
        evidence=(marked(device, stream, rule, start_ns, stop_ns),),
    )


def marked(device: str, stream: str, rule: str, start_ns: int, stop_ns: int) -> Evidence:
    """Point at the samples a rule marks, ``start_ns <= t_ns < stop_ns``."""
    note = f"samples that {rule} marks; look a minute to either side"
    return Evidence.of_series(device, stream, start_ns, stop_ns, note=note)
