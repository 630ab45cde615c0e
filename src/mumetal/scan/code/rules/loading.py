"""Loading what can run code: the loaders, and what one of them is fed."""

import ast
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import Hit
from mumetal.scan.code.source import Call, Source

SEVERITY = {
    Origin.UNKNOWN: Severity.LOW,
    Origin.FILE: Severity.MEDIUM,
    Origin.NETWORK: Severity.HIGH,
    Origin.JOB: Severity.CRITICAL,
}
CONFIDENCE = {Origin.UNKNOWN: 0.4, Origin.FILE: 0.6, Origin.NETWORK: 0.85, Origin.JOB: 0.95}


def foreign(source: Source, call: Call, what: str, *, files: bool = True) -> Iterator[Hit]:
    """Yield a hit when a loader's first argument is foreign enough.

    A caller's value counts only where jobs or requests enter the module: a library's ``load(path)`` is its caller's
    business. Bytes the function itself wrote are its own.

    Args:
        source: The module.
        call: The loader's call.
        what: The loader's name for the message.
        files: Whether a file of unknown name counts.
    """
    subject = call.node.args[0] if call.node.args else (call.node.keywords[0].value if call.node.keywords else None)
    origin = call.origin(subject)
    if origin is Origin.OWN or (origin is Origin.UNKNOWN and not source.is_runtime):
        return
    if origin is Origin.FILE and not files and not source.is_runtime:
        return
    yield Hit(
        node=call.node,
        detail=f"{what} reads what comes from {origin.words}.",
        severity=SEVERITY[origin],
        confidence=CONFIDENCE[origin],
    )


def is_true(node: ast.expr | None) -> bool:
    """Whether an argument is the literal True."""
    return isinstance(node, ast.Constant) and node.value is True


def is_false(node: ast.expr | None) -> bool:
    """Whether an argument is the literal False."""
    return isinstance(node, ast.Constant) and node.value is False
