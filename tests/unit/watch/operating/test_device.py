"""What a refrigerator does, from its thermometers: physics made here, no recording."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.watch.backgrounds import stream

from mumetal.core.finding import Finding
from mumetal.core.operation import OperatingMode
from mumetal.core.series import Series
from mumetal.core.subject import SubjectKind
from mumetal.watch.operating.device import Device

Array = NDArray[np.float64]
MINUTES = 1_500
STOP = 700


def plates(stopped: int = MINUTES, restored: int = MINUTES) -> Array:
    """50 K, 4 K, still and mixing chamber by the minute, K: thermal masses warm towards 295 K while nothing cools."""
    rng = np.random.default_rng(3)
    cold, out = np.array([47.0, 3.1, 0.85, 0.011]), np.empty((MINUTES, 4))
    now = cold.copy()
    for minute in range(MINUTES):
        if stopped <= minute < restored:
            now += (295 - now) / np.array([700, 500, 600, 650])
        else:
            now += (cold - now) / np.array([90, 40, 30, 30])
        out[minute] = now * (1 + 0.002 * rng.normal(size=4))
    return out


def fridge(values: Array, names: Sequence[str] = ("50k", "4k", "still", "mxc")) -> Series:
    return stream(values, names=tuple(names), units=("K",) * values.shape[1], hz=1 / 60, name="plates")


def valves(thrown: int) -> Series:
    on = (np.arange(MINUTES) < thrown).astype(float)
    return stream(
        np.column_stack([on, 1 - on]), names=("pulsetube", "v9"), units=("1", "1"), hz=1 / 60, name="channels"
    )


def told(*streams: Series, size: int = 20) -> tuple[list[OperatingMode], list[Finding], set[str]]:
    device, modes = Device(), list[OperatingMode]()
    found, closed = list[Finding](), set[str]()
    parts = [s.rows(i, i + size) for s in streams for i in range(0, len(s), size)]
    for part in sorted(parts, key=lambda p: int(p.t_ns[-1])):
        seen = device.observe(part, int(part.t_ns[-1]))
        modes += [s.mode for s in seen.states]
        found += seen.findings
        closed |= seen.closed
    return modes, found, closed


def test_a_quiet_refrigerator_circulates_and_nothing_is_told() -> None:
    assert told(fridge(plates())) == ([OperatingMode.CIRCULATING], [], set())


def test_a_stop_is_one_finding_about_the_device_that_says_what_was_switched_and_how_warm_it_is() -> None:
    modes, found, _ = told(fridge(plates(STOP)), valves(STOP - 2))
    assert modes[:2] == [OperatingMode.CIRCULATING, OperatingMode.WARMING]
    assert len({f.finding_id for f in found}) == 1
    first, last = found[0], found[-1]
    assert first.subject.kind is SubjectKind.DEVICE
    assert first.start_ns == int(valves(STOP).t_ns[STOP - 2])
    assert (first.stop_ns - first.start_ns) / 60e9 < 40
    assert "pulsetube 1 → 0, v9 0 → 1" in last.detail
    assert "plates/4k" in last.detail
    assert "(cold: 3.1 K)" in last.detail
    assert {e.series_place()[1] for e in last.evidence} == {"plates", "channels"}


def test_a_stop_that_is_over_ends_its_finding() -> None:
    modes, found, closed = told(fridge(plates(STOP, STOP + 60)))
    assert modes[-1] is OperatingMode.CIRCULATING
    assert closed == {found[0].finding_id}
    assert "It is " in found[-1].detail


def test_what_comes_back_warm_after_a_gap_is_one_finding_that_is_over() -> None:
    values = plates()
    rows = fridge(np.concatenate([values[:600], np.full((60, 4), 294.0)]))
    later = Series(
        **{n: getattr(rows, n) for n in ("tenant", "device", "stream", "channels", "values", "seq")},
        t_ns=rows.t_ns + np.where(np.arange(len(rows)) < 600, 0, 3 * 86_400 * 10**9),
    )
    modes, found, closed = told(later)
    assert modes == [OperatingMode.CIRCULATING, OperatingMode.ROOM]
    assert [f.title for f in found] == ["Cooling of lab stopped: it is at room temperature"]
    assert closed == {found[0].finding_id}


def test_a_heated_mixing_chamber_is_no_stop() -> None:
    values = plates()
    values[STOP:, 2:] *= np.array([1.4, 12.0])
    assert told(fridge(values))[1] == []


def test_a_cool_down_is_a_state_and_no_finding() -> None:
    minutes = np.arange(MINUTES)
    values = np.column_stack([45 + 250 * np.exp(-minutes / 400), 3 + 292 * np.exp(-minutes / 250)])
    modes, found, _ = told(fridge(values, ("50k", "4k")))
    assert OperatingMode.COOLING in modes
    assert found == []


def test_thermometers_of_room_and_water_are_no_plates() -> None:
    values = np.column_stack([plates(), np.linspace(290, 340, MINUTES), np.full(MINUTES, 295.0)])
    assert told(fridge(values, ("50k", "4k", "still", "mxc", "compressor.water", "room")))[1] == []


def test_streams_that_anybody_adds_neither_hold_it_up_nor_outvote_it() -> None:
    quiet, stop = fridge(plates()), fridge(plates(STOP))
    late = replace(fridge(plates()[:, [1]], ("x",)), stream="late", t_ns=quiet.t_ns - 3 * 86_400 * 10**9)
    many = replace(fridge(np.full((MINUTES, 10), 10.0), [f"p{n}" for n in range(10)]), stream="many")
    device, found = Device(), list[Finding]()
    for at in range(0, MINUTES, 20):
        for rows in (late, many, stop):
            found += device.observe(rows.rows(at, at + 20), int(stop.t_ns[at]) + 1_200 * 10**9).findings
    assert {f.rule for f in found} == {"watch.operating.cooling_stopped"}


def test_what_is_no_refrigerators_does_not_belong_to_its_stop() -> None:
    power = stream(
        np.ones((MINUTES, 2)), names=("rack.power", "pulse.timing"), units=("W", "s"), hz=1 / 60, name="control"
    )
    rests = told(fridge(plates(STOP)), power)[1][-1].evidence
    assert {e.series_place()[1] for e in rests} == {"plates"}


def test_a_reading_that_fails_is_no_warm_plate() -> None:
    values = plates()
    values[STOP:, 0], values[STOP + 50 :, 1] = np.nan, 0.0
    assert told(fridge(values))[1] == []


@pytest.mark.parametrize("size", [1, 60, 314, 1_500])
def test_it_does_not_depend_on_how_rows_are_cut(size: int) -> None:
    rows = fridge(plates(STOP))
    assert told(rows, size=size)[1][0].start_ns == told(rows, size=7)[1][0].start_ns


@pytest.mark.parametrize("known", [(1,), (0, 1), (1, 2), (0, 1, 2)])
def test_it_needs_no_more_than_some_of_the_plates(known: tuple[int, ...]) -> None:
    values, names = plates(STOP), ("50k", "4k", "still")
    separate = [replace(fridge(values[:, [i]], (names[i],)), stream=f"ch{i}") for i in known]
    assert {f.rule for f in told(*separate)[1]} == {"watch.operating.cooling_stopped"}
