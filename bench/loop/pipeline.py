"""W3 and W4: what a door costs over its parts, and how long an acknowledged sample waits for its score."""

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from bench.figure import HEAD, Figure, Line, figure_of, printed
from mumetal.app import wiring
from mumetal.app.settings import Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core.clock import SystemClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import UnavailableError
from mumetal.core.series import Channel, Series
from mumetal.formats.arrow import from_arrow_stream, to_arrow_stream
from mumetal.formats.columnar import from_columnar_json, to_columnar_json
from mumetal.trust.ledger import opening as ledgers
from mumetal.watch.settings import WatchSettings

CHANNELS = 64
ROWS = 1_000
NS = 10**9


def _series(rng: np.random.Generator, start_ns: int, step_ns: int, device: str = "bench") -> Series:
    return Series(
        device=device,
        stream="fast",
        channels=tuple(Channel(name=f"c{i}", unit="V") for i in range(CHANNELS)),
        t_ns=start_ns + step_ns * np.arange(ROWS, dtype=np.int64),
        values=rng.normal(size=(ROWS, CHANNELS)),
    )


def latency(rows_per_s: float, seconds: float) -> tuple[float, float, float, float]:
    """Push at a fixed rate; returns p50 and p99 of acknowledged-to-scored (s), the rate reached and CPU a row (s)."""
    rng = np.random.default_rng(0)
    step_ns = round(NS / rows_per_s)
    replaced = msgspec.structs.replace
    with tempfile.TemporaryDirectory() as folder:
        settings = replaced(
            Settings(), store=StoreSettings(directory=folder), watch=WatchSettings(learning_rows=5_000, learning_s=0.0)
        )
        with (
            ledgers.opened(Path(folder), SystemClock()) as ledger,
            wiring.opened_stores(settings, SystemClock()) as stores,
            wiring.build(settings, SystemClock(), ledger, stores) as stack,
        ):
            blocks = [_series(rng, 0 + 1_790_000_000 * NS, step_ns) for _ in range(16)]
            t_ns = time.time_ns() - 60 * NS
            began, cpu, sent = time.perf_counter(), time.process_time(), 0
            while (passed := time.perf_counter() - began) < seconds:
                if sent > passed * rows_per_s:
                    time.sleep(0.001)
                    continue
                block = blocks[sent // ROWS % 16]
                fresh = Series(
                    device=block.device, stream=block.stream, channels=block.channels,
                    t_ns=t_ns + step_ns * np.arange(sent, sent + ROWS, dtype=np.int64), values=block.values,
                )  # fmt: skip
                try:
                    stack.push(Delivery(source="bench", data=(fresh,)))
                except UnavailableError:  # the queue is full: the rate that is reached says so
                    time.sleep(0.005)
                    continue
                sent += ROWS
            lasted, used = time.perf_counter() - began, time.process_time() - cpu
        waits = np.array(stack.scorer.latencies_s[len(stack.scorer.latencies_s) // 4 :])
    return float(np.quantile(waits, 0.5)), float(np.quantile(waits, 0.99)), sent / lasted, used / max(sent, 1)


def door(kind: str) -> float:
    """Return CPU of (door to acknowledged) over CPU of (parse + log append, each alone)."""
    from mumetal.connect.stores.store import LogStore

    rng = np.random.default_rng(1)
    encode, parse = (to_arrow_stream, from_arrow_stream) if kind == "arrow" else (to_columnar_json, from_columnar_json)
    series = [_series(rng, (1_790_000_000 + i) * NS, 10**5) for i in range(60)]
    bodies = [encode([s]) for s in series]

    def spend(what: object) -> float:
        with tempfile.TemporaryDirectory() as folder:
            store = LogStore(Path(folder), StoreSettings(), SystemClock())
            ready = [parse(b) for b in bodies] if what == "append" else []
            began = time.thread_time()
            for i, body in enumerate(bodies):
                if what == "parse":
                    parse(body)
                elif what == "append":
                    store.append(ready[i])
                else:
                    store.append(parse(body))
            spent = time.thread_time() - began
            store.close()
        return spent

    parts = min(spend("parse") for _ in range(3)) + min(spend("append") for _ in range(3))
    return min(spend("both") for _ in range(3)) / parts


def lines(rows_per_s: float = 75_000.0, seconds: float = 20.0) -> Iterator[Line]:
    """Yield the rows of the table."""
    p50, p99, rate, cpu = latency(rows_per_s, seconds)
    for name, kind in (("columnar JSON", "json"), ("Arrow IPC", "arrow")):
        ratio = door(kind)
        what = f"{name}, door to acknowledged over its parts, CPU"
        one = figure_of("W3", what, ratio, goal="≤ 1.5", most=1.5)
        yield Line(what=f"W3 {name}, door over its parts (goal ≤ 1.5)", said=f"{ratio:.2f}", figures=(one,))
    yield Line(
        what=f"W4 acknowledged to scored at {rate:,.0f} of {rows_per_s:,.0f} rows/s asked, 64 channels (goal 5 ms / 50 ms)",
        said=f"p50 {1e3 * p50:.1f} ms, p99 {1e3 * p99:.1f} ms, {1e6 * cpu:.1f} CPU-µs/row",
        figures=(
            figure_of("W4", f"acknowledged to scored at {rate:,.0f} rows/s, p50, ms", 1e3 * p50, goal="≤ 5", most=5),
            figure_of("W4", f"acknowledged to scored at {rate:,.0f} rows/s, p99, ms", 1e3 * p99, goal="≤ 50", most=50),
        ),
    )


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--rate", type=float, default=75_000.0, help="rows a second that are pushed (W4)")


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    print(HEAD)
    return printed(lines(asked.rate))
