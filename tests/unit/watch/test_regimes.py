import numpy as np
from tests.unit.watch.backgrounds import T0, Array, stream
from tests.unit.watch.test_watch import feed, watch

from mumetal.watch.regimes import SPARSE, Regimes


def valved(rng: np.random.Generator, rows: int) -> Array:
    """Three channels five times as noisy while a valve is open; it changes every 300 rows."""
    valve = (np.arange(rows) // 300 % 2).astype(float)
    return np.column_stack([rng.normal(size=(rows, 3)) * np.where(valve == 1, 5.0, 1.0)[:, None], valve])


def test_states_are_told_from_measurements_and_unknown_ones_are_sparse() -> None:
    values = valved(np.random.default_rng(0), 3_000)
    regimes = Regimes(stream(values))
    assert len(regimes) == 2
    assert (regimes.labels(values) == values[:, 3]).all()
    odd = values[:4].copy()
    odd[:, 3] = (0.0, 1.0, 0.5, np.nan)
    assert regimes.labels(odd).tolist() == [0, 1, SPARSE, SPARSE]
    plain = Regimes(stream(values[:, :3]))
    assert len(plain) == 1
    assert not plain.labels(values[:, :3]).any()
    rare = values.copy()
    rare[:, 3] = 0
    rare[:100, 3] = 1
    assert Regimes(stream(rare)).labels(rare)[[0, 200]].tolist() == [SPARSE, 0]


def test_a_quiet_regime_has_a_threshold_of_its_own_and_an_unknown_one_says_so() -> None:
    def found_at(shift: float, seed: int, start: int) -> int:
        values = valved(np.random.default_rng(seed), 9_000)
        values[start : start + 3, 1] += shift
        found = feed(watch(), stream(values), 500)
        return sum(abs(f.start_ns - T0 - start * 10**9) < 60 * 10**9 for f in found)

    assert all(found_at(9.0, seed, 7_850) for seed in (1, 2))  # valve closed: nine deviations of the quiet regime
    assert not any(found_at(9.0, seed, 8_150) for seed in (1, 2))  # while it is open that is ordinary
    room = watch()
    values = valved(np.random.default_rng(3), 3_000)
    feed(room, stream(values), 500)
    values = values.copy()
    values[-1, 3] = 0.5
    room.observe(stream(values[-1:], start_ns=T0 + 3_000 * 10**9))
    assert "state hardly seen" in room.status()[0].reason
