"""``mumetal bench attack``: every kind of attack that the bench knows, in one table. A new kind is one entry in KINDS."""

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from bench.attack import forged_ledgers
from bench.figure import HEAD, Figure, Line, printed
from mumetal.core.errors import BadInputError

Kind = Callable[[Path, bool], list[Line]]
KINDS: dict[str, Kind] = {
    "ledger": lambda place, quick: forged_ledgers.lines(place, 30 if quick else 1_000),
}
"""By name: runs in a folder of its own, in full or quickly, and returns lines of the table."""


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--only", default="", help=f"{', '.join(KINDS)}; several separated by commas")


def run_bench(asked: Namespace) -> list[Figure]:
    """Attack in every way, print a line for each figure."""
    wanted = [kind.strip() for kind in asked.only.split(",") if kind.strip()] or list(KINDS)
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown:
        raise BadInputError(f"no kind is called {unknown[0]!r}", hint=f"known: {', '.join(KINDS)}")
    print(HEAD)
    figures: list[Figure] = []
    for kind in wanted:
        print(f"attack: {kind}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="mumetal-attack-") as folder:
            figures += printed(KINDS[kind](Path(folder), asked.quick))
    return figures
