"""A change of calibration that nobody declared is a finding; a declared one is not."""

import math
from dataclasses import replace

import pytest
from tests.trust_keys import ALICE, BOB, CAROL, DAY, T0, a_root

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.trust.signing import calibration
from mumetal.trust.signing.calibration import Recalibration, unexplained_changes


def snapshot(t_ns: int = T0, values: dict[str, float] | None = None) -> DeviceSnapshot:
    figures = {"q0.T1": 1e-4, "q0.frequency": 5.1e9, "q1.T1": 2e-4, "q1.T2": math.nan, **(values or {})}
    return DeviceSnapshot(
        device="ibm_kyiv",
        t_ns=t_ns,
        qubits=2,
        parameters=tuple(
            Parameter(component=c.partition(".")[0], name=c.partition(".")[2], value=v, unit="s")
            for c, v in figures.items()
        ),
    )


BEFORE = snapshot()
AFTER = snapshot(T0 + DAY, {"q0.T1": 1.2e-4, "q0.frequency": 5.2e9})
DONE = Recalibration(
    device="ibm_kyiv",
    actor="bob",
    ticket="CHG-7",
    channels=("q0.*",),
    max_relative_change=0.2,
    start_ns=T0 + DAY // 2,
    stop_ns=T0 + DAY // 2,
)


def names(*recalibrations: Recalibration, after: DeviceSnapshot = AFTER) -> list[str]:
    return [c.channel for c in unexplained_changes(BEFORE, after, recalibrations)]


def test_what_is_declared_is_explained_and_the_rest_is_left() -> None:
    assert names() == ["q0.T1", "q0.frequency"]
    assert names(DONE) == []
    assert names(replace(DONE, channels=("q0.T1",))) == ["q0.frequency"]
    assert names(replace(DONE, max_relative_change=0.1)) == ["q0.T1"]
    assert names(replace(DONE, start_ns=T0 - 9, stop_ns=T0 - 1)) == ["q0.T1", "q0.frequency"]
    assert names(replace(DONE, device="ibm_other")) == ["q0.T1", "q0.frequency"]
    assert names(DONE, after=BEFORE) == []


def test_a_figure_that_appears_or_vanishes_needs_more_than_a_relative_limit() -> None:
    assert names(DONE, after=snapshot(T0 + DAY, {"q0.T1": math.nan})) == ["q0.T1"]
    assert names(DONE, after=snapshot(T0 + DAY, {"q0.x": 1.0})) == ["q0.x"]
    with pytest.raises(BadInputError):
        unexplained_changes(AFTER, BEFORE, ())


def test_the_finding_says_what_changed() -> None:
    finding = calibration.finding_of(AFTER, unexplained_changes(BEFORE, AFTER, ()))
    assert finding.techniques == ("impair.config_edit",)
    assert [a.channel for a in finding.attribution] == ["q0.T1", "q0.frequency"]
    assert "q0.T1 0.0001 → 0.00012" in finding.detail
    with pytest.raises(BadInputError):
        calibration.finding_of(AFTER, ())


def test_sets_and_declarations_count_only_when_signed() -> None:
    root = a_root()
    envelope = calibration.sign_set(BEFORE, [ALICE, BOB])
    calibration.verify_set(BEFORE, envelope, root=root, now_ns=T0)
    for other in (AFTER, replace(BEFORE, t_ns=T0 + 1), snapshot(values={"q1.T1": 2.0000001e-4})):
        with pytest.raises(RejectedError):
            calibration.verify_set(other, envelope, root=root, now_ns=T0)
    with pytest.raises(RejectedError, match="step 6"):
        calibration.verify_set(BEFORE, calibration.sign_set(BEFORE, [CAROL]), root=root, now_ns=T0)
    declared = calibration.sign_recalibration(DONE, [ALICE, CAROL])
    assert calibration.read_recalibration(declared, root=root, now_ns=T0) == DONE
    with pytest.raises(RejectedError):
        calibration.read_recalibration(calibration.sign_recalibration(DONE, [ALICE]), root=root, now_ns=T0)
    with pytest.raises(RejectedError):
        calibration.read_recalibration(envelope, root=root, now_ns=T0)
    with pytest.raises(RejectedError, match="cannot be read"):
        calibration.verify_set(BEFORE, b"{", root=root, now_ns=T0)


@pytest.mark.parametrize(
    "changes", [{"actor": ""}, {"ticket": ""}, {"channels": ()}, {"max_relative_change": math.nan}, {"stop_ns": 0}]
)
def test_a_declaration_is_complete(changes: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        replace(DONE, **changes)  # type: ignore[arg-type]
