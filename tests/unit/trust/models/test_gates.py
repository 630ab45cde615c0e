"""Each gate lets a good model pass and refuses the bad one it is there for."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.model_files import background, pca_model, promises

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.numerics.ranking import auc
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.gates import GATES, REQUIRED, judge
from mumetal.trust.models.gates.poisoning import exceedance
from mumetal.trust.models.gates.trial import Array, Scorer, Trial
from mumetal.trust.models.manifest import InputRange, manifest_of
from mumetal.trust.models.report import GateOutcome
from mumetal.trust.models.scorer import OnnxScorer

GOOD = pca_model(background(seed=1))


def scorer(data: bytes) -> OnnxScorer:
    return OnnxScorer(Artefact(uri="m", kind="model", data=data))


def held_out(seed: int = 2, strength: float = 2.0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    rows = background(700, seed)
    label = np.arange(700) % 7 == 3
    rows[label] += strength * np.array([1.0, -1.0, 1.0, 1.0])
    return rows, label


def trial(candidate: Scorer, **extra: Any) -> Trial:
    rows, label = held_out()
    given: dict[str, Any] = {
        "manifest": manifest_of("m", GOOD, Kind.ONNX, promises()),
        "size": len(GOOD),
        "candidate": candidate,
        "rows": rows,
        "anomalous": label,
        "rng": np.random.default_rng(3),
        "timer_ns": itertools.count(0, 100_000).__next__,
    }
    return Trial(**{**given, **extra})


def say(gate: str, given: Trial) -> GateOutcome:
    return GATES.get(f"trust.models.gates.{gate}").judge(given)


class Made:
    """A scorer from a function."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def score(self, rows: Array) -> Array:
        return np.asarray(self._function(rows), np.float64)


def test_a_good_model_passes_every_gate_against_one_like_it() -> None:
    other = scorer(pca_model(background(seed=5)))
    outcomes = judge(trial(scorer(GOOD), active=other, training=background(seed=1)))
    assert {o.gate for o in outcomes} == REQUIRED
    assert [o.reason for o in outcomes if not o.passed] == []


def test_quality() -> None:
    rng = np.random.default_rng(0)
    assert not say("quality", trial(Made(lambda x: rng.random(len(x))))).passed
    worse = say("quality", trial(Made(lambda x: np.abs(x[:, 0]) + 0 * x[:, 1]), active=scorer(GOOD)))
    assert not worse.passed
    said = say("quality", trial(scorer(GOOD), active=scorer(GOOD)))
    figures = {m.name: m.value for m in said.figures}
    assert figures["auc"] == figures["active_auc"] > 0.9
    assert figures["change_low"] == figures["change_high"] == 0.0
    assert not say("quality", trial(Made(lambda x: np.full(len(x), np.nan)))).passed


def test_calibration_refuses_a_score_that_drifts() -> None:
    clock = Made(lambda x: np.arange(len(x)) + 0.0)
    assert say("calibration", trial(scorer(GOOD))).passed

    class Counting:
        def __init__(self) -> None:
            self.seen = 0

        def score(self, rows: Array) -> Array:
            self.seen += len(rows)
            return np.linspace(self.seen - len(rows), self.seen, len(rows))

    assert not say("calibration", trial(Counting())).passed
    assert say("calibration", trial(clock)).figures


def test_schema() -> None:
    narrow = promises(inputs=tuple(InputRange(channel=f"c{i}", unit="K", lowest=-0.1, highest=0.1) for i in range(4)))
    outside = say("schema", trial(scorer(GOOD), manifest=manifest_of("m", GOOD, Kind.ONNX, narrow)))
    assert "outside the range" in outside.reason
    three = scorer(pca_model(background()[:, :3]))
    assert "its own inputs" in say("schema", trial(three)).reason
    rng = np.random.default_rng(0)
    assert "second time" in say("schema", trial(Made(lambda x: rng.random(len(x))))).reason
    assert "neighbours" in say("schema", trial(Made(lambda x: np.abs(x - x.mean(axis=0)).sum(axis=1) + 1))).reason
    assert "not finite" in say("schema", trial(Made(lambda x: np.where(np.abs(x[:, 0]) > 7, np.inf, x[:, 0])))).reason
    assert say("schema", trial(scorer(GOOD))).passed


