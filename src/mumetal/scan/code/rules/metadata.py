"""Keys and tokens that travel with a circuit."""

import ast
import re
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Source

CREDENTIAL = re.compile(
    r"(?:^|_)(?:(?:api|auth|access|bearer|refresh|session|ibm|iqp)_?(?:token|key)|token|api_?key|secret(?:_?key)?|passw(?:or)?d|"
    r"credentials?|private_?key)$",
    re.IGNORECASE,
)
FIELDS = {"metadata", "job_tags", "tags", "header", "labels"}
CARRIERS = ("Circuit", "Schedule", "Program", ".run", ".submit", "Pub", "Job", "ExperimentData")


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if call.name.endswith(CARRIERS):
            for keyword in call.node.keywords:
                if keyword.arg in FIELDS:
                    yield from _inside(keyword.value, keyword.arg)
    for node, _ in source.of(ast.Assign):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == "metadata":
                yield from _inside(node.value, "metadata")
            elif (
                isinstance(target, ast.Subscript)
                and isinstance(target.value, ast.Attribute)
                and target.value.attr == "metadata"
                and isinstance(target.slice, ast.Constant)
                and isinstance(target.slice.value, str)
                and CREDENTIAL.search(target.slice.value)
            ):
                yield Hit(node=node, detail=f"metadata[{target.slice.value!r}] is set.")


def _inside(value: ast.expr, field: str) -> Iterator[Hit]:
    for node in ast.walk(value):
        if isinstance(node, ast.Dict):
            for key, held in zip(node.keys, node.values, strict=True):
                named = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
                if CREDENTIAL.search(named) and not (isinstance(held, ast.Constant) and not held.value):
                    yield Hit(node=key or held, detail=f"{field} carries {named!r}.")
        elif isinstance(node, ast.FormattedValue | ast.List | ast.Tuple):
            for part in [node.value] if isinstance(node, ast.FormattedValue) else node.elts:
                named = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
                if CREDENTIAL.search(named):
                    yield Hit(node=part, detail=f"{field} carries the value of {named!r}.")


RULE = CodeRule(
    rule_id="scan.code.metadata",
    title="Puts a credential into a circuit's metadata or a job's tags",
    why="Metadata is stored with the job, shown in dashboards and written into QPY files that are passed around.",
    bad="from qiskit import QuantumCircuit\ndef build(token):\n    return QuantumCircuit(2, metadata={'api_token': token})\n",
    good="from qiskit import QuantumCircuit\ndef build(run):\n    return QuantumCircuit(2, metadata={'run': run})\n",
    remedy="Leave credentials to the client; put an identifier of the run into the metadata.",
    reference="CWE-522, CWE-200",
    severity=Severity.HIGH,
    confidence=0.85,
    techniques=("initial_access.token_theft",),
    needs=(b"metadata", b"job_tags", b"tags", b"header", b"labels"),
    look=_look,
)
