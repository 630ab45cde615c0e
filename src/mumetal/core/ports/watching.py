"""What watches committed data: the port every watcher keeps, and what it says, saves and must not learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from mumetal.core.subject import Subject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mumetal.core.delivery import Datum
    from mumetal.core.finding import Finding
    from mumetal.core.forecast import Forecast
    from mumetal.core.operation import OperatingState
    from mumetal.core.ports.plugin import PluginInfo
    from mumetal.core.stream_health import StreamHealth
    from mumetal.core.technique import Conditions, Power

DatumKind = Literal["series", "event", "snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a subject that is not to be learnt from: an incident is open on it, or a person called it an attack.

    Args:
        tenant: Who owns the data.
        subject: Whose data; a device stands for all of its streams.
        start_ns: From when, nanoseconds since 1970 UTC.
        stop_ns: Until when, exclusive.
    """

    tenant: str
    subject: Subject
    start_ns: int
    stop_ns: int

    def covers(self, tenant: str, device: str, stream: str) -> bool:
        """Say whether it is about this stream."""
        place = (self.subject.device, self.subject.name)
        return self.tenant == tenant and place in {(device, stream), (device, device)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a watcher makes of some data.

    Args:
        findings: What is raised, said anew or ended, in order.
        closed: Ids of those among them that are over: nothing more is to be said of them.
        forecasts: What it expects.
        states: What devices do now, where that is something else than before.
    """

    findings: tuple[Finding, ...] = ()
    closed: frozenset[str] = frozenset()
    forecasts: tuple[Forecast, ...] = ()
    states: tuple[OperatingState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherState:
    """What a watcher has learnt, so that a restart goes on where it stood. Plain data: nothing in it is ever executed.

    Args:
        version: Of the layout; a watcher refuses one that it does not know, and learns anew.
        facts: JSON.
        arrays: Numbers by name.
    """

    version: int
    facts: bytes = b"{}"
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


class AlertBudget(Protocol):
    """False alerts a week that the user accepts, shared by everything that may raise one."""

    @property
    def share(self) -> float:
        """Alerts a week that one detector may raise falsely, 1/week."""

    @property
    def true_per_week(self) -> float:
        """Real events a week on one stream, beforehand; confidences rest on it."""

    def join(self, members: int = 1) -> None:
        """Count further detectors in."""

    def leave(self, members: int = 1) -> None:
        """Count detectors out."""

    def suspect(self, stream: tuple[str, str, str], t_ns: int, per_week: float) -> None:
        """Note that ordinary data of a stream (tenant, device, stream) would do what it did at ``t_ns`` so often a week."""

    def together(self, stream: tuple[str, str, str], t_ns: int) -> int:
        """Return how many shares each of a stream's detectors has at ``t_ns``, ≥ 1: more when others are in trouble too."""


@runtime_checkable
class Watcher(Protocol):
    """Looks at committed data of many subjects. Causes and the alert budget come after it, in ``app``.

    Data come in the order of the log, samples of a stream in order of time and each once: late and repeated rows are
    taken off before.
    """

    info: PluginInfo

    @property
    def has_causes(self) -> bool:
        """Whether innocent causes are asked about what it finds; a broken promise of the data itself has none."""

    @property
    def budgeted(self) -> bool:
        """Whether it keeps to its share of the alert budget itself; what others raise is held against it afterwards."""

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        """Say whether it looks at such data; asked once for each subject."""

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        """Look at data of one subject that arrived at ``now_ns``; an empty series says that something came too late."""

    def tick(self, now_ns: int) -> Observed:
        """Let time pass."""

    def prime(self, history: Iterable[Datum], exclude: Sequence[Span]) -> None:
        """Learn one subject from its stored past, oldest first, judging nothing and leaving out ``exclude``.

        One that was restored is told the same a little later, so that a state need not hold what is in the store.
        """

    def bar(self, spans: Sequence[Span]) -> None:
        """Learn from none of these from now on, and forget what was learnt from them; replaces what was barred before."""

    def health(self, now_ns: int) -> Sequence[StreamHealth]:
        """Say how the streams it watches are doing."""

    def save(self) -> WatcherState:
        """Return what it has learnt."""

    def restore(self, state: WatcherState) -> bool:
        """Go on from a saved state; False when it cannot be used, and then it must be primed."""

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say the smallest attack that it would have caught under these conditions."""
