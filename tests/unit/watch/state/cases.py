"""Every class that is saved, with steps that it takes and steps after which it is saved; run as a program it goes on from files.

``python cases.py FOLDER`` restores each ``CASE.state`` of the folder into a new object, takes the rest of the case's steps and
writes what came of them beside it: another process, with another seed of the hashes, must say the same.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tests.unit.watch.authored.test_commits import Author
from tests.unit.watch.backgrounds import T0, Array, gaussian, heavy, stream, wandering
from tests.unit.watch.test_misreport import QUBITS, canary_error
from tests.unit.watch.test_watch import DAY, snapshot

from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.formats import watcher_state
from mumetal.watch.authored.commits import CommitMonitor
from mumetal.watch.covert.export import ExportWatch
from mumetal.watch.covert.misreport import CanaryWitness
from mumetal.watch.covert.noisy_replay import NoisyReplay
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.ongoing import Ongoing
from mumetal.watch.operating.device import Device
from mumetal.watch.quality.event import EventRules
from mumetal.watch.quality.series import SeriesRules
from mumetal.watch.settings import WatchSettings
from mumetal.watch.slow import SnapshotMonitor
from mumetal.watch.state.saving import parts_of, restore, save, state_of

Step = Callable[[object], object]
SHORT = WatchSettings(learning_rows=300, learning_s=0.0)
LONG = WatchSettings(learning_rows=4_200, learning_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One object, and what is done with it before it is saved and after."""

    make: Callable[[], object]
    before: Sequence[Step]
    after: Sequence[Step]


def told(thing: object) -> bytes:
    """The file of one object's state."""
    saved = thing.save() if isinstance(thing, StreamMonitor) else save(thing)
    return watcher_state.encode(state_of({("one",): saved}))


def again(case: Case, data: bytes) -> object:
    """A new object that goes on from such a file."""
    thing, saved = case.make(), parts_of(watcher_state.decode(data))["one",]
    assert thing.restore(*saved) if isinstance(thing, StreamMonitor) else restore(thing, *saved)
    return thing


def taken(thing: object, steps: Sequence[Step]) -> str:
    """What came of the steps, to the last bit: the shortest text of a number is told back exactly."""
    return "\n".join(repr(step(thing)) for step in steps)


# Streams: what monitors observe.


def observed(rows: Series) -> Step:
    def step(thing: object) -> object:
        assert isinstance(thing, StreamMonitor)
        found = thing.observe(rows)
        return found, thing.score, thing.state, thing.reason, sorted(thing.out)

    return step


def cut(series: Series, start: int, stop: int, chunk: int) -> list[Step]:
    return [observed(series.rows(a, b)) for a, b in pairwise([*range(start, stop, chunk), stop])]


def attacked(background: Callable[[np.random.Generator, int, int], Array], rows: int) -> Series:
    """Quiet, then a step that ebbs away over some hundred rows, then quiet, then another one."""
    values = background(np.random.default_rng(5), rows, 4)
    size = values[:600].std(axis=0)
    values[900:, 2] += 80 * size[2] * np.exp(-np.arange(rows - 900) / 40)
    values[1_500:1_540, 1] += 9 * size[1]
    return stream(values)


def monitored() -> Iterator[tuple[str, Case]]:
    for background in (gaussian, wandering, heavy):
        series = attacked(background, 1_640)
        for moment, at in (("learning", 211), ("quiet", 870), ("open", 920), ("ebb", 970), ("over", 1_150)):
            for chunk in (33, 2_000):
                name = f"{background.__name__}-{moment}-{chunk}"
                yield (
                    name,
                    Case(
                        make=lambda: StreamMonitor(SHORT, SharedBudget(2.0)),
                        before=cut(series, 0, at, chunk),
                        after=cut(series, at, len(series), chunk),
                    ),
                )
    series = attacked(gaussian, 1_640)
    for moment, at in (("learning", 290), ("open", 920), ("ebb", 970)):
        yield (
            f"gaussian-{moment}-1",
            Case(
                make=lambda: StreamMonitor(SHORT, SharedBudget(2.0)),
                before=[*cut(series, 0, at - 20, 33), *cut(series, at - 20, at, 1)],
                after=cut(series, at, at + 200, 1),
            ),
        )


