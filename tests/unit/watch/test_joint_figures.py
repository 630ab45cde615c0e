"""A device's own past against few figures edited, one kind moved, all praised; and a chip that is partly another's."""

import numpy as np
from tests.unit.watch.backgrounds import T0, Array, stream

from mumetal.watch.detectors.day_to_day import DayToDay
from mumetal.watch.detectors.identity import Identity
from mumetal.watch.detectors.joint_figures import JointFigures

KINDS = ("q.T1",) * 5 + ("q.T2",) * 5 + ("q.readout_error",) * 5
DAY_S = 86_400.0


def days(n: int, seed: int) -> Array:
    """ln of figures: a factor common to a qubit, one common to a kind, and each one's own."""
    rng = np.random.default_rng(seed)
    qubit = np.tile(rng.normal(0, 0.2, (n, 5)), 3)
    kind = np.repeat(rng.normal(0, 0.1, (n, 3)), 5, axis=1)
    return np.asarray(np.log(0.05) + qubit + kind + rng.normal(0, 0.1, (n, 15)), np.float64)


def test_ordinary_days_stay_below_the_limits_and_each_change_is_seen_where_it_is() -> None:
    past, fresh = days(24, 1), days(60, 2)
    joint = JointFigures(past, KINDS, DAY_S)
    assert np.mean([joint.scores(row).max() >= 1 for row in fresh]) < 0.05
    edited = fresh[0].copy()
    edited[[10, 13]] += np.log(4)
    assert joint.scores(edited)[0] >= 1
    assert set(np.argsort(joint.weights(edited))[-2:]) == {10, 13}
    assert joint.weights(edited).max() == joint.scores(edited).max()
    praised = fresh[1] + np.where(np.arange(15) < 10, 0.6, -0.6)
    assert joint.scores(praised)[2] >= 1


def test_shapley_values_of_a_day_add_up_to_its_joint_distance_and_a_lone_edit_has_the_largest_residual() -> None:
    joint = JointFigures(days(24, 1), KINDS, DAY_S)
    row = days(1, 2)[0]
    row[12] += np.log(3)
    residual, shapley = joint.decomposed(row)
    z = joint._deviations(row)
    np.testing.assert_allclose(shapley.sum(), z @ joint._close @ z)
    assert int(residual.argmax()) == 12


def test_a_level_that_lasted_is_taken_and_figures_without_value_are_passed_over() -> None:
    past = days(20, 3)
    past[:, 4] = np.nan
    joint = JointFigures(past, KINDS, DAY_S)
    row = days(1, 4)[0]
    moved = row + 1.0
    assert joint.scores(moved).max() >= 1
    assert joint.weights(moved)[4] == 0
    joint.adopt(np.array([moved, moved, moved]))
    assert joint.scores(moved).max() < 1


def test_rarer_snapshots_have_lower_limits_for_as_few_false_alerts() -> None:
    past, row = days(24, 5), days(1, 6)[0] + 0.4
    assert JointFigures(past, KINDS, DAY_S).scores(row).max() > JointFigures(past, KINDS, 10.0).scores(row).max()


def test_day_to_day_learns_to_see_an_edit_of_two_qubits_on_a_small_device() -> None:
    names = tuple(f"q{q}.{kind.split('.')[1]}" for kind in ("q.T1", "q.T2", "q.readout_error") for q in range(5))
    values = np.exp(days(40, 7))
    past = stream(values[:30], hz=1 / DAY_S, names=names, name="calibration")
    later = values[30:32].copy()
    later[1, [10, 13]] *= 4
    chunk = stream(later, hz=1 / DAY_S, names=names, name="calibration", start_ns=T0 + 30 * 86_400 * 10**9)
    short, long = DayToDay(), DayToDay()
    short.fit(past.rows(0, 5))
    long.fit(past)
    assert short.score(chunk)[1] < 1
    quiet, seen = long.score(chunk)
    assert quiet < 1 <= seen
    long.fit(past)
    told = long.attribute(chunk)
    for method in ("own-score", "conditional-residual", "shapley"):
        of = [a for a in told if a.method == method]
        assert {a.channel for a in of[:2]} == {"q0.readout_error", "q3.readout_error"}
        assert 0 < sum(a.share for a in of) <= 1 + 1e-9
    assert told[0].method == "own-score"
    short.fit(past.rows(0, 5))
    assert {a.method for a in short.attribute(chunk)} <= {"own-score"}, "no past of its own yet"


def test_a_part_of_another_chip_is_told_from_a_retuned_qubit() -> None:
    rng = np.random.default_rng(8)
    own, other = 5e9 + rng.normal(0, 1e8, (2, 27))
    names = tuple(f"q{q}.frequency" for q in range(27))
    retuned, mixed = own.copy(), own.copy()
    retuned[3] += 12e6
    mixed[:6] = other[:6]
    detector = Identity()
    detector.fit(stream(own[None], names=names, units=("Hz",) * 27, name="calibration"))
    scores = detector.score(stream(np.array([retuned, mixed]), names=names, units=("Hz",) * 27, name="calibration"))
    assert scores[0] < 1 <= scores[1]
