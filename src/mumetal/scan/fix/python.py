"""Python: a literal becomes ``os.environ["NAME"]``, by the positions of the syntax tree, so that formatting stays.

A literal that is the secret is replaced whole; one that holds it is cut around it; in an f-string the secret becomes a
field; in a comment or a docstring its name stays. The result is parsed again, and refused when it does not hold.
"""

import ast
import re
import tokenize
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from mumetal.core.errors import BadInputError
from mumetal.scan.fix.edit import Edit, Leak, edited

Store = Literal["env", "keyring"]
SERVICE = "mumetal"
MAX_BYTES = 8 * 2**20
_LINE = re.compile(rb"\r\n|\r|\n")
_QUOTE = re.compile(r"^[A-Za-z]*(\"\"\"|'''|\"|')")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Text:
    """A module's bytes, with what turns syntax positions into offsets."""

    data: bytes
    tree: ast.Module
    starts: tuple[int, ...]

    def offset(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt | ast.pattern) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)


def fix(data: bytes, leaks: Sequence[Leak], *, store: Store = "env", where: str = "source") -> bytes:
    """Return a module without the secrets.

    Args:
        data: The module, UTF-8.
        leaks: Where secrets are, and what shall hold each.
        store: Whether they are looked up in the environment or in the keyring.
        where: The module's name, for errors.

    Raises:
        BadInputError: It is no Python, or a secret stands where only a literal may stand; nothing is changed then.
    """
    text = _parsed(data, where)
    module = _module_name(text.tree, "os" if store == "env" else "keyring")
    edits: list[Edit] = []
    looks_up = False
    for leak in leaks:
        edit, uses = _edit(text, leak, _look_up(module, leak.name, store), where)
        edits.append(edit)
        looks_up = looks_up or uses
    if looks_up:
        edits += _import(text, module, "os" if store == "env" else "keyring", min(e.start for e in edits))
    after = edited(data, edits)
    _parsed(after, where)
    return after


def _parsed(data: bytes, where: str) -> _Text:
    if len(data) > MAX_BYTES:
        raise BadInputError(f"the source has more than {MAX_BYTES} bytes", where=where)
    try:
        data.decode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadInputError(f"no Python in UTF-8: {str(error)[:120]}", where=where) from None
    first = len(_BOM) if data.startswith(_BOM) else 0
    return _Text(data, tree, (first, *(found.end() for found in _LINE.finditer(data))))


def _look_up(module: str, name: str, store: Store) -> tuple[str, str]:
    """Return the expression with double and with single quotes."""
    if store == "env":
        return f'{module}.environ["{name}"]', f"{module}.environ['{name}']"
    return f'{module}.get_password("{SERVICE}", "{name}")', f"{module}.get_password('{SERVICE}', '{name}')"


def _edit(text: _Text, leak: Leak, look_up: tuple[str, str], where: str) -> tuple[Edit, bool]:
    """Return the edit for one leak, and whether it looks something up."""
    place = f"{where}:{bisect_right(text.starts, leak.start)}"
    literal, joined, docstring, fixed = _literals_at(text, leak)
    if fixed:
        raise BadInputError("a secret stands in a pattern, where only a literal may stand", where=place)
    if docstring or (literal is None and joined is None):
        if not docstring and not _in_comment(text, leak):
            raise BadInputError("a secret stands in no literal and no comment", where=place)
        return Edit(start=leak.start, stop=leak.stop, new=f"<{leak.name}>".encode()), False
    if joined is not None:
        start, _ = text.span(joined)
        if not _one_piece(text.data, leak, start, text.span(joined)[1]):
            raise BadInputError("a secret stands in an f-string of several pieces, or inside its field", where=place)
        quote = _QUOTE.match(text.data[start : start + 8].decode(errors="replace"))
        inner = look_up[1] if quote and '"' in quote[1] else look_up[0]
        return Edit(start=leak.start, stop=leak.stop, new=f"{{{inner}}}".encode()), True
    assert literal is not None
    start, stop = text.span(literal)
    new = _expression(text.data[leak.start : leak.stop], literal.value, look_up[0])
    before, after = text.data[start - 1 : start], text.data[stop : stop + 1]
    new = b" " * _wordlike(before) + new + b" " * _wordlike(after)
    return Edit(start=start, stop=stop, new=new), True


def _wordlike(byte: bytes) -> bool:
    return byte.isalnum() or byte == b"_"


