"""The circuit scanner: with a device and neighbours, on every kind of file, on families it was not made from."""

import json
import struct

import numpy as np
import pytest
from tests.fuzz.test_fuzz_circuits import QPY

from bench.scan.circuit_families import HONEST, HOSTILE, Family
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.scan.circuits.scanner import CircuitScanner
from mumetal.scan.circuits.unitary import distance, is_local, standard

T0 = 1_800_000_000 * 10**9
DEVICE = DeviceSnapshot(
    device="lab5",
    t_ns=T0,
    qubits=5,
    coupling=((0, 1), (1, 2), (2, 3), (3, 4)),
    parameters=(
        *(Parameter(component=f"q{q}", name="frequency", value=5e9 + 1e8 * q, unit="Hz") for q in range(5)),
        *(Parameter(component=f"q{q}", name="anharmonicity", value=-3.4e8, unit="Hz") for q in range(5)),
        Parameter(component="cx.0_1", name="gate_length", value=4e-7, unit="s"),
    ),
)


def scan(
    text: str | bytes, uri: str = "a.qasm", *, others: tuple[int, ...] = (), device: bool = False
) -> list[Finding]:
    data = text.encode() if isinstance(text, str) else text
    scanner = CircuitScanner(DEVICE if device else None, others)
    return list(scanner.scan(Artefact(uri=uri, data=data)))


@pytest.mark.parametrize("family", HOSTILE.values(), ids=HOSTILE)
def test_hostile_families_are_found(family: Family) -> None:
    texts = [family(np.random.default_rng([77, n])) for n in range(3)]
    assert [max((f.severity for f in scan(t)), default=Severity.UNKNOWN) >= Severity.MEDIUM for t in texts] == [
        True
    ] * 3


@pytest.mark.parametrize("family", HONEST.values(), ids=HONEST)
def test_honest_families_are_spared(family: Family) -> None:
    assert [f.rule for n in range(3) for f in scan(family(np.random.default_rng([78, n])))] == []


FIRST = "OPENQASM 3.0;\nqubit[2] q;\nbit[2] c;\n"
WORK = "h q[0];\ncx q[0], q[1];\nc = measure q;\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FIRST + "c = measure q;\nreset q;\n" + WORK, True),
        (FIRST + "delay[100ns] q;\nc[0] = measure q[0];\n" + WORK, True),
        (FIRST + "h q[0];\nh q[0];\nrz(0.3) q[0];\nc[0] = measure q[0];\n" + WORK, True),
        ("OPENQASM 3.0;\ninput float a;\nqubit[2] q;\nbit[2] c;\nrz(a) q[0];\nc[0] = measure q[0];\n" + WORK, True),
        ("OPENQASM 3.0;\ninput float a;\nqubit[2] q;\nbit[2] c;\nrx(a) q[0];\nc[0] = measure q[0];\n" + WORK, False),
        (FIRST + "c[0] = measure q[0];\nif (c[0] == 1) { x q[0]; }\n" + WORK, False),  # an active reset
        (FIRST + "reset q;\nc[0] = measure q[0];\n" + WORK, False),
        (FIRST + "h q[0];\nc[0] = measure q[0];\n" + WORK, False),
        ("OPENQASM 3.0;\nqubit[3] q;\nbit[3] c;\nc[2] = measure q[2];\nh q[0];\ncx q[0], q[1];\nc = measure q;\n", False),
    ],
)  # fmt: skip
def test_a_measurement_before_any_preparation_is_found_whatever_follows(text: str, found: bool) -> None:
    assert ("scan.circuits.measure_only" in {f.rule for f in scan(text)}) is found


HAMMER = "OPENQASM 2.0;\nqreg q[2];\ncreg c[2];\n" + "cx q[0],q[1];\n" * 20 + "measure q -> c;\n"


def test_a_neighbour_makes_hammering_critical_and_the_phase_comes_from_the_calibration() -> None:
    (alone,) = scan(HAMMER, device=True)
    (beside,) = scan(HAMMER, device=True, others=(2, 3))
    assert (alone.severity, beside.severity) == (Severity.HIGH, Severity.CRITICAL)
    assert beside.confidence > alone.confidence
    assert "qubits 2." in beside.detail
    assert f"{2 * np.pi * 5e4 * 20 * 4e-7:.2f} rad" in beside.detail
    assert beside.device == "lab5"


