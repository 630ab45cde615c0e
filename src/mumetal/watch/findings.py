"""How a finding on a stream is put into words, with its techniques and where to look."""

from mumetal.core.artefact import Evidence
from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject
from mumetal.watch.stream_words import kind_of


def stream_finding(
    *,
    tenant: str,
    device: str,
    stream: str,
    info: PluginInfo,
    start_ns: int,
    stop_ns: int,
    confidence: float,
    false_per_week: float | None = None,
    detail: str,
    attribution: tuple[Attribution, ...] = (),
    severity: Severity | None = None,
) -> Finding:
    """Put what was seen in a stream into a finding: in the plug-in's own words, or in those of its kind of stream."""
    lead = attribution[0].channel if attribution else "no single channel"
    kind = kind_of(stream, lead)
    words, techniques = (info.words, info.techniques) if info.words is not None else (kind.words, kind.techniques)
    return Finding(
        tenant=tenant,
        subject=Subject.stream(device, stream),
        rule=info.plugin_id,
        title=words.title.format(device=device, stream=stream, channel=lead)[:300],
        detail=detail[:4_000],
        remedy=words.remedy,
        start_ns=start_ns,
        stop_ns=stop_ns,
        severity=words.severity if severity is None else severity,
        confidence=confidence,
        false_per_week=false_per_week,
        attribution=attribution,
        techniques=techniques,
        evidence=(marked(device, stream, info.plugin_id, start_ns, stop_ns),),
    )


def marked(device: str, stream: str, rule: str, start_ns: int, stop_ns: int) -> Evidence:
    """Point at the samples a rule marks, ``start_ns <= t_ns < stop_ns``."""
    note = f"samples that {rule} marks; look a minute to either side"
    return Evidence.of_series(device, stream, start_ns, stop_ns, note=note)
