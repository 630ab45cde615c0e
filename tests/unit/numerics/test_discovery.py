import numpy as np

from mumetal.numerics.discovery import discoveries, moved_columns


def slow_discoveries(p: list[float], rate: float) -> set[int]:
    best = 0
    for k in range(1, len(p) + 1):
        if sum(x <= rate * k / len(p) for x in p) >= k:
            best = k
    return {i for i, x in enumerate(p) if best and x <= rate * best / len(p)}


def test_discoveries_agree_with_the_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = np.concatenate([rng.random(20), rng.random(5) * 10 ** -rng.uniform(0, 5)])
        assert set(np.flatnonzero(discoveries(p, 0.1)).tolist()) == slow_discoveries(p.tolist(), 0.1)
    assert not discoveries(np.empty(0), 0.1).any()


def test_the_share_of_wrong_channels_stays_near_what_was_stated_and_the_moved_ones_are_found() -> None:
    rng = np.random.default_rng(1)
    wrong, found, named = [], 0, 0
    for _ in range(60):
        history, window = rng.standard_t(5, size=(4_000, 32)), rng.standard_t(5, size=(20, 32))
        window[:, :6] += 2.5
        chosen = discoveries(moved_columns(history, window), 0.1)
        found += int(chosen[:6].sum())
        named += int(chosen.sum())
        wrong.append(chosen[6:].sum() / max(1, chosen.sum()))
    assert found >= 0.95 * 6 * 60
    assert np.mean(wrong) <= 0.15


def test_a_quieter_channel_an_unseen_one_and_a_constant_one() -> None:
    rng = np.random.default_rng(2)
    history, window = rng.normal(size=(2_000, 4)), rng.normal(size=(40, 4))
    window[:, 0] *= 0.05
    window[:, 1] = np.nan
    history[:, 2], window[:, 2] = 7.0, 7.0
    p = moved_columns(history, window)
    assert p[0] < 1e-3
    assert p[1] == 1.0
    assert p[2] > 0.05
    window[:, 2] = 7.1
    assert moved_columns(history, window)[2] < 1e-3
    assert (moved_columns(history[:10], window) == 1.0).all()


def test_a_window_in_the_middle_of_blocks_whose_tail_is_as_long_as_its_edge_is_ordinary() -> None:
    """The tail's formula has no value there, and must not be asked."""
    blocks = np.array([0.0] * 9 + [-0.0] * 8 + [1.0, -1.0, 1.5, -1.5])  # median 0, edge 1, twice .5 beyond it
    history = np.repeat(blocks, 2)[:, None]  # two rows a block: the mean alone is looked at
    assert moved_columns(history, np.zeros((2, 1)))[0] == 1.0
