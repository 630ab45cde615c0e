"""Text of a job that becomes code."""

import ast
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.flow import Origin
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Source

RUNNERS = {
    "eval", "exec", "compile", "builtins.eval", "builtins.exec", "sympy.sympify", "sympy.parse_expr",
    "sympy.parsing.sympy_parser.parse_expr", "symengine.sympify", "numexpr.evaluate", "importlib.import_module",
    "__import__", "runpy.run_path", "runpy.run_module", "pandas.eval", "code.interact", "os.execv", "types.FunctionType",
}  # fmt: skip


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        if call.name not in RUNNERS or not call.node.args:
            continue
        first = call.node.args[0]
        origin = call.origin(first)
        if origin < Origin.NETWORK:
            continue
        if isinstance(first, ast.Name) and _checked(source, call.flow.scope, first.id):
            continue
        yield Hit(node=call.node, detail=f"{call.name} is given what comes from {origin.words}.")


def _checked(source: Source, scope: ast.AST, name: str) -> bool:
    """Whether the function compares the name with a fixed set before (``if name not in ALLOWED``)."""
    return any(
        flow.scope is scope
        and isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name)
        and node.left.id == name
        and isinstance(node.ops[0], ast.In | ast.NotIn)
        for node, flow in source.of(ast.Compare)
    )


RULE = CodeRule(
    rule_id="scan.code.evaluation",
    title="Evaluates text from a job",
    why="The text is Python (or, for sympify, becomes Python): whoever sends it runs code in the job runtime.",
    bad="def handle_job(job):\n    return eval(job['angle'])\n",
    good="def handle_job(job):\n    return float(job['angle'])\n",
    remedy="Parse what is expected: float, ast.literal_eval on a bounded text, or a small grammar of your own.",
    reference="CWE-94, CWE-95; SymPy documentation of sympify (uses eval)",
    severity=Severity.CRITICAL,
    confidence=0.9,
    techniques=("execution.malicious_payload",),
    needs=(b"eval", b"exec", b"compile", b"sympify", b"parse_expr", b"import_module", b"__import__", b"runpy"),
    look=_look,
)
