"""Where data come from, are kept, and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mumetal.core.check import LATEST_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mumetal.core.artefact import Artefact, Evidence
    from mumetal.core.delivery import Delivery, Quarantined, Receipt
    from mumetal.core.event import Event
    from mumetal.core.finding import Finding
    from mumetal.core.incident import Incident
    from mumetal.core.ports.plugin import PluginInfo
    from mumetal.core.series import Series
    from mumetal.core.snapshot import DeviceSnapshot


class Source(Protocol):
    """Where data come from. Holds no position of its own: the cursor does."""

    info: PluginInfo

    @property
    def name(self) -> str:
        """Name of this instance, stable over restarts, such as ``"bluefors:logs"``."""

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` values from ``cursor`` (empty: from the start) and say where to go on.

        The same cursor gives the same data again, as long as the source keeps them.

        Raises:
            UnavailableError: The source is away; the caller tries again later.
            BadInputError: The cursor or the configuration cannot be used.
        """

    def close(self) -> None:
        """Let go of files and connections."""


class Sink(Protocol):
    """Where findings and incidents go. Called by the outbox, which retries; a sink may see one item twice."""

    info: PluginInfo

    def deliver(self, items: Sequence[Finding | Incident]) -> None:
        """Hand ``items`` over; returns once the receiver has them.

        Raises:
            UnavailableError: The receiver is away; the outbox keeps the items.
        """

    def close(self) -> None:
        """Let go of connections."""


class Store(Protocol):
    """Where data are kept. ``append`` returns once they would survive a power cut."""

    def append(self, delivery: Delivery) -> Receipt:
        """Commit a delivery and its cursor as one.

        Raises:
            UnavailableError: The disk is full or the queue is; nothing was acknowledged.
        """

    def cursor(self, source: str) -> str:
        """Return the last committed cursor of a source; empty when there is none."""

    def tenants(self) -> Sequence[str]:
        """Return every tenant that has data."""

    def streams(self, tenant: str) -> Sequence[tuple[str, str]]:
        """Return the (device, stream) pairs of a tenant."""

    def series(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Iterator[Series]:
        """Yield committed samples with ``start_ns <= t_ns < stop_ns``, in order, one Series per epoch and chunk."""

    def thinned(
        self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int
    ) -> Sequence[Series]:
        """Return samples thinned to about ``points`` rows per epoch, keeping every channel's extremes."""

    def events(self, tenant: str, start_ns: int, stop_ns: int, limit: int = 10_000) -> Sequence[Event]:
        """Return committed events in order of time."""

    def snapshots(
        self, tenant: str, device: str, limit: int = 100, until_ns: int = LATEST_NS
    ) -> Sequence[DeviceSnapshot]:
        """Return the newest snapshots of a device before ``until_ns``, oldest first."""

    def calibrated(self) -> Sequence[tuple[str, str]]:
        """Return every (tenant, device) that has snapshots; for the stack's own restart, never for a page."""

    def quarantine(self, tenant: str, limit: int = 100) -> Sequence[Quarantined]:
        """Return what was refused, newest first."""

    def evidence(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Evidence:
        """Point at a range of samples, with the digest over its write-ahead bytes."""

    def maintain(self, now_ns: int) -> None:
        """Keep house: move what is old where it is cheaper, let go of what is older than is kept; what is read stays the same.

        Raises:
            UnavailableError: It could not; what was there before is still there.
        """

    def close(self) -> None:
        """Finish committing and let go of files."""


class BlobSource(Protocol):
    """Where a scanner's artefacts come from: a tree, staged changes, a history, read in batches."""

    def blobs(self) -> Iterator[Artefact]:
        """Yield each distinct artefact once."""
