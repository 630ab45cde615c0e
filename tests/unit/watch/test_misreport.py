"""Reported figures against canaries: a lie is found, a device that really changed is not, whatever the waiting time."""

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, Array, stream

from mumetal.core.finding import Finding
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.core.technique import Conditions
from mumetal.watch.covert.misreport import CanaryWitness

QUBITS = 8
TECHNIQUE = "impair.calibration_misreport"


def run(snapshots: int, reported: Array, true: Array, seed: int = 0, qubits: int = QUBITS) -> list[Finding]:
    """Feed 20 canary rows, a snapshot and 4 more rows a day; factors on T1's rate and readout error, per snapshot.

    ``true`` holds from a snapshot before to its own: the rows after it are true to the next.
    """
    rng = np.random.default_rng(seed)
    rate, readout = 1 / rng.uniform(80e-6, 200e-6, qubits), rng.uniform(0.01, 0.03, qubits)
    witness, out = CanaryWitness(), []
    for k in range(snapshots):
        day = np.exp(0.2 * rng.normal(size=(2, qubits))) * true[k]
        wrong = canary_error(rate * day[0], readout * day[1])
        rows = rng.binomial(512, wrong, (20, qubits)) / 512
        out += witness.note(stream(rows, start_ns=T0 + k * 10**11))
        said = np.exp(0.08 * rng.normal(size=(2, qubits))) * day * reported[k]
        figures = [
            Parameter(component=f"q{i}", name="T1", value=1 / (rate[i] * said[0, i]), unit="s") for i in range(qubits)
        ]
        figures += [
            Parameter(component=f"q{i}", name="readout_error", value=readout[i] * said[1, i], unit="1")
            for i in range(qubits)
        ]
        out += witness.judge(
            DeviceSnapshot(device="lab", t_ns=T0 + k * 10**11 + 9 * 10**10, qubits=qubits, parameters=tuple(figures))
        )
        day *= true[min(k + 1, snapshots - 1)] / true[k]
        rows = rng.binomial(512, canary_error(rate * day[0], readout * day[1]), (4, qubits)) / 512
        out += witness.note(stream(rows, start_ns=T0 + k * 10**11 + 91 * 10**9))
    return out


def canary_error(rate: Array, readout: Array) -> Array:
    return np.asarray(readout + (1 - 2 * readout) * -np.expm1(-5e-6 * rate))


def day(finding: Finding) -> int:
    return (finding.start_ns - T0) // 10**11


def factors(n: int, start: int, factor: float) -> Array:
    return np.where(np.arange(n) >= start, factor, 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_honest_calibrations_are_believed_also_when_the_device_changes(seed: int) -> None:
    ones = np.ones(60)
    assert run(60, ones, ones, seed) == []
    assert run(60, ones, factors(60, 30, 0.5), seed) == []


@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_figures_that_leave_their_canaries_are_found_once_and_pages_name_the_technique(factor: float) -> None:
    found = run(60, factors(60, 30, factor), np.ones(60))
    assert len(found) == 1
    assert found[0].techniques == (TECHNIQUE,)
    assert found[0].start_ns <= T0 + 35 * 10**11
    assert f"{factor:.1f}"[:2] in found[0].detail
    assert found[0].attribution[0].channel.endswith("readout_error")


def test_figures_written_just_after_a_recalibration_wait_for_the_canaries_that_run_after_it() -> None:
    for factor in (0.5, 2.0):
        ahead = np.where(np.arange(60) == 30, factor, 1.0)
        assert run(60, ahead, factors(60, 31, factor)) == []
        assert [day(f) for f in run(60, ahead, np.ones(60))] == [30]


def test_a_second_lie_after_the_first_has_ended_is_told_as_well() -> None:
    lies = np.where((np.arange(80) // 10) % 4 == 2, 0.5, 1.0)
    found = run(80, lies, np.ones(80))
    assert [day(f) for f in found] == [20, 60]
    deeper = np.where(np.arange(60) >= 40, 0.2, factors(60, 20, 0.6))
    assert [day(f) for f in run(60, deeper, np.ones(60))] == [20, 40]


def test_a_lie_after_which_no_canary_runs_is_told_when_its_patience_is_over() -> None:
    rng = np.random.default_rng(3)
    witness, out = CanaryWitness(), []

    def snapshot(t_ns: int, factor: float) -> DeviceSnapshot:
        said = factor * np.exp(0.05 * rng.normal(size=QUBITS))
        figures = [("T1", "s", 1e-4, -1), ("readout_error", "1", 0.02, 1)]
        parameters = tuple(
            Parameter(component=f"q{i}", name=name, value=value * float(said[i] ** sign), unit=unit)
            for i in range(QUBITS)
            for name, unit, value, sign in figures
        )
        return DeviceSnapshot(device="lab", t_ns=t_ns, qubits=QUBITS, parameters=parameters)

    for k in range(20):
        rows = rng.binomial(512, 0.05, (20, QUBITS)) / 512
        out += witness.note(stream(rows, start_ns=T0 + k * 10**11))
        out += witness.judge(snapshot(T0 + k * 10**11 + 9 * 10**10, 0.5 if k == 19 else 1.0))
    written_ns = T0 + 19 * 10**11 + 9 * 10**10
    other = stream(np.zeros((1, 1)), names=("rack.power",), start_ns=written_ns + 599 * 10**9)
    assert out + witness.note(other) == []
    late = witness.note(stream(np.zeros((1, 1)), names=("rack.power",), start_ns=written_ns + 600 * 10**9))
    assert [f.start_ns for f in late] == [written_ns]
    assert "No canary has run" in late[0].detail


def test_a_small_lie_needs_more_snapshots_and_one_qubit_is_no_witness() -> None:
    large = run(200, factors(200, 100, 0.7), np.ones(200))[0].start_ns
    small = run(200, factors(200, 100, 0.88), np.ones(200))[0].start_ns
    assert large < small
    assert run(60, factors(60, 30, 0.3), np.ones(60), qubits=1) == []


def test_its_power_is_never_better_than_the_bound() -> None:
    for samples in (1.0, 10.0, 500.0):
        power = CanaryWitness().power(TECHNIQUE, Conditions(samples=samples, noise=0.25, channels=8))
        assert power.smallest >= power.bound > 0
    assert CanaryWitness().power(TECHNIQUE, Conditions(samples=5.0, noise=0.25, channels=1)).blind
