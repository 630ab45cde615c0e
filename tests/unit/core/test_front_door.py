"""A front door gives each name it lists, loads nothing before, and refuses the rest."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mumetal.core.front_door import listed

SRC = Path(__file__).resolve().parents[3] / "src" / "mumetal"
DOORS = sorted(SRC.glob("*/api.py"))


@pytest.mark.parametrize("path", DOORS, ids=lambda p: p.parent.name)
def test_every_name_of_a_front_door_is_there(path: Path) -> None:
    door = import_module(f"mumetal.{path.parent.name}.api")
    names = [public for public, _, _ in listed(path.read_text())]
    assert names
    assert len(names) == len(set(names)), "a name is listed twice"
    assert dir(door) == sorted(names)
    for public, module, name in listed(path.read_text()):
        assert getattr(door, public) is getattr(import_module(module), name)


@pytest.mark.parametrize("path", DOORS, ids=lambda p: p.parent.name)
def test_every_name_of_a_front_door_is_used_from_outside(path: Path) -> None:
    room = path.parent.name
    used: set[str] = set()
    for user in (*(SRC / "app").rglob("*.py"), *(SRC / "serve").rglob("*.py")):
        for node in ast.walk(ast.parse(user.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == f"mumetal.{room}.api":
                used |= {alias.name for alias in node.names}
    assert {public for public, _, _ in listed(path.read_text())} - used == set()


def test_a_name_that_is_not_listed_is_refused() -> None:
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = import_module("mumetal.scan.api").nothing_of_that_name


def test_opening_a_front_door_loads_no_module_of_the_room() -> None:
    program = "import sys, mumetal.scan.api; print(sorted(m for m in sys.modules if m.startswith('mumetal.scan')))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['mumetal.scan', 'mumetal.scan.api']"
