"""D5: false alerts of the live watch, after causes, on the twin's fast telemetry, at equal recall beside fixed limits and peers.

Ours on ours: it shows that the rooms work together, never that they work in the world. Labs have devices, seeds and
layouts that nothing was trained or tuned on; attacks come at the strengths of ``fast_strengths.toml``, frozen before this
first ran, among innocent causes with their events. Ours is the product's watch at its own settings: what it says at a
time, second by second, is how rarely ordinary data do what the findings then open saw that no cause explains. Peers learn the same quiet
past and score the same rows; a second has its largest score, in units of the stream's own quiet past (0 its median, 1 its
99.5% quantile), but fixed limits are at k deviations. One threshold per method is swept over all fast streams together;
an attack is caught by a stream that it moves. Alerts are counted alike for all (:class:`Desk`, one sample a second).
"""

import sys
import tomllib
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, convert
from numpy.typing import NDArray

from bench.figure import Figure, figure_of
from bench.watch import metrics
from bench.watch.fast_labs import FIXED, GENERIC, OURS, STREAMS, Attack, Plan, Played, kept
from bench.watch.metrics import Desk
from mumetal.core.errors import BadInputError

METHODS = (OURS, FIXED, *GENERIC)
RECALLS = (0.5, 0.9)
ALL, ONCE, ALONE = "all", "all, a finding of ours once", "all but innocent causes"
DRAWS = 400
WEEK_S = 7 * 86_400.0
STRENGTHS = Path(__file__).with_name("fast_strengths.toml")


class Swept:
    """One method over labs, at any threshold.

    Args:
        labs: Played labs.
        method: Which.
        desk: How alerts are counted.
        only: One stream alone; all when empty.
        without: Whether alerts around innocent causes are not counted.
        pages: Whether each finding of ours counts once, when it is first said with the rank, however long it stands.
    """

    def __init__(
        self,
        labs: Sequence[Played],
        method: str,
        desk: Desk,
        only: str = "",
        *,
        without: bool = False,
        pages: bool = False,
    ) -> None:
        self._labs, self._method, self._desk, self._without = labs, method, desk, without
        self._pages = pages and method == OURS
        self._streams = (only,) if only else STREAMS
        self._scores = [{s: np.asarray(v) for s, v in lab.scores[method].items()} for lab in labs]
        self._none = [self._excused(lab) for lab in labs]
        self.peaks = [
            np.array([self.peak(lab, a) for a in lab.attacks if not only or only in a.streams]) for lab in labs
        ]
        self._known: dict[tuple[int, float], int] = {}
        self.weeks = [len(self._streams) * float((~excused).sum()) / WEEK_S for excused in self._none]

    def peak(self, lab: Played, attack: Attack) -> float:
        """Return the largest score in time on a stream that the attack moves."""
        span = slice(attack.start, attack.start + self._desk.deadline)
        scores = lab.scores[self._method]
        return max((max(scores[s][span]) for s in attack.streams if s in self._streams), default=-np.inf)

    def at(self, recall: float, chosen: NDArray[np.int64]) -> tuple[float, int] | None:
        """Return false alerts per stream-week and their number at the threshold of a recall.

        None when it is out of reach, or no attack moves what is counted.
        """
        peaks = np.concatenate([self.peaks[i] for i in chosen])
        if not peaks.size:  # few attacks move this stream, and a draw of labs may hold none
            return None
        threshold = metrics.threshold_for(peaks, recall)
        if self._method == OURS and threshold <= 0:
            return None
        number = sum(self._count(int(i), threshold) for i in chosen)
        return number / sum(self.weeks[i] for i in chosen), number

    def limit(self) -> float:
        """Return the recall of everything that is said at all."""
        return float((np.concatenate(self.peaks) > 0).mean())

    def _excused(self, lab: Played) -> NDArray[np.bool_]:
        out = np.zeros(len(next(iter(lab.scores[self._method].values()))), bool)
        spans = [(a.start, a.stop) for a in lab.attacks]
        for start, stop in spans + ([(a, b) for _, a, b in lab.innocent] if self._without else []):
            out[start : stop + self._desk.tolerance] = True
        return out

    def _count(self, index: int, threshold: float) -> int:
        key = (index, threshold)
        if key not in self._known:
            scores, excused = self._scores[index], self._none[index]
            if self._pages:
                self._known[key] = self._paged(self._labs[index], excused, threshold)
            else:
                self._known[key] = sum(_alerts(scores[s] >= threshold, excused, self._desk) for s in self._streams)
        return self._known[key]

    def _paged(self, lab: Played, excused: NDArray[np.bool_], threshold: float) -> int:
        first: dict[str, int] = {}
        for identity, stream, second, rank in lab.words:
            if stream in self._streams and rank >= threshold:
                first.setdefault(identity, min(second, excused.size - 1))
        return sum(not excused[second] for second in first.values())


