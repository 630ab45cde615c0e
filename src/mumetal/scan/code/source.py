"""One parsed Python module: its calls by their full names, its functions, and where their values come from."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from mumetal.core.errors import BadInputError
from mumetal.scan.code.flow import Flow, Origin
from mumetal.scan.code.names import Names

MAX_SOURCE_BYTES = 8 * 2**20
MAX_NODES = 2_000_000

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call.

    Args:
        node: The syntax.
        name: Full dotted name of what is called, aliases resolved; empty when it is no plain name.
        flow: Where the values of the surrounding function come from.
    """

    node: ast.Call
    name: str
    flow: Flow

    def keyword(self, name: str) -> ast.expr | None:
        """Return the value of a keyword argument, None when it is not given."""
        return next((k.value for k in self.node.keywords if k.arg == name), None)

    def argument(self, position: int, name: str = "") -> ast.expr | None:
        """Return an argument by position or keyword, None when it is not given."""
        if position < len(self.node.args):
            found = self.node.args[position]
            return found.value if isinstance(found, ast.Starred) else found
        return self.keyword(name) if name else None

    @property
    def unpacks(self) -> bool:
        """Whether ``**something`` is passed, so that a missing keyword means nothing."""
        return any(k.arg is None for k in self.node.keywords)

    def origin(self, node: ast.expr | None) -> Origin:
        """Return where a value of this function comes from; OWN for None."""
        return Origin.OWN if node is None else self.flow.origin(node)


@dataclass(frozen=True, slots=True)
class Source:
    """One module, parsed once for all rules.

    Args:
        tree: The syntax tree.
        names: What the module calls things.
        calls: Every call, in order of the text.
        flows: Per function, where its values come from; the module's own under its tree.
        nodes: Every other node, for rules that look at more than calls.
    """

    tree: ast.Module
    names: Names
    calls: tuple[Call, ...]
    flows: dict[ast.AST, Flow] = field(repr=False)
    nodes: tuple[tuple[ast.AST, Flow], ...] = field(repr=False)

    @property
    def is_runtime(self) -> bool:
        """Whether jobs or requests of others enter here."""
        return any(f.handler for f in self.flows.values())

    def of(self, *kinds: type[ast.AST]) -> Iterator[tuple[ast.AST, Flow]]:
        """Yield nodes of some kinds with the flow of their function."""
        return ((n, f) for n, f in self.nodes if isinstance(n, kinds))


def parse(text: bytes, where: str) -> Source:
    """Parse a module; nothing in it is run.

    Raises:
        BadInputError: Too large, no Python of this version, or nested beyond what the parser takes.
    """
    if len(text) > MAX_SOURCE_BYTES:
        raise BadInputError(f"the source has {len(text)} bytes, more than {MAX_SOURCE_BYTES}", where=where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        place = f"{where}:{error.lineno or 1}:{error.offset or 1}"
        raise BadInputError(f"no Python: {str(error.msg)[:200]}", where=place, hint="Python 3 is read") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadInputError(f"no Python: {str(error)[:200] or 'nested too deeply'}", where=where) from None
    return _survey(tree, where)


def _survey(tree: ast.Module, where: str) -> Source:
    names = Names(tree)
    top = Flow(tree, names, None)
    flows: dict[ast.AST, Flow] = {tree: top}
    nodes: list[tuple[ast.AST, Flow]] = []
    calls: list[Call] = []
    stack: list[tuple[ast.AST, Flow]] = [(tree, top)]
    while stack:
        node, flow = stack.pop()
        nodes.append((node, flow))
        if len(nodes) > MAX_NODES:
            raise BadInputError(f"the source has more than {MAX_NODES} nodes", where=where)
        if isinstance(node, ast.Call):
            calls.append(Call(node=node, name=names.of(node.func), flow=flow))
        inner = flow
        if isinstance(node, SCOPES):
            inner = flows[node] = Flow(node, names, flow)
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))
    calls.sort(key=lambda c: (c.node.lineno, c.node.col_offset))
    return Source(tree, names, tuple(calls), flows, tuple(nodes))
