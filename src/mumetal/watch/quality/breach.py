"""One rule broken once, and the finding it becomes."""

from dataclasses import dataclass

from mumetal.core.artefact import Evidence
from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject, SubjectKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule broken.

    Args:
        info: The rule.
        start_ns: From when.
        stop_ns: Until when, exclusive.
        detail: What was seen, with figures and units.
        channels: What carries it, all of them; the finding lists the first fifty.
        severity: How bad it is if true.
        confidence: Probability that it is true.
        remedy: What to do about it.
    """

    info: PluginInfo
    start_ns: int
    stop_ns: int
    detail: str
    channels: tuple[str, ...] = ()
    severity: Severity = Severity.LOW
    confidence: float = 0.95
    remedy: str = ""

    def finding(self, tenant: str, device: str, stream: str, evidence: Evidence) -> Finding:
        """Return the finding; the title is the rule's with the number of channels concerned."""
        count = len(self.channels)
        listed = ", ".join(self.channels[:50]) + (f" and {count - 50} more" if count > 50 else "")
        name = f"{device}/{stream}" if stream else device
        return Finding(
            tenant=tenant,
            subject=Subject.stream(device, stream)
            if stream
            else Subject(kind=SubjectKind.DEVICE, name=device, device=device),
            rule=self.info.plugin_id,
            title=f"{self.info.title}: {name}" + (f" ({count} channels)" if count > 1 else ""),
            detail=self.detail + (f" Concerned: {listed}." if listed else ""),
            remedy=self.remedy,
            start_ns=self.start_ns,
            stop_ns=max(self.stop_ns, self.start_ns + 1),
            severity=self.severity,
            confidence=self.confidence,
            attribution=tuple(Attribution(channel=c, share=1 / count, method="own-score") for c in self.channels[:8]),
            techniques=self.info.techniques,
            evidence=(evidence,),
        )
