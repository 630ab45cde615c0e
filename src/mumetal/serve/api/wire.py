"""The nouns as the API writes them; fields are those of ``core``, times are nanoseconds since 1970 UTC."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from mumetal.core.delivery import Delivery, Receipt
from mumetal.core.event import EventClass, Status
from mumetal.core.finding import Severity
from mumetal.core.incident import IncidentState, Label
from mumetal.core.operation import OperatingMode
from mumetal.core.series import Series
from mumetal.core.stream_health import StreamState


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


Number = Annotated[float | None, BeforeValidator(_finite)]  # JSON has no NaN; null means not observed


class _Out(BaseModel):
    """Reads a noun by its attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class StreamOut(_Out):
    """One stream's health."""

    device: str
    stream: str
    state: StreamState
    reason: str
    budget_note: str
    channels: int
    rate_hz: Number
    last_ns: int
    score: Number


class StateOut(_Out):
    """What a device does since a time."""

    device: str
    mode: OperatingMode
    entered_ns: int
    confidence: Number
    reason: str


class OverviewOut(_Out):
    """The fleet in one glance."""

    now_ns: int
    streams: list[StreamOut]
    rows_total: int
    values_per_s: Number
    quarantined: int
    changes: list[str]
    notice: str


class TimelineOut(_Out):
    """One thing that happened to an incident."""

    t_ns: int
    actor: str
    what: str


class IncidentOut(_Out):
    """Findings that belong together."""

    incident_id: str
    device: str
    title: str
    state: IncidentState
    label: Label
    owner: str
    severity: Severity
    likelihood: float
    impact: float
    impact_reason: str
    priority: float
    start_ns: int
    stop_ns: int
    findings: list[str]
    timeline: list[TimelineOut]
    paged: bool


class EvidenceOut(_Out):
    """A pointer to what was seen."""

    uri: str
    digest: str
    note: str


class AttributionOut(_Out):
    """How much of a finding one channel carries, by one method."""

    channel: str
    share: float
    method: str


class CauseOut(_Out):
    """What one innocent explanation says of a finding."""

    cause: str
    explained: bool
    log_likelihood_ratio: Number
    reason: str
    evidence: list[EvidenceOut]


class FindingOut(_Out):
    """One thing seen."""

    finding_id: str
    device: str
    stream: str
    rule: str
    title: str
    detail: str
    remedy: str
    start_ns: int
    stop_ns: int
    severity: Severity
    confidence: float
    false_per_week: float | None = None
    attribution: list[AttributionOut]
    techniques: list[str]
    evidence: list[EvidenceOut]
    causes: list[CauseOut]
    model_version: str


class ChannelOut(_Out):
    """One column of a series."""

    name: str
    unit: str
    provenance: str


class SeriesOut(_Out):
    """Samples of one epoch, one list per channel; null where nothing was observed."""

    stream: str
    epoch: str
    channels: list[ChannelOut]
    t_ns: list[int]
    values: list[list[float | None]]


class EventOut(_Out):
    """One act on the stack."""

    event_id: str
    device: str
    t_ns: int
    event_class: EventClass
    activity: str
    actor: str
    resource: str
    status: Status
    source_ip: str
    job_id: str
    shots: int
    uses_pulse: bool
    provenance: str


class QuarantinedOut(_Out):
    """One piece of refused input; the excerpt is hex."""

    where: str
    reason: str
    excerpt: str
    t_ns: int


class TruthOut(_Out):
    """What the twin really did."""

    kind: str
    name: str
    device: str
    start_ns: int
    stop_ns: int
    strength: float


class ReceiptOut(_Out):
    """Proof that a push is durable."""

    sequence: int
    digest: str
    accepted: int
    values: int
    quarantined: int
    repeats: int
    late: int
    refused: list[QuarantinedOut]


class HealthOut(_Out):
    """Whether the server serves."""

    status: str


def series_out(series: Series, wanted: Sequence[str] = ()) -> SeriesOut:
    """Write a series column by column, only the ``wanted`` channels when any are named."""
    keep = [i for i, c in enumerate(series.channels) if not wanted or c.name in wanted]
    return SeriesOut(
        stream=series.stream,
        epoch=series.epoch,
        channels=[ChannelOut.model_validate(series.channels[i]) for i in keep],
        t_ns=series.t_ns.tolist(),
        values=[[None if v != v else v for v in series.values[:, i].tolist()] for i in keep],  # noqa: PLR0124  # NaN
    )


def receipt_out(delivery: Delivery, receipt: Receipt, limit: int = 20) -> ReceiptOut:
    """Say what became of a pushed delivery, naming at most ``limit`` of the refused pieces."""
    rows = sum(len(d) if isinstance(d, Series) else 1 for d in delivery.data)
    return ReceiptOut(
        sequence=receipt.sequence,
        digest=receipt.digest,
        accepted=max(0, rows - receipt.repeats),
        values=receipt.values,
        quarantined=len(delivery.quarantined),
        repeats=receipt.repeats,
        late=receipt.late,
        refused=[QuarantinedOut.model_validate(q) for q in delivery.quarantined[:limit]],
    )
