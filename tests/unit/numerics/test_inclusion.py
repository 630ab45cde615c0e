import numpy as np
from numpy.typing import NDArray
from tests import naive

from mumetal.numerics.inclusion import SLABS, Look, inclusion


def _background(rng: np.random.Generator, columns: int) -> NDArray[np.float64]:
    mixed = rng.normal(size=(columns, 2))
    covariance = mixed @ mixed.T + 0.3 * np.eye(columns)
    spread = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(spread, spread), np.float64)


def test_it_agrees_with_every_way_to_change_four_columns() -> None:
    rng = np.random.default_rng(0)
    for trial in range(6):
        covariance = _background(rng, 4)
        row = rng.multivariate_normal(np.zeros(4), covariance)
        row[trial % 4] += 3.0
        wanted = naive.inclusion(row, covariance, SLABS, 0.15)
        look = Look(rows=row[None], precision=np.asarray(np.linalg.inv(covariance), np.float64))
        each = [inclusion([look], np.ones(4, bool), seed=seed)[0] for seed in range(20)]
        assert np.abs(np.mean(each, axis=0) - wanted).max() < 0.04


def test_neighbours_of_two_large_changes_are_not_named() -> None:
    """Where two of three that agree are changed alike, the single-pass conditional residual blames the third."""
    rng = np.random.default_rng(1)
    right = masked = 0
    for _ in range(40):
        source = rng.normal(size=4)
        row = np.repeat(source, 3) + 0.2 * rng.normal(size=12)
        covariance = np.kron(np.eye(4), np.ones((3, 3))) + 0.04 * np.eye(12)
        precision = np.asarray(np.linalg.inv(covariance), np.float64)
        row[:2] += 6.0  # three more groups and a prior of few changes say that it is these two, not their source
        residual = (row @ precision) ** 2 / np.diag(precision)
        _, evidence = inclusion([Look(rows=row[None], precision=precision)], np.ones(12, bool))
        right += set(np.argsort(-evidence)[:2]) == {0, 1}
        masked += int(residual.argmax()) == 2
    assert masked >= 36
    assert right >= 36


def test_what_may_not_have_changed_is_not_named_and_nothing_means_nothing() -> None:
    rng = np.random.default_rng(2)
    row = rng.normal(size=(1, 5)) * 0.3
    row[0, 3] = 9.0
    look = Look(rows=row, precision=np.eye(5))
    may = np.array([True, True, True, False, True])
    likely, evidence = inclusion([look], may)
    assert likely[3] == evidence[3] == 0
    assert likely.max() < 0.2
    assert inclusion([look], np.ones(5, bool))[0][3] > 0.99


def test_looks_add_up() -> None:
    rows = np.full((1, 3), 0.2)
    rows[0, 1] = 2.0
    look = Look(rows=rows, precision=np.eye(3))
    once, often = (inclusion([look] * n, np.ones(3, bool))[0][1] for n in (1, 6))
    assert often > once + 0.3
