"""Fields of a job in an SQL statement."""

import ast
import re
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Call, Source

STATEMENT = re.compile(
    r"\s*(?:select\s.+\sfrom|insert\s+(?:or\s+\w+\s+)?into|update\s.+\sset|delete\s+from|replace\s+into|drop\s+table)\b",
    re.IGNORECASE | re.DOTALL,
)
VERBS = (
    ".execute",
    ".executemany",
    ".executescript",
    ".sql",
    ".query",
    ".raw",
    ".read_sql",
    ".exec_driver_sql",
    ".text",
)


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if not call.name.endswith(VERBS) or not call.node.args:
            continue
        for built in _statements(call, call.node.args[0]):
            origin = max((call.origin(part) for part in _inserted(built)), default=Origin.OWN)
            if origin < Origin.UNKNOWN or (origin < Origin.NETWORK and not source.is_runtime):
                continue
            yield Hit(
                node=call.node,
                detail=f"An SQL statement is put together with what comes from {origin.words}.",
                severity=Severity.HIGH if origin >= Origin.NETWORK else Severity.MEDIUM,
                confidence=0.9 if origin >= Origin.NETWORK else 0.5,
            )
            break


def _statements(call: Call, argument: ast.expr) -> Iterator[ast.expr]:
    candidates = [argument, *(call.flow.bound_to(argument.id) if isinstance(argument, ast.Name) else ())]
    return (c for c in candidates if STATEMENT.match(_fixed_text(c)) and not isinstance(c, ast.Constant))


def _fixed_text(node: ast.expr) -> str:
    """Return the literal text of a string that is put together, with blanks for what is inserted."""
    match node:
        case ast.Constant(value=str() as text):
            return text[:10_000]
        case ast.JoinedStr(values=parts):
            return "".join(
                p.value if isinstance(p, ast.Constant) and isinstance(p.value, str) else " x " for p in parts
            )
        case ast.BinOp(op=ast.Mod(), left=left):
            return _fixed_text(left)
        case ast.BinOp(op=ast.Add()):
            texts: list[str] = []
            at: ast.expr = node
            while isinstance(at, ast.BinOp) and isinstance(at.op, ast.Add):
                texts.append(_fixed_text(at.right) if not isinstance(at.right, ast.BinOp) else " x ")
                at = at.left
            texts.append(_fixed_text(at) if not isinstance(at, ast.BinOp) else " x ")
            return "".join(t or " x " for t in reversed(texts))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text), attr="format")):
            return text[:10_000]
        case _:
            return ""


def _inserted(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.JoinedStr(values=parts):
            yield from (p.value for p in parts if isinstance(p, ast.FormattedValue))
        case ast.BinOp(op=ast.Mod(), right=right):
            yield right
        case ast.Call(args=args, keywords=keywords):
            yield from args
            yield from (k.value for k in keywords)
        case _:
            yield node


RULE = CodeRule(
    rule_id="scan.code.sql",
    title="Builds an SQL statement from a job",
    why="A job's field then reads or changes other tenants' rows.",
    bad="def handle_job(job, db):\n    db.execute(f\"SELECT * FROM jobs WHERE id = '{job['id']}'\")\n",
    good="def handle_job(job, db):\n    db.execute('SELECT * FROM jobs WHERE id = ?', (job['id'],))\n",
    remedy="Pass values as parameters; take table names from a fixed list.",
    reference="CWE-89",
    severity=Severity.HIGH,
    techniques=("execution.malicious_payload",),
    needs=(b"execute", b".sql(", b".query(", b".raw(", b"read_sql", b"text("),
    look=_look,
)
