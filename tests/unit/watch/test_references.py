"""References are weighed, windows that spread wider are known for it, and a long memory sees what rows cannot."""

import math

import numpy as np
import pytest

from bench.watch.power_timing import SIGMA_S, _pulses, _series, block_features
from mumetal.core.technique import Conditions
from mumetal.watch.covert.memory import STEP, Memory
from mumetal.watch.covert.proportions import signed_root
from mumetal.watch.covert.references import believed, common_change, widened
from mumetal.watch.covert.timing import LEARNT_MOST, MATURE, TimingChannel

NOISE = (np.array([0.0667]), np.array([0.0]), np.array([0.0667 / 8]))


def log_likelihood(p: float, k: float, n: float) -> float:
    return (k * math.log(p) if k else 0.0) + ((n - k) * math.log(1 - p) if n > k else 0.0)


@pytest.mark.parametrize(("k", "n", "j", "m"), [(3, 40, 60, 1000), (0, 8, 60, 1000), (8, 8, 5, 50), (30, 500, 31, 500)])
def test_the_signed_root_is_that_of_the_definition(k: int, n: int, j: int, m: int) -> None:
    pooled = (k + j) / (n + m)
    gain = sum(log_likelihood(x / y, x, y) - log_likelihood(pooled, x, y) for x, y in ((k, n), (j, m)))
    told = signed_root(np.array([k / n]), np.array([float(n)]), np.array([j / m]), np.array([float(m)]))
    np.testing.assert_allclose(told, math.copysign(math.sqrt(2 * gain), k / n - j / m), rtol=1e-9)


def test_references_are_believed_as_far_as_they_can_know_and_in_full_once_they_are_sure() -> None:
    change, noise = np.array([0.0, 1.0, 2.5, 4.0]), np.ones(4)
    sure = np.array([False, False, False, False])
    told = believed(change, noise, 0.25, 0.0, sure)
    np.testing.assert_allclose(told, [0.2, 0.2, 1.0, 1.0])
    assert sure.tolist() == [False, False, False, True]
    np.testing.assert_allclose(believed(np.zeros(4), noise, 0.25, 0.0, sure), [0.2, 0.2, 0.2, 1.0])


def test_what_changes_innocently_is_learnt_from_the_past_and_never_taken_for_less_than_it_showed() -> None:
    rng = np.random.default_rng(0)
    calm = rng.normal(size=(400, 1))
    assert float(common_change(calm[:3], np.ones(1), 0.5)[0]) == 0.5  # too few windows: the prior
    assert float(common_change(calm, np.ones(1), 0.5)[0]) < 0.2
    assert float(common_change(2 * calm, np.ones(1), 0.5)[0]) == pytest.approx(3.0, rel=0.2)


def test_a_level_that_wanders_makes_windows_wider_also_where_the_past_holds_few_of_them() -> None:
    spans, counts = (1, 4, 16, 64), (1024, 256, 64, 16)
    white = widened(spans, counts, np.array([[1.0], [1.05], [0.9], [1.4]]))
    np.testing.assert_allclose(white.ravel(), np.sqrt([1.0, 1.05, 1.0, 1.0]))
    drifting = widened(spans, counts, np.array([[1.0], [1.5], [5.0], [4.0]]))
    assert float(drifting[3, 0]) > 2 > 1 == float(drifting[0, 0])


def fed(memory: Memory, rows: np.ndarray, parts: int = 1) -> np.ndarray:
    return np.concatenate([memory.over(part, np.zeros((len(part), 1))) for part in np.array_split(rows, parts)])


def steps(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spread = np.sqrt(np.stack([NOISE[0], NOISE[2]]))[None]
    return np.asarray(spread * rng.normal(size=(count * STEP, 2, 1)))


def test_a_message_too_faint_for_rows_is_found_by_steps_and_what_the_references_share_is_not() -> None:
    past, more = steps(640, 1), steps(96, 2)
    said = {}
    for name, shift in {"quiet": (0.0, 0.0), "message": (0.015, 0.0), "louder": (0.03, 0.03)}.items():
        memory = Memory(NOISE, 4e-4)
        said[name] = max(fed(memory, past).max(), 0.0), fed(memory, more + np.array(shift)[None, :, None]).max()
    assert said["message"][1] > 6
    assert max(*said["quiet"], said["louder"][1]) < 5


def test_the_memory_does_not_depend_on_the_size_of_chunks_and_forgets_what_is_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = steps(40, 3)
    np.testing.assert_allclose(fed(Memory(NOISE, 4e-4), rows), fed(Memory(NOISE, 4e-4), rows, parts=77))
    told, known = Memory(NOISE, 4e-4), Memory(NOISE, 4e-4)
    fed(told, rows[: 30 * STEP + 9])
    known.recall(rows[: 30 * STEP + 9])
    np.testing.assert_allclose(fed(told, rows[30 * STEP + 9 :])[-1], fed(known, rows[30 * STEP + 9 :])[-1])
    monkeypatch.setattr("mumetal.watch.covert.memory.MOST", 10)
    memory = Memory(NOISE, 4e-4)
    fed(memory, rows)
    assert memory.windows == 2  # of one and two steps, ten being kept


@pytest.mark.parametrize("d", [0.0, 0.5])
def test_blocks_drawn_for_the_bench_are_distributed_as_the_detector_reads_pulses(d: float) -> None:
    rng = np.random.default_rng(4)
    detector = TimingChannel()
    history = _series(_pulses(rng, 32_768, 0.0, 2, coloured=False))
    detector.fit(history)
    scale = detector.fitted(history)
    drawn = block_features(rng, 8_192, d, 1.0, detector.freedom, scale.scale / SIGMA_S)[:, :2, 0]
    z, seen = scale.apply(_series(_pulses(rng, 8_192 * 32, d, 2, coloured=False)).values)
    read = detector._features(z, seen)[:, :2, 0]
    np.testing.assert_allclose(read.mean(axis=0), drawn.mean(axis=0), atol=5 * math.sqrt(0.067 * 2 / 8_192))
    np.testing.assert_allclose(read.std(axis=0), drawn.std(axis=0), rtol=0.05)


def test_power_says_what_a_long_past_and_what_no_references_are_worth() -> None:
    def told(before: float = 0.0, references: float = 1.0) -> tuple[float, str]:
        conditions = Conditions(samples=1e7, noise=1.0, before=before, references=references)
        power = TimingChannel().power("exfiltration.timing_covert_channel", conditions)
        assert power.smallest > power.bound
        return power.smallest, power.reason + power.advice

    fresh, seasoned, alone = told(), told(before=MATURE + 1e8), told(before=1e9, references=0)
    assert seasoned[0] < 0.5 * fresh[0] < fresh[0] < alone[0]
    assert f"{LEARNT_MOST:.3g}" in fresh[1]
    assert "0.14 σ" in alone[1]
    assert "reference pulses" in alone[1]
    assert told(before=MATURE + 1e8, references=8)[0] < seasoned[0]
