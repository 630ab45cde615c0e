"""Only identification makes a scope, and only one module knows the records' file."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src" / "mumetal"
OURS = {"Scope", "Principal"}
MAKERS = "access"
IDENTITY = "mumetal.core.identity"


def _annotations(tree: ast.AST) -> set[ast.AST]:
    """Return every node inside an annotation, where a type may be named."""
    said: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            said.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            said.append(node.returns)
    return {inner for outer in said if outer is not None for inner in ast.walk(outer)}


def makes(source: str) -> list[int]:
    """Return the lines on which a module could make a scope or a principal, or change one."""
    tree = ast.parse(source)
    known = {
        a.name
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and n.module == IDENTITY
        for a in n.names
        if a.name in OURS
    }
    whole = any(
        (isinstance(n, ast.ImportFrom) and n.module == "mumetal.core" and any(a.name == "identity" for a in n.names))
        or (isinstance(n, ast.Import) and any(a.name == IDENTITY for a in n.names))
        for n in ast.walk(tree)
    )
    typed = _annotations(tree)
    lines: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == IDENTITY:
            lines += [node.lineno for a in node.names if a.name == "*" or (a.name in OURS and a.asname)]
        elif isinstance(node, ast.Name | ast.Attribute) and node not in typed:
            named = node.id in known if isinstance(node, ast.Name) else whole and node.attr in OURS
            lines += [node.lineno] if named else []
        elif isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] == "replace":
            changed = ast.unparse(node.args[0]).rpartition(".")[2]
            lines += [node.lineno] if changed in {"scope", "principal"} else []
        elif isinstance(node, ast.Call) and "__new__" in ast.unparse(node.func) and "Scope" in ast.unparse(node):
            lines.append(node.lineno)
    return lines


def test_a_scope_is_made_by_identification_only() -> None:
    bad = [
        f"{path.relative_to(SRC)}:{line}"
        for path in sorted(SRC.rglob("*.py"))
        if path.relative_to(SRC).parts[0] != MAKERS
        for line in makes(path.read_text())
    ]
    assert not bad, "take the scope you are given, or identify somebody in mumetal.access.scopes"


@pytest.mark.parametrize(
    "source",
    [
        "from mumetal.core.identity import Scope\ns = Scope(tenant='a', principal=p)",
        "from mumetal.core.identity import Scope as S\ns = S(tenant='a', principal=p)",
        "from mumetal.core.identity import *\ns = Scope(tenant='a', principal=p)",
        "from mumetal.core import identity\ns = identity.Scope(tenant='a', principal=p)",
        "import mumetal.core.identity\ns = mumetal.core.identity.Scope(tenant='a', principal=p)",
        "from mumetal.core.identity import Scope\nmake = Scope\ns = make(tenant='a', principal=p)",
        "from mumetal.core.identity import Scope\ns = object.__new__(Scope)",
        "from mumetal.core.identity import Principal\np = Principal(kind='agent', name='x')",
        "from dataclasses import replace\ndef f(scope):\n    return replace(scope, tenant='b')",
        "import dataclasses\ndef f(caller):\n    return dataclasses.replace(caller.scope, tenant='b')",
    ],
)
def test_a_maker_elsewhere_is_seen(source: str) -> None:
    assert makes(source)


@pytest.mark.parametrize(
    "source",
    [
        "from mumetal.core.identity import Scope\ndef f(scope: Scope, n: 'int') -> list[Scope]:\n    return [scope]",
        "from starlette.types import Scope\nclass A:\n    scope: Scope\n",
        "from dataclasses import replace\ndef f(finding):\n    return replace(finding, title='x')",
    ],
)
def test_naming_its_type_is_no_making(source: str) -> None:
    assert not makes(source)


def test_one_module_knows_the_file_of_the_records() -> None:
    knowing = [str(p.relative_to(SRC)) for p in sorted(SRC.rglob("*.py")) if "incidents.sqlite" in p.read_text()]
    assert knowing == ["connect/stores/records/place.py"]


def test_only_acts_ask_the_authorizer() -> None:
    askers = {
        str(path.relative_to(SRC)) for path in SRC.rglob("*.py") if ".authorize(" in path.read_text(encoding="utf-8")
    }
    assert askers == {"core/acts.py"}
