"""A stack over any store: what it is handed is not its own to close, and its end is whole whatever fails."""

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.fakes_ports import FakeLedger, FakeSink
from tests.fakes_records import FakeRecords
from tests.fakes_store import FakeStore
from tests.unit.watch.backgrounds import T0, gaussian, stream

from mumetal.app import wiring
from mumetal.app.inner import TrustRunning
from mumetal.app.parts import own_parts
from mumetal.app.settings import Settings
from mumetal.app.stack import MAINTAIN_S, Stack
from mumetal.connect.settings import StoreSettings
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.part import House, Idle, Part, Running, Task
from mumetal.core.ports import PluginInfo, Store
from mumetal.core.records import Records
from mumetal.respond.triage import Inventory
from mumetal.watch.settings import WatchSettings

ROWS = stream(gaussian(np.random.default_rng(1), 400, 2), start_ns=T0)
END_NS = int(ROWS.t_ns[-1]) + 10**9


class Sink(FakeSink):
    closed = False

    def close(self) -> None:
        self.closed = True


class BrokenSink(FakeSink):
    def close(self) -> None:
        raise OSError("the line is gone")


class HouseKeeper(FakeStore):
    """Counts how often it is looked after, and says whether it was closed."""

    looked = 0
    closed = False

    def maintain(self, now_ns: int) -> None:
        del now_ns
        self.looked += 1

    def close(self) -> None:
        self.closed = True


LET_GO = threading.Event()


class Stuck(Idle):
    """A guest whose task never ends."""

    def run(self, task_id: str) -> Sequence[Finding]:
        del task_id
        LET_GO.wait()
        return ()


def open_stuck(house: House) -> Running:
    del house
    return Stuck()


STUCK = Part(
    info=PluginInfo(plugin_id="stuck", title="A guest"),
    opens=f"{__name__}:open_stuck",
    tasks=(Task(task_id="stuck.look", every_s=1.0),),
)


def over(
    folder: Path,
    store: Store,
    records: Records,
    clock: ManualClock,
    sinks: Sequence[FakeSink] = (),
    parts: Sequence[Part] | None = None,
) -> Stack:
    settings = Settings(
        store=StoreSettings(directory=str(folder)), watch=WatchSettings(learning_rows=300, learning_s=0)
    )
    return Stack(
        settings, clock, store=store, records=records, inventory=Inventory(), ledger=FakeLedger(),
        authorizer=wiring.authorizer(parts), sinks=[(f"sink{n}", sink) for n, sink in enumerate(sinks)], parts=parts,
    )  # fmt: skip


def fails(*_: object) -> None:
    raise ZeroDivisionError


def test_it_runs_over_any_store_and_leaves_it_open(tmp_path: Path) -> None:
    clock, store = ManualClock(END_NS), HouseKeeper()
    with over(tmp_path, store, FakeRecords(clock, []), clock) as stack:
        stack.push(Delivery(source="test", data=(ROWS,)))
        assert sum(len(s) for s in stack.series(LOCAL, ROWS.device, ROWS.stream, T0, END_NS)) == len(ROWS)
    assert [s.state for s in stack.overview(LOCAL).streams] == ["watching"]
    assert not store.closed


def test_a_part_of_ours_that_fails_to_stop_keeps_nothing_from_being_saved_or_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrustRunning, "stop", fails)
    clock, good = ManualClock(END_NS), Sink()
    settings = Settings(store=StoreSettings(directory=str(tmp_path)))
    with (
        pytest.raises(ZeroDivisionError),
        wiring.opened_stores(settings, clock) as stores,
        over(tmp_path, stores.store, stores.records, clock, [good, BrokenSink()]) as stack,
    ):
        stack.push(Delivery(source="test", data=(ROWS,)))
    marks = msgspec.json.decode((tmp_path / "scored.json").read_bytes())
    assert list(marks.values()) == [int(ROWS.t_ns[-1])]
    assert (tmp_path / "learnt.state").exists()
    assert good.closed
    monkeypatch.undo()
    with (
        wiring.opened_stores(settings, clock) as again,  # its folder is not locked any more
        over(tmp_path, again.store, again.records, clock) as stack,
    ):
        assert [s.state for s in stack.overview(LOCAL).streams] == ["watching"]


