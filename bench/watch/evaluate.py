"""Runs contenders over labelled series and sums up: quality, false alerts at equal recall, and what a budget gave."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.watch import metrics
from bench.watch.equal_recall import Injected
from bench.watch.peers import OURS_NAME, WITH, Contender
from bench.watch.sets import Labelled
from mumetal.watch.calibrate import calibrate_each
from mumetal.watch.detectors.held_out import folds, held_out_scores
from mumetal.watch.detectors.standard import Standardised
from mumetal.watch.regimes import Regimes

Array = NDArray[np.float64]
RECALLS = (0.5, 0.9)
BUDGET = 10.0  # false alerts per 10,000 rows that the label-free threshold is asked for
DRAWS = 400
BASE, BEST_PEER = "static limits", "Sub-PCA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One contender on one series.

    Args:
        of: The series.
        volume: VUS-PR.
        calibrated: Test scores in units of the history's own: 0 at the median, 1 at the 99.5% quantile.
        budgeted: Outcome at the label-free threshold; None for peers, which have none.
        seconds: CPU time of scoring the test, s.
    """

    of: Labelled
    volume: float
    calibrated: Array
    budgeted: metrics.Outcome | None
    seconds: float


class Figure(Struct, kw_only=True, frozen=True):
    """One contender on one set.

    Args:
        contender: Its name.
        set_name: The set.
        series: Series scored.
        events: Labelled events.
        vus_pr: Mean VUS-PR over series.
        low: Lower end of its 95% bootstrap interval.
        high: Upper end.
        false_50: False alerts per 10,000 ordinary rows at the one threshold that catches 50% of events in time.
        false_90: The same at 90%.
        budget_recall: Share of events caught in time at the label-free threshold; NaN for peers.
        budget_ratio: False alerts there over those asked for; NaN for peers.
        rows_per_s: Rows scored per CPU second.
    """

    contender: str
    set_name: str
    series: int
    events: int
    vus_pr: float
    low: float
    high: float
    false_50: float
    false_90: float
    budget_recall: float
    budget_ratio: float
    rows_per_s: float


class Summary(Struct, kw_only=True, frozen=True):
    """One contender over all sets, each set counting the same.

    Args:
        contender: Its name.
        vus_pr: Mean of the sets' means.
        gain: The same minus that of the Sub-PCA peer, with the 95% interval of a bootstrap paired by series.
        less_50: Geometric mean over sets of false alerts at 50% recall over those of static limits, minus 1, with interval.
        less_90: The same at 90%.
    """

    contender: str
    vus_pr: float
    gain: tuple[float, float, float]
    less_50: tuple[float, float, float]
    less_90: tuple[float, float, float]


class Ablation(Struct, kw_only=True, frozen=True):
    """What taking the encoder away costs: false alerts without it over those with it, minus 1.

    Args:
        contender: With the encoder.
        more_50: At 50% recall, geometric mean over sets, with the 95% interval of a bootstrap paired by series.
        more_90: The same at 90%.
        volume: Mean VUS-PR with it minus without, with interval.
    """

    contender: str
    more_50: tuple[float, float, float]
    more_90: tuple[float, float, float]
    volume: tuple[float, float, float]


class Report(Struct, kw_only=True, frozen=True):
    """All figures of one run.

    Args:
        figures: Per contender and set.
        summaries: Per contender.
        ablations: Per contender that has an encoder.
        injected: Attacks injected into calibrations.
        missing: Peers that are not installed.
        seed: Of the bootstrap.
    """

    figures: tuple[Figure, ...]
    summaries: tuple[Summary, ...]
    missing: tuple[str, ...]
    seed: int
    ablations: tuple[Ablation, ...] = ()
    injected: tuple[Injected, ...] = ()


