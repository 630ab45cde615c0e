"""The device model against closed forms, the sample size against simulation, the asserts and the plug-in as users run it."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mumetal.catalog.calibrations import snapshots
from mumetal.core.errors import BadInputError
from mumetal.scan.testing.asserts import (
    assert_budget,
    assert_close_to,
    assert_counts,
    assert_no_residue,
    circuit_of,
    vector,
)
from mumetal.scan.testing.model import DeviceModel, distribution, final_state
from mumetal.scan.testing.statistics import compare, power_of, shots_needed

ROOT = Path(__file__).resolve().parents[4]
HEAD = "OPENQASM 3.0;\nqubit[{n}] q;\nbit[{n}] c;\n"
BELL = HEAD.format(n=2) + "h q[0];\ncx q[0], q[1];\nc = measure q;\n"
QUIET = DeviceModel(
    name="quiet",
    t1_s=(1e9, 1e9),
    t2_s=(1e9, 1e9),
    readout_error=(0.0, 0.0),
    gate_error=((0, 1, 0.0),),
    one_qubit_error=0.0,
)
NOISY = DeviceModel(
    name="noisy", t1_s=(1e-4, 8e-5), t2_s=(1e-4, 5e-5), readout_error=(0.02, 0.03), gate_error=((0, 1, 0.02),)
)


def test_without_noise_a_bell_pair_is_one() -> None:
    assert distribution(circuit_of(BELL), QUIET) == pytest.approx([0.5, 0, 0, 0.5])


def test_relaxation_and_dephasing_follow_t1_and_t2() -> None:
    t = 4e-5
    model = DeviceModel(name="m", t1_s=(1e-4,), t2_s=(7e-5,), readout_error=(0.0,), one_qubit_error=0.0)
    excited = circuit_of(HEAD.format(n=1) + "delay[0s] q[0];\nreset q;\nx q[0];\ndelay[40us] q[0];")
    assert final_state(excited, model)[1, 1].real == pytest.approx(math.exp(-(t + 5e-8) / 1e-4), rel=1e-6)
    turned = circuit_of(HEAD.format(n=1) + "h q[0];\ndelay[40us] q[0];")
    assert abs(final_state(turned, model)[0, 1]) == pytest.approx(0.5 * math.exp(-(t + 5e-8) / 7e-5), rel=1e-6)


def test_a_gate_loses_its_calibrated_infidelity() -> None:
    model = DeviceModel(
        name="m",
        t1_s=(1e9, 1e9),
        t2_s=(1e9, 1e9),
        readout_error=(0, 0),
        gate_error=((0, 1, 0.03),),
        one_qubit_error=0.0,
    )
    rho = final_state(circuit_of(HEAD.format(n=2) + "cx q[0], q[1];"), model)
    share = 0.03 * 4 / 3
    assert rho[0, 0].real == pytest.approx(1 - share + share / 4)
    assert np.trace(rho).real == pytest.approx(1)


def test_noise_keeps_a_state_a_state() -> None:
    text = HEAD.format(n=2) + "ry(0.7) q[0];\ncx q[0], q[1];\nsx q[1];\nrzz(0.4) q[0], q[1];\ndelay[3us] q;\n"
    rho = final_state(circuit_of(text), NOISY)
    assert np.allclose(rho, rho.conj().T)
    assert np.linalg.eigvalsh(rho).min() > -1e-12
    assert distribution(circuit_of(text), NOISY).sum() == pytest.approx(1)


def test_a_real_calibration_gives_a_model() -> None:
    model = DeviceModel.of(snapshots("kyiv")[-1], (0, 1, 2))
    assert all(1e-6 < t < 1e-2 for t in model.t1_s)
    assert all(t2 <= 2 * t1 for t1, t2 in zip(model.t1_s, model.t2_s, strict=True))
    assert 0 < model.error_of(0, 1) < 0.2
    with pytest.raises(BadInputError):
        DeviceModel.of(snapshots("kyiv")[-1], (0, 9_999))


@pytest.mark.parametrize(("distance", "bins"), [(0.1, 4), (0.05, 8), (0.2, 16)])
def test_the_sample_size_has_the_power_it_states(distance: float, bins: int) -> None:
    shots = shots_needed(distance, bins, alpha=0.01, power=0.9)
    even = np.full(bins, 1 / bins)
    off = even + np.where(np.arange(bins) % 2, 1, -1) * 2 * distance / bins
    rng = np.random.default_rng(3)
    runs = 1_500

    def share(chances: np.ndarray) -> float:
        draws = rng.multinomial(shots, chances, size=runs)
        return float(np.mean([compare(d.astype(np.int64), even).p_value < 0.01 for d in draws]))

    assert share(off) == pytest.approx(0.9, abs=0.04)
    assert share(even) == pytest.approx(0.01, abs=0.01)
    assert power_of(shots, distance, bins, 0.01) >= 0.9


def test_counts_are_held_against_the_model() -> None:
    rng = np.random.default_rng(5)
    names = ["00", "01", "10", "11"]
    honest = rng.multinomial(4_000, distribution(circuit_of(BELL), NOISY))
    assert_counts(dict(zip(names, map(int, honest), strict=True)), BELL, NOISY)
    with pytest.raises(AssertionError, match="do not fit"):
        assert_counts({"00": 2_500, "11": 1_400, "01": 50, "10": 50}, BELL, NOISY)
    with pytest.raises(AssertionError, match="are needed"):
        assert_counts({"00": 10, "11": 10}, BELL, NOISY)
    with pytest.raises(BadInputError):
        assert_counts({"000": 5}, BELL, NOISY)


def test_distance_and_budgets() -> None:
    assert_close_to(BELL, NOISY, {"00": 0.5, "11": 0.5}, distance=0.1)
    with pytest.raises(AssertionError, match="total variation"):
        assert_close_to(BELL, NOISY, {"00": 0.5, "11": 0.5}, distance=0.01)
    assert_budget(BELL, depth=3, two_qubit_gates=1, duration_s=1e-6)
    with pytest.raises(AssertionError, match="depth: 3"):
        assert_budget(BELL, depth=2)
    with pytest.raises(AssertionError, match="two-qubit gates: 1"):
        assert_budget(BELL, two_qubit_gates=0)
    with pytest.raises(AssertionError, match="µs"):
        assert_budget(BELL, duration_s=1e-7)
    with pytest.raises(BadInputError):
        vector({"00": 0.4}, 2)


def test_residue_tells_with_enough_shots_only() -> None:
    excited = HEAD.format(n=2) + "x q[0];\nc = measure q;\n"
    assert_no_residue(excited, NOISY, shots=100)
    with pytest.raises(AssertionError, match="qubit 0"):
        assert_no_residue(excited, NOISY, shots=50_000)
    assert_no_residue(excited + "reset q;\n", NOISY, shots=50_000)


def test_what_cannot_be_simulated_is_refused() -> None:
    for text in ("x q[0];\nif (c[0] == 1) x q[1];", "mystery q[0];", "rx(a) q[0];"):
        with pytest.raises(BadInputError):
            distribution(circuit_of(HEAD.format(n=2) + text), QUIET)
    with pytest.raises(BadInputError):
        distribution(circuit_of(HEAD.format(n=3) + "x q;"), QUIET)


def test_the_plug_in_as_a_user_runs_it(tmp_path: Path) -> None:
    (tmp_path / "test_bell.py").write_text(
        "from mumetal.scan.testing.asserts import assert_budget, assert_close_to\n"
        f"BELL = {BELL!r}\n"
        "def test_bell(device_model):\n"
        "    assert_close_to(BELL, device_model([0, 1]), {'00': 0.5, '11': 0.5}, distance=0.2)\n"
        "    assert_budget(BELL, depth=3)\n"
        "def test_too_strict(device_model):\n"
        "    assert_close_to(BELL, device_model([0, 1]), {'00': 0.5, '11': 0.5}, distance=1e-4)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--quantum-device", "brisbane", str(tmp_path)],
        check=False, capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin"},
    )  # fmt: skip
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "on brisbane at" in done.stdout
