"""What the pages and the API need of the running stack; ``serve/pipeline`` is the real one, tests have a fake."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mumetal.core.check import LATEST_NS
from mumetal.core.delivery import Delivery, Quarantined, Receipt
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident, IncidentState, Label
from mumetal.core.operation import OperatingState
from mumetal.core.ports import Truth
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.stream_health import StreamHealth
from mumetal.watch.api import TimingCodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The fleet in one glance.

    Args:
        now_ns: The stack's time.
        streams: Every stream's health.
        rows_total: Rows committed since the start.
        values_per_s: Values committed a second, over the last ten seconds.
        quarantined: Pieces of input refused so far.
        changes: What changed since a day ago, one sentence each, newest first.
        alerts_per_week: False pages a week that the user accepts.
        notice: What the reader should know of the run ("demonstration on the twin"); empty when nothing.
        codes: Pulse timing codes of the lab's own that are looked for.
    """

    now_ns: int
    streams: tuple[StreamHealth, ...] = ()
    rows_total: int = 0
    values_per_s: float = 0.0
    quarantined: int = 0
    changes: tuple[str, ...] = ()
    alerts_per_week: float = 2.0
    notice: str = ""
    codes: TimingCodes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person does to an incident; None leaves a field as it is."""

    state: IncidentState | None = None
    owner: str | None = None
    label: Label | None = None
    note: str = ""

    def words(self) -> str:
        """Return it in words, for the ledger."""
        said = (("state", self.state), ("owner", self.owner), ("label", self.label))
        return ", ".join(f"{name}={value}" for name, value in said if value is not None) or "note"


class Desk(Protocol):
    """The running stack, as seen from a page. Every call names the tenant; nothing crosses tenants."""

    def overview(self, tenant: str) -> Overview:
        """Return the fleet in one glance."""
        ...

    def incidents(self, tenant: str, state: IncidentState | None = None, limit: int = 100) -> Sequence[Incident]:
        """Return incidents, highest priority first; unexplained before explained."""
        ...

    def incident(self, tenant: str, incident_id: str) -> Incident:
        """Return one incident.

        Raises:
            BadInputError: The tenant has no such incident.
        """
        ...

    def findings(self, tenant: str, finding_ids: Sequence[str]) -> Sequence[Finding]:
        """Return an incident's findings, in the order asked for."""
        ...

    def change(self, scope: Scope, incident_id: str, change: Change) -> Incident:
        """Change an incident: authorised, written to the ledger, then done.

        Raises:
            RejectedError: They may not.
            BadInputError: No such incident.
        """
        ...

    def series(
        self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int = 2_000
    ) -> Sequence[Series]:
        """Return samples thinned to about ``points`` rows, keeping extremes; one Series per epoch."""
        ...

    def live(self, tenant: str, device: str) -> Iterator[Series | None]:
        """Yield thinned samples as they arrive; None about once a second when there are none. Blocks."""
        ...

    def events(self, tenant: str, device: str, start_ns: int, stop_ns: int, limit: int = 200) -> Sequence[Event]:
        """Return a device's events in order of time."""
        ...

    def states(self, tenant: str, device: str) -> Sequence[OperatingState]:
        """Return what a device has been doing over the last weeks, oldest first; the last of them holds."""
        ...

    def snapshots(
        self, tenant: str, device: str, limit: int = 10, until_ns: int = LATEST_NS
    ) -> Sequence[DeviceSnapshot]:
        """Return a device's newest snapshots before ``until_ns``, oldest first."""
        ...

    def quarantine(self, tenant: str, limit: int = 100) -> Sequence[Quarantined]:
        """Return refused input, newest first."""
        ...

    def truth(self) -> Sequence[Truth]:
        """Return what the twin really did; empty when no twin runs."""
        ...

    def push(self, delivery: Delivery) -> Receipt:
        """Commit a pushed delivery; durable when it returns.

        Raises:
            UnavailableError: Full or stopping; the client keeps the data and retries.
        """
        ...
