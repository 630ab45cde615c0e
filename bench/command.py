"""``mumetal bench [NAME] [--quick] [--json] [--data DIR]``: one form for every bench."""

import shlex
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from pathlib import Path

import msgspec

from bench.bars import BARS
from bench.figure import Figure, as_json
from bench.registry import BENCHES, Bench, named
from mumetal.core.errors import BadInputError, UnavailableError

PROGRAM = "mumetal bench"


def main(words: Sequence[str]) -> int:
    """Run one bench, or list them all; return the exit code.

    Raises:
        BadInputError: No such bench, or options that do not fit together.
        UnavailableError: The bench needs a part that is not installed.
    """
    if not words or words[0].startswith("-"):
        return _listed(words)
    bench = named(words[0])
    if bench is None:
        raise BadInputError(f"no bench is called {words[0]!r}", hint=f"known: {', '.join(b.name for b in BENCHES)}")
    try:
        module = bench.load()
    except ModuleNotFoundError as error:
        raise _missing(bench, error) from None
    parser = _parser(bench)
    module.add_options(parser)
    asked = parser.parse_args([*bench.preset, *words[1:]])
    _check(bench, asked)
    if asked.quick:
        left = f"--quick leaves out {bench.quick}" if bench.quick else "--quick leaves out nothing: the whole is quick"
        print(left, file=sys.stderr, flush=True)
    with ExitStack() as stack:
        if asked.as_json:  # the table is for the person who waits
            stack.enter_context(redirect_stdout(sys.stderr))
        try:
            figures = module.run_bench(asked)
        except ModuleNotFoundError as error:
            raise _missing(bench, error) from None
    if asked.as_json:
        figures = _commanded(figures, words)
        if asked.quick and bench.quick:  # what was left out decides nothing
            figures = [msgspec.structs.replace(one, met=None) for one in figures]
        print(as_json(figures))
    return 0


def _parser(bench: Bench) -> ArgumentParser:
    parser = ArgumentParser(
        prog=f"{PROGRAM} {bench.name}",
        description=f"{bench.says}.\n\n" + "\n".join(f"  {bar:5}{BARS[bar]}" for bar in bench.bars),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    quick = f"leave out {bench.quick}" if bench.quick else "changes nothing: the whole ends within ten minutes"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help="print the figures as a list in JSON; the table goes to the standard error",
    )
    data = bench.data or "this bench takes none"
    parser.add_argument("--data", type=Path, metavar="DIR", required=bench.required, help=data)
    return parser


def _check(bench: Bench, asked: Namespace) -> None:
    if asked.data is None:
        return
    if not bench.data:
        raise BadInputError(f"the bench {bench.name!r} takes no --data")
    if not asked.data.exists():
        raise BadInputError("there is no such folder or file", where=str(asked.data), hint=f"--data holds {bench.data}")


def _missing(bench: Bench, error: ModuleNotFoundError) -> UnavailableError:
    part = bench.extra or "server"
    return UnavailableError(
        f"the bench {bench.name!r} needs {error.name}, which is not installed",
        hint=f"install what the source needs: pip install -e '.[server,{part}]' --group dev"
        if part != "server"
        else "install what the source needs: pip install -e '.[server]' --group dev",
    )


def _commanded(figures: Sequence[Figure], words: Sequence[str]) -> list[Figure]:
    command = shlex.join(["mumetal", "bench", *(word for word in words if word != "--json")])
    return [msgspec.structs.replace(one, command=command) for one in figures]


def _listed(words: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog=PROGRAM, usage=f"{PROGRAM} [NAME] [--quick] [--json] [--data DIR] [options of NAME]", allow_abbrev=False,
        description="Measure Mumetal beside its peers and baselines. Without a NAME, list the benches.",
    )  # fmt: skip
    parser.add_argument("--json", dest="as_json", action="store_true", help="print the list as JSON")
    if parser.parse_args(words).as_json:
        rows = [
            {"name": b.name, "bars": b.bars, "says": b.says, "data": b.data, "required": b.required, "extra": b.extra}
            for b in BENCHES
        ]
        print(msgspec.json.encode(rows).decode())
        return 0
    print("| bench | bars | measures | needs |\n|---|---|---|---|")
    for b in BENCHES:
        print(f"| {b.name} | {', '.join(b.bars)} | {b.says} | {_needs(b)} |")
    answered = {bar for b in BENCHES for bar in b.bars}
    print(f"\nBars without a bench here: {', '.join(bar for bar in BARS if bar not in answered)}.")
    print(f"{PROGRAM} NAME --help says its options; --quick ends within ten minutes; --json prints the figures.")
    return 0


def _needs(bench: Bench) -> str:
    data = f"--data: {bench.data}" if bench.required else f"--data, if any: {bench.data}" if bench.data else ""
    extra = f"mumetal[{bench.extra}] for all peers" if bench.extra else ""
    return "; ".join(part for part in (data, extra) if part) or "–"
