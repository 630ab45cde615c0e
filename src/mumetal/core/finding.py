"""What a watcher or a scanner says it saw."""

import hashlib
import math
from dataclasses import dataclass, field
from enum import IntEnum

from mumetal.core import LOCAL, check
from mumetal.core.artefact import Evidence
from mumetal.core.errors import BadInputError
from mumetal.core.subject import Subject


class Severity(IntEnum):
    """OCSF ``severity_id``."""

    UNKNOWN = 0
    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5
    FATAL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """How much of a finding one channel or feature carries.

    Args:
        channel: Channel or feature name.
        share: Part of the score, in [0, 1]; the shares of one method add up to at most 1.
        method: ``"inclusion"`` (sparse mixture), ``"shapley"``, ``"conditional-residual"``, ``"own-score"``.
    """

    channel: str
    share: float
    method: str

    def __post_init__(self) -> None:
        check.fraction(self.share, f"share of {self.channel}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseVerdict:
    """What one innocent explanation says of a finding.

    Args:
        cause: Cause id, such as ``"watch.causes.warm_up"``.
        explained: Whether the finding is explained by it.
        log_likelihood_ratio: Natural logarithm of P(data | cause) / P(data | no such cause).
        reason: Why it was accepted or refused, in one sentence.
        evidence: What speaks for it.
    """

    cause: str
    explained: bool
    log_likelihood_ratio: float
    reason: str
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        check.text(self.reason, "reason", 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing seen, with what carries it and what was considered.

    Args:
        tenant: Who owns the data.
        subject: What it is said of.
        rule: Detector or rule id, dotted.
        title: One line for a person.
        detail: What was seen, with figures and units.
        remedy: What to do about it.
        identity: What tells it from others of the same rule and subject, such as a place in a file; empty where its start does.
        start_ns: When what was seen began, nanoseconds since 1970 UTC.
        stop_ns: Just past its last sample.
        severity: How bad it is if true (OCSF scale).
        confidence: Probability that it is true, in [0, 1]; never folded into severity.
        false_per_week: How often ordinary data would do as much as its peak so far, 1/week; None where no tail says so.
        attribution: Channels that carry it, method by method, the one to go by first, in each the largest share first.
        techniques: Technique ids it may be a trace of.
        evidence: Where to look.
        causes: Innocent explanations considered.
        model_version: Version of the detector, rule set or model.
        held: Why it is shown and never paged though nothing explains it; empty where it may page.
        standing: Whether it still goes on, as far as its watcher knows: nothing is learnt from its subject meanwhile.
        finding_id: 24 hex digits over tenant, subject, rule and identity; derived, never given.
    """

    tenant: str = LOCAL
    subject: Subject
    rule: str
    identity: str = ""
    title: str
    detail: str = ""
    remedy: str = ""
    start_ns: int
    stop_ns: int
    severity: Severity = Severity.MEDIUM
    confidence: float
    false_per_week: float | None = None
    attribution: tuple[Attribution, ...] = ()
    techniques: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    causes: tuple[CauseVerdict, ...] = ()
    model_version: str = "1"
    held: str = ""
    standing: bool = False
    finding_id: str = field(init=False)

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.rule, "rule")
        check.time_ns(self.start_ns, "finding start")
        check.time_ns(self.stop_ns, "finding stop")
        check.fraction(self.confidence, "confidence")
        if self.false_per_week is not None and not 0 < self.false_per_week < math.inf:
            raise BadInputError(f"false alerts a week must be a positive number, not {self.false_per_week}")
        check.text(self.identity, "identity", 1_000)
        check.text(self.title, "title", 300)
        check.text(self.held, "why it is held", 1_000)
        check.text(self.detail, "detail")
        check.text(self.remedy, "remedy")
        if self.stop_ns < self.start_ns:
            raise BadInputError(f"a finding ends before it starts ({self.start_ns} > {self.stop_ns})")
        told = (self.tenant, self.device, self.stream, self.rule, self.identity or str(self.start_ns))
        object.__setattr__(self, "finding_id", hashlib.sha256("\t".join(told).encode()).hexdigest()[:24])

    @property
    def device(self) -> str:
        """Device concerned; ``"-"`` when none."""
        return self.subject.device

    @property
    def stream(self) -> str:
        """Name of the subject within its device: a stream, a file, a model."""
        return self.subject.name

    @property
    def carriers(self) -> tuple[Attribution, ...]:
        """Channels that carry it, by the method to go by."""
        return tuple(a for a in self.attribution if a.method == self.attribution[0].method)

    @property
    def explained(self) -> bool:
        """Whether an innocent cause accounts for it; then it is shown and never paged."""
        return any(c.explained for c in self.causes)
