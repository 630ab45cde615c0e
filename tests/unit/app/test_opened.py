"""Parts are opened one after another; where one cannot be opened, those before it are stopped again, whatever they raise."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from tests.fakes_ports import FakeLedger
from tests.fakes_records import FakeRecords
from tests.fakes_store import FakeStore

from mumetal.app import opened
from mumetal.app.opened import OpenedPart, open_parts
from mumetal.app.parts import own_parts
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.app.pipeline.watching import watching_parts
from mumetal.app.settings import Settings
from mumetal.app.wiring import authorizer
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError
from mumetal.core.part import House, Idle, Part
from mumetal.core.ports import PluginInfo, Scene
from mumetal.core.watcher import PlainWatcher

T0 = 1_790_000_000 * 10**9
HERE = "tests.unit.app.test_opened"
STOPPED: list[str] = []
LET_GO = threading.Event()


class Kept(Idle):
    """Keeps that it was stopped."""

    def __init__(self, house: House) -> None:
        del house

    def stop(self, within_s: float) -> None:
        del within_s
        STOPPED.append(type(self).__name__)


class Raising(Kept):
    def stop(self, within_s: float) -> None:
        super().stop(within_s)
        raise ZeroDivisionError("the stop")


class Blocking(Kept):
    def stop(self, within_s: float) -> None:
        super().stop(within_s)
        LET_GO.wait()


def no_watchers(house: House) -> Sequence[object]:
    raise ValueError("the first error")


def a_number(house: House) -> object:
    del house
    return 5


def no_watcher(house: House) -> Sequence[object]:
    del house
    return ("not a watcher",)


class Lookalike(PlainWatcher):
    info = cast("PluginInfo", "no info")


def lookalike(house: House) -> Sequence[object]:
    del house
    return (Lookalike(),)


def part(name: str, opens: str = "", watchers: str = "") -> Part:
    def place(function: str) -> str:
        return f"{HERE}:{function}" if function else ""

    return Part(info=PluginInfo(plugin_id=name, title=name), opens=place(opens), watchers=place(watchers))


def opening(folder: Path, *parts: Part, own: Sequence[str] = ()) -> tuple[OpenedPart, ...]:
    clock = ManualClock(T0)
    records = FakeRecords(clock, [])
    house = House(
        folder=folder,
        settings=None,
        clock=clock,
        store=FakeStore(),
        records=records,
        tables=records.tables("core"),
        ledger=FakeLedger(),
        authorizer=authorizer(own_parts()),
        budget=SharedBudget(1.0),
        report=cast("Callable[[object], None]", STOPPED.append),
    )
    return open_parts(parts, house, Settings(), own)


def test_the_part_that_fails_and_all_before_it_are_stopped_and_the_first_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "STOP_S", 0.05)
    STOPPED.clear()
    LET_GO.clear()
    try:
        with pytest.raises(BadInputError, match="'last' cannot be opened: ValueError: the first error"):
            opening(
                tmp_path,
                part("ours", "Kept"),
                part("broken", "Raising"),
                part("guest", "Raising"),
                part("blocked", "Blocking"),
                part("last", "Kept", "no_watchers"),
                own=["ours", "broken"],
            )
        assert STOPPED == ["Kept", "Blocking", "Raising", "Raising", "Kept"]
    finally:
        LET_GO.set()


JUNK = [
    ("a_number", "", "gave int as what runs of it"),
    ("Kept", "a_number", "gave int as its watchers"),
    ("Kept", "no_watcher", "gave str as a watcher"),
    ("", "lookalike", "gave Lookalike as a watcher"),
]


@pytest.mark.parametrize(("opens", "watchers", "told"), JUNK)
def test_a_guest_that_gives_junk_is_left_out_stopped_and_told(
    tmp_path: Path, opens: str, watchers: str, told: str
) -> None:
    STOPPED.clear()
    found = opening(tmp_path, part("guest", opens, watchers), part("after", "Kept"))
    assert [(o.part.part_id, o.running is None, o.watchers) for o in found] == [
        ("guest", True, ()), ("after", False, ())
    ]  # fmt: skip
    assert (["Kept"] if opens == "Kept" else []) == STOPPED
    clock = ManualClock(T0)
    watch = watching_parts(found, [], lambda _: Scene(), SharedBudget(1.0), clock)
    (finding,) = watch.tick(T0)
    assert (finding.rule, finding.subject.name) == ("app.plugin_failed", "guest")
    assert told in finding.detail
    assert not watch.tick(T0)


@pytest.mark.parametrize(("opens", "watchers", "told"), JUNK)
def test_one_of_ours_that_gives_junk_keeps_the_stack_from_starting_and_is_named(
    tmp_path: Path, opens: str, watchers: str, told: str
) -> None:
    STOPPED.clear()
    with pytest.raises(BadInputError, match=f"the part 'ours' {told}"):
        opening(tmp_path, part("first", "Kept"), part("ours", opens, watchers), own=["first", "ours"])
    assert ["Kept"] * (2 if opens == "Kept" else 1) == STOPPED
