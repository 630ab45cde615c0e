"""At least once, in order, bounded, and dead letters can be seen; kill -9 included."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes_ports import FakeSink
from tests.unit.connect.test_incident_store import ME, T0, a_finding, an_incident

from mumetal.access import scopes
from mumetal.connect.sinks.outbox import Outbox
from mumetal.connect.stores.records.opening import open_records
from mumetal.connect.stores.records.outbox_rows import OutboxRows
from mumetal.core.clock import ManualClock, SystemClock
from mumetal.core.errors import UnavailableError
from mumetal.core.identity import Scope
from mumetal.core.records import Records

WHOLE = scopes.whole_stack("mumetal.outbox")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(tmp_path, sinks=["a", "b"])
    yield opened
    opened.close()


def test_each_sink_gets_its_own_copy_in_order(store: Records) -> None:
    clock = ManualClock(T0)
    sinks = {name: FakeSink() for name in "ab"}
    boxes = {name: Outbox(store.outbox, name, sinks[name], clock, WHOLE) for name in "ab"}
    sinks["b"].away = True
    store.put(ME, [a_finding(1), a_finding(2)], [an_incident(1)])
    store.put(ME, [a_finding(3)], [])
    assert boxes["a"].run_once() == 4
    assert boxes["b"].run_once() == 0
    assert sinks["a"].got == [a_finding(1), a_finding(2), an_incident(1), a_finding(3)]
    assert (boxes["a"].state().waiting, boxes["b"].state().waiting) == (0, 4)
    sinks["b"].away = False
    clock.sleep(1)
    assert boxes["b"].run_once() == 4
    assert sinks["b"].got == sinks["a"].got


def test_waiting_grows_to_a_bound_and_ends_with_success(store: Records) -> None:
    clock, sink = ManualClock(T0), FakeSink()
    box = Outbox(store.outbox, "a", sink, clock, WHOLE, first_s=1, longest_s=8)
    sink.away = True
    store.put(ME, [a_finding()], [])
    tried_at = []
    for second in range(60):
        before = box.state().failures
        box.run_once()
        if box.state().failures > before:
            tried_at.append(second)
        clock.sleep(1)
    assert tried_at == [0, 1, 3, 7, 15, 23, 31, 39, 47, 55]
    assert box.state().error == "away"
    sink.away = False
    clock.sleep(8)
    assert box.run_once() == 1
    assert (box.state().failures, box.state().error) == (0, "")


def test_what_a_sink_refuses_is_a_dead_letter_and_the_rest_goes_on(store: Records) -> None:
    clock, sink = ManualClock(T0), FakeSink()
    box = Outbox(store.outbox, "a", sink, clock, WHOLE)
    sink.refuses = "poison"
    store.put(ME, [a_finding(1), a_finding(2, title="poison"), a_finding(3)], [])
    assert box.run_once() == 3
    assert sink.got == [a_finding(1), a_finding(3)]
    (dead,) = store.outbox.dead(ME, "a")
    assert dead.item_id == a_finding(2).finding_id
    assert dead.error == "refuses poison"
    assert box.run_once() == 0


def test_the_queue_is_bounded_and_what_falls_out_is_seen(store: Records) -> None:
    assert isinstance(store.outbox, OutboxRows)
    store.outbox.max_waiting = 10
    for n in range(25):
        store.put(ME, [a_finding(n)], [])
    assert store.outbox.waiting(WHOLE, "a") == 10
    dead = store.outbox.dead(ME, "a")
    assert len(dead) == 15
    assert "full" in dead[0].error
    sink = FakeSink()
    Outbox(store.outbox, "a", sink, ManualClock(T0), WHOLE).run_once()
    assert sink.got == [a_finding(n) for n in range(15, 25)]


def test_the_thread_delivers_and_stops(store: Records) -> None:
    arrived = threading.Event()

    class Telling(FakeSink):
        def deliver(self, items: object) -> None:
            super().deliver(items)  # type: ignore[arg-type]
            arrived.set()

    sink = Telling()
    box = Outbox(store.outbox, "a", sink, SystemClock(), WHOLE, idle_s=0.01)
    box.start()
    store.put(ME, [a_finding(1)], [])
    assert arrived.wait(20)
    box.stop()
    assert sink.closed
    assert sink.got == [a_finding(1)]


def test_a_store_that_is_away_is_waited_for(store: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Outbox(store.outbox, "a", FakeSink(), ManualClock(T0), WHOLE)

    def away(scope: Scope, sink: str, limit: int) -> list[object]:
        raise UnavailableError("locked")

    monkeypatch.setattr(store.outbox, "next", away)
    assert box.run_once() == 0
    assert box.state().error == "locked"


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from mumetal.connect.sinks import open_sink
from mumetal.connect.sinks.outbox import Outbox
from mumetal.access import scopes
from mumetal.connect.stores.records.opening import open_records
from mumetal.core.clock import SystemClock
from mumetal.core.finding import Finding
from mumetal.core.subject import Subject
folder, start = Path(sys.argv[1]), int(sys.argv[2])
store = open_records(folder, sinks=["siem"])
me, whole = scopes.person("local", "alice"), scopes.whole_stack("mumetal.outbox")
outbox = Outbox(store.outbox, "siem", open_sink(f"ocsf:{folder / 'out.jsonl'}"), SystemClock(), whole, idle_s=0.001)
outbox.start()
n = start
while True:
    f = Finding(subject=Subject.path("a"), rule="r", title=str(n), start_ns=1800000000 * 10**9 + n, stop_ns=1800000000 * 10**9 + n, confidence=0.5)
    store.put(me, [f], [])
    print(n, flush=True)
    n += 1
"""


def test_kill_9_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    done = -1
    for round_ in range(4):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(done + 1), str(Path(__file__).parents[3] / "src")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(5 + 9 * round_):
                done = int(child.stdout.readline())
            child.kill()
            done = max([done, *(int(x) for x in child.stdout.read().split(b"\n")[:-1] if x)])
    store = open_records(tmp_path, sinks=["siem"])
    from mumetal.connect.sinks import open_sink

    outbox = Outbox(store.outbox, "siem", open_sink(f"ocsf:{tmp_path / 'out.jsonl'}"), ManualClock(T0), WHOLE)
    while outbox.run_once():
        pass
    lines = [int(json.loads(line)["message"]) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert set(range(done + 1)) <= set(lines)
    firsts = list(dict.fromkeys(lines))
    assert firsts == sorted(firsts)
    outbox.stop()
    store.close()


def test_a_receiver_that_is_away_is_logged_once_and_so_is_its_return(
    store: Records, caplog: pytest.LogCaptureFixture
) -> None:
    clock, sink = ManualClock(T0), FakeSink()
    box = Outbox(store.outbox, "a", sink, clock, WHOLE, first_s=1, longest_s=1)
    sink.away = True
    store.put(ME, [a_finding()], [])
    with caplog.at_level(logging.INFO, "mumetal.connect"):
        for _ in range(3):
            box.run_once()
            clock.sleep(1)
        sink.away = False
        box.run_once()
    assert [(r.levelname, r.msg) for r in caplog.records] == [
        ("WARNING", "outbox.retrying"),
        ("INFO", "outbox.recovered"),
    ]
