"""The live watch over independently written traces: attacks told before their deadline, innocent causes that nobody is paged for.

Each trace is one device, read from its lab's own files at default settings with all watchers, causes, alert budget and
triage. An attack is found when a page goes out between its start and its deadline whose incident touches it; an innocent
cause is paged for when such a page goes out at all, also after its end where the change stays. Pages before anything
happened are counted apart, per week, and give the share of attacks that as many at random would find. Covert channels are
apart too: their matched detector knows the message. Which kinds were missed, and why, is said of the tuned split alone.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from statistics import median
from typing import get_args

from bench.figure import HEAD, Figure, Line, figure_of, printed
from bench.foreign.draws import Split, seeds
from bench.foreign.judging import JudgedTrace, Pace, judged
from bench.shares import poisson_interval, wilson

WHOLE = 620  # holds 276 attacks and 276 innocent ones
QUICK = 18
LEAST = 250  # of each, for the bar
SOME = 5  # reasons told of a kind


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--split", choices=("tuned", "held"), default="held", help="nobody tunes on held, the default")
    parser.add_argument(
        "--n", type=int, default=WHOLE, help=f"how many traces, spread over all kinds (default: {WHOLE})"
    )
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (default: 1)")
    parser.add_argument("--verbose", action="store_true", help="a line per trace as well, of the tuned split")


def run_bench(a: Namespace) -> list[Figure]:
    """Print what came of each kind (tuned) and of all, and return the figures."""
    found: list[JudgedTrace] = []
    for one in _judged(spread(a.split, min(a.n, QUICK) if a.quick else a.n), a.jobs):
        found.append(one)
        if a.verbose and a.split == "tuned":
            print(_line(one), flush=True)
    if a.split == "tuned":
        _kinds(found)
    print(f"\n{HEAD}")
    return printed(_summary(found))


def spread(split: Split, n: int) -> list[int]:
    """Return n seeds of a split, evenly among the first that hold every kind several times."""
    all_seeds = list(islice(seeds(split), max(n, WHOLE)))
    return [all_seeds[i * len(all_seeds) // n] for i in range(n)]


def _judged(chosen: Sequence[int], jobs: int) -> Iterator[JudgedTrace]:
    if jobs <= 1:
        yield from map(judged, chosen)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(judged, chosen)


def _line(one: JudgedTrace) -> str:
    came = f"found at {one.found:.2f}" if one.found is not None else one.why or ", ".join(one.wrong)
    told = " announced" if one.announced else ""
    return f"{one.name} {one.label or one.kind}{told}: {came} | before: {len(one.before)} | {one.truth}"


def _kinds(found: Iterable[JudgedTrace]) -> None:
    """Print a row for each attack and each innocent cause."""
    by: dict[tuple[str, str], list[JudgedTrace]] = defaultdict(list)
    for one in found:
        if one.kind != "quiet" and one.counts:
            by[one.kind, one.label].append(one)
    print(
        "\n| kind | what | found in time, or paged | median share of the time allowed | why missed, or paged by |\n|---|---|---|---|---|"
    )
    for (kind, label), ones in sorted(by.items()):
        times = [one.found for one in ones if one.found is not None]
        hits = len(times) if kind == "attack" else sum(bool(one.wrong) for one in ones)
        why = Counter(reason for one in ones for reason in (*set(one.wrong), one.why) if reason)
        told = "; ".join(f"{reason} {count}" for reason, count in why.most_common(SOME))
        print(f"| {kind} | {label} | {hits}/{len(ones)} | {f'{median(times):.2f}' if times else '–'} | {told} |")


def _summary(found: Sequence[JudgedTrace]) -> Iterator[Line]:
    attacks = [one for one in found if one.kind == "attack" and one.counts]
    open_ones = [one for one in attacks if not one.covert]
    innocents = [one for one in found if one.kind == "innocent"]
    yield _share("attacks found in time", [one.found is not None for one in open_ones], 0.8)
    for name, ones in (*_groups(open_ones), ("covert channels", [one for one in attacks if one.covert])):
        yield _share(f"attacks found in time, {name}", [one.found is not None for one in ones])
    yield _chance(open_ones)
    yield _share("innocent causes not paged", [not one.wrong for one in innocents], 0.95)
    for name, ones in _groups(innocents):
        yield _share(f"innocent causes not paged, {name}", [not one.wrong for one in ones])
    yield from (_quiet(f"pages a week before anything happened, {name}", ones) for name, ones in _paces(found))
    yield Line(what="pages after innocent causes that do not touch them", said=str(sum(one.later for one in innocents)))
    unfair = sum(one.kind == "attack" and not one.counts for one in found)
    yield Line(what="attacks left out: no matched detector tells them", said=str(unfair))


def _paces(ones: Sequence[JudgedTrace]) -> list[tuple[str, list[JudgedTrace]]]:
    return [(pace, [one for one in ones if one.pace == pace]) for pace in get_args(Pace)]


def _groups(ones: Sequence[JudgedTrace]) -> list[tuple[str, list[JudgedTrace]]]:
    return [
        *_paces(ones),
        ("announced", [one for one in ones if one.announced]),
        ("not announced", [one for one in ones if not one.announced]),
    ]


def _share(measure: str, hits: Sequence[bool], least: float | None = None) -> Line:
    count, n = sum(hits), len(hits)
    share = count / n if n else None
    low, high = wilson(count, n)
    one = figure_of(
        "D16", measure, share, span=(low, high), n=n, ground="foreign",
        goal=f">= {least:g}, n >= {LEAST}" if least else "",
        met=share >= least if least and share is not None and n >= LEAST else None,
    )  # fmt: skip
    return Line(what=measure, said=f"{count} of {n} [{low:.2f}, {high:.2f}]", figures=(one,))


def _chance(ones: Sequence[JudgedTrace]) -> Line:
    measure = "share of attacks that as many pages at random would find"
    share = sum(one.chance for one in ones) / len(ones) if ones else None
    figure = figure_of("D16", measure, share, n=len(ones), ground="foreign")
    return Line(what=measure, said="–" if share is None else f"{share:.2f}", figures=(figure,))


def _quiet(measure: str, ones: Sequence[JudgedTrace]) -> Line:
    count, weeks = sum(len(one.before) for one in ones), sum(one.quiet_weeks for one in ones)
    rules = Counter(rule for one in ones for rule in one.before).most_common(SOME)
    low, high = poisson_interval(count)
    rate = count / weeks if weeks else None
    span = (low / weeks, high / weeks) if weeks else None
    by = ", ".join(f"{rule} {times}" for rule, times in rules)
    said = f"{count} in {weeks:.3g} weeks of {len(ones)} traces{f', by {by}' if by else ''}"
    return Line(
        what=measure, said=said, figures=(figure_of("D16", measure, rate, span=span, n=count, ground="foreign"),)
    )
