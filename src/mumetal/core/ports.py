"""The seams between rooms: what one needs of another, it receives as an argument of one of these types.

Each port has a fake in ``tests``, a conformance test in ``tests/conformance``, an example in ``docs/reference/ports.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mumetal.core.check import LATEST_NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from mumetal.core.artefact import Artefact, Evidence
    from mumetal.core.delivery import Datum, Delivery, Quarantined, Receipt
    from mumetal.core.event import Event
    from mumetal.core.finding import Attribution, CauseVerdict, Finding
    from mumetal.core.incident import Action, Incident
    from mumetal.core.series import Series
    from mumetal.core.snapshot import DeviceSnapshot
    from mumetal.core.technique import Conditions, Power


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What a plug-in says of itself, declared once beside the code.

    Args:
        plugin_id: Dotted id that follows the path: ``"watch.detectors.cusum"``.
        title: What it does, in a few words.
        reference: Author, year and DOI or arXiv id of the method, or the specification read.
        techniques: Technique ids it answers.
        min_history: Rows a detector needs before it can score; 0 for other plug-ins.
    """

    plugin_id: str
    title: str
    reference: str = ""
    techniques: tuple[str, ...] = ()
    min_history: int = 0


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

    def close(self) -> None:
        """Finish committing and let go of files."""


class BlobSource(Protocol):
    """Where a scanner's artefacts come from: a tree, staged changes, a history, read in batches."""

    def blobs(self) -> Iterator[Artefact]:
        """Yield each distinct artefact once."""


class Detector(Protocol):
    """Looks at one stream. Consecutive chunks give the same scores as one long series (causal, prefix-invariant)."""

    info: PluginInfo

    def fit(self, history: Series) -> None:
        """Learn what is ordinary, and start afresh.

        Raises:
            BadInputError: Fewer than ``info.min_history`` usable rows; says how many more are needed.
        """

    def score(self, chunk: Series) -> NDArray[np.float64]:
        """Score the rows that follow the last chunk, shape (n,), finite and >= 0; higher is more anomalous.

        Raises:
            BadInputError: Not fitted, or the chunk has another channel map than the history.
        """

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        """Say which channels carry the score of the window's last row, largest share first; keeps no state."""

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say the smallest attack that would have been caught under these conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What surrounds a finding, for a cause to judge by.

    Args:
        series: The finding's stream around it first, then other streams of the device.
        events: Events of the device around it, in order of time.
        snapshots: Snapshots of the device, oldest first.
    """

    series: tuple[Series, ...] = ()
    events: tuple[Event, ...] = ()
    snapshots: tuple[DeviceSnapshot, ...] = ()


class Cause(Protocol):
    """An innocent explanation that a finding must survive."""

    info: PluginInfo

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain or decline, with a log-likelihood ratio and a reason either way."""


class Scanner(Protocol):
    """Looks into artefacts."""

    info: PluginInfo

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield what is wrong with one artefact; never runs anything in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """May ``principal`` do ``action`` to ``resource``?"""

    tenant: str
    principal: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Yes, and which policy said so."""

    policy: str
    policy_version: str


class Authorizer(Protocol):
    """Decides. Default deny; an error while deciding is a deny."""

    def authorize(self, request: Request) -> Permit:
        """Return a permit.

        Raises:
            RejectedError: Not allowed, or the decision failed.
        """


class Verifier(Protocol):
    """Checks bytes against what was promised of them."""

    def verify(self, artefact: Artefact) -> None:
        """Return nothing when the artefact is what it should be.

        Raises:
            RejectedError: It is not; says which step failed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One decision, written before the act; the outcome is a second entry.

    Args:
        tenant: For whom.
        t_ns: When, nanoseconds since 1970 UTC.
        actor: Person or agent.
        action: Verb, dotted.
        subject: To what.
        why: Policy id, model version, finding or incident ids, in one line.
        outcome: Empty before the act; ``"done"``, ``"failed: …"`` or ``"undone"`` after.
    """

    tenant: str
    t_ns: int
    actor: str
    action: str
    subject: str
    why: str
    outcome: str = ""


class Ledger(Protocol):
    """Append-only record that can be verified offline."""

    def append(self, entry: LedgerEntry) -> int:
        """Write durably and return the entry's index.

        Raises:
            UnavailableError: It could not be written; then the act must not happen.
        """

    def entries(self, start: int = 0, limit: int = 1_000) -> Sequence[tuple[int, LedgerEntry]]:
        """Return entries from ``start``, in order."""

    def verify(self) -> None:
        """Check the whole record.

        Raises:
            RejectedError: An entry was altered, removed or reordered; says where.
        """


class ModelSource(Protocol):
    """Where models are loaded from."""

    def load(self, name: str) -> Artefact:
        """Return a verified model.

        Raises:
            RejectedError: Its digest or signature does not hold.
            BadInputError: There is no such model.
        """


class Controller(Protocol):
    """Something that can act on a device."""

    info: PluginInfo

    def apply(self, action: Action) -> None:
        """Do it, within its bound. The action is permitted and on the ledger already.

        Raises:
            RejectedError: The action is outside its bound or still a dry run.
        """

    def undo(self, action: Action) -> None:
        """Take it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened on a twin: an attack or an innocent cause.

    Args:
        kind: ``"attack"`` or ``"innocent"``.
        name: Technique id or cause id.
        device: Where.
        start_ns: From when.
        stop_ns: Until when.
        strength: How strong, in the unit the name implies.
    """

    kind: str
    name: str
    device: str
    start_ns: int
    stop_ns: int
    strength: float = 1.0


class Twin(Protocol):
    """A quantum stack that runs on a laptop and owns the physics, also of what an attack perturbs."""

    def advance(self, seconds: float) -> Sequence[Datum]:
        """Let ``seconds`` (s) of the twin's time pass and return what its sensors and logs say."""

    def perturb(self, name: str, strength: float, duration_s: float) -> Truth:
        """Start an attack or an innocent cause now; returns the truth about it.

        Raises:
            BadInputError: There is no such perturbation, or the strength is out of range.
        """

    def truth(self) -> Sequence[Truth]:
        """Return all perturbations so far."""


class Range(Protocol):
    """A sealed test ground: a twin and its own instance of the stack, with its own keys. Never a real device."""

    def open(self) -> AbstractContextManager[tuple[Twin, Store]]:
        """Build the ground; leaving the context destroys it.

        Raises:
            RejectedError: Something real would be reachable from it.
        """
