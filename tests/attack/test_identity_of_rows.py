"""Who says first what a moment's value is does not decide what is seen: the other value is told, and judged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.test_restart import NAMES, UNITS, all_of, lab, push, quiet, running
from tests.unit.watch.backgrounds import stream

from mumetal.app.pipeline import disputed as module
from mumetal.app.pipeline.disputed import Disputed, _picked, disputed
from mumetal.core.delivery import Delivery
from mumetal.core.errors import UnavailableError
from mumetal.core.series import Series

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


def test_two_rows_far_apart_have_nothing_read_between_them_and_what_is_too_much_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = lab(quiet(500))
    with running(tmp_path, series) as stack:
        push(stack, series)
        far = _picked(series, np.array([3, 480]))
        read: list[int] = []
        inner = stack.store.series

        def counting(*where: Any) -> Iterator[Series]:
            for stored in inner(*where):
                read.append(len(stored))
                yield stored

        monkeypatch.setattr(stack.store, "series", counting)
        assert disputed(stack.store, [far]) == Disputed()
        assert read == [1, 1]
        monkeypatch.setattr(module, "MOST_READ", 1)
        assert disputed(stack.store, [far]).unread == 1


def test_every_row_of_a_long_retry_is_compared(tmp_path: Path) -> None:
    values = quiet(5_000)
    other = values.copy()
    other[4_900, 1] += 1e-6
    with running(tmp_path, lab(values)) as stack:
        push(stack, lab(values))
        found = disputed(stack.store, [lab(other)])
    assert [int(s.t_ns[0]) for s in found.now] == [int(lab(values).t_ns[4_900])]
    assert found.before[0].values[0, 1] == values[4_900, 1]


def test_a_store_that_cannot_be_read_takes_the_delivery_and_says_what_was_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    series = lab(quiet(500))

    def away(*_: object) -> Iterator[Series]:
        raise UnavailableError("the hot tier cannot be read")

    with running(tmp_path, series) as stack:
        push(stack, series.rows(0, 450))
        with monkeypatch.context() as patch:
            patch.setattr(stack.store, "series", away)
            push(stack, series.rows(400, 500))
    assert "commit.not_compared" in caplog.text
    with running(tmp_path, series) as stack:
        assert stack.overview("local").streams[0].state == "watching"


def test_each_stream_of_a_delivery_is_told_of_by_the_channel_that_differs(tmp_path: Path) -> None:
    first = quiet(400)
    first[300, 0] = np.nan
    second = first.copy()
    second[300, 2] += 1
    streams = [stream(v, names=NAMES, units=UNITS, name=n) for v in (first, second) for n in ("one", "two")]
    with running(tmp_path, streams[0]) as stack:
        push(stack, *streams[:2])
        push(stack, *streams[2:])
    with running(tmp_path, streams[0]) as stack:
        told = [f for f in all_of(stack) if f.rule == "app.disputed_rows"]
    assert {f.stream for f in told} == {"one", "two"}
    assert all("bias.c was stored as" in f.detail for f in told)
