"""A watcher of another package may fail anywhere: it is taken out and told, and the stack goes on watching."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from tests.unit.watch.backgrounds import gaussian, stream
from tests.watching import watching_of

from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Datum
from mumetal.core.finding import Finding
from mumetal.core.ports import DatumKind, Observed, PluginInfo, Scene, WatcherState
from mumetal.core.subject import Subject
from mumetal.core.watcher import PlainWatcher
from mumetal.watch.settings import WatchSettings

T0 = 1_790_000_000 * 10**9
ROWS = stream(gaussian(np.random.default_rng(1), 50, 2), start_ns=T0)


class Guest(PlainWatcher):
    info = PluginInfo(plugin_id="guest.watcher", title="A guest")

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        del kind, subject
        return True

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        del data, now_ns
        return Observed()


def broken(method: str, answer: Callable[..., Any]) -> Guest:
    guest = Guest()
    setattr(guest, method, answer)
    return guest


def leave(*_: object) -> None:
    raise SystemExit(3)


def fail(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        *((m, a) for m in ("wants", "observe", "tick", "prime", "bar", "save", "health") for a in (fail, leave)),
        ("observe", lambda *_: None),
        ("tick", lambda *_: None),
        ("observe", lambda *_: Observed(findings=("no finding",))),  # type: ignore[arg-type]
        ("health", lambda *_: None),
        ("save", lambda *_: None),
        ("save", lambda *_: WatcherState(version=1, facts=b"{")),
        ("save", lambda *_: WatcherState(version=1, arrays={"x": [1.0]})),  # type: ignore[dict-item]
        ("save", lambda *_: WatcherState(version=1, arrays={"no such\nname": np.zeros(1)})),
    ],
)
def test_a_guest_that_fails_is_told_once_and_the_others_go_on(method: str, answer: Callable[..., Any]) -> None:
    watch = watching_of(WatchSettings(), ManualClock(T0), lambda _: Scene(), others=[broken(method, answer)])
    found = []
    watch.prime([ROWS.rows(0, 10)])
    watch.bar(())
    found += watch.observe(ROWS.rows(10, 30))
    watch.save()
    watch.status()
    found += watch.tick(T0)
    found += watch.observe(ROWS.rows(30, 50))
    assert [f.subject.name for f in found if f.rule == "app.plugin_failed"] == ["guest.watcher"]
    assert "guest.watcher" not in watch.save()
    assert [s.stream for s in watch.status()] == ["qubits"]


def test_what_a_guest_never_says_is_over_stands_for_nothing() -> None:
    place = Subject.stream(ROWS.device, ROWS.stream)
    seen = Finding(subject=place, rule="guest.x", title="x", start_ns=T0, stop_ns=T0, confidence=0.5)
    guest = broken("observe", lambda *_: Observed(findings=(seen,)))
    watch = watching_of(WatchSettings(), ManualClock(T0 + 10**12), lambda _: Scene(), others=[guest])
    assert [f.standing for f in watch.observe(ROWS) if f.rule == "guest.x"] == [False]
