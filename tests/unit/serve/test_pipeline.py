"""Small parts of the pipeline: the bounded backlog, watermarks, the live feed, what changed."""

import threading
from pathlib import Path

import numpy as np
import pytest

from mumetal.app.pipeline.backlog import Backlog
from mumetal.app.pipeline.changes import calibration_change, changes
from mumetal.app.pipeline.live import LiveFeed, thin
from mumetal.app.pipeline.rates import Rates
from mumetal.app.pipeline.scorer import Scorer
from mumetal.app.pipeline.watermarks import Watermarks
from mumetal.core.clock import SystemClock
from mumetal.core.delivery import Receipt
from mumetal.core.errors import UnavailableError
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter

T0 = 1_790_000_000 * 10**9


def series(rows: int, device: str = "d") -> Series:
    values = np.zeros((rows, 2))
    values[rows // 2, 1] = 9.0
    return Series(
        device=device, stream="s", channels=(Channel(name="a", unit="1"), Channel(name="b", unit="1")),
        t_ns=T0 + np.arange(rows), values=values,
    )  # fmt: skip


def test_a_full_backlog_refuses_before_anything_is_committed_and_a_closed_one_for_good() -> None:
    backlog = Backlog(SystemClock(), limit=100)
    backlog.admit(0.0)
    backlog.put(0, (series(60),), 0)
    with pytest.raises(UnavailableError, match="behind"):
        backlog.admit(0.0)
    assert len(backlog.take(0.0)) == 1
    assert backlog.owed == 1  # taken is not worked off
    backlog.done()
    assert backlog.owed == 0
    backlog.admit(0.0)
    backlog.close()
    with pytest.raises(UnavailableError, match="stopping"):
        backlog.admit(0.0)
    assert backlog.take(0.0) == []


def test_watermarks_survive_a_restart_and_never_go_back(tmp_path: Path) -> None:
    marks = Watermarks(tmp_path / "m.json", SystemClock())
    marks.note(series(10), T0 + 9)
    marks.note(series(5), T0 + 9)
    marks.note(series(20), T0 + 9)  # rows past what was judged
    marks.save(now=True)
    assert Watermarks(tmp_path / "m.json", SystemClock()).of("local", "d", "s") == T0 + 9
    assert marks.of("local", "other", "s") == 0


def test_thinning_keeps_the_extreme_and_the_bound() -> None:
    small = thin(series(10_000), 100)
    assert len(small) <= 101
    assert small.values.max() == 9.0


def test_live_samples_reach_their_own_device_and_tenant_only() -> None:
    feed = LiveFeed()
    mine, other = feed.read("local", "d"), feed.read("other", "d")
    assert next(mine) is None
    assert next(other) is None
    feed.put(series(3))
    got = next(mine)
    assert got is not None
    assert len(got) == 3
    assert next(other) is None
    feed.stop()
    assert list(mine) == []


def test_rates_forget_after_ten_seconds() -> None:
    rates = Rates()
    rates.note(Receipt(sequence=0, digest="0" * 64, values=100, fresh=(series(50),)), 2, 0.0)
    assert rates.values_per_s(5.0) == 10.0
    assert rates.values_per_s(20.0) == 0.0
    assert (rates.rows, rates.values, rates.quarantined) == (50, 100, 2)


def snapshot(t1: float, at: int) -> DeviceSnapshot:
    parameters = tuple(Parameter(component=f"q{i}", name="T1", value=t1, unit="s") for i in range(5))
    return DeviceSnapshot(device="d", t_ns=T0 + at, qubits=5, parameters=parameters)


def test_a_recalibration_is_told_by_its_median() -> None:
    assert calibration_change(snapshot(1e-4, 0), snapshot(2e-4, 1)) == "T1 +100.0 %"
    said = changes([], [snapshot(1e-4, 0), snapshot(1e-4, 1)], 1, T0 + 2)
    assert said == ("d was recalibrated: median T1 +0.0 %", "1 of what came in was refused; see quarantine")


class Slow:
    """A watcher that finds something in each datum and takes its time."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go = threading.Event()

    def observe(self, datum: Series) -> list[str]:
        self.seen.append(datum.device)
        if len(self.seen) > 1:
            self.go.wait(10)
        return [datum.device]

    def tick(self, _: int) -> list[str]:
        return []

    def judged_until(self, datum: Series) -> int:
        return int(datum.t_ns[-1])

    def entered(self) -> list[str]:
        return []


class Taker:
    def __init__(self) -> None:
        self.taken: list[str] = []
        self.first = threading.Event()

    def entered(self, states: list[str]) -> None:
        assert not states

    def take(self, findings: list[str]) -> None:
        self.taken += findings
        if self.taken:
            self.first.set()


def test_what_is_found_is_told_at_once_and_a_stop_leaves_what_it_cannot_score_for_the_next_start(
    tmp_path: Path,
) -> None:
    clock = SystemClock()
    watch, judge, backlog, marks = Slow(), Taker(), Backlog(clock), Watermarks(tmp_path / "m.json", clock)
    failed: list[BaseException] = []
    scorer = Scorer(watch, judge, backlog, LiveFeed(), marks, clock, failed.append)  # type: ignore[arg-type]
    backlog.put(0, (series(3, "a"), series(3, "b"), series(3, "c")), 0)
    backlog.close()
    scorer.start()
    assert judge.first.wait(10)  # while "b" is still being judged
    assert judge.taken == ["a"]
    threading.Timer(0.2, watch.go.set).start()
    scorer.join(drain_s=0.05)
    assert watch.seen == ["a", "b"]
    assert not failed
    assert marks.of("local", "b", "s")
    assert not marks.of("local", "c", "s")
