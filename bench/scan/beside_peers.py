"""S1 to S5: the scan beside its peers in one run: recall, noise, speed, start."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from bench.figure import Figure, figure_of
from bench.scan import measure
from bench.scan import peers as others
from bench.scan.measure import Row
from mumetal.core.errors import BadInputError

GOALS: dict[tuple[str, str], tuple[str, float | None, float | None]] = {
    ("S1", "recall"): ("≥ .85 at precision ≥ .95", 0.85, None),
    ("S1", "precision"): ("≥ .95", 0.95, None),
    ("S2", "found"): ("≥ .98", 0.98, None),
    ("S2 fresh", "found"): ("≥ .98", 0.98, None),
    ("S2", "false"): ("≤ .02", None, 0.02),
    ("S2 fresh", "false"): ("≤ .02", None, 0.02),
    ("S5", "start, warm cache, clock"): ("≤ 0.5", None, 0.5),
    ("S5", "start, empty cache, clock"): ("≤ 1.5", None, 1.5),
    ("S5", "start, warm cache, memory"): ("≤ 300", None, 300.0),
}
"""Goal, least and most of ours by bar and measure; noise (S3) is judged by a reviewer, and speed (S4) is a ratio."""
TIMES = {"tree": 2.0, "history": 1.4}  # as fast as the peer
OURS = ("mumetal", others.ours().name)
PEER = "kingfisher"


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--tree", type=Path, help="folder of honest sources (S3, S4)")
    parser.add_argument("--repo", type=Path, help="Git repository whose history is read (S4)")
    parser.add_argument("--peers", type=Path, help="virtual environment with the peers; without it, those on the path")
    parser.add_argument(
        "--repeats", type=int, default=3, choices=range(1, 51), metavar="1-50", help="turns of each speed"
    )
    parser.add_argument(
        "--report", action="store_true", help="print all that was measured as JSON, in place of the table"
    )


def run_bench(a: Namespace) -> list[Figure]:
    """Measure and print the table; a peer that is missing is named."""
    for folder in (a.data, a.tree, a.repo):
        if folder is not None and not folder.is_dir():
            raise BadInputError("there is no such folder", where=str(folder))
    found, missing = others.peers(a.peers)
    tools = [others.ours(), *(t for t in found if t.secrets)]
    code = [others.ours("code"), *(t for t in found if not t.secrets)]
    repeats = 1 if a.quick else a.repeats
    _say("S5 start")
    rows = measure.start()
    rows += measure.quantum(tools, _say)
    if a.data:
        rows += measure.labelled(tools, a.data, _say)
    if a.tree:
        rows += measure.tree([*tools, *code], a.tree, repeats, _say)
    if a.repo:
        rows += measure.history(tools, a.repo, repeats, _say)
    if a.report:
        print(msgspec.json.encode({"rows": rows, "missing": missing}).decode())
    else:
        _table(rows, missing)
    return figures_of(rows)


def figures_of(rows: Sequence[Row]) -> list[Figure]:
    """Return the figures of all tools; a goal stands beside ours alone."""
    return [*map(_figure, rows), *_ratios(rows)]


def _table(rows: Iterable[Row], missing: Iterable[str]) -> None:
    print("| bar | measure | tool | figure | 95%, or least and most | n |\n|---|---|---|---|---|---|")
    for r in rows:
        span = "" if r.low != r.low else f"{r.low:.3g} to {r.high:.3g}"
        print(f"| {r.bar} | {r.what} | {r.tool} | {r.value:.3g} {r.unit} | {span} | {r.n:,} |")
    if missing:
        print(f"\nNot installed, so not run: {', '.join(missing)} (`uv pip install` them, or name them with --peers).")


def _figure(row: Row) -> Figure:
    """Return a row as a figure; the span of a speed is its least and most, so no interval."""
    goal, least, most = GOALS.get((row.bar, row.what), ("", None, None)) if row.tool in OURS else ("", None, None)
    return figure_of(
        row.bar[:2], ", ".join(part for part in (row.what, row.tool, row.unit) if part), row.value,
        span=None if row.unit else (row.low, row.high), n=row.n, goal=goal, least=least, most=most,
        ground="twin" if row.bar.startswith("S2") or "start" in row.what else "real",
    )  # fmt: skip


def _ratios(rows: Iterable[Row]) -> Iterator[Figure]:
    """Yield ours over the peer that the bar names, of the same run."""
    for what, least in TIMES.items():
        speeds = {r.tool: r for r in rows if (r.bar, r.what) == ("S4", what)}
        mine = next((r for name, r in speeds.items() if name in OURS), None)
        peer = next((r for name, r in speeds.items() if PEER in name), None)
        if mine and peer:
            yield figure_of(
                "S4", f"MB per CPU-s, {what}, over those of {peer.tool}", mine.value / peer.value, n=mine.n,
                goal=f"≥ {least:g}", least=least, ground="real",
            )  # fmt: skip


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
