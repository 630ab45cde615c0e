"""D12, tier 1: rows scored per CPU-second at 64 channels by static limits, multi-scale EWMA and T² + Q together.

Float64 in, spike and T² + Q on every sample, slower scales once per 16 samples; scale and missing-value check included.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

import numpy as np

from bench.figure import HEAD, Figure, Line, figure_of, printed
from mumetal.core.series import Channel, Series
from mumetal.watch.detectors.ewma import Ewma
from mumetal.watch.detectors.limits import Limits
from mumetal.watch.detectors.mahalanobis import Mahalanobis
from mumetal.watch.detectors.standard import Scale
from mumetal.watch.ensemble import PIECE

CHANNELS = 64
ROWS = 200_000
GOAL = 1.5e6


def run(repeats: int = 5) -> dict[str, float]:
    """Return rows per CPU-second: best and median of ``repeats`` passes over the same rows, and the goal.

    CPU time is that of the thread, so that a threaded BLAS cannot flatter the figure: run with one BLAS thread.
    """
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, 8)) @ rng.normal(size=(8, CHANNELS)) + rng.normal(size=(ROWS, CHANNELS))
    history = Series(
        device="bench",
        stream="control",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(CHANNELS)),
        t_ns=1_760_000_000 * 10**9 + np.arange(10_000) * 10**6,
        values=values[:10_000],
    )
    scale = Scale(history)
    members = (Limits(), Ewma(), Mahalanobis())
    for member in members:
        member.fit_scaled(scale, history)
    rates = []
    for _ in range(repeats):
        start = time.process_time()
        for first in range(0, ROWS, PIECE):
            z, seen = scale.apply(values[first : first + PIECE])
            for member in members:
                member.score_z(z, seen)
        rates.append(ROWS / (time.process_time() - start))
    return {"rows_per_cpu_s_best": max(rates), "rows_per_cpu_s_median": float(np.median(rates)), "goal": GOAL}


def lines(repeats: int = 5) -> Iterator[Line]:
    """Yield the two figures; the busy process that the bar wants beside them is not started here, so neither meets it."""
    for name, value in run(repeats).items():
        if name == "goal":
            continue
        what = f"tier 1, {name.rsplit('_', 1)[1]} of {repeats} passes, rows per CPU-s (no busy process beside it)"
        yield Line(
            what=f"D12 tier 1, {name}", said=f"{value:,.3g}", figures=(figure_of("D12", what, value, goal="≥ 1.5 M"),)
        )


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--repeats", type=int, default=5, help="passes over the same rows")


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    print(HEAD)
    return printed(lines(asked.repeats))
