"""D1 to D4 and D7: window detectors and the watch on calibrations beside their peers, on data with labels."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from bench.figure import Figure
from bench.watch.chips import trials as chip_trials
from bench.watch.daily import trials as daily_trials
from bench.watch.equal_recall import compared
from bench.watch.evaluate import Report, run
from bench.watch.peers import contenders, ours
from bench.watch.sets import found, labelled
from bench.watch.tables import as_text, figures_of
from mumetal.app.models.encoders import named, shipped
from mumetal.core.errors import BadInputError

CALIBRATIONS = "calibrations"
QUICK_SERIES = 3  # per set


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument(
        "--sets",
        default="",
        help=f"sets, separated by commas; {CALIBRATIONS!r} are attacks injected into calibrations "
        "[default: SKAB, MSL, SMAP, NAB and these, those that are there]",
    )
    parser.add_argument("--only", default="", help="contenders, separated by commas [default: all]")
    parser.add_argument("--limit", type=int, default=0, help="at most so many series per set; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument(
        "--encoder",
        type=Path,
        action="append",
        help="folder of a trained encoder [default: the shipped one]; more are added as rows",
    )
    parser.add_argument(
        "--report", action="store_true", help="print all that was measured as JSON, in place of the tables"
    )


def run_bench(a: Namespace) -> list[Figure]:
    """Score labelled series and attacked calibrations by our detectors and their peers in one run; print the tables."""
    if a.limit < 0 or a.seed < 0:
        raise BadInputError("--limit and --seed are 0 or more")
    detectors = ours(named(a.encoder) if a.encoder else {"shipped": shipped()})
    makes, missing = contenders(detectors)
    if a.only:
        wanted = [name.strip() for name in a.only.split(",")]
        unknown = [name for name in wanted if name not in makes]
        if unknown:
            raise BadInputError(f"no contender is called {unknown[0]!r}", hint=f"known: {', '.join(makes)}")
        makes = {name: makes[name] for name in wanted}
    series, there, daily = found(a.data)
    names = tuple(part.strip() for part in a.sets.split(",") if part.strip())
    names = names or (*there, *([CALIBRATIONS] if daily else []))
    if not names or (CALIBRATIONS in names and daily is None):
        raise BadInputError(
            "there is nothing to measure on" if not names else "there are no daily calibrations",
            where=str(a.data),
            hint="needs <set>/<series>.npz (name sets of your own with --sets) or the QPROV tables ibmq_athens_t1.csv and so on in qprov/",
        )
    chosen = tuple(name for name in names if name != CALIBRATIONS)
    report = Report(figures=(), summaries=(), missing=(), seed=a.seed)
    if chosen:
        limit = a.limit or (QUICK_SERIES if a.quick else 0)
        report = run(makes, labelled(series, chosen, limit), detectors, missing, a.seed, _say)
    if CALIBRATIONS in names and daily is not None:
        trials = (*daily_trials(daily, _say), *chip_trials(_say))
        report = msgspec.structs.replace(report, injected=tuple(compared(trials, a.seed)))
    print(msgspec.json.encode(report).decode() if a.report else as_text(report))
    return figures_of(report)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