def run(
    makes: Mapping[str, Callable[[], Contender]],
    data: Iterable[Labelled],
    ours: Mapping[str, Callable[[], Standardised]],
    missing: tuple[str, ...] = (),
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Score every series by every contender and sum up.

    Args:
        makes: Contenders by name.
        data: Series; read once.
        ours: Detectors among them that have a label-free threshold.
        missing: Names to report as not installed.
        seed: Of the bootstrap.
        progress: Told what is being scored.
    """
    scored: dict[str, dict[str, list[Scored]]] = {name: {} for name in makes}
    for one in data:
        progress(f"{one.set_name}/{one.name}")
        for name, make in makes.items():
            scored[name].setdefault(one.set_name, []).append(_score(make(), one, ours.get(name)))
    rng = np.random.default_rng(seed)
    figures = tuple(_figure(name, key, group, rng) for name, sets in scored.items() for key, group in sets.items())
    summaries = tuple(_summary(name, scored, seed) for name in makes)
    return Report(
        figures=figures, summaries=summaries, missing=missing, seed=seed, ablations=tuple(_ablations(scored, seed))
    )


def _score(contender: Contender, one: Labelled, make: Callable[[], Standardised] | None) -> Scored:
    contender.fit(one.history)
    past = contender.score(one.history)
    begun = time.process_time()
    scores = contender.score(one.test)
    seconds = time.process_time() - begun
    settled = np.sort(past[min(64, len(past) // 10) :])  # without the rows in which averages still rise
    middle, high = settled[len(settled) // 2], settled[int(0.995 * (len(settled) - 1))]
    budgeted = None
    if make is not None:
        detector = make()
        detector.fit(one.history)
        held = held_out_scores(make, folds(one.history)) if detector.held_out is None else detector.held_out
        regimes = Regimes(one.history)
        labels = regimes.labels(one.history.values)[-len(held) :]
        each = calibrate_each(held, labels, len(regimes), 1.0, detector.tail_power, detector.nominal_scale)
        levels = np.array([c.tail.level(BUDGET / 1e4) ** (1 / detector.tail_power) for c in each])
        levels[-1] = levels.max()  # as in the live loop: a state hardly known has the strictest threshold
        budgeted = metrics.outcome(one.labels, scores / levels[regimes.labels(one.test.values)], 1.0, one.desk)
    return Scored(
        of=one,
        volume=metrics.vus_pr(one.labels, scores, one.buffer),
        calibrated=(scores - middle) / (high - middle + 1e-3 * abs(middle) + 1e-9),
        budgeted=budgeted,
        seconds=seconds,
    )


class FalseAlerts:
    """False alerts per 10,000 ordinary rows at equal recall, for any resampling of a set's series.

    Args:
        group: One contender on one set.
    """

    def __init__(self, group: Sequence[Scored]) -> None:
        self._group = group
        self._peaks = [metrics.event_peaks(s.of.labels, s.calibrated, s.of.desk) for s in group]
        self._known: dict[tuple[int, float], tuple[int, int]] = {}

    def at(self, recall: float, chosen: NDArray[np.int64]) -> float:
        """Return the rate at the one threshold that catches the share ``recall`` of the chosen series' events."""
        threshold = metrics.threshold_for(np.concatenate([self._peaks[i] for i in chosen]), recall)
        counts = np.array([self._count(int(i), threshold) for i in chosen])
        return 1e4 * float(counts[:, 0].sum()) / max(1.0, float(counts[:, 1].sum()))

    def _count(self, index: int, threshold: float) -> tuple[int, int]:
        key = (index, threshold)
        if key not in self._known:
            one = self._group[index]
            found = metrics.outcome(one.of.labels, one.calibrated, threshold, one.of.desk)
            self._known[key] = (found.false_alerts, found.ordinary)
        return self._known[key]


def _figure(name: str, set_name: str, group: Sequence[Scored], rng: np.random.Generator) -> Figure:
    volumes = np.array([s.volume for s in group])
    low, high = metrics.mean_interval(volumes, rng)
    alerts, everything = FalseAlerts(group), np.arange(len(group))
    budgeted = [s.budgeted for s in group if s.budgeted is not None]
    events = sum(len(metrics.events(s.of.labels)) for s in group)
    false = sum(o.false_alerts for o in budgeted)
    ordinary = sum(o.ordinary for o in budgeted)
    return Figure(
        contender=name,
        set_name=set_name,
        series=len(group),
        events=events,
        vus_pr=float(volumes.mean()),
        low=low,
        high=high,
        false_50=alerts.at(0.5, everything),
        false_90=alerts.at(0.9, everything),
        budget_recall=sum(o.caught for o in budgeted) / events if budgeted else float("nan"),
        budget_ratio=1e4 * false / max(1, ordinary) / BUDGET if budgeted else float("nan"),
        rows_per_s=sum(len(s.of.test) for s in group) / max(1e-9, sum(s.seconds for s in group)),
    )


Chosen = dict[str, NDArray[np.int64]]
Group = Mapping[str, Sequence[Scored]]


class Paired:
    """Two contenders on the same series of the same sets, compared with intervals.

    Args:
        mine: Scores by set.
        other: The other's, of the same series in the same order.
        seed: Of the bootstrap.
    """

    def __init__(self, mine: Group, other: Group, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._sizes = {k: len(v) for k, v in mine.items()}
        self._apart = {k: np.array([a.volume - b.volume for a, b in zip(mine[k], other[k], strict=True)]) for k in mine}
        self._mine = {k: FalseAlerts(group) for k, group in mine.items()}
        self._other = {k: FalseAlerts(group) for k, group in other.items()}
        self._draws = [{k: rng.integers(0, n, n) for k, n in self._sizes.items()} for _ in range(DRAWS)]

    def volume(self) -> tuple[float, float, float]:
        """Return by how much the mean VUS-PR is larger than the other's, with interval."""
        return self._interval(lambda chosen: float(np.mean([self._apart[k][i].mean() for k, i in chosen.items()])))

    def alerts(self, recall: float) -> tuple[float, float, float]:
        """Return false alerts over the other's at equal recall, geometric mean over sets, minus 1, with interval."""

        def ratio(chosen: Chosen) -> float:
            # half an alert per 10,000 keeps the geometric mean finite where a set has none
            each = [
                (self._mine[k].at(recall, i) + 0.5) / (self._other[k].at(recall, i) + 0.5) for k, i in chosen.items()
            ]
            return float(np.exp(np.mean(np.log(each))) - 1)

        return self._interval(ratio)

    def _interval(self, statistic: Callable[[Chosen], float]) -> tuple[float, float, float]:
        low, high = np.quantile([statistic(d) for d in self._draws], (0.025, 0.975))
        return statistic({k: np.arange(n) for k, n in self._sizes.items()}), float(low), float(high)


def _summary(name: str, scored: Mapping[str, Group], seed: int) -> Summary:
    mine = scored[name]
    against = Paired(mine, scored.get(BASE, mine), seed)
    return Summary(
        contender=name,
        vus_pr=float(np.mean([np.mean([s.volume for s in group]) for group in mine.values()])),
        gain=Paired(mine, scored.get(BEST_PEER, mine), seed).volume(),
        less_50=against.alerts(0.5),
        less_90=against.alerts(0.9),
    )


def _ablations(scored: Mapping[str, Group], seed: int) -> Iterator[Ablation]:
    """Compare everything that has an encoder with what does without."""
    without = scored.get(OURS_NAME)
    if without is None:
        return
    for name, mine in scored.items():
        if name.startswith(WITH):
            found = Paired(without, mine, seed)
            yield Ablation(
                contender=name,
                more_50=found.alerts(0.5),
                more_90=found.alerts(0.9),
                volume=Paired(mine, without, seed).volume(),
            )
