"""Things somebody did, in the words of OCSF with the quantum fields beside them."""

from dataclasses import dataclass
from enum import IntEnum

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError

MAX_ATTRIBUTES = 64


class EventClass(IntEnum):
    """OCSF class identifiers (schema 1.x) that Mumetal reads; 0 is OCSF's base event."""

    BASE = 0
    FILE_ACTIVITY = 1001
    SCHEDULED_JOB = 1006
    ACCOUNT_CHANGE = 3001
    AUTHENTICATION = 3002
    DEVICE_CONFIG_CHANGE = 5019
    WEB_RESOURCES = 6001
    API_ACTIVITY = 6003
    DATASTORE_ACTIVITY = 6005


class Status(IntEnum):
    """OCSF ``status_id``."""

    UNKNOWN = 0
    SUCCESS = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One act on the stack.

    Args:
        tenant: Who owns the record.
        device: Device concerned; ``"-"`` when none is named.
        event_id: Identity of the event at its source; the same id twice counts once.
        t_ns: When, nanoseconds since 1970 UTC.
        event_class: OCSF class.
        activity: Verb at the source, such as ``"RunJob"`` or ``"calibration.write"``.
        actor: Who did it; empty when unknown.
        resource: What it was done to; empty when unknown.
        status: Whether it succeeded.
        source_ip: Caller's address as text; empty when unknown.
        job_id: Quantum job; empty when none.
        circuit_digest: SHA-256 of the circuit, hex; empty when none.
        shots: Repetitions asked for; 0 when not a job.
        uses_pulse: Whether the job brings its own pulses.
        attributes: Further facts, at most 64 pairs of short text.
        provenance: Where the record was read, ``file:line`` or a URI.
    """

    tenant: str = LOCAL
    device: str = "-"
    event_id: str
    t_ns: int
    event_class: EventClass = EventClass.BASE
    activity: str
    actor: str = ""
    resource: str = ""
    status: Status = Status.UNKNOWN
    source_ip: str = ""
    job_id: str = ""
    circuit_digest: str = ""
    shots: int = 0
    uses_pulse: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    provenance: str = ""

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        if self.device != "-":
            check.name(self.device, "device")
        check.time_ns(self.t_ns, "event time")
        if not self.event_id or not self.activity:
            raise BadInputError("an event needs an id and an activity", where=self.provenance)
        for what in (
            "event_id",
            "activity",
            "actor",
            "resource",
            "source_ip",
            "job_id",
            "circuit_digest",
            "provenance",
        ):
            check.text(getattr(self, what), what, 1_000)
        if self.shots < 0:
            raise BadInputError(f"shots {self.shots} is negative", where=self.provenance)
        if len(self.attributes) > MAX_ATTRIBUTES:
            raise BadInputError(f"an event has at most {MAX_ATTRIBUTES} attributes", where=self.provenance)
        for key, value in self.attributes:
            check.text(key, "attribute name", 200)
            check.text(value, "attribute value", 4_000)

    def attribute(self, key: str, default: str = "") -> str:
        """Return one attribute's text, or ``default``."""
        return dict(self.attributes).get(key, default)
