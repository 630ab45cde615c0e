"""What runs of the parts: records are shown to them, they are asked how they are, and one that fails is left out."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from mumetal.access.api import agent_scope
from mumetal.app import opened as opened_parts
from mumetal.app import running_parts
from mumetal.app.opened import OpenedPart
from mumetal.app.running_parts import HEALTH_S, PATIENCE_S, RunningParts
from mumetal.connect.stores.records.opening import open_records
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding, Severity
from mumetal.core.part import Health, HealthState, Idle, Part, Running, Task
from mumetal.core.ports import PluginInfo
from mumetal.core.record import Record
from mumetal.core.records import Records
from mumetal.core.subject import Subject, SubjectKind

T0 = 1_790_000_000 * 10**9


class Reader(Idle):
    def __init__(self) -> None:
        self.read: list[Record] = []
        self.is_well = Health()
        self.stopped = False

    def follow(self, record: Record) -> None:
        self.read.append(record)

    def health(self) -> Health:
        return self.is_well

    def stop(self, within_s: float) -> None:
        del within_s
        self.stopped = True


class Broken(Idle):
    def start(self) -> None:
        raise ZeroDivisionError

    def stop(self, within_s: float) -> None:
        raise ZeroDivisionError


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    found = open_records(tmp_path, clock=ManualClock(T0))
    yield found
    found.close()


def opened(name: str, running: Running) -> OpenedPart:
    return OpenedPart(part=Part(info=PluginInfo(plugin_id=name, title=name)), running=running, watchers=())


def incident_found(records: Records, n: int) -> None:
    place = Subject(kind=SubjectKind.DEVICE, name="lab", device="lab")
    finding = Finding(subject=place, rule="x", identity=str(n), title="x", start_ns=T0, stop_ns=T0, confidence=0.5)
    records.put(agent_scope(LOCAL, "mumetal.triage"), [finding], [])


def test_every_record_is_shown_once_in_order_also_after_a_restart(records: Records) -> None:
    clock, first = ManualClock(T0), Reader()
    parts = RunningParts([opened("first", first)], lambda _: None, records.log, clock, ["first"])
    incident_found(records, 1)
    incident_found(records, 2)
    parts.run_due()
    parts.run_due()
    incident_found(records, 3)
    again = Reader()
    RunningParts([opened("first", again)], lambda _: None, records.log, clock, ["first"]).run_due()
    assert len(first.read) == 2
    assert [r.sequence for r in (*first.read, *again.read)] == [1, 2, 3]


def test_a_part_that_is_not_well_is_told_once_and_again_when_it_was_well_between(records: Records) -> None:
    clock, part, told = ManualClock(T0), Reader(), list[Finding]()
    parts = RunningParts([opened("first", part)], told.append, records.log, clock, ["first"])

    def a_minute() -> None:
        clock.sleep(HEALTH_S)
        parts.run_due()

    a_minute()
    assert not told
    part.is_well = Health(state=HealthState.BEHIND, lag_s=90.0, reason="it cannot follow", mend="give it time")
    a_minute()
    a_minute()
    assert [(f.rule, f.detail, f.remedy) for f in told] == [
        ("app.part_unwell", "it cannot follow, 90 s behind", "give it time")
    ]
    part.is_well = Health()
    a_minute()
    part.is_well = Health(state=HealthState.FAILED, reason="gone")
    a_minute()
    assert len(told) == 2


def test_a_guest_that_fails_is_left_out_and_keeps_no_other_from_starting_or_stopping(records: Records) -> None:
    part, told = Reader(), list[Finding]()
    each = [opened("first", part), opened("guest", Broken())]
    parts = RunningParts(each, told.append, records.log, ManualClock(T0), ["first"])
    parts.start()
    assert [(f.rule, f.subject.name) for f in told] == [("app.plugin_failed", "guest")]
    parts.run_due()
    parts.stop()
    assert part.stopped


def test_one_of_ours_that_fails_stops_the_stack_aloud(records: Records) -> None:
    parts = RunningParts([opened("ours", Broken())], lambda _: None, records.log, ManualClock(T0), ["ours"])
    with pytest.raises(ZeroDivisionError):
        parts.start()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (HealthState.FAILED, [("app.part_unwell", Severity.HIGH)]),
        ("failed", [("app.part_unwell", Severity.HIGH)]),
        ("behind", [("app.part_unwell", Severity.MEDIUM)]),
        ("good", []),
        ("nonsense", [("app.plugin_failed", Severity.HIGH)]),
    ],
)
def test_a_guest_may_say_in_plain_text_how_it_is(
    records: Records, state: HealthState, told: list[tuple[str, Severity]]
) -> None:
    clock, part, found = ManualClock(T0), Reader(), list[Finding]()
    part.is_well = Health(state=state)
    parts = RunningParts([opened("guest", part)], found.append, records.log, clock, [])
    for _ in range(3):
        clock.sleep(HEALTH_S)
        parts.run_due()
        until(lambda: not any(t.name == "part guest" for t in threading.enumerate()))
    assert [(f.rule, f.severity) for f in found] == told


class Withheld(Idle):
    """A guest whose start cannot even be looked up."""

    @property
    def start(self) -> Callable[[], None]:
        raise ZeroDivisionError


def test_a_guest_whose_start_cannot_be_looked_up_is_left_out_and_told(records: Records) -> None:
    told = list[Finding]()
    parts = RunningParts([opened("guest", Withheld())], told.append, records.log, ManualClock(T0), [])
    parts.start()
    parts.stop()
    assert [(f.rule, f.subject.name) for f in told] == [("app.plugin_failed", "guest")]


class Stuck(Idle):
    """A guest that does not come back from some of its calls, until it is let go."""

    def __init__(self, *where: str) -> None:
        self.where, self.calls, self.let_go = where, list[str](), threading.Event()

    def called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.where:
            self.let_go.wait()

    def start(self) -> None:
        self.called("start")

    def stop(self, within_s: float) -> None:
        del within_s
        self.called("stop")

    def health(self) -> Health:
        self.called("health")
        return Health(state=HealthState.FAILED, reason="too late")

    def run(self, task_id: str) -> Sequence[Finding]:
        del task_id
        self.called("run")
        place = Subject(kind=SubjectKind.DEVICE, name="lab", device="lab")
        return [Finding(subject=place, rule="guest.late", title="x", start_ns=T0, stop_ns=T0, confidence=0.5)]

    def follow(self, record: Record) -> None:
        del record
        self.called("follow")


def with_task(name: str, running: Running) -> OpenedPart:
    info = PluginInfo(plugin_id=name, title=name)
    return OpenedPart(
        part=Part(info=info, tasks=(Task(task_id=f"{name}.look", every_s=1.0),)), running=running, watchers=()
    )


@pytest.mark.parametrize("where", ["start", "run", "follow", "health"])
def test_a_guest_that_blocks_holds_nobody_and_is_left_out_and_told(
    records: Records, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(running_parts, "START_S", 0.05)
    clock, guest, ours, told = ManualClock(T0), Stuck(where), Reader(), list[Finding]()
    incident_found(records, 1)
    each = [with_task("guest", guest), with_task("ours", ours)]
    parts = RunningParts(each, told.append, records.log, clock, ["ours"])
    parts.start()
    try:
        for _ in range(round(PATIENCE_S / HEALTH_S) + 2):
            clock.sleep(HEALTH_S)
            parts.run_due()
            until(lambda: where in guest.calls)
        assert len(ours.read) == 1
        assert [f.subject.name for f in told if f.rule == "app.plugin_failed"] == ["guest"]
        assert f"did not answer for {PATIENCE_S:.0f} s" in told[-1].detail
        parts.stop()  # it is told to stop, and not waited for
        assert ours.stopped
        until(lambda: "stop" in guest.calls)
    finally:
        guest.let_go.set()
    before = list(told)
    until(lambda: not any(t.name == "part guest" for t in threading.enumerate()))
    assert told == before  # what it says after it was left out is not heard
    assert guest.calls.count(where) == 1


def test_a_guest_that_takes_its_time_is_not_called_again_meanwhile_and_not_left_out(records: Records) -> None:
    clock, guest, told = ManualClock(T0), Stuck("run"), list[Finding]()
    parts = RunningParts([with_task("guest", guest)], told.append, records.log, clock, [])
    parts.start()
    for _ in range(3):
        clock.sleep(2.0)
        parts.run_due()
        until(lambda: "run" in guest.calls)
    assert guest.calls.count("run") == 1
    guest.let_go.set()
    until(lambda: bool(told))
    assert [f.rule for f in told] == ["guest.late"]
    parts.stop()


def test_a_guest_whose_stop_blocks_keeps_no_other_from_stopping(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_parts, "STOP_S", 0.05)
    ours, guest = Reader(), Stuck("stop")
    parts = RunningParts(
        [opened("ours", ours), opened("guest", guest)], lambda _: None, records.log, ManualClock(T0), ["ours"]
    )
    parts.start()
    parts.stop()
    guest.let_go.set()
    assert ours.stopped


def until(holds: Callable[[], bool]) -> None:
    """Wait for another thread, ten seconds at most."""
    for _ in range(1_000):
        if holds():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not come")
