import json
import math

import pytest

from mumetal.core.errors import BadInputError
from mumetal.formats.qibolab import Authored, from_qibolab

WHEN = Authored(authors=("ana@lab",), revision="ab" * 20, t_ns=1_700_000_000 * 10**9)
OLD = {
    "nqubits": 2,
    "settings": {"nshots": 1024, "relaxation_time": 50_000},
    "native_gates": {
        "single_qubit": {"0": {"RX": {"duration": 40, "amplitude": 0.1, "frequency": 5e9, "shape": "Gaussian(5)"}}},
        "two_qubit": {"0-1": {"CZ": [{"duration": 30, "amplitude": 0.2}, {"phase": 0.5}]}},
    },
    "characterization": {
        "single_qubit": {"0": {"T1": 20_000, "T2": 0, "crosstalk_matrix": {"1": 0.01}}, "1": {"T1": 0}}
    },
}
NEW = {
    "configs": {"A1/drive": {"frequency": 5e9}, "twpa": {"power": -3.0}},
    "native_gates": {"single_qubit": {"A1": {"RX": [["A1/drive", {"duration": 40.0, "amplitude": 0.1}]]}}},
}
CALIBRATION = {
    "single_qubits": {"A1": {"t1": [20_000.0, 300.0], "t2_spin_echo": [1e4, None], "readout": {"fidelity": 0.9}}}
}


def read(**files: object) -> dict[str, tuple[float, str]]:
    content = {f"{n}.json": json.dumps(d).encode() for n, d in files.items()}
    snapshot, refused = from_qibolab(content, WHEN, device="chip", where="git:abc:chip")
    assert not refused
    assert snapshot.revision == WHEN.revision
    assert snapshot.authors == ("ana@lab",)
    return {p.channel: (p.value, p.unit) for p in snapshot.parameters}


def test_the_first_form_is_read_in_si_units_and_what_was_not_measured_is_left_out() -> None:
    assert read(parameters=OLD) == {
        "general.nqubits": (2, "1"),
        "settings.nshots": (1024, "1"),
        "settings.relaxation_time": (pytest.approx(5e-5), "s"),
        "q0.RX.duration": (pytest.approx(4e-8), "s"),
        "q0.RX.amplitude": (0.1, "1"),
        "q0.RX.frequency": (5e9, "Hz"),
        "pair.0_1.CZ[0].duration": (pytest.approx(3e-8), "s"),
        "pair.0_1.CZ[0].amplitude": (0.2, "1"),
        "pair.0_1.CZ[1].phase": (0.5, "1"),
        "q0.T1": (pytest.approx(2e-5), "s"),
        "q0.crosstalk_matrix.1": (0.01, "1"),
    }


def test_the_second_form_joins_both_files_and_gives_lines_to_their_qubits() -> None:
    assert read(parameters=NEW, calibration=CALIBRATION) == {
        "qA1.drive.frequency": (5e9, "Hz"),
        "config.twpa.power": (-3.0, "1"),
        "qA1.RX[0][1].duration": (pytest.approx(4e-8), "s"),
        "qA1.RX[0][1].amplitude": (0.1, "1"),
        "qA1.T1": (pytest.approx(2e-5), "s"),
        "qA1.T1.uncertainty": (pytest.approx(3e-7), "s"),
        "qA1.T2_echo": (pytest.approx(1e-5), "s"),
        "qA1.readout.fidelity": (0.9, "1"),
    }


def test_qubits_and_couplings_are_counted() -> None:
    snapshot, _ = from_qibolab({"parameters.json": json.dumps(OLD).encode()}, WHEN, device="chip")
    assert (snapshot.qubits, snapshot.coupling) == (2, ((0, 1),))


def test_what_python_writes_for_no_number_hides_nothing() -> None:
    text = b'{"single_qubits": {"0": {"t1": NaN, "t2": [9000, Infinity]}}}'
    snapshot, _ = from_qibolab({"calibration.json": text}, WHEN, device="chip")
    assert [p.channel for p in snapshot.parameters] == ["q0.T2"]
    assert all(math.isfinite(p.value) for p in snapshot.parameters)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[]", "a platform's file is a JSON object"),
        (b"{", "not JSON"),
        (b'{"a": 1}', "no qubit is named in it"),
        (b'{"single_qubits": {"0": {}}}', "1 to 60000 figures"),
        (b'{"single_qubits": {"0": {"t1": 1, "t1": 2}}}', "a key is given twice"),
        (b'{"single_qubits": {"0": {"t1": [' + b"1," * 250_000 + b"1]}}}", "more than 60000 figures"),
    ],
)
def test_what_is_no_platform_is_refused_with_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(BadInputError, match=why):
        from_qibolab({"parameters.json": content}, WHEN, device="chip", where="w")


def test_names_that_cannot_be_used_cost_their_figure_only() -> None:
    long = "x" * 50_000
    text = json.dumps({"single_qubits": {"0": {"t1": 5.0, long: {str(i): i for i in range(300)}, "a b": 1}}})
    snapshot, refused = from_qibolab({"calibration.json": text.encode()}, WHEN, device="chip", where="w")
    assert [p.channel for p in snapshot.parameters] == ["q0.T1", "q0.a_b"]
    assert len(refused) == 50
    assert all(len(q.where) < 300 for q in refused)


def test_no_figure_can_stand_in_for_another() -> None:
    """What is played keeps its name whatever is written beside it; keys that imitate paths are refused."""
    gate = {"RX": [["0/drive", {"amplitude": 0.2}]], "RX[0][1]": {"amplitude": 0.1}, "MZ": {"amplitude": "0.3"}}
    gates = {"single_qubit": {"0": gate}}
    parameters = {"single_qubits": {"0": {"RX[0][1].amplitude": 0.1, "t1": 1e4}}, "native_gates": gates}
    shadow = {
        "native_gates": {"single_qubit": {"0": {"MZ": {"amplitude": 0.1}}}},
        "single_qubits": {"0": {"t1": [2e4, 1.0]}},
    }
    content = {"parameters.json": json.dumps(parameters).encode(), "calibration.json": json.dumps(shadow).encode()}
    snapshot, refused = from_qibolab(content, WHEN, device="chip", where="w")
    values = {p.channel: p.value for p in snapshot.parameters}
    assert values["q0.RX[0][1].amplitude"] == 0.2
    assert (values["q0.MZ.amplitude"], values["q0.MZ.amplitude@2.native_gates"]) == (0.3, 0.1)
    assert values["q0.T1"] == pytest.approx(2e-5)
    assert values["q0.T1@2.single_qubits"] == pytest.approx(1e-5)
    assert len(refused) == 2
