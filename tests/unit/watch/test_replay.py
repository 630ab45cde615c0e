"""Replayed rows are found to the last bit; noise, frozen sensors, coarse steps and retries of one row are not."""

import numpy as np
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
