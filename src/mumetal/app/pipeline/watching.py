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

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from mumetal.app.left_out import left_out
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import DatumKind, Observed, Span, Watcher, WatcherState
from mumetal.core.series import Series
from mumetal.core.stream_health import StreamHealth, StreamState
from mumetal.core.subject import Subject, SubjectKind
from mumetal.watch.api import (
    CauseStage,
    Models,
    SceneOf,
    TimingCodes,
    WatchSettings,
    no_models,
    restored_whole,
    saved_whole,
    watchers_of,
)

CALIBRATION = "calibration"
CAUSES = "watch.causes"
StreamKey = tuple[str, str, str]
_log = RoomLogger("app")


@dataclass(slots=True, kw_only=True)
class Arrivals:
    """What came of one stream: the time of its newest row, and how many rows came too late."""

    newest_ns: int = 0
    late: int = 0


class Watching:
    """Hands committed data to the watchers, and their findings to the causes and the budget.

    Args:
        own: Watchers of this package, in the order in which they look.
        others: Watchers of other packages, after them.
        causes: Asks the innocent causes.
        budget: The user's alert budget.
        clock: Where the time of arrival comes from.
    """

    def __init__(
        self,
        own: Sequence[Watcher],
        others: Sequence[Watcher],
        causes: CauseStage,
        budget: SharedBudget,
        clock: Clock,
    ) -> None:
        self.watchers, self._guests = [*own, *others], {id(w) for w in others}
        self._causes, self._budget, self._clock = causes, budget, clock
        self._arrivals: dict[StreamKey, Arrivals] = {}
        self._told: dict[StreamKey, str] = {}
        self._wanted: dict[tuple[DatumKind, Subject], list[Watcher]] = {}

    def observe(self, datum: Datum) -> list[Finding]:
        """Judge committed data; findings carry the causes asked, and evidence without digests."""
        now_ns = self._clock.now_ns()
        kind, subject, fresh = self._arrived(datum)
        rows = isinstance(fresh, Series)
        out: list[Finding] = []
        for watcher in self._who_wants(kind, subject):
            try:
                seen = watcher.observe((fresh,), now_ns)
            except Exception as error:
                if id(watcher) not in self._guests:
                    raise
                out.append(self._left_out(watcher, error, now_ns))
                continue
            out += self._considered(watcher, seen, rows=rows)
        if isinstance(fresh, Series) and len(fresh):
            out += self._causes.again(fresh)
        return out

    def tick(self, now_ns: int) -> list[Finding]:
        """Let time pass."""
        out: list[Finding] = []
        for watcher in tuple(self.watchers):
            try:
                seen = watcher.tick(now_ns)
            except Exception as error:
                if id(watcher) not in self._guests:
                    raise
                out.append(self._left_out(watcher, error, now_ns))
                continue
            out += self._considered(watcher, seen, rows=False)
        self._tell_states(now_ns)
        return out

    def _tell_states(self, now_ns: int) -> None:
        """Tell the log which streams are in another state than at the last tick."""
        for key, health in self._healths(now_ns).items():
            before = self._told.get(key, "new")
            if health.state != before:
                self._told[key] = health.state
                tell = _log.warning if health.state in {StreamState.SILENT, StreamState.DEGRADED} else _log.info
                tell(
                    "stream.state", tenant=key[0], device=key[1], stream=key[2], state=str(health.state), before=before
                )

    def prime(self, history: Sequence[Datum], exclude: Sequence[Span] = ()) -> None:
        """Learn one subject's stored past, oldest first, without judging it; nothing of ``exclude`` is learnt from."""
        if not history:
            return
        kind, subject, _ = self._arrived(history[-1], past=True)
        for watcher in self._who_wants(kind, subject):
            try:
                watcher.prime(history, exclude)
            except Exception as error:
                if id(watcher) not in self._guests:
                    raise
                _log.failure("watcher.failed", error)  # it goes on unprimed

    def bar(self, spans: Sequence[Span]) -> None:
        """Let nobody learn from these spans, nor keep what was learnt from them."""
        for watcher in self.watchers:
            watcher.bar(spans)

    def save(self) -> dict[str, WatcherState]:
        """Return what each watcher has learnt and what stands, by id."""
        return {CAUSES: saved_whole(self._causes)} | {w.info.plugin_id: w.save() for w in self.watchers}

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
            self._arrivals[key] = Arrivals(newest_ns=t_ns)
        whole = CAUSES in states and restored_whole(self._causes, states[CAUSES])
        for watcher in self.watchers:
            state = states.get(watcher.info.plugin_id)
            if state is None or not watcher.restore(state):
                _log.info("watcher.learns_anew", watcher=watcher.info.plugin_id, saved=state is not None)
                whole = False
        return whole

    def status(self) -> tuple[StreamHealth, ...]:
        """Return how every stream is doing, in order of tenant, device and stream."""
        told = self._healths(self._clock.now_ns())
        return tuple(self._with_late(key, told[key]) for key in sorted(told))

    def _healths(self, now_ns: int) -> dict[StreamKey, StreamHealth]:
        told: dict[StreamKey, StreamHealth] = {}
        for watcher in self.watchers:
            for health in self._health(watcher, now_ns):
                key = (health.tenant, health.device, health.stream)
                told[key] = told[key].joined(health) if key in told else health
        return told

    def _health(self, watcher: Watcher, now_ns: int) -> Sequence[StreamHealth]:
        try:
            return watcher.health(now_ns)
        except Exception as error:
            if id(watcher) not in self._guests:
                raise
            _log.failure("watcher.failed", error)
            return ()

    def _with_late(self, key: StreamKey, health: StreamHealth) -> StreamHealth:
        late = self._arrivals[key].late if key in self._arrivals else 0
        if not late:
            return health
        why = f"{late} late rows were stored and not scored"
        return replace(health, reason="; ".join(filter(None, (health.reason, why))))

    def _arrived(self, datum: Datum, *, past: bool = False) -> tuple[DatumKind, Subject, Datum]:
        """Return what kind of data it is, of what, and what of it is new; what is ``past`` is late for nobody."""
        if isinstance(datum, Event):
            return "event", Subject(kind=SubjectKind.DEVICE, name=datum.device, device=datum.device), datum
        if not isinstance(datum, Series):
            return "snapshot", Subject.stream(datum.device, CALIBRATION), datum
        arrivals = self._arrivals.setdefault((datum.tenant, datum.device, datum.stream), Arrivals())
        stale = int(np.searchsorted(datum.t_ns, arrivals.newest_ns, side="right"))
        arrivals.late += 0 if past else stale
        fresh = datum.rows(stale, len(datum))
        if len(fresh):
            arrivals.newest_ns = int(fresh.t_ns[-1])
        return "series", Subject.stream(datum.device, datum.stream), fresh

    def _who_wants(self, kind: DatumKind, subject: Subject) -> list[Watcher]:
        known = self._wanted.get((kind, subject))
        if known is None:
            known = self._wanted[kind, subject] = [w for w in self.watchers if self._wants(w, kind, subject)]
        return known

    def _wants(self, watcher: Watcher, kind: DatumKind, subject: Subject) -> bool:
        try:
            return watcher.wants(kind, subject)
        except Exception:
            if id(watcher) not in self._guests:
                raise
            return True  # what it is shown then fails as well, and is told

    def _considered(self, watcher: Watcher, seen: Observed, *, rows: bool) -> list[Finding]:
        if not seen.findings:
            return []
        asked = self._causes.ask(seen.findings, seen.closed, rows=rows) if watcher.has_causes else list(seen.findings)
        return asked if watcher.budgeted else self._budget.admit(asked)

    def _left_out(self, watcher: Watcher, error: Exception, now_ns: int) -> Finding:
        """Take a watcher that failed out, and say so."""
        self.watchers = [w for w in self.watchers if w is not watcher]
        self._wanted.clear()
        _log.failure("watcher.failed", error)
        return left_out(watcher.info.plugin_id, watcher.info.title, error, now_ns)


def watching_of(
    settings: WatchSettings,
    clock: Clock,
    scene_of: SceneOf,
    background: Executor | None = None,
    models: Models = no_models,
    codes: TimingCodes | None = None,
    others: Sequence[Watcher] = (),
) -> Watching:
    """Return what watches a stack: the watch room's watchers, then ``others``.

    Args:
        settings: How streams are watched.
        clock: Where the time of arrival comes from.
        scene_of: Returns what surrounds a finding, for the causes.
        background: Where detectors are fitted anew; without it, in the calling thread.
        models: Says which models of the registry are active now, verified.
        codes: Pulse timing codes that are looked for beside the usual ones.
        others: Watchers of other rooms and packages.
    """
    budget = SharedBudget(settings.alerts_per_week)
    own = watchers_of(settings, budget, background, models, () if codes is None else (codes,))
    return Watching(own, others, CauseStage(scene_of), budget, clock)
