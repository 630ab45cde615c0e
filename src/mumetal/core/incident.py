"""Findings that belong together, and what is done about them."""

from dataclasses import dataclass
from enum import StrEnum

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity


class IncidentState(StrEnum):
    """Where an incident stands. ``EXPLAINED`` is shown and not paged."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    EXPLAINED = "explained"
    RESOLVED = "resolved"


class Label(StrEnum):
    """What a person says an incident was; feeds calibration and training."""

    UNKNOWN = "unknown"
    ATTACK = "attack"
    FAULT = "fault"
    BENIGN = "benign"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened to an incident: when, who or which rule, what."""

    t_ns: int
    actor: str
    what: str

    def __post_init__(self) -> None:
        check.time_ns(self.t_ns, "timeline time")
        check.text(self.what, "timeline entry", 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Findings that belong together.

    Args:
        tenant: Who owns the data.
        incident_id: Stable id, made from the first finding's.
        device: Device concerned.
        title: One line for a person.
        state: Where it stands.
        label: What a person said it was.
        owner: Who works on it; empty when nobody does.
        severity: The gravest unexplained finding's (the gravest of all when all are explained).
        likelihood: Probability that something is truly wrong, in [0, 1].
        impact: Harm if so, in [0, 1], from fidelity lost and the workloads affected.
        impact_reason: How the impact came about, in one sentence.
        start_ns: First sample concerned.
        stop_ns: Just past the last sample concerned.
        findings: Finding ids, in order of arrival.
        timeline: What happened to it.
        paged: Whether a page went out; it goes out once.
    """

    tenant: str = LOCAL
    incident_id: str
    device: str
    title: str
    state: IncidentState = IncidentState.OPEN
    label: Label = Label.UNKNOWN
    owner: str = ""
    severity: Severity
    likelihood: float
    impact: float
    impact_reason: str = ""
    start_ns: int
    stop_ns: int
    findings: tuple[str, ...]
    timeline: tuple[TimelineEntry, ...] = ()
    paged: bool = False

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.incident_id, "incident id")
        check.fraction(self.likelihood, "likelihood")
        check.fraction(self.impact, "impact")
        if not self.findings:
            raise BadInputError("an incident has at least one finding")

    @property
    def priority(self) -> float:
        """Likelihood × impact, in [0, 1]."""
        return self.likelihood * self.impact


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelGiven:
    """What somebody (``actor``) said an incident was, when (``t_ns``, nanoseconds since 1970 UTC), and from what.

    ``basis`` is whose judgement it rests on, ``"person"``, ``"service"`` or ``"agent"``; empty when that was not kept.
    """

    tenant: str = LOCAL
    incident_id: str
    label: Label
    t_ns: int
    actor: str
    basis: str = ""

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.incident_id, "incident id")
        check.time_ns(self.t_ns, "time of the label")
        check.text(self.actor, "actor", 200)
        check.text(self.basis, "basis", 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something proposed or done, with its bound and its undo.

    Args:
        tenant: For whom.
        action_id: Stable id.
        verb: What is done, dotted: ``"queue.pause"``.
        target: To what.
        bound: The limit it stays within, in words a person can check.
        undo: The verb that takes it back.
        reason: Incident or finding that called for it.
        dry_run: True while only proposed.
        permit: Policy id that allowed it; empty until authorised.
        ledger_index: Index of the ledger entry written before it was done; -1 until then.
    """

    tenant: str = LOCAL
    action_id: str
    verb: str
    target: str
    bound: str
    undo: str
    reason: str
    dry_run: bool = True
    permit: str = ""
    ledger_index: int = -1

    def __post_init__(self) -> None:
        if not self.bound or not self.undo:
            raise BadInputError(f"action {self.verb!r} needs a bound and an undo")
        if not self.dry_run and (not self.permit or self.ledger_index < 0):
            raise BadInputError(f"action {self.verb!r} is not permitted and on the ledger yet")
