"""The matched detector against what theory says of it."""

from math import erf, sqrt

import numpy as np
import pytest

from bench.foreign.matched import auc, matched_auc, repeat_auc


@pytest.mark.parametrize("size", [0.05, 0.12, 0.3])
def test_a_step_in_white_noise_is_told_as_theory_says(size: float) -> None:
    rng = np.random.default_rng(5)
    quiet, change = rng.normal(size=(60_000, 1)), np.full((100, 1), size)
    far = size * sqrt(100)
    assert matched_auc(quiet, change) == pytest.approx((1 + erf(far / 2)) / 2, abs=0.03)


def test_nothing_added_is_a_guess_and_more_is_told_better() -> None:
    rng = np.random.default_rng(6)
    quiet = np.cumsum(rng.normal(size=(20_000, 2)), axis=0) * 0.1 + rng.normal(size=(20_000, 2))
    told = [matched_auc(quiet, np.full((200, 2), size)) for size in (0.0, 0.1, 1.0, 4.0)]
    assert told[0] == 0.5
    assert told == sorted(told)
    assert told[-1] > 0.99


def test_a_sign_of_bits_is_told_by_who_knows_them() -> None:
    rng = np.random.default_rng(7)
    bits = rng.choice([-0.1, 0.1], size=(4_000, 1))
    assert matched_auc(rng.normal(size=(30_000, 1)), bits) > 0.99


def test_a_channel_that_was_never_seen_tells_nothing() -> None:
    assert matched_auc(np.full((500, 1), np.nan), np.ones((10, 1))) == 0.5


def test_an_auc_is_the_share_of_pairs() -> None:
    quiet = np.random.default_rng(8).normal(size=60)
    pairs = [(a + 0.7 > b) + 0.5 * (a + 0.7 == b) for a in quiet for b in quiet]
    assert auc(quiet, 0.7) == pytest.approx(np.mean(pairs))


def test_repeats_tell_a_replay_of_noise_and_not_of_a_value_that_stands_still() -> None:
    rng = np.random.default_rng(9)
    assert repeat_auc(rng.normal(size=5_000), 300, 200) == 1.0
    assert repeat_auc(np.zeros(5_000), 1, 50) == 0.5
