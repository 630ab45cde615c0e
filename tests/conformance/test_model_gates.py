"""Every gate keeps what its port promises."""

import itertools

import numpy as np
import pytest
from tests.model_files import background, pca_model, promises

from mumetal.core.artefact import Artefact
from mumetal.core.registry import Registry
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.gates import GATES, REQUIRED
from mumetal.trust.models.gates.trial import Array, Gate, Scorer, Trial
from mumetal.trust.models.manifest import manifest_of
from mumetal.trust.models.scorer import OnnxScorer

DATA = pca_model(background(seed=1))


class Bad:
    """A scorer that tells nothing, or nothing finite."""

    def __init__(self, value: float) -> None:
        self._value = value

    def score(self, rows: Array) -> Array:
        return np.full(len(rows), self._value)


def trial(candidate: Scorer | None = None) -> Trial:
    good = OnnxScorer(Artefact(uri="m", kind="model", data=DATA))
    rows, label = background(400, 2), np.arange(400) % 8 == 3
    rows[label] += 2.0 * np.array([1.0, -1.0, 1.0, 1.0])
    return Trial(
        manifest=manifest_of("m", DATA, Kind.ONNX, promises()),
        size=len(DATA),
        candidate=candidate or good,
        active=good,
        rows=rows,
        anomalous=label,
        training=background(300, 5),
        rng=np.random.default_rng(3),
        timer_ns=itertools.count(0, 100_000).__next__,
    )


@pytest.fixture(params=[gate for _, gate in GATES], ids=[gate_id for gate_id, _ in GATES])
def gate(request: pytest.FixtureRequest) -> Gate:
    found: Gate = request.param
    return found


def test_its_id_follows_its_path_and_is_required(gate: Gate) -> None:
    assert gate.info.plugin_id in REQUIRED
    assert type(gate).__module__ == f"mumetal.{gate.info.plugin_id}"
    assert gate.info.title


def test_its_word_is_its_own_gives_a_reason_and_finite_figures(gate: Gate) -> None:
    said = gate.judge(trial())
    assert said.gate == gate.info.plugin_id
    assert said.passed
    assert said.reason
    assert all(np.isfinite(f.value) for f in said.figures)


def test_it_says_the_same_twice_and_leaves_its_input_alone(gate: Gate) -> None:
    given = trial()
    rows = given.rows.copy()
    assert gate.judge(given) == gate.judge(trial())
    assert np.array_equal(given.rows, rows)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_bad_model_gets_a_word_and_no_error(gate: Gate, value: float) -> None:
    said = gate.judge(trial(Bad(value)))
    assert said.gate == gate.info.plugin_id
    if not np.isfinite(value) and gate.info.plugin_id.rsplit(".", 1)[-1] in {"quality", "calibration", "schema"}:
        assert not said.passed


def test_the_gates_are_a_registry() -> None:
    assert isinstance(GATES, Registry)
    assert len(GATES) == len(REQUIRED) == 7