def test_what_was_started_is_ended_when_a_part_of_ours_cannot_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrustRunning, "start", fails)
    before, clock, sink = set(threading.enumerate()), ManualClock(END_NS), Sink()
    with pytest.raises(ZeroDivisionError), over(tmp_path, FakeStore(), FakeRecords(clock, []), clock, [sink]):
        pytest.fail("it started")
    assert sink.closed
    assert set(threading.enumerate()) <= before


CALLED: list[str] = []


class Noting(Idle):
    """A guest that notes what is asked of it."""

    def start(self) -> None:
        CALLED.append("start")

    def stop(self, within_s: float) -> None:
        del within_s
        CALLED.append("stop")


def open_noting(house: House) -> Running:
    del house
    return Noting()


NOTING = Part(info=PluginInfo(plugin_id="noting", title="A guest"), opens=f"{__name__}:open_noting")


@pytest.mark.parametrize("where", ["stack.VerbDesk", "stack.watching_parts", "pipeline.remembering.Remembering.start"])
def test_what_was_opened_is_ended_wherever_the_making_or_the_start_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(f"mumetal.app.{where}", fails)
    CALLED.clear()
    clock, sink = ManualClock(END_NS), Sink()
    with (
        pytest.raises(ZeroDivisionError),
        over(tmp_path, FakeStore(), FakeRecords(clock, []), clock, [sink], (*own_parts(), NOTING)),
    ):
        pytest.fail("it started")
    assert CALLED == ["stop"]
    assert sink.closed


def test_a_stack_that_is_never_entered_is_ended_as_well_and_only_once(tmp_path: Path) -> None:
    CALLED.clear()
    clock, sink = ManualClock(END_NS), Sink()
    made = over(tmp_path, FakeStore(), FakeRecords(clock, []), clock, [sink], (*own_parts(), NOTING))
    made.__exit__(None, None, None)
    made.__exit__(None, None, None)
    assert CALLED == ["stop"]
    assert sink.closed


def test_a_started_part_is_stopped_once(tmp_path: Path) -> None:
    CALLED.clear()
    clock = ManualClock(END_NS)
    with over(tmp_path, FakeStore(), FakeRecords(clock, []), clock, parts=(*own_parts(), NOTING)):
        pass
    assert CALLED == ["start", "stop"]


def test_sources_that_are_open_are_closed_where_a_sink_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Sink()
    monkeypatch.setattr(wiring, "open_source", lambda _: source)
    clock = ManualClock(END_NS)
    settings = Settings(store=StoreSettings(directory=str(tmp_path)), sources=("csv:x",), sinks=("nothing:x",))
    stores = wiring.Stores(store=FakeStore(), records=FakeRecords(clock, []))
    with pytest.raises(BadInputError, match="nothing"):
        wiring.build(settings, clock, FakeLedger(), stores)
    assert source.closed


def test_a_guest_whose_task_never_ends_stops_neither_compaction_nor_the_end(tmp_path: Path) -> None:
    LET_GO.clear()
    clock, store = ManualClock(END_NS), HouseKeeper()
    try:
        with over(tmp_path, store, FakeRecords(clock, []), clock, parts=(*own_parts(), STUCK)) as stack:
            for _ in range(400):
                clock.sleep(MAINTAIN_S / 4)
                threading.Event().wait(0.01)
                if store.looked > 3 and stack.incidents(LOCAL):
                    break
            (told,) = stack.incidents(LOCAL)
            assert "is left out" in told.title
        assert store.looked > 3
    finally:
        LET_GO.set()