def _one_piece(data: bytes, leak: Leak, start: int, stop: int) -> bool:
    """Whether an f-string is one literal, and the leak in its text rather than in a field."""
    before = data[start : leak.start].replace(b"{{", b"").replace(b"}}", b"")
    if before.count(b"{") != before.count(b"}"):
        return False
    pieces = depth = 0
    try:
        for token in tokenize.tokenize(BytesIO(b"(" + data[start:stop] + b")").readline):
            name = tokenize.tok_name[token.type]
            pieces += depth == 0 and name in {"STRING", "FSTRING_START"}
            depth += (name == "FSTRING_START") - (name == "FSTRING_END")
    except (tokenize.TokenError, SyntaxError):
        return False
    return pieces == 1


def _expression(secret: bytes, value: object, look_up: str) -> bytes:
    if isinstance(value, bytes):
        before, found, after = value.partition(secret)
        parts = [repr(before)] * bool(before) + [f"{look_up}.encode()"] + [repr(after)] * bool(after)
    else:
        said = str(value)
        before_text, found_text, after_text = said.partition(secret.decode(errors="replace"))
        found = found_text.encode()
        parts = [_quoted(before_text)] * bool(before_text) + [look_up] + [_quoted(after_text)] * bool(after_text)
    if not found:  # written with escapes: the whole literal goes
        parts = [f"{look_up}.encode()" if isinstance(value, bytes) else look_up]
    joined = " + ".join(parts)
    return (f"({joined})" if len(parts) > 1 else joined).encode()


def _quoted(text: str) -> str:
    said = repr(text)
    return f'"{said[1:-1]}"' if said[0] == "'" and '"' not in said else said


def _literals_at(text: _Text, leak: Leak) -> tuple[ast.Constant | None, ast.JoinedStr | None, bool, bool]:
    """Return the smallest literal and the outermost f-string around a leak, and whether it is a docstring or a pattern."""
    literal: ast.Constant | None = None
    joined: ast.JoinedStr | None = None
    docstring = fixed = False
    stack: list[tuple[ast.AST, bool]] = [(text.tree, False)]
    while stack:
        node, in_pattern = stack.pop()
        in_pattern = in_pattern or isinstance(node, ast.pattern)
        if isinstance(node, ast.expr | ast.stmt | ast.pattern):
            start, stop = text.span(node)
            # A decorator stands before the span of what it decorates.
            if not (start <= leak.start and leak.stop <= stop) and not getattr(node, "decorator_list", None):
                continue
            if isinstance(node, ast.JoinedStr):
                joined, fixed = node, in_pattern
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                literal, fixed = node, in_pattern
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                docstring = True
        stack.extend((child, in_pattern) for child in ast.iter_child_nodes(node))
    return literal, joined, docstring, fixed


def _in_comment(text: _Text, leak: Leak) -> bool:
    try:
        for token in tokenize.tokenize(BytesIO(text.data).readline):
            if token.type == tokenize.COMMENT:
                line = text.starts[token.start[0] - 1]
                before = token.line[: token.start[1]].encode()
                start = line + len(before)
                if start <= leak.start and leak.stop <= start + len(token.string.encode()):
                    return True
    except (tokenize.TokenError, SyntaxError, IndexError):
        return False
    return False


def _module_name(tree: ast.Module, module: str) -> str:
    """Return what the module can be called here without hiding a name of the program's own."""
    for node in ast.walk(tree):
        taken = (
            (isinstance(node, ast.Name) and node.id == module and not isinstance(node.ctx, ast.Load))
            or (isinstance(node, ast.arg) and node.arg == module)
            or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == module)
            or (isinstance(node, ast.ExceptHandler) and node.name == module)
            or (isinstance(node, ast.alias) and node.asname == module and node.name != module)
            or (isinstance(node, ast.MatchAs | ast.MatchStar) and node.name == module)
            or (isinstance(node, ast.MatchMapping) and node.rest == module)
        )
        if taken:
            return f"_{module}"
    return module


def _import(text: _Text, name: str, module: str, first_use: int) -> list[Edit]:
    """Return the edit that imports the module, unless it is imported before its first use."""
    words = f"import {module}" if name == module else f"import {module} as {name}"
    body = text.tree.body
    for node in body:
        if isinstance(node, ast.Import) and text.span(node)[1] <= first_use:
            for alias in node.names:
                if alias.name == module and (alias.asname or module) == name:
                    return []
    after = 0
    if (
        body
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        after = 1
    while after < len(body):
        node = body[after]
        if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        after += 1
    newline = b"\r\n" if b"\r\n" in text.data else b"\r" if b"\n" not in text.data and b"\r" in text.data else b"\n"
    target = body[after]
    line = min([target.lineno, *(d.lineno for d in getattr(target, "decorator_list", []))])
    start = text.offset(line, 0)
    if after and (body[after - 1].end_lineno or 0) >= line:  # both on one line: `"""doc"""; x = 1`
        start = text.span(target)[0]
        return [Edit(start=start, stop=start, new=f"{words}; ".encode())]
    return [Edit(start=start, stop=start, new=words.encode() + newline)]
