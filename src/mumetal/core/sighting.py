"""What a scan found, for as long as it is remembered, and how to choose among it."""

from dataclasses import dataclass

from msgspec import Struct

from mumetal.core.finding import Severity


class Sighting(Struct, frozen=True, kw_only=True):
    """One finding of a scan, as long as it is remembered. It holds no secret: the excerpt is masked.

    Args:
        tenant: Whose it is.
        target: Name of what was scanned, as people call it.
        repository: What tells what was scanned from others of that name; empty in stores from before, and where the name does.
        mode: ``"tree"``, ``"history"`` or ``"stream"``.
        fingerprint: 32 hex digits that last when lines move.
        finding_id: Id of the finding in the store.
        incident_id: The incident it belongs to.
        rule: Which rule.
        title: What it is.
        severity: OCSF scale.
        confidence: Probability that it is true, in [0, 1].
        path: Where.
        line: Line from 1; 0 when unknown.
        excerpt: The line, masked.
        mark: First and last (exclusive) character meant in ``excerpt``.
        digest: SHA-256, hex, over the artefact's bytes when it was last seen; empty when unknown.
        secret: The secret's own fingerprint; empty for other findings.
        detail: What was seen.
        remedy: What to do.
        techniques: Technique ids it may be a trace of.
        identity: What tells the finding from others, where that is not the fingerprint: stores from before it was.
        first_ns: When it was first seen, nanoseconds since 1970 UTC.
        last_ns: When it was last seen.
        closed_ns: When it was no longer there; 0 while it stands.
        reason: Why it is closed.
    """

    tenant: str
    target: str
    repository: str = ""
    mode: str
    fingerprint: str
    finding_id: str
    incident_id: str = ""
    rule: str
    title: str
    severity: Severity
    confidence: float
    path: str
    line: int = 0
    excerpt: str = ""
    mark: tuple[int, int] = (0, 0)
    digest: str = ""
    secret: str = ""
    detail: str = ""
    remedy: str = ""
    techniques: tuple[str, ...] = ()
    identity: str = ""
    first_ns: int
    last_ns: int
    closed_ns: int = 0
    reason: str = ""

    @property
    def stands(self) -> bool:
        """Whether it was there when last looked for."""
        return not self.closed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which sightings to list.

    Args:
        target: Only of this; empty takes all.
        rule: Only of rules that begin so.
        path: Only where the path holds this text.
        least: Only this severe or worse.
        closed: None lists both, True only what is closed, False only what stands.
    """

    target: str = ""
    rule: str = ""
    path: str = ""
    least: Severity = Severity.UNKNOWN
    closed: bool | None = False
