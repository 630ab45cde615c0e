"""D11: is a finding's confidence the share of such findings that are real, and are p-values uniform when nothing happens?

``mumetal bench confidence [--seeds N] [--data FOLDER]``; FOLDER holds ``<set>/<series>.npz`` of public series, into whose
histories the same trouble is put. Odds beforehand are those at which the trouble is put in, so calibration is what is
measured, not the assumption of one event a week.
"""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figure import Figure, Ground, figure_of, share_of
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.core.series import Channel, Series
from mumetal.watch.calibrate import WEEK_S, memory
from mumetal.watch.ensemble import Ensemble
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.settings import WatchSettings

Array = NDArray[np.float64]
EVERY = 2_000  # rows between events, and between false alerts that the budget allows
T0 = 1_760_000_000 * 10**9
AFTER = 25  # rows after an event that still belong to it


def series(values: Array) -> Series:
    channels = tuple(Channel(name=f"c{i}", unit="1") for i in range(values.shape[1]))
    t_ns = T0 + 10**9 * np.arange(values.shape[0], dtype=np.int64)
    return Series(device="lab", stream="bench", channels=channels, t_ns=t_ns, values=values)


def _remembering(steps: Array, share: float) -> Array:
    """First-order autoregression driven by ``steps``."""
    out = np.empty_like(steps)
    level = steps[0] / math.sqrt(1 - share**2)
    for row, step in enumerate(steps):
        level = out[row] = share * level + step
    return out


Background = Callable[[np.random.Generator, int, int], Array]
SEEN: dict[str, Background] = {
    "Gaussian": lambda rng, n, c: rng.normal(size=(n, c)),
    "t, 4 degrees": lambda rng, n, c: rng.standard_t(4, size=(n, c)),
    "memory .9": lambda rng, n, c: _remembering(rng.normal(size=(n, c)), 0.9),
}
UNSEEN: dict[str, Background] = {
    "log-normal": lambda rng, n, c: np.exp(0.4 * rng.normal(size=(n, c))),
    "memory .97, t with 6 degrees": lambda rng, n, c: _remembering(rng.standard_t(6, size=(n, c)), 0.97),
    "Laplace": lambda rng, n, c: rng.laplace(size=(n, c)),
    "mains and noise": lambda rng, n, c: rng.normal(size=(n, c)) + 2 * np.sin(np.arange(n) / 7.3)[:, None],
    "correlated": lambda rng, n, c: rng.normal(size=(n, c)) + 1.5 * rng.normal(size=(n, 1)),
}


def troubled(rng: np.random.Generator, values: Array, start: int) -> tuple[Array, list[tuple[int, int]]]:
    """Shift some channels for a while, once in about ``EVERY`` rows, half to thirty deviations."""
    out, spread, events, row = values.copy(), values[:start].std(axis=0) + 1e-12, [], start
    while (row := row + 200 + int(rng.exponential(EVERY - 200))) < len(values) - 300:
        size, rows = np.exp(rng.uniform(np.log((0.5, 5)), np.log((30, 200))))
        chosen = rng.choice(values.shape[1], rng.integers(1, values.shape[1] + 1), replace=False)
        out[row : row + int(rows), chosen] += size * spread[chosen] * rng.choice((-1, 1), chosen.size)
        events.append((row, row + int(rows)))
        row += int(rows)
    return out, events


def judged(values: Array, events: list[tuple[int, int]], learning: int) -> list[tuple[float, bool]]:
    """Return confidence and truth of each finding."""
    per_week = WEEK_S / EVERY
    monitor = StreamMonitor(
        WatchSettings(learning_rows=learning, learning_s=0.0), SharedBudget(4 * per_week, true_per_week=per_week)
    )
    found: dict[str, tuple[float, bool]] = {}
    whole = series(values)
    for start in range(0, len(whole), 1_000):
        for finding in monitor.observe(whole.rows(start, min(len(whole), start + 1_000))):
            first, last = (finding.start_ns - T0) / 1e9, (finding.stop_ns - T0) / 1e9
            real = any(first <= stop + AFTER and last >= begin for begin, stop in events)
            found[finding.finding_id] = (finding.confidence, real)
    return list(found.values())


def calibration_error(confidence: Array, real: Array, bins: int = 15) -> float:
    """Return the debiased expected calibration error: each bin's squared gap less the variance of its own share."""
    total = 0.0
    for rows in np.array_split(np.argsort(confidence, kind="stable"), bins):
        share = float(real[rows].mean())
        gap = (float(confidence[rows].mean()) - share) ** 2 - share * (1 - share) / max(1, len(rows) - 1)
        total += len(rows) / len(real) * math.sqrt(max(0.0, gap))
    return total


