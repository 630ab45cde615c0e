"""One line of the log of records: what happened to what, by whom.

A body is the noun itself, and of three it is a shortened one, since an incident that grows a thousand times would be
written out a thousand times: an ``Incident`` with its newest finding and newest entry of the timeline only, a ``Finding``
without detail, remedy and evidence, with its first attributions and causes, a ``Sighting`` without detail and remedy.
Who needs all of it reads it by its id.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from mumetal.core import check
from mumetal.core.errors import BadInputError
from mumetal.core.identity import PrincipalKind

MAX_BODY = 65_536
T = TypeVar("T")


class RecordKind(StrEnum):
    """What happened. The list is closed: a reader may rely on knowing all of it."""

    FINDING_RAISED = "finding.raised"
    INCIDENT_CHANGED = "incident.changed"
    LABEL_GIVEN = "label.given"
    SIGHTING_CHANGED = "sighting.changed"
    USER_ADDED = "user.added"
    JOB_CHANGED = "job.changed"
    ASSET_CHANGED = "asset.changed"
    STATE_ENTERED = "state.entered"
    DECISION_MADE = "decision.made"
    ACT_BEGUN = "act.begun"
    ACT_DONE = "act.done"
    ACT_UNDONE = "act.undone"
    CAMPAIGN_STEP = "campaign.step"
    FORECAST_MADE = "forecast.made"


# no table stands behind these; every other kind comes with the write of its noun, and only with it
LOG_ONLY = frozenset(k for k in RecordKind if k.partition(".")[0] in {"decision", "campaign", "forecast"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the log.

    Args:
        sequence: Place in the log, from 1; grows by one, over all tenants.
        kind: What happened.
        tenant: Whose it is.
        t_ns: When it was written, nanoseconds since 1970 UTC; when it *happened* is in the body.
        subject: Id of what it happened to.
        principal: Name of who did it.
        principal_kind: What they are.
        on_behalf_of: Name of who sent them; empty when nobody did.
        correlation: What ties it to others: an incident's id most often; empty when nothing does.
        body: JSON, at most 65,536 bytes.
    """

    sequence: int
    kind: RecordKind
    tenant: str
    t_ns: int
    subject: str
    principal: str
    principal_kind: PrincipalKind
    on_behalf_of: str = ""
    correlation: str = ""
    body: bytes = b"{}"

    def __post_init__(self) -> None:
        if self.sequence < 1:
            raise BadInputError(f"a record's place {self.sequence} is not from 1")
        check.name(self.tenant, "tenant")
        check.time_ns(self.t_ns, "time of the record")
        for what in ("subject", "principal", "on_behalf_of", "correlation"):
            check.text(getattr(self, what), what, 200)
        if len(self.body) > MAX_BODY:
            raise BadInputError(
                f"a record's body has {len(self.body)} bytes, more than {MAX_BODY}",
                where=f"{self.kind} {self.subject}",
                hint="write what it points at elsewhere, and its id here",
            )

    def read(self, body: type[T]) -> T:
        """Return the body as a noun; raises BadInputError when it is none such."""
        try:
            return msgspec.json.decode(self.body, type=body)
        except (msgspec.DecodeError, BadInputError) as error:
            raise BadInputError(
                f"the body of a record cannot be read: {error}", where=f"record {self.sequence}"
            ) from None
