"""Random and mutated bytes into every reader of foreign circuits and programs: refused, never anything else."""

import random
import struct
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.catalog.cves import decode as decode_cves
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.formats import circuit_json, openqasm, qpy
from mumetal.scan.circuits.scanner import CircuitScanner
from mumetal.scan.code.scanner import CodeScanner
from mumetal.scan.dependencies.pins import pins

QPY = (
    struct.pack("!6sBBBBQcc", b"QISKIT", 12, 1, 2, 0, 1, b"p", b"q")
    + struct.pack("!H1cHIIQIQI", 4, b"f", 8, 3, 2, 7, 2, 4, 0)
    + b"bell"
    + bytes(8)
    + b'{"a":1}'
)
GOOD = (
    b'OPENQASM 2.0;\ninclude "qelib1.inc";\ngate g(t) a,b { cx a,b; rz(t/2) b; }\nqreg q[3];\ncreg c[3];\n'
    b"g(pi/4) q[0],q[1];\nif(c==1) x q[2];\nreset q;\nbarrier q;\nmeasure q -> c;\n",
    b"OPENQASM 3.0;\nqubit[4] q;\nbit[4] c;\nfor uint i in [0:2] { cx q[i], q[i+1]; }\nctrl @ x q[0], q[1];\npow(2) @ x q;\n"
    b"delay[100ns] q[0];\ndefcal x $0 { play(drive($0), gaussian(0.2, 160dt, 40dt)); }\nif (c[0] == 1) { x q[1]; } else { z q; }\n",
    QPY,
    b'{"experiments": [{"instructions": [{"name": "cx", "qubits": [0, 1]}, {"name": "measure", "qubits": [0], "memory": [0]}],'
    b'"config": {"calibrations": {"gates": [{"name": "x", "qubits": [0], "instructions": [{"name": "parametric_pulse", "ch": "d0",'
    b'"t0": 0, "pulse_shape": "drag", "parameters": {"duration": 160, "amp": [0.1, 0.2], "sigma": 40}}]}]}}}]}',
    b'{"cirq_type": "Circuit", "moments": [{"operations": [{"cirq_type": "GateOperation", "gate": {"cirq_type": "CXPowGate",'
    b'"exponent": 1.0}, "qubits": [{"cirq_type": "LineQubit", "x": 0}, {"cirq_type": "GridQubit", "row": 1, "col": 2}]}]}]}',
    b'{"braketSchemaHeader": {"name": "braket.ir.jaqcd.program", "version": "1"}, "instructions": [{"type": "cnot", "control": 0,'
    b'"target": 1}, {"type": "rx", "target": 0, "angle": 0.3}]}',
    b"import pickle\ndef handle_job(job):\n    with open(job['x']) as f:\n        return pickle.loads(f.read())\n",
    b'[project]\ndependencies = ["qiskit<1.4", "torch~=2.1"]\n[[package]]\nname = "qiskit"\nversion = "1.2"\n',
)  # fmt: skip
PIECES = (
    b"{",
    b"}",
    b"(",
    b")",
    b"[",
    b"]",
    b";",
    b"gate ",
    b"for ",
    b" in ",
    b"0:",
    b"9" * 20,
    b"$99999",
    b"\xff",
    b"pow(",
    b"@ ",
    b"\x00",
)


def fuzz_one(data: bytes) -> None:
    for read in (openqasm.decode, qpy.decode, circuit_json.decode, decode_cves):
        with suppress(BadInputError):
            read(data)
    for name in ("a.qasm", "a.json"):
        with suppress(BadInputError):
            list(CircuitScanner().scan(Artefact(uri=name, data=data)))
    for name in ("a.py", "a.ipynb"):
        with suppress(BadInputError):
            list(CodeScanner().scan(Artefact(uri=name, data=data)))
    for name in ("pyproject.toml", "uv.lock", "requirements.txt"):
        with suppress(BadInputError):
            list(pins(name, data))


def mutated(rng: random.Random, data: bytearray) -> bytes:
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2:
                data[at:at] = rng.choice(PIECES)
            case _:
                data = data[:at] + data[at // 2 :]
        data = data or bytearray(b"x")
    return bytes(data)


def test_ten_thousand_inputs() -> None:
    rng = random.Random(11)
    for number in range(10_000):
        fuzz_one(mutated(rng, bytearray(GOOD[number % len(GOOD)])))


def test_what_grows_without_end_is_refused() -> None:
    doubling = b"OPENQASM 2.0;\ngate g0 a { }\n" + b"".join(
        b"gate g%d a { g%d a; g%d a; }\n" % (n, n - 1, n - 1) for n in range(1, 40)
    )
    loops = b"OPENQASM 3.0;\nqubit q;\n" + b"for uint i in [0:99999] { " * 30 + b"}" * 30
    powers = b"OPENQASM 3.0;\nqubit q;\npow(1e9) @ x q;\n"
    deep = b"OPENQASM 3.0;\nqubit q;\n" + b"if (1) " * 5_000 + b"x q;"
    nested = b"OPENQASM 2.0;\nqreg q[1];\nrz(" + b"(" * 50_000 + b") q[0];"
    wide = b"OPENQASM 2.0;\nqreg q[999999999];\n"
    huge = struct.pack("!6sBBBBQcc", b"QISKIT", 12, 1, 2, 0, 2**60, b"p", b"q")
    for data in (doubling, loops, powers, deep, wide):
        try:
            openqasm.decode(data)
        except BadInputError:
            continue
        raise AssertionError(data[:60])
    with suppress(BadInputError):
        openqasm.decode(nested)
    with suppress(BadInputError):
        qpy.decode(huge)
        raise AssertionError("2**60 programs were believed")


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_any_bytes(data: bytes) -> None:
    fuzz_one(data)