def _alerts(above: NDArray[np.bool_], excused: NDArray[np.bool_], desk: Desk) -> int:
    """Count alerts as :func:`metrics.outcome` does, outside what is excused."""
    alert = above.copy()
    at = np.flatnonzero(above)
    for place in np.flatnonzero((np.diff(at) > 1) & (np.diff(at) <= desk.gap)):
        alert[at[place] : at[place + 1]] = True
    return sum(-(-(b - a) // desk.repage) for a, b in metrics.events(alert & ~excused))


class Row(Struct, kw_only=True, frozen=True):
    """One method at one recall.

    Args:
        counted: What is counted, or of which stream.
        method: Which.
        recall: Share of attacks caught in time.
        per_week: False alerts per stream-week; None when the recall is out of reach.
        alerts: Their number.
        change: Ours over this method's, minus 1, with its paired 95% bootstrap interval over labs.
        drawn: Bootstrap draws (of 400) in which ours reached the recall.
    """

    counted: str
    method: str
    recall: float
    per_week: float | None
    alerts: int | None
    change: tuple[float, float, float] | None
    drawn: int


def rows(labs: Sequence[Played], desk: Desk, counted: str, recalls: Sequence[float]) -> list[Row]:
    """Sum up all methods at each recall."""
    only = counted if counted in STREAMS else ""
    without, pages = counted == ALONE, counted == ONCE
    swept = {m: Swept(labs, m, desk, only, without=without, pages=pages) for m in METHODS}
    everything, rng = np.arange(len(labs)), np.random.default_rng(0)
    draws = [rng.integers(0, len(labs), len(labs)) for _ in range(DRAWS)]
    out = []
    for recall in recalls:
        mine = swept[OURS].at(recall, everything)
        drawn = [swept[OURS].at(recall, d) for d in draws]
        for name, sweep in swept.items():
            found = sweep.at(recall, everything)
            change = None
            if name != OURS and mine is not None and found is not None:
                # half an alert keeps a ratio finite where there is none
                each = [
                    (o[1] + 0.5) / (p[1] + 0.5) - 1
                    for o, d in zip(drawn, draws, strict=True)
                    if o is not None and (p := sweep.at(recall, d)) is not None
                ]
                low, high = (float(q) for q in np.quantile(each, (0.025, 0.975))) if each else (-1.0, float("inf"))
                change = ((mine[1] + 0.5) / (found[1] + 0.5) - 1, low, high)
            out.append(
                Row(
                    counted=counted,
                    method=name,
                    recall=recall,
                    per_week=found and found[0],
                    alerts=found and found[1],
                    change=change,
                    drawn=sum(d is not None for d in drawn),
                )
            )
    return out


def report(labs: Sequence[Played], desk: Desk) -> list[Figure]:
    """Print the tables and return what ours gains."""
    ours = Swept(labs, OURS, desk)
    limit = ours.limit()
    recalls = sorted({*RECALLS, *([limit] if 0 < limit < 1 else [])})
    found = [r for counted in (ALL, ONCE, ALONE) for r in rows(labs, desk, counted, recalls)]
    for stream in STREAMS:
        found += rows(labs, desk, stream, (0.5,))
    print(
        f"{len(labs)} labs, {sum(len(lab.attacks) for lab in labs)} attacks, {sum(len(lab.innocent) for lab in labs)} innocent "
        f"causes, {sum(ours.weeks):.3f} stream-weeks outside attacks, {sum(lab.cpu_s for lab in labs):,.0f} CPU-s; "
        f"all that ours says: recall {limit:.3f}; on slow data besides, not counted: {sum(lab.elsewhere for lab in labs)} findings\n"
    )
    print(
        "| counted | recall | method | false alerts per stream-week (n) | ours against it [95%] |\n|---|---|---|---|---|"
    )
    for r in found:
        rate = "out of reach" if r.per_week is None else f"{r.per_week:,.0f} ({r.alerts})"
        change = "" if r.change is None else f"{r.change[0]:+.0%} [{r.change[1]:+.0%}, {r.change[2]:+.0%}]"
        note = f" of {r.drawn} draws" if change and r.drawn < DRAWS else ""
        print(f"| {r.counted} | {r.recall:.3f} | {r.method} | {rate} | {change}{note} |")
    print(
        "\n| attack | factor | n | caught by ours at all |"
        + "".join(f" {m} at {q:.0%} |" for q in RECALLS for m in METHODS)
    )
    print("|" + "---|" * (4 + len(RECALLS) * len(METHODS)))
    sweeps = {m: Swept(labs, m, desk) for m in METHODS}
    levels = {(m, q): metrics.threshold_for(np.concatenate(sweeps[m].peaks), q) for q in RECALLS for m in METHODS}
    for name, factor in sorted({(a.name, a.factor) for lab in labs for a in lab.attacks}):
        of = {m: np.array([s.peak(lab, a) for lab in labs for a in lab.attacks if (a.name, a.factor) == (name, factor)])
              for m, s in sweeps.items()}  # fmt: skip
        cells = "".join(
            f" {'–' if m == OURS and levels[m, q] <= 0 else int((of[m] >= levels[m, q]).sum())} |"
            for q in RECALLS
            for m in METHODS
        )
        print(f"| {name} | {factor:g} | {of[OURS].size} | {int((of[OURS] > 0).sum())} |{cells}")
    told: dict[tuple[str, str], int] = defaultdict(int)
    for lab in labs:
        for rule, on in lab.pages:
            told[on, rule] += 1
    print("\n| then on | findings of ours without an explanation, outside attacks |\n|---|---|")
    for on in sorted({k for k, _ in told}):
        each = sorted(((n, rule) for (k, rule), n in told.items() if k == on), reverse=True)
        print(f"| {on} | {sum(n for n, _ in each)}: {', '.join(f'{rule} {n}' for n, rule in each[:8])} |")
    attacks = sum(len(lab.attacks) for lab in labs)
    return [gain(r, attacks) for r in found if r.change is not None]


def gain(row: Row, attacks: int) -> Figure:
    """Return what ours says falsely over what one method does, as the bar counts it."""
    assert row.change is not None
    value, low, high = row.change
    goal = None
    if row.counted == ALL and row.recall in RECALLS:
        goal = -0.9 if row.method == FIXED else -0.62
    return figure_of(
        "D5", f"false alerts over those of {row.method}, less one, at {row.recall:.0%} recall, {row.counted}", value,
        span=(low, high), n=attacks, goal="" if goal is None else f"{goal:+.0%}, interval below 0",
        met=None if goal is None else value <= goal and high < 0,
    )  # fmt: skip


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--labs", type=int, default=12)
    parser.add_argument("--first", type=int, help="seed of the first lab; that of fast_strengths.toml when left out")
    parser.add_argument("--keep", type=Path, help="folder of played labs: those there are not played again")
    parser.add_argument(
        "--played", action="store_true", help="only labs that are kept, in the range of --first and --labs"
    )


def run_bench(a: Namespace) -> list[Figure]:
    """Run labs and print their tables."""
    plan = convert(tomllib.loads(STRENGTHS.read_text()), Plan)
    first = plan.labs.first_seed if a.first is None else a.first
    labs_asked = 2 if a.quick else a.labs
    if labs_asked < 2 or first < plan.labs.first_seed:
        raise BadInputError(f"at least two labs, and a first seed of {plan.labs.first_seed} or more")
    labs: list[Played] = []
    seeds: Sequence[int] = range(first, first + labs_asked)
    if a.played and a.keep is not None:
        seeds = [seed for seed in seeds if (a.keep / f"{seed}.json").exists()]
    for lab_seed in seeds:
        lab = kept(a.keep, plan, lab_seed)
        labs.append(lab)
        print(f"{lab.name}: {lab.cpu_s:.0f} CPU-s", file=sys.stderr, flush=True)
    return report(labs, Desk(**plan.desk))
