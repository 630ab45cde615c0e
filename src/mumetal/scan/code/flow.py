"""Where the values of a function come from: its own, a file, the network, or somebody's job.

A small, order-blind approximation (no calls are followed): a name is as foreign as the most foreign thing ever assigned
to it. What a number conversion, a length or a shell quoting returns is the function's own again.
"""

import ast
import re
from collections.abc import Iterator
from enum import IntEnum

from mumetal.scan.code.names import Names


class Origin(IntEnum):
    """Who decides a value; larger is more foreign."""

    OWN = 0
    UNKNOWN = 1
    FILE = 2
    NETWORK = 3
    JOB = 4

    @property
    def words(self) -> str:
        """The origin in a sentence."""
        return _WORDS[self]


_WORDS = {
    Origin.OWN: "the program itself",
    Origin.UNKNOWN: "the caller",
    Origin.FILE: "a file",
    Origin.NETWORK: "the network",
    Origin.JOB: "a job or request",
}
MAX_NODES = 5_000
JOB_NAMES = frozenset({
    "job_data", "job_input", "job_inputs", "job_params", "job_payload", "job_spec", "job_request", "request", "req",
    "payload", "submission", "user_input", "user_code", "user_program", "user_circuit", "untrusted",
})  # fmt: skip
OWN_PARAMETERS = frozenset({
    "self", "cls", "backend", "user_messenger", "db", "session", "service", "logger", "settings", "config", "context",
    "ctx", "response", "background_tasks", "store", "queue", "client",
})  # fmt: skip
HANDLER = re.compile(
    r"_?(?:on|handle|process|execute|consume|receive|accept)_(?:new_|incoming_)?(?:job|request|message|submission|payload)s?"
)
ROUTES = frozenset({"route", "get", "post", "put", "patch", "delete", "websocket", "websocket_route", "api_route"})
TASKS = frozenset({"task", "shared_task", "actor", "job", "on_message", "subscribe", "subscriber"})
TASK_PACKAGES = frozenset({"celery", "rq", "dramatiq", "huey", "faststream", "aiomqtt", "taskiq", "nats"})
REQUESTS = ("flask.request", "quart.request", "bottle.request", "cherrypy.request")
NETWORK_CALLS = re.compile(
    r"(?:requests|httpx|aiohttp)(?:\.(?:Session|Client|AsyncClient|ClientSession)\(\))?\."
    r"(?:get|post|put|patch|request|stream)"
    r"|urllib\.request\.(?:urlopen|urlretrieve)|.*\.(?:recv|recvfrom|recv_multipart|recv_bytes|get_object|blpop|brpop|lpop|rpop)"
)
CLEAN_CALLS = frozenset({
    "int", "float", "bool", "complex", "len", "ord", "hash", "id", "isinstance", "min", "shlex.quote", "pipes.quote",
    "shlex.join", "uuid.UUID", "abs", "round", "type", "hasattr", "callable", "re.fullmatch", "html.escape",
})  # fmt: skip
OWN_BYTES = re.compile(r".*\.(?:dumps|dump|to_bytes|getbuffer|tobytes)|(?:io\.)?BytesIO")
GROWING = frozenset({"append", "extend", "insert", "add", "update", "write"})


