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
    """Feed canaries and a snapshot in turn; factors on T1's rate and readout error, reported and true, per snapshot."""
    rng = np.random.default_rng(seed)
    rate, readout = 1 / rng.uniform(80e-6, 200e-6, qubits), rng.uniform(0.01, 0.03, qubits)
    witness, out = CanaryWitness(), []
    for k in range(snapshots):
        day = np.exp(0.2 * rng.normal(size=(2, qubits))) * true[k]
        e, decay = readout * day[1], -np.expm1(-5e-6 * rate * day[0])
        wrong = e + (1 - 2 * e) * decay
        rows = rng.binomial(512, wrong, (20, qubits)) / 512
        witness.note(stream(rows, start_ns=T0 + k * 10**11))
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
    return out


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
