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
from mumetal.app.settings import Settings
from mumetal.app.wiring import authorizer
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError
from mumetal.core.part import House, Idle, Part
from mumetal.core.ports import PluginInfo

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
