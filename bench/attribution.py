"""D10 on real calibrations: of the figures that an injected edit changed, how many lead the attribution.

HitRate at 150% (Su et al. 2019, doi:10.1145/3292500.3330672): the share of the changed figures among the first
1.5 times as many. Ours, the conditional residual and the exact Shapley value of the squared distance see the same past,
the same covariance and the same day; once over all days, once over those on which ours raises a finding at all.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series
from mumetal.watch.benchmark.daily import DEVICES, attacked, background
from mumetal.watch.benchmark.equal_recall import strengths
from mumetal.watch.detectors.day_to_day import DayToDay

Array = NDArray[np.float64]
SPREAD = 0.05
RUNS = 4  # random choices of what is edited, per day


def hits(weights: Array, truth: Array) -> float:
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


def _raises(learn: Series, day: Series) -> bool:
    detector = DayToDay()
    detector.fit(learn)
    return bool(detector.score(day)[0] >= 1)


def run(folder: Path) -> None:
    """Print hit rates by factor, with standard errors over days."""
    frozen = strengths()
    print("| factor | over | n | ours | conditional residual | Shapley | distance | ours − residual |")
    print("|---|---|---|---|---|---|---|---|")
    for factor in frozen["unauthorised_recalibration"]["factors"]:
        rows: list[list[float]] = []
        raised: list[list[float]] = []
        for device in DEVICES:
            rng = np.random.default_rng(frozen["run"]["seed"])
            whole = background(folder, device)
            for start in range(frozen["run"]["days_learnt"], len(whole)):
                detector = DayToDay()
                detector.fit(whole.rows(0, start))
                each: list[list[float]] = []
                for _ in range(RUNS):
                    under = attacked(whole.rows(start, start + 1), "unauthorised_recalibration", factor, rng)
                    changed = np.flatnonzero(np.isfinite(under.values[0]) & (under.values[0] != whole.values[start]))
                    if not changed.size:
                        continue
                    order = {a.channel: a.share for a in detector.attribute(under)}
                    ours = np.array([order.get(n, 0.0) for n in under.names])
                    z, residual, shapley = distances(np.log(whole.values[:start]), np.log(under.values[0]))
                    one = [hits(w, changed) for w in (ours, residual, shapley, z)]
                    each.append(one)
                    if _raises(whole.rows(0, start), under):
                        raised.append(one)
                if each:
                    rows.append(list(np.mean(each, axis=0)))
        for name, table in (("all days", np.array(rows)), ("raised", np.array(raised))):
            gain = table[:, 0] - table[:, 1]
            cells = " | ".join(f"{m:.3f}" for m in table.mean(axis=0))
            error = gain.std(ddof=1) / np.sqrt(len(gain))
            print(f"| {factor:g} | {name} | {len(table)} | {cells} | {gain.mean():+.3f} ± {error:.3f} |")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", type=Path, required=True)
    run(p.parse_args().data)