def every_detector() -> tuple[str, Case]:
    """A stream that all detectors of live streams watch, some values not observed."""
    rng = np.random.default_rng(6)
    rows = 5_000
    names = (
        *("a.timing", "a.reference", "q0.canary_error", "q1.canary_error", "awg.pulse_energy", "job", "rack.power"),
        *("q0.shots_after_0", "q0.ones_after_0", "q0.shots_after_1", "q0.ones_after_1"),
    )
    units = ("s", "s", "1", "1", "1", "1", "W", "1", "1", "1", "1")
    values = rng.normal(size=(rows, len(names)))
    values[:, 2:4] = rng.binomial(256, 0.02, (rows, 2)) / 256
    values[:, 5] = (np.arange(rows) // 40) % 2
    values[:, 6] += 0.3 * values[:, 4]
    values[:, [7, 9]] = rng.integers(50, 60, (rows, 2))
    values[:, [8, 10]] = rng.binomial(50, 0.1, (rows, 2))
    values[rng.random(rows) < 0.01, 6] = np.nan
    values[4_400:4_500, 6] += 8
    values[4_600:4_700] = values[4_000:4_100]
    series = stream(values, hz=20.0, names=names, units=units)
    return "every-detector", Case(
        make=lambda: StreamMonitor(LONG, SharedBudget(2.0)),
        before=cut(series, 0, 4_450, 333),
        after=cut(series, 4_450, rows, 50),
    )


# The others.


def steps(method: str, *arguments: tuple[object, ...]) -> list[Step]:
    """Call a method with each of the arguments; what it yields is gathered."""

    def step(values: tuple[object, ...]) -> Step:
        def call(thing: object) -> object:
            out = getattr(thing, method)(*values)
            return list(out) if isinstance(out, Iterator) else out

        return call

    return [step(values) for values in arguments]


def chunks(series: Series, size: int, *more: object) -> list[tuple[object, ...]]:
    return [(series.rows(i, i + size), *more) for i in range(0, len(series), size)]


def divided(make: Callable[[], object], every: Sequence[Step], *cuts: int) -> Iterator[tuple[str, Case]]:
    for at in cuts:
        yield f"{type(make()).__name__}-{at}", Case(make=make, before=every[:at], after=every[at:])


def replayed() -> Series:
    values = gaussian(np.random.default_rng(7), 3_000, 3)
    values[2_000:2_600] = values[500:1_100] + 0.01 * gaussian(np.random.default_rng(8), 600, 3)
    return stream(values)


def lying() -> list[Step]:
    rng = np.random.default_rng(9)
    rate, readout = 1 / rng.uniform(80e-6, 200e-6, QUBITS), rng.uniform(0.01, 0.03, QUBITS)
    out: list[Step] = []
    for k in range(40):
        rows = rng.binomial(512, canary_error(rate, readout), (20, QUBITS)) / 512
        out += steps("note", (stream(rows, start_ns=T0 + k * 10**11),))
        lie = 0.4 if k >= 25 else 1.0
        said = [*(("T1", 1 / (r * lie), "s") for r in rate), *(("readout_error", e * lie, "1") for e in readout)]
        parameters = tuple(
            Parameter(component=f"q{i % QUBITS}", name=n, value=v * float(np.exp(0.05 * rng.normal())), unit=u)
            for i, (n, v, u) in enumerate(said)
        )
        figures = DeviceSnapshot(device="lab", t_ns=T0 + k * 10**11 + 9 * 10**10, qubits=QUBITS, parameters=parameters)
        out += steps("judge", (figures,))
    return out


def event(n: int, activity: str = "ExportResults", actor: str = "ana") -> Event:
    facts = (("bytes", str(1_000 + 37 * (n % 11))), ("destination", f"host{n % 3}"))
    return Event(
        device="lab", event_id=f"e{n % 150}", t_ns=T0 + n * 7 * 10**9, activity=activity, actor=actor, attributes=facts
    )


def exports() -> list[Step]:
    burst = [event(200, actor="bob") for _ in range(60)]
    return steps("observe", *((event(n, actor="ana" if n % 2 else "bob"),) for n in range(200)), *((e,) for e in burst))


def committed() -> list[Step]:
    author = Author()
    told = [author.ordinary("ana@lab", "ben@lab") if n % 3 else author.ordinary() for n in range(40)]
    author.state["q0.RX.amplitude"] *= 3
    return steps("observe", *((s,) for s in (*told, author.snapshot("eve@elsewhere"), author.ordinary())))


def days() -> list[Step]:
    rng = np.random.default_rng(10)
    changes: dict[int, dict[str, float]] = {
        16: {"error": 0.3},
        17: {"error": 0.3},
        22: {"retune": 5e7},
        23: {"length": 1.1},
    }
    return steps("observe", *((snapshot(day, rng, **changes.get(day, {})).series(),) for day in range(26)))


def ruled() -> list[Step]:
    values = gaussian(np.random.default_rng(11), 1_200, 2) + 300
    values[700:, 0] *= 1e3
    values[800:1_000, 1] = 5.0
    return steps("check", *chunks(stream(values, units=("K", "K")), 40, T0))


def warming() -> list[Step]:
    minutes = np.arange(600)
    warm = np.clip(minutes - 300, 0, None)
    first = np.column_stack([45 * 1.01**warm, 3.5 * 1.02**warm, (warm > 0).astype(float)])
    rows = stream(np.minimum(first, 293.0), names=("50k", "4k", "valve"), units=("K", "K", "1"), hz=1 / 60)
    parts = [rows.rows(i, i + 20) for i in range(0, len(rows), 20)]
    return steps("observe", *((part, int(part.t_ns[-1])) for part in parts))


def ongoing() -> list[Step]:
    rows = replayed()
    replay = NoisyReplay()
    finding = next(f for part in range(0, 3_000, 100) for f in replay.observe(rows.rows(part, part + 100)))
    seen = steps("seen", (("a", "b"), finding), (("a", "b"), finding), (("c",), finding))
    return [*seen, *steps("pass_time", (T0, ("b",)), (T0 + 10 * DAY, ("b",))), *steps("gone", (("c",),))]


def cases() -> dict[str, Case]:
    """Every case, by name."""
    out = dict(monitored())
    out |= dict([every_detector()])
    for make, every, *cuts in (
        (NoisyReplay, steps("observe", *chunks(replayed(), 33)), 10, 66, 85),
        (SnapshotMonitor, days(), 1, 10, 17, 23),
        (CommitMonitor, committed(), 5, 30, 40),
        (ExportWatch, exports(), 20, 220, 250),
        (CanaryWitness, lying(), 3, 40, 52, 60),
        (lambda: SeriesRules(2.0), ruled(), 1, 17, 23),
        (lambda: EventRules(2.0), steps("check", *((event(n, f"a{n % 7}"), T0) for n in range(300))), 100, 200),
        (lambda: Ongoing(10**9), ongoing(), 1, 3),
        (Device, warming(), 1, 15, 17, 29),
    ):  # fmt: skip
        out |= dict(divided(make, every, *cuts))
    return out


if __name__ == "__main__":
    for name, case in cases().items():
        file = Path(sys.argv[1]) / f"{name}.state"
        thing = again(case, file.read_bytes())
        file.with_suffix(".txt").write_text(taken(thing, case.after), "utf-8")
