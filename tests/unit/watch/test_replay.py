"""Replayed rows are found to the last bit; noise, frozen sensors, coarse steps and retries of one row are not."""

from collections.abc import Callable

import numpy as np
import pytest
from tests.unit.watch.backgrounds import Array, stream

from mumetal.watch.covert.replay import FIRST, Replay


def scores(history: Array, rows: Array) -> Array:
    detector = Replay()
    detector.fit(stream(history))
    detector.score(stream(history))
    return detector.score(stream(rows))


def test_a_loop_is_found_in_its_third_row_and_goes_on() -> None:
    rng = np.random.default_rng(0)
    history = rng.normal(size=(300, 4))
    loop = np.tile(history[-8:], (3, 1))
    got = scores(history, loop)
    assert (got[: FIRST - 1] == 0).all()
    assert (got[FIRST - 1 :] > 0).all()
    assert got[-1] > got[FIRST - 1]


def test_fresh_noise_held_values_and_single_repeats_say_nothing() -> None:
    rng = np.random.default_rng(1)
    history = rng.normal(size=(300, 4))
    assert not scores(history, rng.normal(size=(300, 4))).any()
    assert not scores(history, np.tile(history[-1], (50, 1))).any()
    held = np.repeat(rng.normal(size=(30, 4)), 10, axis=0)
    assert not scores(history, held).any()
    once = rng.normal(size=(40, 4))
    once[20] = history[5]
    assert not scores(history, once).any()
    assert not scores(np.ones((100, 2)), np.ones((100, 2))).any()


def test_unobserved_rows_are_no_repeat() -> None:
    history = np.random.default_rng(2).normal(size=(200, 3))
    assert not scores(history, np.full((50, 3), np.nan)).any()


def counts(n: int, rng: np.random.Generator) -> Array:
    """Few distinct values, in no order."""
    return rng.poisson(3, (n, 1)).astype(float)


def wander(n: int, rng: np.random.Generator) -> Array:
    """A slow course read off in coarse steps."""
    x = np.zeros(n)
    for i in range(1, n):
        x[i] = 0.97 * x[i - 1] + rng.normal()
    return np.round(x)[:, None]


@pytest.mark.parametrize("make", [counts, wander])
def test_coarse_steps_make_longer_words_and_a_replay_is_still_seen(
    make: Callable[[int, np.random.Generator], Array],
) -> None:
    rng = np.random.default_rng(3)
    rows = make(9_000, rng)
    history, fresh, copied = rows[:4_000], rows[4_000:8_900], rows[8_780:8_900]
    got = scores(history, np.vstack([fresh, copied]))
    assert got[4_900:].max() > 3 * got[:4_900].max()
    assert got[4_900:].max() > 40


def test_a_history_that_repeats_itself_says_nothing_about_replays() -> None:
    turning = np.tile(np.arange(12.0), 400)[:, None]
    assert not scores(turning[:2_400], turning[2_400:]).any()


def test_a_value_that_goes_to_and_fro_between_two_steps_is_no_replay() -> None:
    rng = np.random.default_rng(2)
    history = np.round(rng.normal(size=(2_000, 1)), 6)
    toggling = np.tile([[0.25], [0.125]], (200, 1))
    assert scores(history, toggling).max() == 0.0
