"""D12, tier 2: rows scored per CPU-second at 64 channels by the window detectors, and the time of a single row.

One row a second, so every row has its own window: 24 rows of past for the forecast, 16 for Sub-PCA and the coreset, 128
for the encoder, whose network is measured alone as well: windows of 64 channels × 128 rows per CPU-second.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial

import numpy as np

from bench.figure import Figure, figure_of
from mumetal.app.models.encoders import shipped
from mumetal.core.series import Channel, Series
from mumetal.watch.contrastive.encoder import Encoder
from mumetal.watch.detectors.forecast import Forecast
from mumetal.watch.detectors.nearest import Nearest
from mumetal.watch.detectors.shape import Shape
from mumetal.watch.detectors.standard import Scale, Standardised
from mumetal.watch.detectors.sub_pca import SubPca

CHANNELS = 64
ROWS = 16_384
HISTORY = 2_400
PIECE = 2_048
SINGLE = 500


def run_bench(_asked: Namespace) -> list[Figure]:
    """Print per detector: seconds to fit, rows per CPU-second in pieces, and p50 and p99 of a single row, ms."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, 8)) @ rng.normal(size=(8, CHANNELS)) + rng.normal(size=(ROWS, CHANNELS))
    history = Series(
        device="bench",
        stream="cryostat",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(CHANNELS)),
        t_ns=1_760_000_000 * 10**9 + np.arange(HISTORY) * 10**9,
        values=values[:HISTORY],
    )
    scale = Scale(history)
    z, seen = scale.apply(values)
    print("| detector | fit, CPU-s | rows per CPU-s | one row, ms CPU p50 / p99 |\n|---|---|---|---|")
    model = shipped()
    figures = []
    makes: dict[str, Callable[[], Standardised]] = {
        "forecast": Forecast,
        "Sub-PCA": SubPca,
        "nearest": Nearest,
        "encoder": partial(Encoder, model),
        "fused without the encoder": Shape,
        "fused": partial(Shape, partial(Encoder, model)),
    }
    for name, make in makes.items():
        detector = make()
        start = time.process_time()
        detector.fit_scaled(scale, history)
        fitting = time.process_time() - start
        start = time.process_time()
        for first in range(0, ROWS, PIECE):
            detector.score_z(z[first : first + PIECE], seen)
        rate = ROWS / (time.process_time() - start)
        single = []
        for row in range(SINGLE):
            start = time.process_time()
            detector.score_z(z[row : row + 1], None)
            single.append(1e3 * (time.process_time() - start))
        p50, p99 = np.quantile(single, (0.5, 0.99))
        print(f"| {name} | {fitting:.2f} | {rate:,.0f} | {p50:.2f} / {p99:.2f} |", flush=True)
        bar = name == "fused"  # all of tier 2 together
        figures += [
            figure_of(
                "D12", f"tier 2, {name}, rows per CPU-s", rate, n=ROWS, goal="≥ 10 k" * bar, least=10e3 if bar else None
            ),
            figure_of(
                "D12",
                f"tier 2, {name}, one row, p99, CPU-ms",
                float(p99),
                n=SINGLE,
                goal="≤ 2" * bar,
                most=2 if bar else None,
            ),
        ]
    windows = rng.normal(size=(256, CHANNELS, model.facts.width, 2)).astype(np.float32)
    best = 0.0
    for _ in range(5):
        start = time.process_time()
        model.run(windows)
        best = max(best, len(windows) / (time.process_time() - start))
    what = f"tier 2, the encoder's network alone, {CHANNELS} channels × {model.facts.width} rows, windows per CPU-s"
    figures.append(figure_of("D12", what, best, goal="≥ 18 k", least=18e3))
    print(f"\nnetwork alone, {CHANNELS} channels × {model.facts.width} rows: {best:,.0f} windows per CPU-s")
    return figures


def add_options(parser: ArgumentParser) -> None:
    """It has none."""
