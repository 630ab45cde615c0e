"""What runs of the parts: records are shown to them, they are asked how they are, and one that fails is left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mumetal.access.api import agent_scope
from mumetal.app.opened import OpenedPart
from mumetal.app.running_parts import HEALTH_S, RunningParts
from mumetal.connect.stores.records.opening import open_records
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding
from mumetal.core.part import Health, HealthState, Idle, Part, Running
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
