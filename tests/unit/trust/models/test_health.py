"""A model that fares well raises nothing; one that ails is a finding, and falls back where that helps."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from tests.fakes_ports import T0
from tests.model_files import House, background, pca_model
from tests.people import who
from tests.unit.trust.models.test_lifecycle import GATES, to_active

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.finding import Severity
from mumetal.numerics import drift
from mumetal.numerics.effective import effective_size
from mumetal.trust.models import lineage
from mumetal.trust.models.gates.trial import Array, Scorer
from mumetal.trust.models.health.checkup import Checkup, Patient, look
from mumetal.trust.models.health.fall_back import fall_back
from mumetal.trust.models.health.findings import findings
from mumetal.trust.models.lifecycle import HEALTH_AGENT
from mumetal.trust.models.scorer import OnnxScorer

MODEL = pca_model(background(seed=1))


def scorer(data: bytes = MODEL) -> OnnxScorer:
    return OnnxScorer(Artefact(uri="m", kind="model", data=data))


def patient(runs: Scorer | None = None, reference: Array | None = None) -> Patient:
    return Patient(
        name="cryo",
        version="a" * 64,
        channels=("c0", "c1", "c2", "c3"),
        scorer=runs or scorer(),
        reference=background(800, seed=1) if reference is None else reference,
    )


def test_psi_and_ks_agree_with_their_naive_twins() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 9, (60, 2)).astype(float), rng.integers(1, 12, (40, 2)).astype(float)
    for c in range(2):
        naive = max(abs(np.mean(a[:, c] <= v) - np.mean(b[:, c] <= v)) for v in np.unique(np.r_[a[:, c], b[:, c]]))
        assert drift.ks(a, b)[c] == pytest.approx(naive)
        edges = np.unique(np.quantile(np.r_[a[:, c], b[:, c]], np.linspace(0, 1, 11)[1:-1]))
        total = 0.0
        for low, high in itertools.pairwise([-np.inf, *edges, np.inf]):
            p = max(np.sum((b[:, c] >= low) & (b[:, c] < high)), 0.5) / 40
            q = max(np.sum((a[:, c] >= low) & (a[:, c] < high)), 0.5) / 60
            total += (p - q) * np.log(p / q)
        assert drift.psi(a, b)[c] == pytest.approx(total)


def correlated(n: int, rng: np.random.Generator, r: float = 0.9) -> Array:
    x = rng.normal(size=(n, 3))
    for i in range(1, n):
        x[i] = r * x[i - 1] + np.sqrt(1 - r * r) * x[i]
    return x


def test_correlated_rows_without_a_drift_rarely_alarm_and_a_shift_does() -> None:
    rng = np.random.default_rng(5)
    reference = correlated(2_000, rng)
    quiet = [drift.drift_test(reference, correlated(400, rng), rng=rng, permutations=99).p for _ in range(20)]
    assert sum(p <= 0.05 for p in quiet) <= 3
    naive = [drift.drift_test(reference, correlated(400, rng), rng=rng, permutations=99, block=1).p for _ in range(20)]
    assert sum(p <= 0.05 for p in naive) >= 10  # what happens when neighbours count as independent
    moved = drift.drift_test(reference, correlated(400, rng) + 1.0, rng=rng, permutations=99)
    assert moved.p <= 0.05
    assert drift.block_length(reference, 400) > 10
    assert drift.block_length(rng.normal(size=(500, 2)), 400) == 1


@pytest.mark.parametrize("bad", [np.zeros((10, 2)), np.zeros((40, 3)), np.full((40, 2), np.nan), np.zeros(40)])
def test_a_drift_test_refuses_what_it_cannot_compare(bad: Array) -> None:
    with pytest.raises(ValueError, match=r"rows|shapes|finite"):
        drift.drift_test(np.zeros((40, 2)), bad, rng=np.random.default_rng(0))


def test_constant_channels_do_not_drift() -> None:
    test = drift.drift_test(np.ones((100, 2)), np.ones((50, 2)), rng=np.random.default_rng(0), permutations=99)
    assert test.p == 1.0


def test_a_rate_moves_only_where_it_does() -> None:
    rng = np.random.default_rng(3)

    def p(rate: float) -> float:
        blocks = drift.Blocks(900, 300, 5, 99, rng)
        gap = drift.rate_gap(blocks, blocks.pooled(rng.random(900), rng.random(300) - rate + 0.1) < 0.1)
        return float(drift.p_values(gap)[0])

    assert sum(p(0.1) <= 0.05 for _ in range(20)) <= 4
    assert p(0.3) <= 0.02
    with pytest.raises(ValueError, match="shorter"):
        drift.Blocks(3, 9, 5, 9, rng)


def test_statistics_by_blocks_agree_with_their_naive_twins_under_every_labelling() -> None:
    rng = np.random.default_rng(8)
    reference, sample = rng.integers(0, 9, (40, 2)).astype(float), rng.integers(1, 12, (20, 2)).astype(float)
    blocks = drift.Blocks(40, 20, 4, 5, rng)
    pooled = blocks.pooled(reference, sample)
    assert blocks.ks(pooled)[0] == pytest.approx(drift.ks(reference, sample))
    assert blocks.psi(pooled)[0] == pytest.approx(drift.psi(reference, sample))
    inside, outside = blocks.means(pooled)
    assert inside[0] == pytest.approx(sample.mean(axis=0))
    assert outside[0] == pytest.approx(reference.mean(axis=0))
    total = 20 * inside + 40 * outside
    assert total == pytest.approx(np.tile(pooled.sum(axis=0), (6, 1)))
    assert blocks.mean(pooled)[0] == pytest.approx(np.sum((sample.mean(axis=0) - reference.mean(axis=0)) ** 2))


def test_the_kernel_in_random_features_is_near_the_exact_one() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(300, 2)), rng.normal(size=(200, 2)) + np.array([1.0, 0.0])
    pooled = np.vstack([a, b])
    squares = np.sum((pooled[:, None] - pooled[None]) ** 2, axis=2)
    weights = np.r_[np.full(300, -1 / 300), np.full(200, 1 / 200)]
    exact = weights @ np.exp(-squares / 4) @ weights  # frequencies of variance 1/C are a kernel of width sqrt(C)
    found = [drift.Blocks(300, 200, 1, 0, rng).mmd(pooled, rng)[0] for _ in range(20)]
    assert np.mean(found) == pytest.approx(exact, rel=0.15)


def test_the_joint_p_holds_its_level_over_many_statistics() -> None:
    rng = np.random.default_rng(10)
    hits = 0
    for _ in range(400):
        values = {str(i): rng.normal(size=200) for i in range(9)}
        hits += min(drift.jointly(values).values()) <= 0.1
    assert 20 <= hits <= 62  # 40 expected; without the adjustment it would be 245
    assert drift.jointly({"only": np.r_[9.0, np.zeros(99)]}) == {"only": 0.01}


def test_a_conditional_residual_shows_a_shift_the_channels_do_not_share() -> None:
    rng = np.random.default_rng(11)
    reference, sample = background(1_000, 3), background(300, 4)
    sample[:, 1] += 0.25  # a quarter of its own spread, more than all of what the others leave open
    test = drift.drift_test(reference, sample, rng=rng, permutations=199)
    assert test.ks.p <= 0.01
    assert int(np.argmax(test.ks.channels)) == 1


def test_effective_size() -> None:
    rng = np.random.default_rng(1)
    assert effective_size(rng.normal(size=1_000)) > 850
    assert effective_size(correlated(1_000, rng)[:, 0]) < 120
    assert effective_size(np.ones(5)) == 5
    with pytest.raises(ValueError, match="empty"):
        effective_size(np.empty(0))


def test_a_healthy_model_raises_nothing() -> None:
    checkup = look(patient(), background(300, seed=77), rng=np.random.default_rng(1))
    assert not checkup.ails
    assert findings(checkup, T0, T0 + 1) == []


def test_a_moved_channel_is_found_and_named() -> None:
    rows = background(300, seed=77)
    rows[:, 2] += 0.8
    found = findings(look(patient(), rows, rng=np.random.default_rng(1)), T0, T0 + 1)
    drifted = next(f for f in found if f.rule.endswith("input_drift"))
    assert drifted.attribution[0].channel == "c2"
    assert drifted.confidence > 0.98


def test_a_look_refuses_what_it_cannot_judge() -> None:
    for rows in (np.zeros((10, 4)), np.zeros((100, 3)), np.full((100, 4), np.nan)):
        with pytest.raises(BadInputError):
            look(patient(), rows, rng=np.random.default_rng(0))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models", GATES)


def test_a_probe_reproduces_bit_for_bit_and_a_changed_one_does_not(house: House) -> None:
    to_active(house, MODEL)
    kept = lineage.probe(house.registry, "cryo", background(50, seed=3))
    again = lineage.decode(lineage.encode(kept))
    assert again == kept
    lineage.reproduce(house.registry, again)
    to_active(house, pca_model(background(seed=2)))  # the old version still reproduces its own scores
    lineage.reproduce(house.registry, again)
    other = lineage.probe(house.registry, "cryo", background(50, seed=3))
    mixed = type(kept)(**{f: getattr(other if f.startswith("scores") else kept, f) for f in kept.__struct_fields__})
    with pytest.raises(RejectedError, match="other scores"):
        lineage.reproduce(house.registry, mixed)
    elsewhere = type(kept)(**{**{f: getattr(kept, f) for f in kept.__struct_fields__}, "machine": "s390x"})
    with pytest.raises(BadInputError, match="made on s390x"):
        lineage.reproduce(house.registry, elsewhere)
    for bad in (b"", b"{}", b"[" * 99, lineage.encode(kept).replace(b'"rows":"', b'"rows":"*')):
        with pytest.raises(BadInputError):
            lineage.reproduce(house.registry, lineage.decode(bad))


def test_a_canary_that_fails_puts_the_last_good_version_back(house: House) -> None:
    first = to_active(house, pca_model(background(seed=2)))
    second = to_active(house, MODEL)
    good = lineage.probe(house.registry, "cryo", background(50, seed=3))
    wrong = type(good)(**{f: getattr(good, f) for f in good.__struct_fields__ if f != "version"}, version=first)
    rows, rng = background(300, seed=77), np.random.default_rng(1)
    well = look(patient(), rows, rng=rng, registry=house.registry, canaries=(good,))
    assert fall_back(house.lifecycle, well, well, who(HEALTH_AGENT)) is None
    ill = look(patient(), rows, rng=rng, registry=house.registry, canaries=(good, wrong))
    assert findings(ill, T0, T0 + 1)[0].severity is Severity.CRITICAL
    assert fall_back(house.lifecycle, ill, None, who(HEALTH_AGENT)) is None
    assert fall_back(house.lifecycle, ill, well, who(HEALTH_AGENT)) is not None
    assert dict(house.registry.load("cryo").facts)["version"] == first
    assert second != first
    entry = house.ledger.entries()[-1][1]
    assert (entry.actor, entry.action, entry.outcome) == (HEALTH_AGENT, "model.rollback", "done")
    assert "canary" in entry.why


def test_thresholds_that_fail_fall_back_only_where_the_last_good_ones_hold(house: House) -> None:
    to_active(house, pca_model(background(seed=2)))
    to_active(house, MODEL)
    rows, rng = background(300, seed=77), np.random.default_rng(1)
    rows[:, 3] += 2.0

    class Unmoved:
        def score(self, rows: Array) -> Array:
            return np.abs(rows[:, 0])

    ill = look(patient(), rows, rng=rng)
    assert ill.miscalibrated
    also_ill: Checkup = look(patient(scorer(pca_model(background(seed=2)))), rows, rng=rng)
    assert fall_back(house.lifecycle, ill, also_ill, who(HEALTH_AGENT)) is None
    well = look(patient(Unmoved()), rows, rng=rng)
    assert not well.miscalibrated
    assert fall_back(house.lifecycle, ill, well, who(HEALTH_AGENT)) is not None
