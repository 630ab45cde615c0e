"""D10 on real calibrations: of the figures that an injected edit changed, how many lead the attribution.

HitRate at 150% (Su et al. 2019, doi:10.1145/3292500.3330672): the share of the changed figures among the first
1.5 times as many. Ours, the conditional residual and the exact Shapley value of the squared distance see the same past
and the same day; once over all days, once over those on which ours raises a finding at all.
"""

import copy
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figure import Figure, figure_of
from bench.watch.daily import DEVICES, attacked, background
from bench.watch.equal_recall import strengths
from mumetal.watch.detectors.day_to_day import DayToDay

Array = NDArray[np.float64]
SPREAD = 0.05
RUNS = 4  # random choices of what is edited, per day


def hits(weights: Array, truth: NDArray[np.intp]) -> float:
    """Return HitRate at 150% of one attribution."""
    most = int(np.ceil(1.5 * truth.size))
    first = np.argsort(-np.nan_to_num(weights), kind="stable")[:most]
    return float(np.isin(truth, first).mean())


def distances(learn: Array, day: Array) -> tuple[Array, Array, Array]:
    """Return |z|, conditional residual and Shapley value of each figure, shape (C,) each."""
    mean, sigma = np.nanmean(learn, axis=0), np.maximum(np.nanstd(learn, axis=0, ddof=1), SPREAD)
    z, d = np.nan_to_num((learn - mean) / sigma), np.nan_to_num((day - mean) / sigma)
    precision = np.linalg.inv(0.4 * z.T @ z / len(z) + 0.6 * np.eye(len(d)))
    pulled = precision @ d
    return np.abs(d), pulled**2 / np.diag(precision), d * pulled


def interval(gain: Array, draws: int = 2_000) -> tuple[float, float, float]:
    """Return the mean of paired differences (n,) with its 95% percentile bootstrap interval."""
    rng = np.random.default_rng(0)
    means = gain[rng.integers(0, gain.size, (draws, gain.size))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(gain.mean()), float(low), float(high)


def run(folder: Path, factors: list[float] | None = None) -> list[Figure]:
    """Print hit rates by factor and device, and what ours gains over the conditional residual, resampled by day."""
    frozen = strengths()
    print(
        "| factor | device | over | runs, days | ours | conditional residual | Shapley | distance | ours − residual [95%] |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    figures: list[Figure] = []
    for factor in factors or frozen["unauthorised_recalibration"]["factors"]:
        both: dict[str, list[Array]] = {"all days": [], "raised": []}
        for device in DEVICES:
            rng = np.random.default_rng(frozen["run"]["seed"])
            whole = background(folder, device)
            days: dict[str, list[Array]] = {"all days": [], "raised": []}
            for start in range(frozen["run"]["days_learnt"], len(whole)):
                detector = DayToDay()
                detector.fit(whole.rows(0, start))
                each: list[list[float]] = []
                raised: list[list[float]] = []
                for _ in range(RUNS):
                    under = attacked(whole.rows(start, start + 1), "unauthorised_recalibration", factor, rng)
                    changed = np.flatnonzero(np.isfinite(under.values[0]) & (under.values[0] != whole.values[start]))
                    if not changed.size:
                        continue
                    order = {a.channel: a.share for a in detector.attribute(under)}
                    ours = np.array([order.get(n, 0.0) for n in under.names])
                    z, residual, shapley = distances(np.log(whole.values[:start]), np.log(under.values[0]))
                    each.append([hits(w, changed) for w in (ours, residual, shapley, z)])
                    if copy.deepcopy(detector).score(under)[0] >= 1:
                        raised.append(each[-1])
                for name, rows in (("all days", each), ("raised", raised)):
                    if rows:
                        days[name].append(np.array(rows))
            for name, found in days.items():
                _line(factor, device, name, found)
                both[name] += found
        for name, found in both.items():
            figures += _line(factor, "**both**", name, found)
    return figures


def _line(factor: float, device: str, name: str, days: list[Array]) -> list[Figure]:
    if not days:
        return []
    table = np.concatenate(days)
    cells = " | ".join(f"{m:.3f}" for m in table.mean(axis=0))
    mean, low, high = interval(np.array([float((d[:, 0] - d[:, 1]).mean()) for d in days]))
    print(
        f"| {factor:g} | {device} | {name} | {len(table)}, {len(days)} | {cells} | {mean:+.3f} [{low:+.3f}, {high:+.3f}] |",
        flush=True,
    )
    of = f"×{factor:g}, {name}"
    return [
        figure_of("D10", f"attribution hit rate at 150%, {of}", float(table[:, 0].mean()), n=len(table), ground="injected"),
        figure_of(
            "D10", f"attribution hit rate less the conditional residual's, {of}", mean, span=(low, high), n=len(days),
            goal="> 0, interval above it", met=low > 0, ground="injected",
        ),
    ]  # fmt: skip


def add_options(parser: ArgumentParser) -> None:
    """It has none."""


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    return run(asked.data, [strengths()["unauthorised_recalibration"]["factors"][0]] if asked.quick else None)
