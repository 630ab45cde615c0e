import json
import math
from typing import Any

import pytest

from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.formats.backend_properties import from_backend_properties
from mumetal.formats.backend_properties_encode import to_backend_properties

DATE = "2026-03-02T08:00:00+01:00"


def figure(name: str, value: object, unit: str = "", date: str = DATE) -> dict[str, Any]:
    return {"date": date, "name": name, "unit": unit, "value": value}


def document(**changes: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "backend_name": "ibm_test",
        "backend_version": "1.2.3",
        "last_update_date": DATE,
        "qubits": [
            [figure("T1", 100.0, "us"), figure("T2", 150.0, "µs"), figure("frequency", 5.1, "GHz"),
             figure("anharmonicity", -330.0, "MHz"), figure("readout_error", 0.01)],
            [figure("T1", 1e-4, "s"), figure("T2", 250.0, "us"), figure("frequency", 0, "GHz"), figure("anharmonicity", 0, "GHz")],
        ],
        "gates": [
            {"qubits": [0], "gate": "sx", "name": "sx0", "parameters": [figure("gate_error", 2e-4), figure("gate_length", 35.5, "ns")]},
            {"qubits": [0, 1], "gate": "ecr", "name": "ecr0_1", "parameters": [figure("gate_error", 1.0), figure("gate_length", 533, "ns")]},
            {"qubits": [1], "gate": "measure_2", "parameters": [figure("gate_length", 100, "dt")]},
        ],
        "general": [figure("jq_01", 0.002, "GHz"), figure("dt", 0.2222)],
        "general_qlists": [],
    }  # fmt: skip
    return made | changes


def read(made: dict[str, Any]) -> tuple[dict[str, Parameter], DeviceSnapshot, list[str]]:
    snapshot, refused = from_backend_properties(json.dumps(made).encode(), where="c.json")
    return {p.channel: p for p in snapshot.parameters}, snapshot, [f"{q.where} {q.reason}" for q in refused]


def test_units_come_to_si_and_components_are_named() -> None:
    found, snapshot, refused = read(document())
    assert not refused
    assert found["q0.T1"].value == pytest.approx(1e-4)
    assert found["q0.T2"].value == pytest.approx(1.5e-4)
    assert found["q1.T1"].value == 1e-4
    assert found["q0.frequency"].value == pytest.approx(5.1e9)
    assert found["q0.anharmonicity"].value == pytest.approx(-330e6)
    assert found["sx.0.gate_length"].value == pytest.approx(35.5e-9)
    assert found["general.jq_01"].value == pytest.approx(2e6)
    assert {found[c].unit for c in ("q0.T1", "q0.frequency", "q0.readout_error")} == {"s", "Hz", "1"}
    assert snapshot.coupling == ((0, 1),)
    assert snapshot.qubits == 2
    assert "c.json" in snapshot.provenance
    assert "1.2.3" in snapshot.provenance
    assert snapshot.t_ns == found["q0.T1"].t_ns == 1_772_434_800 * 10**9


def test_sentinels_become_nan_and_say_why() -> None:
    found, _, _ = read(document())
    for channel, flag in (
        ("ecr.0_1.gate_error", "sentinel: gate_error 1.0"),
        ("q1.frequency", "sentinel: frequency 0"),
        ("q1.anharmonicity", "sentinel: anharmonicity 0"),
    ):
        assert math.isnan(found[channel].value)
        assert found[channel].flag == flag
    assert found["sx.0.gate_error"].flag == ""


def test_t2_past_twice_t1_is_kept_and_flagged() -> None:
    found, _, _ = read(document())
    assert found["q1.T2"].value == pytest.approx(2.5e-4)
    assert found["q1.T2"].flag == "T2 exceeds 2 T1"
    assert found["q0.T2"].flag == ""


