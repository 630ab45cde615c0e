"""``python -m bench.foreign``: lists the traces of a split, or writes them as a lab's files."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from bench.foreign.make import traces
from bench.foreign.writer import write

HEAD = "| trace | rows | channels | Hz | kind | label | matched AUC | announced | truth |\n|---|---|---|---|---|---|---|---|---|"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = ArgumentParser(
        prog="python -m bench.foreign",
        formatter_class=RawDescriptionHelpFormatter,
        description=f"{__doc__}\n\nNobody tunes on what is held: it is for the last measurement alone.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="print a table of the traces and their truth")
    what.add_argument(
        "--write", type=Path, metavar="DIR", help="write each as DIR/NAME.csv with a mapping; truth in DIR/labels"
    )
    parser.add_argument("--split", choices=("tuned", "held"), default="tuned", help="which seeds (default: tuned)")
    parser.add_argument("--n", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--kind", choices=("attack", "innocent", "quiet"), help="only these")
    asked = parser.parse_args(argv)
    if asked.list:
        print(HEAD)
    for t in traces(asked.split, asked.n, asked.kind):
        if asked.list:
            print(
                f"| {t.name} | {t.t_ns.size} | {len(t.channels)} | {t.rate_hz:.3g} | {t.kind} | {t.label} "
                f"| {t.detectable:.3f} | {len(t.announced)} | {t.truth} |",
                flush=True,
            )
        else:
            print(write(t, asked.write), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
