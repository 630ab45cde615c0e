"""OpenQASM 2 and 3: what is read, and how an angle is worked out."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumetal.core.errors import BadInputError
from mumetal.formats.openqasm import decode
from mumetal.formats.qasm_tokens import Arithmetic, tokens

TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3];\ncreg c[3];\n'
THREE = "OPENQASM 3.0;\nqubit[3] q;\nbit[3] c;\n"


def names(text: str) -> list[str]:
    return [f"{o.name}{list(o.qubits)}" for o in decode(text.encode()).operations]


def test_registers_broadcast() -> None:
    assert names(TWO + "h q;\ncx q[0],q[1];\nmeasure q -> c;\n") == [
        "h[0]", "h[1]", "h[2]", "cx[0, 1]", "measure[0]", "measure[1]", "measure[2]",
    ]  # fmt: skip
    assert names(TWO + "qreg r[3];\ncx q,r;\n") == ["cx[0, 3]", "cx[1, 4]", "cx[2, 5]"]
    assert names(TWO + "cx q[0],q[1];barrier q[0],q[2];") == ["cx[0, 1]", "barrier[0, 2]"]


def test_definitions_are_expanded_with_their_angles() -> None:
    circuit = decode((TWO + "gate f(t) a,b { cx a,b; rz(t/2) b; }\ngate g a,b { f(pi) b,a; }\ng q[1],q[2];\n").encode())
    assert [(o.name, o.qubits) for o in circuit.operations] == [("cx", (2, 1)), ("rz", (1,))]
    assert circuit.operations[1].params == pytest.approx((math.pi / 2,))
    assert [d.name for d in circuit.definitions] == ["f", "g"]
    assert circuit.includes == ("qelib1.inc",)


def test_three_has_loops_conditions_modifiers_and_delays() -> None:
    assert names(THREE + "for uint i in [0:1] { cx q[i], q[i+1]; }") == ["cx[0, 1]", "cx[1, 2]"]
    assert names(THREE + "for int i in {2, 0} x q[i];") == ["x[2]", "x[0]"]
    assert names(THREE + "for uint i in [1:0] { x q[0]; } h q[0];") == ["h[0]"]
    assert names(THREE + "ctrl @ x q[0], q[1]; inv @ s q[2]; pow(2) @ h q[0];") == [
        "cx[0, 1]",
        "sdg[2]",
        "h[0]",
        "h[0]",
    ]
    circuit = decode(
        (THREE + "c[0] = measure q[0];\nif (c[0] == 1) { x q[1]; } else z q[1];\ndelay[1.5us] q[0];\nx $7;").encode()
    )
    assert [o.conditional for o in circuit.operations] == [False, True, True, False, False]
    assert circuit.operations[3].duration_s == pytest.approx(1.5e-6)
    assert circuit.qubits == 8
    assert [o.line for o in circuit.operations] == [4, 5, 5, 6, 7]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("OPENQASM 2.0;\nqreg q[2];\ncx q[0],q[5];", "circuit.qasm:3"),
        ("OPENQASM 2.0;\nqreg q[2]\n", "circuit.qasm:2"),
        ("OPENQASM 2.0;\ngate g a { x a; \n", "circuit.qasm:2"),
        ("OPENQASM 3.0;\nqubit q;\n¤ q;", "circuit.qasm:3"),
    ],
)
def test_a_broken_program_is_refused_with_its_line(text: str, where: str) -> None:
    with pytest.raises(BadInputError) as caught:
        decode(text.encode())
    assert caught.value.where == where


EXPRESSIONS = st.recursive(
    st.floats(0.1, 9).map(lambda x: f"{x:.3f}"),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_arithmetic_agrees_with_python(text: str) -> None:
    ours = Arithmetic(tokens(text, ""), {}, 1.0).value()
    theirs = float(str(sum_of(text)))
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def sum_of(text: str) -> float:
    """Work an expression out by its brackets, slowly."""
    if not text.startswith("("):
        return float(text)
    depth = 0
    for at, mark in enumerate(text):
        depth += (mark == "(") - (mark == ")")
        if depth == 1 and mark in "+-*" and text[at - 1] == " ":
            left, right = sum_of(text[1 : at - 1]), sum_of(text[at + 2 : -1])
            return left + right if mark == "+" else left - right if mark == "-" else left * right
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-pi/2", -math.pi / 2),
        ("2**3", 8),
        ("sin(pi/2)", 1),
        ("sqrt(2)^2", 2),
        ("100ns", 1e-7),
        ("2*x", 6),
        ("-2^2", -4),
    ],
)
def test_values(text: str, value: float) -> None:
    assert Arithmetic(tokens(text, ""), {"x": 3.0}, 1.0).value() == pytest.approx(value)


@pytest.mark.parametrize("text", ["1/0", "ln(0)", "y", "(", "1 2", "10**400", "sin"])
def test_what_has_no_value_is_nan(text: str) -> None:
    assert math.isnan(Arithmetic(tokens(text, ""), {}, 1.0).value())
