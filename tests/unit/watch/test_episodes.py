"""When a finding is over: as soon as what raised it is, whatever its detectors have accumulated."""

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, Array, gaussian, stream
from tests.unit.watch.test_watch import feed, watch

from mumetal.core.finding import Finding
from mumetal.core.series import Series
from mumetal.watch.episodes import Episodes

NS = 10**9
NAMES = tuple(f"s{i}.level" for i in range(4))  # no canaries: their joint detector is not asked


SHAPE = "watch.detectors.shape"


def over(series: Series, chunk: int = 10) -> dict[str, tuple[Finding, float]]:
    """Return each finding of levels as it was said last, and when that was, s after the first row."""
    room, last = watch(), dict[str, tuple[Finding, float]]()
    for start in range(0, len(series), chunk):
        part = series.rows(start, min(start + chunk, len(series)))
        for finding in room.observe(part):
            if finding.rule == SHAPE:  # windows see the same by themselves, and say so in a finding of their own
                continue
            last[finding.finding_id] = finding, (int(part.t_ns[-1]) - T0) / NS
    return last


def shifted(start: int, stop: int, size: float, rows: int, seed: int = 0) -> Series:
    values = gaussian(np.random.default_rng(seed), rows, 4)
    values[start:stop, 1] += size
    return stream(values, names=NAMES)


@pytest.mark.parametrize("size", [1.5, 3.0, 12.0])
def test_a_finding_ends_soon_after_its_cause_however_much_was_accumulated(size: float) -> None:
    said = over(shifted(2_000, 2_090, size, 3_000))
    (finding, when), *others = said.values()
    assert not others  # nothing is raised a second time by the same evidence
    assert "It lasted" in finding.detail
    assert finding.stop_ns <= T0 + 2_095 * NS
    assert 2_090 < when <= 2_160


def test_a_cause_that_lasts_is_one_finding() -> None:
    said = over(shifted(2_000, 4_000, 2.0, 4_000))
    ((finding, when),) = said.values()
    assert "It lasted" not in finding.detail
    assert when < 2_200


def test_a_second_attack_is_raised_however_strong_the_one_before_was() -> None:
    series = shifted(2_000, 2_060, 10.0, 2_400)
    values = series.values.copy()
    values[2_160:2_220, 1] += 2.0  # seen by what accumulates alone, which holds the first one still
    starts = sorted((f.start_ns - T0) // NS for f, _ in over(stream(values, names=NAMES)).values())
    assert len(starts) == 2
    assert 2_000 <= starts[0] <= 2_002
    assert 2_160 <= starts[1] <= 2_200


def decaying(rest: Array) -> Series:
    """A level that rises for a minute, falls back by e every 40 s, and then adds ``rest``."""
    values = gaussian(np.random.default_rng(3), 2_400, 4)
    rise = np.minimum(np.arange(60) / 60, 1.0) * 400
    values[2_000:2_060, 1] += rise
    values[2_060:, 1] += 400 * np.exp(-np.arange(340) / 40)
    values[2_400 - rest.size :, 1] += rest
    return stream(values, names=NAMES)


def test_what_is_on_its_way_back_is_over_and_what_rises_again_is_raised_anew() -> None:
    ((finding, when),) = over(decaying(np.zeros(0))).values()
    assert "it is on its way back" in finding.detail
    assert 2_070 < when <= 2_130
    again = sorted((f.start_ns - T0) // NS for f, _ in over(decaying(np.full(280, 150.0))).values())
    assert len(again) == 2
    assert 2_120 <= again[1] <= 2_126


def test_the_end_does_not_depend_on_the_size_of_chunks() -> None:
    values = gaussian(np.random.default_rng(5), 2_600, 4)
    values[1_500:1_560, 1] += 2.0
    values[1_900:1_905, 2] += 30.0
    values[2_000:2_100, 3] += 100 * np.exp(-np.arange(100) / 25)
    series = stream(values, names=NAMES)
    told = [
        sorted((f.finding_id, f.start_ns, f.stop_ns) for f, _ in over(series, chunk).values()) for chunk in (1, 7, 500)
    ]
    assert len(told[0]) >= 3
    assert told[0] == told[1] == told[2]


class Counting:
    """Detectors that see the attack in every row, and count how often they are asked."""

    asked = 0

    def now(self, start: int, stop: int) -> tuple[Array, Array]:
        self.asked += 1
        return np.zeros(stop - start), np.full(stop - start, 2.0)

    def restart(self) -> None:
        pass

    def forget(self) -> None:
        pass

    def take_over(self, start: int) -> Array:
        raise AssertionError(f"it is not over at row {start}")


def test_an_alert_that_stands_for_hours_is_looked_at_ever_more_rarely() -> None:
    episodes, counting = Episodes(), Counting()
    rows = 20_000
    confirmed, ended, busy = episodes.push(np.arange(rows) * NS, np.full(rows, 2.0), counting)
    assert len(confirmed) == 1
    assert not ended
    assert busy.all()
    assert counting.asked < 500


def test_a_finding_says_how_often_ordinary_data_would_do_as_much() -> None:
    series = shifted(2_000, 2_060, 3.0, 2_200)
    said = [f.false_per_week for f in feed(watch(), series, 5) if f.rule != SHAPE]
    rates = [r for r in said if r is not None]
    assert len(rates) == len(said) > 1
    assert rates == sorted(rates, reverse=True)  # of its peak so far
    assert rates[0] <= 2
    assert rates[-1] < 1  # 2,000 rows say no more of what lies far beyond the largest of them
