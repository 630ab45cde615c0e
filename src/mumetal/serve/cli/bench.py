"""``mumetal bench``: finds the benches, which are not in the wheel, and hands over to them.

They are looked for in the folder that ``MUMETAL_BENCH`` names, in the source tree that the package is installed from, and
in the folder where one is. A source tree is one that holds ``bench/registry.py`` beside ``src/mumetal`` of this version;
its code is run, so stand in no tree that you do not trust.
"""

import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
import typer

from mumetal import __version__
from mumetal.core.errors import MumetalError, UnavailableError
from mumetal.serve.cli.guarded import complain

HANDED_OVER = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
VARIABLE = "MUMETAL_BENCH"
MARKER = Path("bench", "registry.py")
VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


class Origin(msgspec.Struct):
    """Where a package was installed from (PEP 610)."""

    url: str = ""


def bench(context: typer.Context) -> int:
    """Measure Mumetal beside its peers: `mumetal bench` lists the benches."""
    try:
        root = tree()
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
        code: int = import_module("bench.command").main(context.args)
    except MumetalError as error:
        if "--json" not in context.args:
            raise
        complain(error, as_json=True)
        return error.exit_code
    return code


def tree() -> Path:
    """Return the root of the source tree with the benches.

    Raises:
        UnavailableError: There is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        root = Path(named).resolve()
        root = root.parent if root.name == "bench" and not (root / MARKER).is_file() else root
        if not (root / MARKER).is_file():
            raise UnavailableError(
                "there are no benches in the folder that this variable names", where=f"{VARIABLE}={named}", hint=_hint()
            )
        return root
    for root in _likely():
        if (root / MARKER).is_file() and _version_of(root) == __version__:
            return root
    raise UnavailableError("the benches are not part of the installed package", hint=_hint())


def _likely() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[4]
    try:
        told = metadata.distribution("mumetal").read_text("direct_url.json")
        origin = urlsplit(msgspec.json.decode(told, type=Origin).url) if told else None
    except (metadata.PackageNotFoundError, msgspec.DecodeError):
        origin = None
    if origin is not None and origin.scheme == "file":
        yield Path(unquote(origin.path))
    yield Path.cwd()


def _version_of(root: Path) -> str:
    try:
        found = VERSION.search((root / "src" / "mumetal" / "__init__.py").read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def _hint() -> str:
    return (
        f"clone the source of version {__version__}, install it (pip install -e '.[server]' --group dev), and run this"
        f" in its folder, or name that folder in {VARIABLE}"
    )