@pytest.mark.parametrize(
    ("dt", "seconds"),
    [(figure("dt", 0.2222), 2.222e-10), (figure("dt", 2.222e-10), 2.222e-10), (figure("dt", 4.5, "ns"), 4.5e-9),
     (figure("dt", 2.222e-10, "s"), 2.222e-10)],
)  # fmt: skip
def test_dt_comes_in_ns_or_in_s(dt: dict[str, Any], seconds: float) -> None:
    found, _, refused = read(document(general=[dt]))
    assert not refused
    assert found["general.dt"].value == pytest.approx(seconds)
    assert found["measure_2.1.gate_length"].value == pytest.approx(100 * seconds)
    assert bool(found["general.dt"].flag) == (dt["unit"] == "")


def test_a_length_in_dt_without_dt_is_refused() -> None:
    found, _, refused = read(document(general=[]))
    assert "measure_2.1.gate_length" not in found
    assert len(refused) == 1
    assert refused[0].startswith("c.json#/gates/2/parameters/0 ")
    assert len(read(document(general=[figure("dt", 5_000.0)]))[2]) == 2


@pytest.mark.parametrize(
    "bad",
    [figure("T1", 100.0, "parsec"), figure("T1", 100.0, "GHz"), figure("T1", 100.0), figure("T1", "hundred", "us"),
     figure("T1", None, "us"), {"name": "T1"}, 7, [], figure("bad name!", 1.0)],
)  # fmt: skip
def test_a_bad_figure_is_refused_and_the_rest_kept(bad: object) -> None:
    made = document()
    made["qubits"][0][0] = bad
    found, _, refused = read(made)
    assert "q0.T1" not in found
    assert len(found) == 15
    assert len(refused) == 1
    assert refused[0].startswith("c.json#/qubits/0/0 ")


def test_a_bad_date_costs_only_the_date() -> None:
    made = document()
    made["qubits"][0][0] = figure("T1", 100.0, "us", "the other day")
    found, _, refused = read(made)
    assert found["q0.T1"].t_ns == 0
    assert found["q0.T1"].flag == "date unreadable"
    assert refused[0].startswith("c.json#/qubits/0/0/date ")


def test_repeats_bad_gates_and_missing_frequencies() -> None:
    made = document()
    made["qubits"][0].append(figure("T1", 7.0, "us"))
    made["gates"] += [
        {"qubits": [9], "gate": "x", "parameters": []},
        {"qubits": [0, 0], "gate": "cx"},
        {"gate": "y"},
        3,
    ]
    made["qubits"][1] = made["qubits"][1][:2]
    found, _, refused = read(made)
    assert found["q0.T1"].value == pytest.approx(1e-4)
    assert "q1.frequency" not in found
    assert [r.split(" ")[0] for r in refused] == ["c.json#/qubits/0/5"] + [f"c.json#/gates/{i}" for i in (3, 4, 5, 6)]


@pytest.mark.parametrize(
    "changes",
    [{"last_update_date": "never"}, {"qubits": []}, {"qubits": 3}, {"backend_name": "?"}, {"qubits": [[]], "gates": [], "general": []}],
)  # fmt: skip
def test_a_document_without_date_device_or_figures_is_bad_input(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInputError) as caught:
        read(document(**changes))
    assert caught.value.where == "c.json"


def test_refusals_are_bounded_and_counted() -> None:
    made = document()
    made["qubits"][0] += [figure("T1", 1.0, "parsec")] * 500
    _, _, refused = read(made)
    assert len(refused) == 201
    assert "300 more" in refused[-1]


def test_writing_and_reading_agree() -> None:
    found, snapshot, _ = read(document())
    again, refused = from_backend_properties(to_backend_properties(snapshot))
    assert not refused
    back = {p.channel: p for p in again.parameters}
    assert set(back) == set(found)
    for channel, parameter in found.items():
        other = back[channel]
        assert (other.unit, other.t_ns) == (parameter.unit, parameter.t_ns)
        assert other.value == pytest.approx(parameter.value, rel=1e-14, nan_ok=True)
    assert back["q1.T2"].flag == "T2 exceeds 2 T1"
    assert math.isnan(back["ecr.0_1.gate_error"].value)
    assert (again.device, again.t_ns, again.qubits, again.coupling) == (
        snapshot.device, snapshot.t_ns, snapshot.qubits, snapshot.coupling,
    )  # fmt: skip
