"""The live watch at its own settings over public series with labels: what a user would have been told, and how often falsely.

Each series is one stream: the monitor learns from its history and judges its test in chunks, at the budget of false
pages that is the default. A finding is true when it overlaps an event, widened by the set's tolerance; an event is
caught when such a finding is *said* before the set's deadline. Rows are taken to come once a second, as the bar takes them.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter

import numpy as np

from bench.figure import Figure, figure_of
from bench.watch import metrics
from bench.watch.sets import Labelled, labelled
from bench.watch.sets import found as found_in
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.watch.calibrate import WEEK_S
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.settings import WatchSettings
from mumetal.watch.training.public_series import PUBLIC

CHUNK = 25
BUDGET = 2.0  # false pages a week: the default
QUICK_SERIES = 3  # per set


def told(one: Labelled, per_week: float) -> tuple[list[tuple[int, int, str]], str]:
    """Return the findings of one series, (row said, row begun, rule), and the stream's last state."""
    settings = WatchSettings(learning_rows=len(one.history), learning_s=0)
    monitor = StreamMonitor(settings, SharedBudget(per_week))
    monitor.prime(one.history)
    t0 = int(one.test.t_ns[0])
    out: list[tuple[int, int, str]] = []
    seen: set[str] = set()
    for start in range(0, len(one.test), CHUNK):
        stop = min(start + CHUNK, len(one.test))
        for f in monitor.observe(one.test.rows(start, stop)):
            if f.finding_id not in seen:
                seen.add(f.finding_id)
                out.append((stop - 1, int((f.start_ns - t0) / 1e9), f.rule))
    return out, f"{monitor.state} {monitor.reason}".strip()


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--limit", type=int, default=0, help="at most so many series per set; 0 for all")
    parser.add_argument("--verbose", action="store_true", help="a line per series as well")


def run_bench(a: Namespace) -> list[Figure]:
    """Print one row per set."""
    figures: list[Figure] = []
    limit = a.limit or (QUICK_SERIES if a.quick else 0)
    print("| set | series | events caught in time | false pages | stated for as long | by |\n|---|---|---|---|---|---|")
    for name in PUBLIC:
        caught = events = false = n = 0
        weeks = 0.0
        rules: Counter[str] = Counter()
        for one in labelled(found_in(a.data)[0], (name,), limit):
            n += 1
            found, state = told(one, BUDGET)
            spans = metrics.events(one.labels)
            wide = np.zeros(one.labels.size, bool)
            for start, stop in spans:
                wide[max(0, start - one.desk.tolerance) : stop + one.desk.tolerance] = True
                events += 1
                caught += any(start <= said < start + one.desk.deadline for said, _, _ in found)
            wrong = [f for f in found if not wide[min(f[0], wide.size - 1)]]
            false += len(wrong)
            rules.update(rule.rsplit(".", 1)[-1] for _, _, rule in wrong)
            weeks += float((~wide).sum()) / WEEK_S
            if a.verbose:
                print(one.name, len(found), len(wrong), state)
        by = ", ".join(f"{rule} {count}" for rule, count in rules.most_common())
        print(f"| {name} | {n} | {caught}/{events} | {false} | {BUDGET * weeks:.2f} | {by} |")
        figures += [
            figure_of("D15", f"{name}: share of events caught in time, live, two false pages a week", caught / events if events else None,
                      n=events, ground="real"),
            figure_of("D15", f"{name}: false pages, live, for {BUDGET * weeks:.2f} stated", false, n=n, ground="real"),
        ]  # fmt: skip
    return figures
