"""What a rule over circuits is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mumetal.core import check
from mumetal.core.finding import Severity
from mumetal.formats.circuit import Circuit
from mumetal.scan.circuits.context import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One trace of an attack in a circuit.

    Args:
        detail: What was seen, with figures and units.
        line: Line in the text, from 1; 0 when there is none.
        severity: Overrides the rule's.
        confidence: Overrides the rule's, in [0, 1].
        qubits: Qubits concerned.
    """

    detail: str
    line: int = 0
    severity: Severity | None = None
    confidence: float | None = None
    qubits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRule:
    """One thing that an honest circuit has no use for.

    Args:
        rule_id: Dotted id that follows the path.
        title: What it looks like, in one line.
        why: What an attacker gains by it.
        bad: OpenQASM that must be found.
        good: Near relative that must not.
        remedy: What to do about it.
        reference: Paper and technique.
        severity: How bad it is if true.
        confidence: Probability that it is true, in [0, 1].
        techniques: Technique ids.
        look: Yields the signs.
    """

    rule_id: str
    title: str
    why: str
    bad: str
    good: str
    remedy: str
    reference: str
    severity: Severity
    confidence: float
    techniques: tuple[str, ...]
    look: Callable[[Circuit, Surroundings], Iterator[Sign]]

    def __post_init__(self) -> None:
        check.name(self.rule_id, "rule id")
        check.fraction(self.confidence, "confidence")