def uniformity(background: Background, seeds: range, learning: int = 4_000, rows: int = 6_000) -> tuple[int, int]:
    """Return how many members' p-values on fresh ordinary rows differ from uniform at 5% (KS), of how many asked.

    The rows are thinned to such as no longer remember one another; the history is as finite as a lab's, so its own
    sampling counts: two-sample Kolmogorov-Smirnov with both effective sizes (Smirnov 1948).
    """
    refused = asked = 0
    for seed in seeds:
        values = background(np.random.default_rng(seed), learning + rows, 4)
        ensemble = Ensemble(series(values[:learning]))
        scores = ensemble.score(series(values).rows(learning, learning + rows))
        for column, member in enumerate(ensemble.members):
            ordinary = member.calibrations[-1].tail.ordered
            past = memory(scores[:, column : column + 1])
            fresh = scores[past::past, column]
            p = member.calibrations[-1].p_values(fresh)
            tied = fresh <= 0  # scores bounded below share one p-value: ties are broken at random (Vovk 2005)
            p[tied] = 1 - np.random.default_rng(seed).random(int(tied.sum())) * float(np.mean(ordinary <= 0))
            p = np.sort(p)
            distance = float(np.max(np.abs(p - (np.arange(p.size) + 0.5) / p.size)))
            known = ordinary.size / past
            size = p.size * known / (p.size + known)
            refused += distance > 1.358 / math.sqrt(size)
            asked += 1
    return refused, asked


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1_000, help="first seed; 0 to 99 were used while writing")
    parser.add_argument("--rows", type=int, default=30_000)


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    figures: list[Figure] = []
    seeds = range(asked.first, asked.first + (min(asked.seeds, 3) if asked.quick else asked.seeds))
    everything: list[tuple[float, bool]] = []
    print("| background | findings | real | mean confidence | calibration error |\n|---|---|---|---|---|")
    for what, backgrounds in (("looked at while writing", SEEN), ("unseen", UNSEEN)):
        group: list[tuple[float, bool]] = []
        for name, background in backgrounds.items():
            rows: list[tuple[float, bool]] = []
            for seed in seeds:
                learning = (600, 2_000, 4_000)[seed % 3]
                rng = np.random.default_rng(seed)
                rows += judged(*troubled(rng, background(rng, learning + asked.rows, 4), learning), learning)
            figures += _line(name, rows)
            group += rows
        figures += _line(f"**{what}, all**", group)
        everything += group
    figures += _line("**all**", everything)
    if asked.data is not None:
        rows = []
        for path in sorted(asked.data.glob("*/*.npz")):
            rows += real_background(path, np.random.default_rng(asked.first))
        figures += _line("**public series' histories**", rows, ground="injected")
    for name, background in {**SEEN, **UNSEEN}.items():
        refused, of = uniformity(background, seeds)
        print(f"p-values of {name}: {refused} of {of} refused at 5%")
        figures.append(share_of("D11", f"p-values not uniform at 5%, {name}", refused, of))
    return figures


def real_background(path: Path, rng: np.random.Generator) -> list[tuple[float, bool]]:
    """Judge a public series' history with trouble put into its second half."""
    with np.load(path, allow_pickle=False) as found:
        values = np.asarray(found["X_train"], np.float64)
    values = values.reshape(len(values), -1)[:40_000]
    if len(values) < 3_000 or not np.isfinite(values).all():
        return []
    start = len(values) // 2
    return judged(*troubled(rng, values, start), start)


def _arrays(rows: list[tuple[float, bool]]) -> tuple[Array, Array]:
    return np.array([c for c, _ in rows]), np.array([float(r) for _, r in rows])


def _line(name: str, rows: list[tuple[float, bool]], ground: Ground = "twin") -> list[Figure]:
    if not rows:
        return []
    confidence, real = _arrays(rows)
    error = calibration_error(confidence, real)
    print(f"| {name} | {len(rows)} | {real.mean():.3f} | {confidence.mean():.3f} | {error:.3f} |", flush=True)
    most = 0.03 if len(rows) >= 3_000 else None
    what = f"confidence, debiased expected calibration error, {name.strip('*')}"
    return [figure_of("D11", what, error, n=len(rows), goal="≤ .03, n ≥ 3,000", ground=ground, most=most)]