class Flow:
    """Origins of the names of one function, found out when first asked for.

    Args:
        scope: Function, lambda or module.
        names: What the module calls things.
        outer: The flow around it; None for the module.
    """

    def __init__(self, scope: ast.AST, names: Names, outer: "Flow | None") -> None:
        self.scope = scope
        self.outer = outer
        self._names = names
        self._known: dict[str, Origin] | None = None
        self.handler = _is_handler(scope, names)

    def origin(self, node: ast.AST) -> Origin:
        """Return the most foreign origin of anything in an expression."""
        worst = Origin.OWN
        stack, seen = [node], 0
        while stack and worst < Origin.JOB and seen < MAX_NODES:
            one = stack.pop()
            seen += 1
            if isinstance(one, ast.Call):
                stack += self._call(one)
                worst = max(worst, self._called(one))
            elif isinstance(one, ast.Name):
                foreign = self._names.of(one) in REQUESTS
                worst = Origin.JOB if foreign else max(worst, self.of_name(one.id))
            elif isinstance(one, ast.Attribute):
                dotted = self._names.of(one)
                if dotted.startswith(REQUESTS):
                    worst = Origin.JOB
                elif dotted.startswith("self."):
                    worst = max(worst, self.of_name(dotted))
                else:
                    stack.append(one.value)
            elif isinstance(one, ast.Compare | ast.Lambda):
                continue
            else:
                stack += ast.iter_child_nodes(one)
        return worst

    def of_name(self, name: str) -> Origin:
        """Return the origin of a name, looked up outwards; OWN for what is imported, built in or global."""
        flow: Flow | None = self
        while flow is not None:
            known = flow.known()
            if name in known:
                return known[name]
            flow = flow.outer
        if name.startswith("self."):
            return Origin.NETWORK if name.startswith("self.rfile") else Origin.UNKNOWN
        return Origin.OWN

    def known(self) -> dict[str, Origin]:
        """Return the names this function binds, with their origins."""
        if self._known is None:
            self._known = dict(_parameters(self.scope, self.handler))
            for _ in range(2):
                for name, value in _bindings(self.scope):
                    self._known[name] = max(self._known.get(name, Origin.OWN), self.origin(value))
        return self._known

    def bound_to(self, name: str) -> Iterator[ast.expr]:
        """Yield what this function assigns to a name."""
        return (value for bound, value in _bindings(self.scope) if bound == name)

    def functions_called(self) -> set[str]:
        """Return the full names of everything this function calls."""
        return {self._names.of(n.func) for n in _inside(self.scope) if isinstance(n, ast.Call)}

    def _called(self, call: ast.Call) -> Origin:
        name = self._names.of(call.func)
        if NETWORK_CALLS.fullmatch(name):
            return Origin.NETWORK
        if name in {"open", "io.open", "gzip.open", "bz2.open", "lzma.open"} or name.endswith(
            (".read_bytes", ".read_text")
        ):
            subject = call.args[:1] if call.args else []
            if name.endswith((".read_bytes", ".read_text")) and isinstance(call.func, ast.Attribute):
                subject = [call.func.value]
            return Origin.FILE if any(self.origin(s) > Origin.OWN for s in subject) else Origin.OWN
        return Origin.OWN

    def _call(self, call: ast.Call) -> list[ast.AST]:
        """Return the parts of a call that its value depends on."""
        name = self._names.of(call.func)
        if name in CLEAN_CALLS or (OWN_BYTES.fullmatch(name) and not name.endswith("BytesIO")):
            return []
        parts: list[ast.AST] = [*call.args, *(k.value for k in call.keywords)]
        return [*parts, call.func.value] if isinstance(call.func, ast.Attribute) else parts


def _is_handler(scope: ast.AST, names: Names) -> bool:
    """Whether a function receives jobs or requests: a route, a queue's task, or a runtime program's ``main``."""
    if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    parameters = {a.arg for a in (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)}
    if scope.name == "main" and {"backend", "user_messenger"} <= parameters:
        return True
    if HANDLER.fullmatch(scope.name):
        return True
    for decorator in scope.decorator_list:
        last = names.of(decorator).removesuffix("()").rsplit(".", 1)[-1]
        if isinstance(decorator, ast.Call) and last in ROUTES and decorator.args:
            path = decorator.args[0]
            if isinstance(path, ast.Constant) and isinstance(path.value, str) and path.value.startswith("/"):
                return True
        if last in TASKS and names.imported & TASK_PACKAGES:
            return True
    return False


def _parameters(scope: ast.AST, handler: bool) -> Iterator[tuple[str, Origin]]:
    if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    given = scope.args
    more = [a for a in (given.vararg, given.kwarg) if a]
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, *more):
        if argument.arg in {"self", "cls"}:
            yield argument.arg, Origin.OWN
        elif argument.arg in JOB_NAMES or (handler and argument.arg not in OWN_PARAMETERS):
            yield argument.arg, Origin.JOB
        else:
            yield argument.arg, Origin.UNKNOWN


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of functions in it."""
    stack = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))


def _bindings(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in _inside(scope):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _targets(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
                yield from _targets(target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from _targets(target, value)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                yield from _targets(target, value)
            case ast.comprehension(target=target, iter=value):
                yield from _targets(target, value)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                yield from _targets(target, value)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=verb), args=[*given]) if verb in GROWING:
                yield from ((name, one) for one in given)
            case _:
                continue


def _targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    stack = [target]
    while stack:
        one = stack.pop()
        match one:
            case ast.Name(id=name):
                yield name, value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                stack += parts
            case ast.Starred(value=inner) | ast.Subscript(value=inner):
                stack.append(inner)
            case ast.Attribute(value=ast.Name(id="self"), attr=attribute):
                yield f"self.{attribute}", value
            case _:
                continue
