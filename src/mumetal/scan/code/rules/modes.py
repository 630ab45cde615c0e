"""Files with keys or queued jobs that others may read or write."""

import ast
import re
import stat
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.scan.code.rule import CodeRule, Hit
from mumetal.scan.code.source import Call, Source

PRIVATE = re.compile(
    r"token|secret|credential|passw|api_?key|private|\.pem\b|id_rsa|keystore|\.qiskit|spool|queue|calibration",
    re.IGNORECASE,
)
BITS = {
    name: getattr(stat, name) for name in dir(stat) if name.startswith("S_I") and isinstance(getattr(stat, name), int)
}


def _look(source: Source) -> Iterator[Hit]:
    for call in source.calls:
        found = _call_mode(call)
        if found is None:
            continue
        mode_node, path, what = found
        mode = _mode(source, mode_node)
        if mode is None:
            continue
        if what == "umask":
            calls = sum(c.name == "os.umask" and c.flow is call.flow for c in source.calls)
            put_back = calls > 1 and any(
                c.node.args and isinstance(c.node.args[0], ast.Name) for c in source.calls if c.name == "os.umask"
            )
            if mode & 0o777 == 0 and not put_back:
                yield Hit(node=call.node, detail="umask 0 lets every new file be written by everyone.", confidence=0.8)
        elif mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            private = _is_private(path)
            yield Hit(
                node=call.node,
                detail=f"Mode {mode:#o} lets everyone on the host write.",
                severity=Severity.HIGH if private else Severity.MEDIUM,
                confidence=0.9 if private else 0.8,
            )
        elif mode & 0o077 and _is_private(path) and what != "mkdir":
            yield Hit(
                node=call.node, detail=f"Mode {mode:#o} on what looks like a credential or queue file.", confidence=0.7
            )


def _call_mode(call: Call) -> tuple[ast.expr, ast.expr | None, str] | None:
    """Return (mode, path, verb) of a call that sets a mode."""
    name, args = call.name, call.node.args
    if name in {"os.chmod", "os.lchmod"} and len(args) > 1:
        return args[1], args[0], "chmod"
    if name == "os.open" and len(args) > 2:
        return args[2], args[0], "open"
    if name in {"os.mkdir", "os.makedirs"} and (mode := call.argument(1, "mode")):
        return mode, args[0] if args else None, "mkdir"
    if name == "os.umask" and args:
        return args[0], None, "umask"
    func = call.node.func
    if isinstance(func, ast.Attribute) and not name.startswith("os."):
        if func.attr == "chmod" and len(args) == 1:
            return args[0], func.value, "chmod"
        if func.attr == "touch" and (mode := call.argument(0, "mode")):
            return mode, func.value, "touch"
        if func.attr == "mkdir" and (mode := call.keyword("mode")):
            return mode, func.value, "mkdir"
    return None


def _mode(source: Source, node: ast.expr) -> int | None:
    """Return a literal mode, also of ``stat.S_… | stat.S_…``; None when it is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        total = 0
        stack: list[ast.expr] = [node]
        while stack:
            one = stack.pop()
            if isinstance(one, ast.BinOp) and isinstance(one.op, ast.BitOr):
                stack += [one.left, one.right]
            elif isinstance(one, ast.Constant) and isinstance(one.value, int):
                total |= one.value
            elif (bit := BITS.get(source.names.of(one).rsplit(".", 1)[-1])) is not None:
                total |= bit
            else:
                return None
        return total
    return BITS.get(source.names.of(node).rsplit(".", 1)[-1]) if isinstance(node, ast.Attribute) else None


def _is_private(path: ast.expr | None) -> bool:
    if path is None:
        return False
    for node in ast.walk(path):
        text = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if PRIVATE.search(text):
            return True
    return False


RULE = CodeRule(
    rule_id="scan.code.modes",
    title="Leaves a credential or queue file open to others",
    why="Every account on the host, also a co-tenant's, can then read the key or put a job into the queue.",
    bad="import os\ndef save(token_path):\n    os.chmod(token_path, 0o644)\n",
    good="import os\ndef save(token_path):\n    os.chmod(token_path, 0o600)\n",
    remedy="0o600 for files and 0o700 for folders; create the file with os.open(path, flags, 0o600), never chmod afterwards.",
    reference="CWE-732, CWE-276",
    severity=Severity.MEDIUM,
    confidence=0.8,
    techniques=("initial_access.token_theft", "impair.config_edit"),
    needs=(b"chmod", b"umask", b"os.open", b"mkdir", b"makedirs", b"touch("),
    look=_look,
)
