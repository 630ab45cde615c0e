"""How the active models fare, looked at on a slow tick beside the scoring thread and never on its path.

At every tick each active version is verified anew and asked its canary. Once in a look's length its input, its scores and
its rate of alarms are held against the reference: the stream's rows before it became active or, where there were too few,
the first ones after. What ails is a finding; where the last good version helps it is put back, once a day at most, as the
lifecycle does everything: permitted, in the ledger, then done. Looks fall on multiples of their length since the version
became active and draw the same random numbers each time, so that a restart repeats the last look and changes nothing.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mumetal.access.api import agent_scope
from mumetal.app.models.live import LiveModels, LoadedModel, Look
from mumetal.app.models.sampled import Array, Inputs, Stream, columns, sampled
from mumetal.core import LOCAL
from mumetal.core.artefact import Evidence
from mumetal.core.clock import Clock
from mumetal.core.errors import MumetalError
from mumetal.core.finding import Finding
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import Store
from mumetal.trust.api import (
    FEWEST_HEALTH_ROWS,
    HEALTH_AGENT,
    ROLLBACK_MODEL,
    Checkup,
    ModelState,
    OnnxScorer,
    Patient,
    canary_of,
    decode_probe,
    fall_back_due,
    fall_back_reason,
    health_findings,
    look_at_model,
    outside_finding,
    refused_finding,
)

S = 10**9
OUTSIDE = 0.01
"""Share of rows outside a model's ranges that is told; what the schema gate lets pass of ordinary ones."""
FEWEST_OUTSIDE = 5
_log = RoomLogger("app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often is looked, and at how much.

    Args:
        tick_s: Between two ticks, s.
        look_s: Between two looks at the distributions, s; the level of the test counts on one a day.
        reference_s: Length of the reference, s.
        rows: Rows of a look, evenly spaced.
        settle_s: How long late rows are waited for, s.
    """

    tick_s: float = 60.0
    look_s: float = 86_400.0
    reference_s: float = 7 * 86_400.0
    rows: int = 480
    settle_s: float = 120.0


@dataclass(slots=True)
class Ward:
    """What is remembered of one version on one stream.

    Args:
        reference: Ordinary rows, shape (n, C); empty while they are gathered.
        began_ns: Start of the first look; 0 while the reference is gathered.
        looked: Number of the last look.
        next_ns: Not before this is the store asked for a reference again.
        rows: Rows gathered so far.
    """

    reference: Array = field(default_factory=lambda: np.empty((0, 0)))
    began_ns: int = 0
    looked: int = -1
    next_ns: int = 0
    rows: int = 0


class ModelHealth:
    """Looks after the models of a running stack.

    Args:
        models: What is active.
        store: Where the rows are.
        report: Takes findings.
        clock: Time.
        failed: Told when the thread dies of an error, so that the stack can stop aloud.
        pace: How often.
    """

    def __init__(
        self,
        models: LiveModels,
        store: Store,
        report: Callable[[Finding], None],
        clock: Clock,
        failed: Callable[[BaseException], None],
        pace: Pace | None = None,
    ) -> None:
        self._models, self._store, self._report, self._clock, self._failed = models, store, report, clock, failed
        self._pace = pace or Pace()
        self._wards: dict[tuple[str, Stream], Ward] = {}
        self._told: set[tuple[str, str]] = set()
        self._counted: dict[str, tuple[tuple[int, int], bool]] = {}
        self._stopping = clock.flag()
        self._thread = clock.thread(self._run, "model-health")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the look under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._pace.tick_s):
                self.tick(self._clock.now_ns())
        except Exception as error:
            self._failed(error)
            raise

    def tick(self, now_ns: int) -> None:
        """Verify, ask the canaries, and look where a look is due."""
        if self._models.desk is None:
            return
        self._models.refresh()
        self._refusals(now_ns)
        for model in self._models.loaded():
            if self._stopping.is_set():
                return
            self._outside(model, now_ns)
            if self._canary(model, now_ns):
                continue
            looks = list(self._looks(model, now_ns))
            self._models.note(model.name, looks)

    def _refusals(self, now_ns: int) -> None:
        desk = self._models.desk
        assert desk is not None
        for problem in self._models.problems:
            if not problem.model or not self._first(problem.model, problem.why):
                continue
            try:
                active = desk.registry.record(problem.model).in_state(ModelState.ACTIVE)
            except MumetalError:
                active = None  # the record itself is refused: there is no version to name, and no way back
            version = active.version if active else ""
            self._report(refused_finding(problem.model, version, problem.why, now_ns))
            _log.warning("model.refused", model=problem.model, version=version, reason=problem.why)
            if active is not None:
                self._back(problem.model, f"the active version does not verify: {problem.why}", now_ns)

    def _outside(self, model: LoadedModel, now_ns: int) -> None:
        """Tell when many of the rows since the last tick lay outside the ranges, once until they do not."""
        given, outside = model.outside.counted
        before, _ = self._counted.get(model.version, ((0, 0), False))
        new, out = given - before[0], outside - before[1]
        many = out >= FEWEST_OUTSIDE and out > OUTSIDE * new
        told = self._counted.get(model.version, ((0, 0), False))[1]
        if new:
            self._counted[model.version] = ((given, outside), many)
        if many and not told:
            _log.warning("model.outside_ranges", model=model.name, version=model.version, rows=new, outside=out)
            self._report(outside_finding(model.name, model.version, out, new, now_ns))

    def _canary(self, model: LoadedModel, now_ns: int) -> bool:
        """Whether the window with a known answer failed; then it was told and acted upon."""
        desk = self._models.desk
        assert desk is not None
        try:
            kept = desk.registry.canary(model.name, model.version)
            probes = () if kept is None else (decode_probe(kept, f"canary of {model.name}"),)
            why = canary_of(desk.registry, probes)
        except MumetalError as error:
            why = str(error)[:500]
        if why and self._first(model.name, f"{model.version} {why}"):
            _log.warning("model.known_answer_failed", model=model.name, version=model.version, reason=why)
            self._report(
                refused_finding(model.name, model.version, f"its window with a known answer failed: {why}", now_ns)
            )
            self._back(model.name, f"canary: {why}", now_ns)
        return bool(why)

    def _looks(self, model: LoadedModel, now_ns: int) -> Iterator[Look]:
        desk = self._models.desk
        assert desk is not None
        active = desk.registry.record(model.name).in_state(ModelState.ACTIVE)
        if active is None or active.version != model.version:
            return  # another one was promoted meanwhile: the next tick looks at that one
        known = {(k.device, k.stream): k for k in self._models.looks(model.name) if k.version == model.version}
        for device, name in self._store.streams(LOCAL):
            ward = self._wards.setdefault((model.version, (LOCAL, device, name)), Ward())
            done = self._look(model, int(active.since_ns), (LOCAL, device, name), ward, now_ns)
            found = done or known.get((device, name))
            if found is not None:
                yield found

    def _look(self, model: LoadedModel, since_ns: int, stream: Stream, ward: Ward, now_ns: int) -> Look | None:
        """Return a fresh look at one stream, or None where there is nothing new to say."""
        settled, length = now_ns - round(self._pace.settle_s * S), round(self._pace.look_s * S)
        every = max(1, length // self._pace.rows)
        if not ward.began_ns:
            self._gather(model, since_ns, stream, ward, settled)
        if not ward.began_ns:
            return (
                self._noted(model, stream, now_ns, f"gathers what is ordinary: {ward.rows} rows") if ward.rows else None
            )
        number = (settled - ward.began_ns) // length - 1
        if number <= ward.looked or number < 0:
            return None if ward.looked >= 0 else self._noted(model, stream, now_ns, "waits for its first look")
        start = ward.began_ns + number * length
        rows = sampled(self._store, stream, start, start + length, every, model.channels)
        ward.looked = number
        if len(rows) < FEWEST_HEALTH_ROWS:
            return self._noted(model, stream, now_ns, f"{len(rows)} rows are too few to look at")
        return self._judge(model, stream, ward, rows, (start, start + length), now_ns)

    def _gather(self, model: LoadedModel, since_ns: int, stream: Stream, ward: Ward, settled: int) -> None:
        if settled < ward.next_ns:
            return
        span = round(self._pace.reference_s * S)
        every = max(1, round(self._pace.look_s * S) // self._pace.rows)
        ward.next_ns = settled + span // 100
        if not watches(self._store, stream, max(settled, since_ns), span, model.channels):
            return
        enough = 4 * FEWEST_HEALTH_ROWS
        for start, stop, began in ((since_ns - span, since_ns, since_ns), (since_ns, since_ns + span, since_ns + span)):
            rows = sampled(self._store, stream, start, min(stop, settled), every, model.channels)
            ward.rows = len(rows)
            if settled >= stop and len(rows) >= enough:
                ward.reference, ward.began_ns = rows, began
                return

    def _judge(
        self, model: LoadedModel, stream: Stream, ward: Ward, rows: Array, span: tuple[int, int], now_ns: int
    ) -> Look:
        _, device, name = stream
        seen = self._check(model, ward, rows, model.version, ward.looked)
        samples = Evidence.of_series(device, name, *span, note="the rows looked at")
        found = health_findings(seen, *span, samples=samples)
        tell = _log.warning if seen.ails else _log.debug
        tell("model.checked", model=model.name, version=model.version, device=device, stream=name, findings=len(found))
        for finding in found:
            self._report(finding)
        back = ""
        if seen.ails:
            back = self._better(model, ward, rows, seen, now_ns)
        return Look(
            name=model.name, version=model.version, device=device, stream=name, start_ns=span[0], stop_ns=span[1],
            checkup=seen, findings=tuple(found), note=back,
        )  # fmt: skip

    def _check(self, model: LoadedModel, ward: Ward, rows: Array, version: str, number: int) -> Checkup:
        desk = self._models.desk
        assert desk is not None
        scorer = model.scorer
        if version != model.version:
            scorer = OnnxScorer(desk.registry.load_version(model.name, version))
        patient = Patient(
            name=model.name,
            version=version,
            channels=tuple(channel for channel, _ in model.channels),
            scorer=scorer,
            reference=ward.reference,
        )
        seed = hashlib.sha256(f"{model.version} {number}".encode()).digest()[:8]
        return look_at_model(patient, rows, rng=np.random.default_rng(int.from_bytes(seed)))

    def _better(self, model: LoadedModel, ward: Ward, rows: Array, seen: Checkup, now_ns: int) -> str:
        """Fall back where the last good version fares better on the same rows; says what was done and why."""
        desk = self._models.desk
        assert desk is not None
        record = desk.registry.record(model.name)
        if not record.good:
            return "there is no earlier version to fall back to"
        try:
            inputs = desk.registry.manifest(model.name, record.good[-1]).inputs
            if tuple((i.channel, i.unit) for i in inputs) != model.channels:
                return "the last good version takes other channels"
            before = self._check(model, ward, rows, record.good[-1], ward.looked)
        except MumetalError as error:
            return f"the last good version cannot be tried: {error}"[:300]
        why = fall_back_reason(seen, before)
        return self._back(model.name, why, now_ns) if why else "the last good version would fare no better"

    def _back(self, name: str, why: str, now_ns: int) -> str:
        """Put the last good version back within the bound; says what came of it."""
        desk = self._models.desk
        assert desk is not None
        if not fall_back_due(desk.registry.last(name, ROLLBACK_MODEL, HEALTH_AGENT), now_ns):
            return "not put back: that was done less than a day ago, and once a day is the bound"
        try:
            desk.lifecycle.roll_back(agent_scope(LOCAL, HEALTH_AGENT).principal, name, why)
        except MumetalError as error:
            _log.error("model.rollback_failed", model=name, reason=str(error))
            return f"not put back: {error}"[:300]
        self._models.refresh()
        _log.warning("model.rolled_back", model=name, reason=why)
        return f"the last good version was put back: {why}"[:300]

    def _noted(self, model: LoadedModel, stream: Stream, now_ns: int, note: str) -> Look:
        _, device, name = stream
        return Look(
            name=model.name, version=model.version, device=device, stream=name, start_ns=now_ns, stop_ns=now_ns, note=note
        )  # fmt: skip

    def _first(self, name: str, why: str) -> bool:
        """Whether this was not told yet."""
        if (name, why) in self._told:
            return False
        self._told.add((name, why))
        return True


def watches(store: Store, stream: Stream, stop_ns: int, span_ns: int, inputs: Inputs) -> bool:
    """Whether a stream's first epoch in a span carries a model's inputs; reads one chunk at most."""
    for series in store.series(*stream, stop_ns - span_ns, stop_ns):
        return columns(series, inputs) is not None
    return False
