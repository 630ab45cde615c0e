"""The live watch at its own settings over public series with labels: what a user would have been told, and how often falsely.

Each series is one stream: the monitor learns from its history and judges its test in chunks, at the budget of false
pages that is the default. A finding is true when it overlaps an event, widened by the set's tolerance; an event is
caught when such a finding is *said* before the set's deadline. Rows are taken to come once a second, as the bar takes them.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from bench.figure import Figure, figure_of
from bench.shares import poisson_interval, wilson
from bench.watch import metrics
from bench.watch.sets import Labelled, labelled
from bench.watch.sets import found as found_in
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.respond.settings import TriageSettings
from mumetal.respond.triage import Inventory, Triage
from mumetal.watch.calibrate import WEEK_S
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.settings import WatchSettings
from mumetal.watch.training.public_series import PUBLIC

CHUNK = 25
BUDGETS = (2.0, 20.0, 200.0)  # false pages a week; the first is the default
REPEAT = 0.1  # of the mean time between the pages of a budget: what comes back within it is no page, as by default
QUICK_SERIES = 3  # per set


def told(one: Labelled, per_week: float) -> tuple[list[tuple[int, str]], str, bool]:
    """Return the pages of one series, (row said, rule), the stream's last state, and whether it could promise the budget."""
    settings = WatchSettings(learning_rows=len(one.history), learning_s=0)
    monitor = StreamMonitor(settings, SharedBudget(per_week))
    triage = Triage(TriageSettings(repeat_s=min(604_800.0, REPEAT * WEEK_S / per_week)), Inventory())
    monitor.prime(one.history)
    promised = not monitor.budget_note
    out: list[tuple[int, str]] = []
    for start in range(0, len(one.test), CHUNK):
        stop = min(start + CHUNK, len(one.test))
        found = monitor.observe(one.test.rows(start, stop))
        triage.add(found, int(one.test.t_ns[stop - 1]))
        rules = {f.finding_id: f.rule for f in found}
        out += [(stop - 1, next((rules[i] for i in page.findings if i in rules), "")) for page in triage.pages()]
    return out, f"{monitor.state} {monitor.reason}".strip(), promised


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--limit", type=int, default=0, help="at most so many series per set; 0 for all")
    parser.add_argument("--verbose", action="store_true", help="a line per series as well")


@dataclass(slots=True)
class Tally:
    """What came of the series of one set at one budget, of those that promise it or of all."""

    series: int = 0
    caught: int = 0
    events: int = 0
    false: int = 0
    weeks: float = 0.0
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, one: Labelled, pages: list[tuple[int, str]]) -> None:
        """Count one series in."""
        spans = metrics.events(one.labels)
        wide = np.zeros(one.labels.size, bool)
        for start, stop in spans:
            wide[max(0, start - one.desk.tolerance) : stop + one.desk.tolerance] = True
            self.events += 1
            self.caught += any(start <= said < start + one.desk.deadline for said, _ in pages)
        wrong = [rule for said, rule in pages if not wide[min(said, wide.size - 1)]]
        self.series += 1
        self.false += len(wrong)
        self.rules.update(rule.rsplit(".", 1)[-1] for rule in wrong)
        self.weeks += float((~wide).sum()) / WEEK_S


def run_bench(a: Namespace) -> list[Figure]:
    """Print one row per set and budget, and one over all."""
    limit = a.limit or (QUICK_SERIES if a.quick else 0)
    figures: list[Figure] = []
    print("| a week | set | series | events paged in time | false pages | stated | by |\n|---|---|---|---|---|---|---|")
    for budget in BUDGETS:
        sets = {name: Tally() for name in (*PUBLIC, "all", "all that promise")}
        for one in labelled(found_in(a.data)[0], PUBLIC, limit):
            pages, state, promised = told(one, budget)
            for name in (one.set_name, "all", *(("all that promise",) if promised else ())):
                sets[name].add(one, pages)
            if a.verbose:
                print(one.name, len(pages), state)
        for name, tally in sets.items():
            by = ", ".join(f"{rule} {count}" for rule, count in tally.rules.most_common())
            stated = budget * tally.weeks
            print(
                f"| {budget:g} | {name} | {tally.series} | {tally.caught}/{tally.events} | {tally.false} | {stated:.2f} | {by} |"
            )
            figures += _figures(budget, name, tally, stated)
        share = sets["all that promise"].series / max(1, sets["all"].series)
        said = f"share of streams that say beforehand that they promise {budget:g} a week"
        figures.append(figure_of("D15", said, share, n=sets["all"].series, ground="real"))
    return figures


def _figures(budget: float, name: str, tally: Tally, stated: float) -> list[Figure]:
    """Return a set's figures: false pages over stated ones with the exact Poisson interval (Garwood 1936), events caught."""
    told_of = f"live, {budget:g} false pages a week, {name}"
    low, high = poisson_interval(tally.false)
    ratio = tally.false / stated if stated else None
    within = bool(stated) and low / stated <= 1 <= high / stated if name == "all that promise" and budget > 2 else None
    share = tally.caught / tally.events if tally.events else None
    return [
        figure_of(
            "D15", f"false pages / stated, {told_of}", ratio, n=tally.false, ground="real", goal="interval holds 1",
            span=(low / stated, high / stated) if stated else None, met=within,
        ),
        figure_of("D15", f"events paged in time, {told_of}", share, n=tally.events, ground="real", goal=">= .40 at 20 a week", span=wilson(tally.caught, tally.events)),
    ]  # fmt: skip
