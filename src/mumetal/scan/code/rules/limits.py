"""Jobs without an end: no time limit, or as many shots as the sender likes."""

import ast
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Call, Source

SESSIONS = ("qiskit_ibm_runtime.Session", "qiskit_ibm_runtime.Batch", "qiskit_ibm_runtime.session.Session")
AMOUNTS = {"shots", "repetitions", "num_shots", "default_shots", "max_execution_time", "max_time", "count"}
RUNS = (".run", ".execute", ".submit", ".run_sweep", ".run_batch", ".execute_async")


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if call.name in SESSIONS and call.keyword("max_time") is None and not call.unpacks:
            yield Hit(
                node=call.node,
                detail=f"{call.name.rsplit('.', 1)[-1]} is opened without max_time.",
                severity=Severity.LOW,
                confidence=0.7,
            )
        if call.name.endswith(RUNS):
            yield from _unbounded(call)


def _unbounded(call: Call) -> Iterator[Hit]:
    for keyword in call.node.keywords:
        if keyword.arg not in AMOUNTS or _job_value(call, keyword.value) is None:
            continue
        yield Hit(node=keyword.value, detail=f"{keyword.arg} is taken from a job as it comes.")


def _job_value(call: Call, value: ast.expr) -> str | None:
    """Return what is taken from the job, when nothing bounds it; int() alone is no bound."""
    inner = value
    while (
        isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Name)
        and inner.func.id in {"int", "float"}
        and inner.args
    ):
        inner = inner.args[0]
    if call.origin(inner) is not Origin.JOB:
        bound = list(call.flow.bound_to(inner.id)) if isinstance(inner, ast.Name) else []
        if not any(_raw(call, b) for b in bound):
            return None
    if isinstance(inner, ast.Name) and _compared(call.flow.scope, inner.id):
        return None
    return ast.unparse(inner)[:100]


def _raw(call: Call, value: ast.expr) -> bool:
    """Whether a bound value is ``int(job[…])``: a number, but the sender's."""
    is_number = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in {"int", "float"}
    return isinstance(value, ast.Call) and is_number and any(call.origin(a) is Origin.JOB for a in value.args)


def _compared(scope: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Compare) and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))
        for node in ast.walk(scope)
    )


RULE = CodeRule(
    rule_id="scan.code.limits",
    title="Submits work without a bound",
    why="One job can then hold the device, exhaust the budget, or give an attacker the shots a side channel needs.",
    bad="def handle_job(job, backend):\n    return backend.run(job['circuit'], shots=job['shots'])\n",
    good="def handle_job(job, backend):\n    return backend.run(job['circuit'], shots=min(int(job['shots']), 4096))\n",
    remedy="Give max_time to sessions, and bound shots with min() or a refusal.",
    reference="CWE-770; arXiv 2412.10507 (shots set the power of a side channel)",
    severity=Severity.MEDIUM,
    confidence=0.8,
    techniques=("impact.shuttle_exhaustion", "collection.crosstalk_side_channel"),
    needs=(b"Session", b"Batch", b".run", b".submit", b".execute"),
    look=_look,
)