def test_adversarial() -> None:
    # a scorer that looks at the sixth decimal alone is led astray by moves no sensor would show
    brittle = Made(lambda x: (np.round(x * 1e3).sum(axis=1) % 7 == 0) * 1.0 + 0 * x[:, 0])
    assert not say("adversarial", trial(brittle)).passed
    against = say("adversarial", trial(Made(lambda x: x[:, 0]), active=scorer(GOOD)))
    assert not against.passed
    assert "less than the active version" in against.reason
    figures = {m.name: m.value for m in say("adversarial", trial(scorer(GOOD))).figures}
    assert figures["caught_plain"] >= figures["caught_evasion"] > 0.5
    assert figures["caught_replay"] == pytest.approx(0.05, abs=0.05)  # blind, and says so


@pytest.mark.parametrize("active", [True, False])
def test_poisoning(active: bool) -> None:
    clean = background(2_000, seed=8)
    poisoned = clean.copy()
    poisoned[:100] += (2.5 if active else 6.0) * np.array([1.0, -1.0, 1.0, 1.0])
    eyes = scorer(GOOD) if active else None
    assert say("poisoning", trial(scorer(GOOD), active=eyes, training=clean)).passed
    said = say("poisoning", trial(scorer(GOOD), active=eyes, training=poisoned))
    assert not said.passed
    assert ("the active version" if active else "a robust distance") in said.reason
    assert "not shown" in say("poisoning", trial(scorer(GOOD), active=eyes)).reason


def test_speed_and_size() -> None:
    slow = itertools.count(0, 5_000_000).__next__
    assert "5.00 ms" in say("speed", trial(scorer(GOOD), timer_ns=slow)).reason
    assert not say("speed", trial(scorer(GOOD), timer_ns=slow)).passed
    assert say("speed", trial(scorer(GOOD))).passed
    assert not say("size", trial(scorer(GOOD), size=2**21)).passed


def test_a_trial_needs_enough_and_finite_data() -> None:
    rows, label = held_out()
    for change in (
        {"rows": rows[:, :3]},
        {"rows": np.where(rows > 2, np.nan, rows)},
        {"anomalous": np.zeros(700, bool)},
        {"anomalous": label[:5]},
        {"training": rows[:, :2]},
    ):
        with pytest.raises(BadInputError):
            trial(scorer(GOOD), **change)


def test_the_runtime_gets_only_scorers() -> None:
    with pytest.raises(BadInputError, match="takes"):
        scorer(GOOD).score(np.zeros((3, 5)))
    assert scorer(GOOD).score(np.zeros((0, 4))).shape == (0,)
    assert scorer(GOOD).score(np.zeros((70_000, 4))).shape == (70_000,)


def test_auc_agrees_with_its_naive_twin() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        a, b = rng.integers(0, 6, 30).astype(float), rng.integers(2, 8, 20).astype(float)
        naive = np.mean([(y > x) + 0.5 * (x == y) for x in a for y in b])
        assert auc(a, b) == pytest.approx(naive)
    for bad in (np.empty(0), np.array([np.nan])):
        with pytest.raises(ValueError, match=r"scores|group"):
            auc(bad, np.ones(2))


def test_exceedance_agrees_with_drawing_lots() -> None:
    rng = np.random.default_rng(0)
    n, k, m = 60, 4, 90
    drawn = np.array([np.count_nonzero(rng.random(m) > np.sort(rng.random(n))[-k]) for _ in range(4_000)])
    for x in (0, 3, 8, 15):
        assert exceedance(n, k, m, x) == pytest.approx(np.mean(drawn >= x), abs=0.03)
    assert exceedance(n, k, m, m + 1) == 0.0
