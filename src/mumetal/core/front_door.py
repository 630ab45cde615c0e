"""A room's front door: the names others may use, loaded one by one when first asked for.

A room's ``api.py`` lists them as imports under ``if TYPE_CHECKING:`` and ends with::

    if not TYPE_CHECKING:
        __getattr__, __dir__ = opened(__name__)

So one list serves the type checker, the layer contracts and the running program, and asking for one name of a large
room loads one module of it: a scan before every commit must start in half a second.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import getsource

from mumetal.core.errors import UnavailableError


def listed(source: str) -> Iterator[tuple[str, str, str]]:
    """Yield public name, module and name in it for every import under ``if TYPE_CHECKING:``."""
    for block in ast.parse(source).body:
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING":
            for line in block.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    yield from ((name.asname or name.name, line.module, name.name) for name in line.names)


def opened(door: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the module functions ``__getattr__`` and ``__dir__`` of a front door (PEP 562).

    Args:
        door: The module's ``__name__``.

    Raises:
        UnavailableError: The source of the module is not there.
    """
    try:
        source = getsource(sys.modules[door])
    except OSError:
        hint = "install the wheel as it was built"
        raise UnavailableError(f"the source of {door} is not installed", hint=hint) from None
    places = {public: (module, name) for public, module, name in listed(source)}

    def get(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        module, inner = places[name]
        found = getattr(import_module(module), inner)
        setattr(sys.modules[door], name, found)
        return found

    return get, lambda: sorted(places)