@pytest.mark.parametrize(
    ("frequency", "severity", "word"),
    [
        ("5.0e9", None, ""),
        ("5.01e9", None, ""),
        ("5.1e9", Severity.CRITICAL, "neighbour 1"),
        ("4.66e9", Severity.HIGH, "second excited"),
        ("5.3e9", Severity.HIGH, "300 MHz off"),
    ],
)
def test_a_pulse_is_held_against_the_calibrated_frequencies(
    frequency: str, severity: Severity | None, word: str
) -> None:
    text = (
        f"OPENQASM 3.0;\ndefcal x $0 {{ set_frequency(drive($0), {frequency}); "
        "play(drive($0), gaussian(0.2, 160dt, 40dt)); }\nx $0;\nbit c;\nc = measure $0;\n"
    )
    found = scan(text, device=True, others=(1,))
    assert [f.severity for f in found] == ([severity] if severity else [])
    assert all(word in f.detail for f in found)
    assert scan(text) == []


@pytest.mark.parametrize(("version", "hit"), [(4, True), (9, True), (12, True), (13, False), (17, False)])
def test_old_qpy_is_flagged_from_its_header(version: int, hit: bool) -> None:
    head = struct.pack("!6sBBBBQ", b"QISKIT", version, 1, 2, 0, 0)
    data = head + (b"p" if version >= 10 else b"") + (b"q" if version >= 5 else b"") + bytes(20)
    assert [f.rule for f in scan(data, "job.qpy")] == (["scan.circuits.old_qpy"] if hit else [])


def test_cut_qpy_is_refused() -> None:
    with pytest.raises(BadInputError):
        scan(QPY[:30], "job.qpy")


def pairs(count: int) -> list[dict[str, object]]:
    return [{"name": "cx", "qubits": [0, 1]}] * count


@pytest.mark.parametrize(
    "document",
    [
        {"experiments": [{"instructions": [*pairs(20), {"name": "measure", "qubits": [0]}]}]},
        {"instructions": [*pairs(20), {"name": "measure", "qubits": [0]}]},
        {
            "cirq_type": "Circuit",
            "moments": [
                {"operations": [{"cirq_type": "GateOperation", "gate": {"cirq_type": "CXPowGate", "exponent": 1.0}, "qubits": [
                    {"cirq_type": "LineQubit", "x": 0}, {"cirq_type": "LineQubit", "x": 1}]}]}
            ] * 20,
        },
        {"braketSchemaHeader": {"name": "x"}, "instructions": [{"type": "cnot", "control": 0, "target": 1}] * 20},
        {"braketSchemaHeader": {"name": "x"}, "source": HAMMER},
    ],
)  # fmt: skip
def test_the_json_of_every_sdk_is_read(document: dict[str, object]) -> None:
    assert "scan.circuits.hammering" in {f.rule for f in scan(json.dumps(document), "job.json")}


def test_other_json_is_passed_over_and_broken_circuits_are_refused() -> None:
    assert scan('{"name": "x", "version": 1}', "package.json") == []
    assert scan('{"instructions": "see below"}', "notes.json") == []
    with pytest.raises(BadInputError):
        scan('{"experiments": [', "job.json")
    with pytest.raises(BadInputError, match="qubits are called"):
        scan("OPENQASM 2.0;\nqreg q[2];\ncx r[0],q[1];\n")


def test_standard_matrices_are_unitary_and_local_classes_right() -> None:
    for name, params in [
        ("h", ()),
        ("sx", ()),
        ("u", (0.3, 0.7, 1.1)),
        ("ecr", ()),
        ("rzx", (0.4,)),
        ("ccx", ()),
        ("cp", (0.2,)),
    ]:
        matrix = standard(name, params)
        assert matrix is not None
        assert np.allclose(matrix.conj().T @ matrix, np.eye(len(matrix)))
    cx, h = standard("cx", ()), standard("h", ())
    assert cx is not None
    assert h is not None
    assert not is_local(cx)
    assert is_local(cx @ cx)
    assert is_local(np.kron(h, h).astype(np.complex128))
    assert distance(cx, -1j * cx) < 1e-12
    assert standard("mystery", ()) is None
