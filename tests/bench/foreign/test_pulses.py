"""Pulses: the same seed, the same plays; tampering lies where it is said, and innocent change everywhere."""

from itertools import islice

import numpy as np
import pytest

from bench.foreign import pulses
from bench.foreign.draws import seeds, split_of


@pytest.fixture(scope="module")
def several() -> dict[str, pulses.PulseRun]:
    return {r.label: r for r in pulses.runs("tuned", 11)}


def test_every_tampering_has_its_turn_and_one_run_has_none(several: dict[str, pulses.PulseRun]) -> None:
    assert several.keys() == set(pulses.KINDS)
    for label, r in several.items():
        assert split_of(r.seed) == r.split == "tuned"
        assert r.tampered.any() == bool(label)
        assert not r.tampered[: r.start].any()
        assert 64 <= r.waves.shape[1] <= 256
        assert r.waves.nbytes < 9e6
        assert r.gate.shape == r.t_ns.shape == r.tampered.shape == r.waves.shape[:1]
        assert np.all(np.diff(r.t_ns) > 0)
        assert np.abs(r.waves).max() <= np.sqrt(2)


def test_a_run_is_made_again(several: dict[str, pulses.PulseRun]) -> None:
    old = several["shape"]
    new = pulses.run(old.seed)
    assert np.array_equal(new.waves, old.waves)
    assert np.array_equal(new.tampered, old.tampered)


def test_held_runs_are_others() -> None:
    assert not set(islice(seeds("held"), 50)) & {r.seed for r in pulses.runs("tuned", 2)}


def test_a_converter_of_12_bits(several: dict[str, pulses.PulseRun]) -> None:
    steps = several[""].waves.real.astype(float) * 2_048
    assert np.allclose(steps, np.round(steps), atol=1e-3)


def test_untouched_plays_of_a_gate_are_alike_and_gates_differ(several: dict[str, pulses.PulseRun]) -> None:
    r = several[""]
    means = np.array([r.waves[r.gate == g].mean(axis=0) for g in range(len(r.gates))])
    within = max(np.linalg.norm(r.waves[r.gate == g] - means[g], axis=1).mean() for g in range(len(r.gates)))
    between = min(np.linalg.norm(a - b) for i, a in enumerate(means) for b in means[:i])
    assert between > 2 * within


def test_tampered_plays_are_farther_off_than_others_where_they_can_be_told(several: dict[str, pulses.PulseRun]) -> None:
    for label, r in several.items():
        if label in {"", "replayed"} or r.detectable < 0.999:
            continue
        late = np.arange(r.gate.size) >= r.start
        far = np.zeros(r.gate.size)
        for g in range(len(r.gates)):
            own = r.gate == g
            far[own] = np.linalg.norm(r.waves[own] - np.median(r.waves[own & late & ~r.tampered].real, axis=0)
                                      - 1j * np.median(r.waves[own & late & ~r.tampered].imag, axis=0), axis=1)  # fmt: skip
        assert far[r.tampered].mean() > far[late & ~r.tampered].mean(), label


def test_a_replayed_play_repeats_one_from_before(several: dict[str, pulses.PulseRun]) -> None:
    r = several["replayed"]
    k = int(np.flatnonzero(r.tampered)[0])
    before = r.waves[: r.start][r.gate[: r.start] == r.gate[k]]
    assert (before == r.waves[k]).all(axis=1).any()
