"""Every watcher over committed data, whichever room or package it comes from; then the causes, then the alert budget.

Rules, in order:

1. Samples reach a watcher in order of time and once each: rows that are not newer than the newest of their stream are
   counted, and an empty series says that something came.
2. What watchers find is asked of every innocent cause, at first and again while it stands, unless the watcher says that
   its findings have none.
3. What a watcher finds that keeps no share of the alert budget by itself is held against that share last.
4. A watcher of another package that fails is left out from then on and told as a finding; one of ours stops the stack
   aloud: nothing is silently unseen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import msgspec

from mumetal.app.left_out import left_out
from mumetal.app.opened import OpenedPart
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.app.pipeline.arrivals import Arrivals
from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.logs import RoomLogger
from mumetal.core.operation import OperatingState
from mumetal.core.ports import DatumKind, Observed, Span, Watcher, WatcherState
from mumetal.core.series import Series
from mumetal.core.stream_health import StreamHealth, StreamState
from mumetal.core.subject import Subject, SubjectKind
from mumetal.formats import watcher_state
from mumetal.watch.api import CauseStage, SceneOf, restored_whole, saved_whole

CALIBRATION = "calibration"
CAUSES = "watch.causes"
T = TypeVar("T")
StreamKey = tuple[str, str, str]
_log = RoomLogger("app")


LATENESS_S = 120.0  # as store.lateness_s by default


class Watching:
    """Hands committed data to the watchers, and their findings to the causes and the budget.

    Args:
        own: Watchers of this package, in the order in which they look.
        others: Watchers of other packages, after them.
        causes: Asks the innocent causes.
        budget: The user's alert budget.
        clock: Where the time of arrival comes from.
        untold: What is told first: who was left out before anything was looked at.
        lateness_s: How much older than a stream's newest row another may be and still be judged, s.
    """

    def __init__(
        self,
        own: Sequence[Watcher],
        others: Sequence[Watcher],
        causes: CauseStage,
        budget: SharedBudget,
        clock: Clock,
        untold: Sequence[Finding] = (),
        *,
        lateness_s: float = LATENESS_S,
    ) -> None:
        self._lateness_ns = round(lateness_s * 1e9)
        self.watchers, self._guests = [*own, *others], {id(w) for w in others}
        self._causes, self._budget, self._clock = causes, budget, clock
        self._arrivals: dict[StreamKey, Arrivals] = {}
        self._told: dict[StreamKey, str] = {}
        self._said: dict[int, tuple[StreamHealth, ...]] = {}
        self._untold = list(untold)
        self._entered: list[OperatingState] = []
        self._wanted: dict[tuple[DatumKind, Subject], list[Watcher]] = {}

    def observe(self, datum: Datum) -> list[Finding]:
        """Judge committed data; findings carry the causes asked, and evidence without digests."""
        now_ns = self._clock.now_ns()
        kind, subject, fresh, late = self._arrived(datum, now_ns)
        rows = isinstance(fresh, Series)
        out: list[Finding] = []
        if late is not None and len(late):
            for watcher in self._who_wants(kind, subject):
                out += self._of(watcher, partial(self._seen_late, watcher, late, now_ns), [])
        for watcher in self._who_wants(kind, subject):
            out += self._of(watcher, partial(self._seen, watcher, fresh, now_ns, rows=rows), [])
        if isinstance(fresh, Series) and len(fresh):
            out += self._causes.again(fresh)
        return out + self._failed()

    def tick(self, now_ns: int) -> list[Finding]:
        """Let time pass."""
        out: list[Finding] = []
        for watcher in tuple(self.watchers):
            out += self._of(watcher, partial(self._ticked, watcher, now_ns), [])
        self._tell_states(now_ns)
        return out + self._failed()

    def _seen(self, watcher: Watcher, fresh: Datum, now_ns: int, *, rows: bool) -> list[Finding]:
        return self._considered(watcher, watcher.observe((fresh,), now_ns), rows=rows)

    def _seen_late(self, watcher: Watcher, late: Series, now_ns: int) -> list[Finding]:
        look = getattr(watcher, "late", None)  # a guest may know of no such thing
        return self._considered(watcher, look((late,), now_ns), rows=False) if look is not None else []

    def _ticked(self, watcher: Watcher, now_ns: int) -> list[Finding]:
        return self._considered(watcher, watcher.tick(now_ns), rows=False)

    def _tell_states(self, now_ns: int) -> None:
        """Tell the log which streams are in another state than at the last tick."""
        for watcher in self.watchers:
            if id(watcher) in self._guests:
                self._said[id(watcher)] = self._of(watcher, partial(self._health, watcher, now_ns), ())
        for key, health in self._healths(now_ns).items():
            before = self._told.get(key, "new")
            if health.state != before:
                self._told[key] = health.state
                tell = _log.warning if health.state in {StreamState.SILENT, StreamState.DEGRADED} else _log.info
                tell(
                    "stream.state", tenant=key[0], device=key[1], stream=key[2], state=str(health.state), before=before
                )

    def entered(self) -> list[OperatingState]:
        """Return what devices do now, where that is something else than when this was last asked."""
        told, self._entered = self._entered, []
        return told

    def prime(self, history: Sequence[Datum], exclude: Sequence[Span] = ()) -> None:
        """Learn one subject's stored past, oldest first, without judging it; nothing of ``exclude`` is learnt from."""
        if not history:
            return
        kind, subject, *_ = self._arrived(history[-1], self._clock.now_ns(), past=True)
        for watcher in self._who_wants(kind, subject):
            self._of(watcher, partial(watcher.prime, history, exclude), None)

    def bar(self, spans: Sequence[Span]) -> None:
        """Let nobody learn from these spans, nor keep what was learnt from them."""
        for watcher in self.watchers:
            self._of(watcher, partial(watcher.bar, spans), None)

    def save(self) -> dict[str, WatcherState]:
        """Return what each watcher has learnt and what stands, by id."""
        out = {CAUSES: saved_whole(self._causes)}
        for watcher in self.watchers:
            state = self._of(watcher, partial(self._saved, watcher), None)
            if state is not None:
                out[watcher.info.plugin_id] = state
        return out

    def _saved(self, watcher: Watcher) -> WatcherState:
        state = watcher.save()
        if id(watcher) in self._guests:  # what no file can hold must not keep the others from being saved
            msgspec.json.decode(state.facts)
            watcher_state.encode(state)
        return state

    def stands(self, finding_id: str) -> bool:
        """Whether a finding goes on, as far as its watcher knows."""
        return finding_id in self._causes

    def restore(self, states: Mapping[str, WatcherState], newest: Mapping[StreamKey, int]) -> bool:
        """Go on from saved states, where nothing was observed yet.

        Args:
            states: What was saved, by id.
            newest: The time of each stream's newest row that they have seen, ns since 1970 UTC.

        Returns:
            Whether every watcher goes on where it stood. Otherwise all are to be primed: those that were restored take from
            it what their states left in the store.
        """
        for key, t_ns in newest.items():
            self._arrivals[key] = Arrivals.since(t_ns, self._clock.now_ns())
        whole = CAUSES in states and restored_whole(self._causes, states[CAUSES])
        for watcher in self.watchers:
            state = states.get(watcher.info.plugin_id)
            if state is None or not self._of(watcher, partial(watcher.restore, state), otherwise=False):
                _log.info("watcher.learns_anew", watcher=watcher.info.plugin_id, saved=state is not None)
                whole = False
        return whole

    def status(self) -> tuple[StreamHealth, ...]:
        """Return how every stream is doing, in order of tenant, device and stream."""
        told = self._healths(self._clock.now_ns())
        return tuple(told[key] for key in sorted(told))

    def _healths(self, now_ns: int) -> dict[StreamKey, StreamHealth]:
        told: dict[StreamKey, StreamHealth] = {}
        for watcher in self.watchers:
            # a guest is asked by the thread that watches only, at each tick: no other one may call into its state
            guest = id(watcher) in self._guests
            for health in self._said.get(id(watcher), ()) if guest else self._health(watcher, now_ns):
                key = (health.tenant, health.device, health.stream)
                told[key] = told[key].joined(health) if key in told else health
        return {key: self._with_late(key, health) for key, health in told.items()}

    @staticmethod
    def _health(watcher: Watcher, now_ns: int) -> tuple[StreamHealth, ...]:
        return tuple(watcher.health(now_ns))

    def _with_late(self, key: StreamKey, health: StreamHealth) -> StreamHealth:
        arrivals = self._arrivals.get(key)
        if arrivals is None or not (arrivals.degraded or arrivals.reason):
            return health
        why, state = arrivals.degraded, health.state
        if why and state is not StreamState.SILENT:
            state = StreamState.DEGRADED
        return replace(health, state=state, reason="; ".join(filter(None, (why, health.reason, arrivals.reason))))

    def judged_until(self, datum: Datum) -> int:
        """Return the time up to which a datum's stream was judged, ns since 1970 UTC: what is dated ahead moves it not."""
        if not isinstance(datum, Series):
            return int(datum.t_ns)
        return self._arrivals[datum.tenant, datum.device, datum.stream].newest_ns

    def _arrived(
        self, datum: Datum, now_ns: int, *, past: bool = False
    ) -> tuple[DatumKind, Subject, Datum, Series | None]:
        """Return what kind of data it is, of what, what of it is new, and what of it is late and still judged."""
        if isinstance(datum, Event):
            return "event", Subject(kind=SubjectKind.DEVICE, name=datum.device, device=datum.device), datum, None
        if not isinstance(datum, Series):
            return "snapshot", Subject.stream(datum.device, CALIBRATION), datum, None
        key, subject = (datum.tenant, datum.device, datum.stream), Subject.stream(datum.device, datum.stream)
        if past:
            self._arrivals[key] = Arrivals.since(int(datum.t_ns[-1]), now_ns)
            return "series", subject, datum, None
        fresh, late = self._arrivals.setdefault(key, Arrivals()).sort(datum, now_ns, self._lateness_ns)
        return "series", subject, fresh, late

    def _who_wants(self, kind: DatumKind, subject: Subject) -> list[Watcher]:
        known = self._wanted.get((kind, subject))
        if known is None:
            known = [w for w in self.watchers if self._of(w, partial(w.wants, kind, subject), otherwise=False)]
            self._wanted[kind, subject] = known
        return known

    def _considered(self, watcher: Watcher, seen: Observed, *, rows: bool) -> list[Finding]:
        self._entered += seen.states
        if not seen.findings:
            return []
        if not all(isinstance(finding, Finding) for finding in seen.findings):
            raise TypeError("a watcher finds findings")
        own = id(watcher) not in self._guests
        asked = list(seen.findings)
        if watcher.has_causes:  # a guest may never say when something is over: nothing stands for its sake
            asked = self._causes.ask(asked, seen.closed, rows=rows, ends=own)
        return asked if watcher.budgeted else self._budget.admit(asked)

    def _of(self, watcher: Watcher, call: Callable[[], T], otherwise: T) -> T:
        """Return what a watcher answers; one of another package that fails is taken out, told, and answers ``otherwise``."""
        try:
            return call()
        except (Exception, SystemExit) as error:
            if id(watcher) not in self._guests:
                raise
            self.watchers = [w for w in self.watchers if w is not watcher]
            self._wanted.clear()
            _log.failure("watcher.failed", error)
            did, now_ns = f"raised {type(error).__name__}", self._clock.now_ns()
            self._untold.append(left_out(watcher.info.plugin_id, watcher.info.title, did, now_ns))
            return otherwise

    def _failed(self) -> list[Finding]:
        told, self._untold = self._untold, []
        return told


def watching_parts(
    opened: Sequence[OpenedPart],
    own: Sequence[str],
    scene_of: SceneOf,
    budget: SharedBudget,
    clock: Clock,
    lateness_s: float = LATENESS_S,
) -> Watching:
    """Return what watches for parts that are open: the watchers of the package's own parts, then the others.

    Args:
        opened: The parts.
        own: Ids of the package's own parts.
        scene_of: Returns what surrounds a finding, for the causes.
        budget: The user's alert budget, as the parts were given it.
        clock: Where the time of arrival comes from.
        lateness_s: How much older than a stream's newest row another may be and still be judged, s.
    """
    ours = [w for o in opened if o.part.part_id in own for w in o.watchers]
    guests = [w for o in opened if o.part.part_id not in own for w in o.watchers]
    junk = [
        left_out(o.part.part_id, "A part of another package", f"gave {o.junk}", clock.now_ns())
        for o in opened
        if o.junk
    ]
    return Watching(ours, guests, CauseStage(scene_of), budget, clock, junk, lateness_s=lateness_s)
