"""Who says first what a moment's value is does not decide what is seen: the other value is told, and judged."""

from pathlib import Path

import numpy as np
from tests.integration.test_restart import all_of, lab, push, quiet, running

from mumetal.core.delivery import Delivery

S = 10**9


def test_a_harmless_value_claimed_ahead_of_the_honest_one_hides_nothing(tmp_path: Path) -> None:
    values = quiet(700)
    series = lab(values)
    attack = values.copy()
    attack[640:680] += 9_800
    honest = lab(attack)
    with running(tmp_path, series) as stack:
        for row in range(0, 640, 50):
            push(stack, series.rows(row, min(row + 50, 640)))
        for row in range(640, 680):
            stack.push(Delivery(source="somebody", data=(series.rows(row, row + 1),)))
            receipt = stack.push(Delivery(source="device", data=(honest.rows(row, row + 1),)))
            assert receipt.repeats == 1
    with running(tmp_path, series) as stack:
        found = all_of(stack)
        stored = np.concatenate([s.values for s in stack.store.series("local", "lab", series.stream, 0, 1 << 62)])
    told = [f for f in found if f.rule == "app.disputed_rows"]
    assert told
    assert "stored as" in told[0].detail
    assert "from device" in told[0].detail
    assert [f for f in found if f.rule.startswith("watch.detectors.") and f.start_ns >= int(series.t_ns[640])]
    assert len(stored) == 680
    assert stored.max() < 100


def test_the_same_again_is_a_retry_and_nothing_is_told(tmp_path: Path) -> None:
    series = lab(quiet(500))
    with running(tmp_path, series) as stack:
        for _ in range(3):
            push(stack, series.rows(0, 450))
    with running(tmp_path, series) as stack:
        assert [f for f in all_of(stack) if f.rule == "app.disputed_rows"] == []


def test_what_was_not_observed_and_is_said_now_is_another_value(tmp_path: Path) -> None:
    values = quiet(500)
    values[400] = np.nan
    said = quiet(500)
    with running(tmp_path, lab(said)) as stack:
        push(stack, lab(values).rows(0, 450))
        push(stack, lab(said).rows(390, 410))
    with running(tmp_path, lab(said)) as stack:
        (told,) = [f for f in all_of(stack) if f.rule == "app.disputed_rows"]
    assert "1 rows from test" in told.detail
