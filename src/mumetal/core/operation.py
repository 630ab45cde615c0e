"""What a stack runs, in which state, and what it is made of: jobs, operating states, assets."""

from dataclasses import dataclass
from enum import StrEnum

from mumetal.core import LOCAL, check
from mumetal.core.artefact import SHA256
from mumetal.core.errors import BadInputError

MAX_FACTS = 64


class JobState(StrEnum):
    """Where a quantum job stands; the last three are final."""

    QUEUED = "queued"
    HELD = "held"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One quantum job as it was last heard of.

    Args:
        tenant: Whose it is.
        job_id: Its id at the source.
        device: Where it runs.
        state: Where it stands.
        submitted_ns: When it was handed in, nanoseconds since 1970 UTC.
        t_ns: When it came to ``state``.
        owner: Account that handed it in; empty when unknown.
        circuit_digest: SHA-256 of the circuit, hex; empty when unknown.
        shots: Repetitions asked for; 0 when unknown.
        uses_pulse: Whether it brings its own pulses.
    """

    tenant: str = LOCAL
    job_id: str
    device: str
    state: JobState
    submitted_ns: int
    t_ns: int
    owner: str = ""
    circuit_digest: str = ""
    shots: int = 0
    uses_pulse: bool = False

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.job_id, "job id")
        check.name(self.device, "device")
        check.time_ns(self.submitted_ns, "submission time")
        check.time_ns(self.t_ns, "time of the job's state")
        check.text(self.owner, "job owner", 200)
        if self.circuit_digest and not SHA256.fullmatch(self.circuit_digest):
            raise BadInputError("a circuit's digest is 64 hex digits", where=self.job_id, hint="give its SHA-256")
        if not 0 <= self.shots < 2**53:
            raise BadInputError(f"shots {self.shots} cannot be", where=self.job_id, hint="give 0 when unknown")


class OperatingMode(StrEnum):
    """What a device is doing."""

    UNKNOWN = "unknown"
    COOLING = "cooling down"
    WARMING = "warming up"
    CONDENSING = "condensing"
    CIRCULATING = "circulating"
    COLD = "cold"
    ROOM = "at room temperature"
    CALIBRATING = "calibrating"
    READY = "ready"
    BUSY = "busy"
    MAINTENANCE = "maintenance"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingState:
    """What a device has been doing since a time; it holds until the next one of the device.

    Args:
        tenant: Whose device.
        device: Which.
        mode: What it does.
        entered_ns: Since when, nanoseconds since 1970 UTC.
        confidence: Probability that it is so, in [0, 1].
        reason: What it is known from, in one sentence.
    """

    tenant: str = LOCAL
    device: str
    mode: OperatingMode
    entered_ns: int
    confidence: float = 1.0
    reason: str = ""

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.device, "device")
        check.time_ns(self.entered_ns, "time of the state")
        check.fraction(self.confidence, "confidence")
        check.text(self.reason, "reason", 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One thing in the inventory.

    Args:
        tenant: Whose it is.
        asset_id: Stable id, such as ``"board:awg-3"``.
        kind: What it is: ``"device"``, ``"board"``, ``"service"``, ``"repository"``, ``"model"``, ``"key"``, …
        title: One line for a person.
        owner: Who answers for it; empty when nobody does.
        criticality: Harm if it is lost or turned, in [0, 1].
        first_ns: When it was first seen, nanoseconds since 1970 UTC.
        last_ns: When it was last seen.
        gone: Whether it was taken out of service.
        facts: Short facts such as ``("firmware", "2.1")``, at most 64 pairs.
    """

    tenant: str = LOCAL
    asset_id: str
    kind: str
    title: str
    owner: str = ""
    criticality: float = 0.5
    first_ns: int
    last_ns: int
    gone: bool = False
    facts: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.asset_id, "asset id")
        check.name(self.kind, "asset kind")
        check.text(self.title, "title", 300)
        check.text(self.owner, "owner", 200)
        check.fraction(self.criticality, "criticality")
        check.time_ns(self.first_ns, "first sight")
        check.time_ns(self.last_ns, "last sight")
        if self.last_ns < self.first_ns:
            raise BadInputError("an asset was last seen before it was first seen", where=self.asset_id)
        if len(self.facts) > MAX_FACTS:
            raise BadInputError(f"an asset has at most {MAX_FACTS} facts, not {len(self.facts)}", where=self.asset_id)
        for name, value in self.facts:
            check.text(name, "fact name", 100)
            check.text(value, "fact", 400)
