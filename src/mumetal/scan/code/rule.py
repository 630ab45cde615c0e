"""What a rule over source code is: why, bad, good and reference stand beside the check."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mumetal.core import check
from mumetal.core.finding import Severity
from mumetal.scan.code.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One place where a rule matches.

    Args:
        node: The syntax that is meant.
        detail: What was seen there, without any literal that could be a secret.
        severity: Overrides the rule's when the place is worse or milder than usual.
        confidence: Overrides the rule's, in [0, 1].
    """

    node: ast.expr | ast.stmt
    detail: str
    severity: Severity | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRule:
    """One thing that source code should not do.

    Args:
        rule_id: Dotted id that follows the path: ``"scan.code.pickle"``.
        title: What is wrong, in one line.
        why: What an attacker gains by it.
        bad: Example that must be found.
        good: The same job done well; must not be found.
        remedy: What to write instead.
        reference: Weakness id, advisory, documentation.
        severity: How bad it is if true.
        confidence: Probability that it is true, in [0, 1].
        techniques: Technique ids it answers.
        needs: A module without any of these bytes cannot match; spares parsing it.
        look: Yields the places.
    """

    rule_id: str
    title: str
    why: str
    bad: str
    good: str
    remedy: str
    reference: str
    severity: Severity = Severity.MEDIUM
    confidence: float = 0.8
    techniques: tuple[str, ...] = ()
    needs: tuple[bytes, ...]
    look: Callable[[Source], Iterator[Hit]]

    def __post_init__(self) -> None:
        check.name(self.rule_id, "rule id")
        check.fraction(self.confidence, "confidence")
