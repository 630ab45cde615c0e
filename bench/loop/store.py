"""Bars W2, W5 and W6 for the embedded store."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import arro3.core as ac
import duckdb
import numpy as np

from bench.figure import HEAD, Figure, Line, figure_of, printed
from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore
from mumetal.connect.stores.disk import Disk
from mumetal.connect.stores.payload import ChannelMaps, Draft
from mumetal.connect.stores.wal import Wal
from mumetal.core.clock import SystemClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import UnavailableError
from mumetal.core.series import Channel, Series

CHANNELS = 64
T0 = 1_780_000_000 * 10**9
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Cost:
    """Wall and CPU seconds of a run."""

    rows: int
    wall: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        return f"{self.rows / self.wall / 1e3:,.0f} k rows/s, {self.cpu / self.rows * 1e6:.2f} CPU-µs/row"


@contextmanager
def costing(rows: int) -> Iterator[Cost]:
    cost = Cost(rows)
    wall, cpu = time.perf_counter(), time.process_time()
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, time.process_time() - cpu


def batches(rows: int, size: int, devices: int = 1, channels: int = CHANNELS) -> list[Delivery]:
    """Deliveries of ``size`` rows that share their random values: making them must not be what is measured."""
    values = np.random.default_rng(1).normal(size=(size, channels))
    maps = tuple(Channel(name=f"ch{i}", unit="V") for i in range(channels))
    out = []
    for n in range(rows // size):
        nr, turn = n % devices, n // devices
        t_ns = T0 + (turn * size + np.arange(size)) * 1000
        out.append(
            Delivery(
                source="bench", data=(Series(device=f"d{nr}", stream="s", channels=maps, t_ns=t_ns, values=values),)
            )
        )
    return out


def bare_append(folder: Path, deliveries: list[Delivery]) -> Cost:
    """The same rows and layout into DuckDB, one durable transaction a batch, as shipped."""
    connection = duckdb.connect(str(folder / "bare.duckdb"))
    connection.execute(
        f"CREATE TABLE samples(stream INTEGER, frame BIGINT, t_ns BIGINT, seq BIGINT, v DOUBLE[{CHANNELS}])"
    )
    rows = sum(len(d) for x in deliveries for d in x.data if isinstance(d, Series))
    with costing(rows) as cost:
        for nr, delivery in enumerate(deliveries):
            for s in delivery.data:
                assert isinstance(s, Series)
                table = ac.Table.from_arrays(
                    [
                        ac.Array.from_numpy(np.ones(len(s), np.int32)),
                        ac.Array.from_numpy(np.full(len(s), nr)),
                        ac.Array.from_numpy(s.t_ns),
                        ac.Array.from_numpy(s.seq),
                        ac.fixed_size_list_array(ac.Array.from_numpy(s.values.reshape(-1)), CHANNELS),
                    ],
                    names=["stream", "frame", "t_ns", "seq", "v"],
                )
                connection.register("arriving", table)
                connection.execute("INSERT INTO samples SELECT * FROM arriving")
                connection.unregister("arriving")
    connection.close()
    return cost


def log_alone(folder: Path, deliveries: list[Delivery]) -> Cost:
    """Encode, hash, write and sync each delivery; nothing else."""
    wal, maps = Wal(folder / "wal", Disk()), ChannelMaps()
    rows = sum(len(d) for x in deliveries for d in x.data if isinstance(d, Series))
    with costing(rows) as cost:
        for delivery in deliveries:
            parts, digest = Draft(delivery, maps).finish(delivery, (0,) * len(delivery.data))
            with wal.lock:
                if wal.full:
                    wal.roll()
                position = wal.write(parts, digest, 0)
            wal.sync_to(position)
    wal.close()
    return cost


def insist(store: LogStore, delivery: Delivery) -> float:
    """Append, waiting while the queue is full; return the milliseconds of the append that went through."""
    while True:
        begin = time.perf_counter()
        try:
            store.append(delivery)
            return (time.perf_counter() - begin) * 1e3
        except UnavailableError:
            time.sleep(0.005)


def whole(folder: Path, deliveries: list[Delivery]) -> tuple[Cost, list[float]]:
    """The store, until everything is in both the log and the hot tier."""
    store = LogStore(folder / "store", StoreSettings(), SystemClock())
    rows = sum(len(d) for x in deliveries for d in x.data if isinstance(d, Series))
    with costing(rows) as cost:
        took = [insist(store, d) for d in deliveries]
        store.evidence("local", "none", "none", 0, 1)  # a read waits for the committer
    [first] = store.thinned("local", "d0", "s", T0, T0 + 10**15, 100)
    assert len(first) >= 50
    store.close()
    return cost, took


def throughput(rows: int = 400_000) -> Iterator[Line]:
    """W2."""
    for size in (1_000, 10_000):
        deliveries = batches(rows, size)
        with tempfile.TemporaryDirectory(dir=os.environ.get("MUMETAL_BENCH_DIR")) as name:
            folder = Path(name)
            log = log_alone(folder, deliveries)
            bare = bare_append(folder, deliveries[: max(4, len(deliveries) // 4)])
            full, took = whole(folder, deliveries)
        ratio, cpu = (full.rows / full.wall) / (bare.rows / bare.wall), (full.cpu / full.rows) / (bare.cpu / bare.rows)
        yield Line(what=f"W2 bare DuckDB append, batches of {size:,}", said=str(bare))
        yield Line(what=f"W2 log alone, batches of {size:,}", said=str(log))
        speed, of = full.rows / full.wall, f"durable ingest, {CHANNELS} channels, batches of {size:,}"
        yield Line(
            what=f"W2 store (log, identity, hot tier), batches of {size:,}",
            said=f"{full}; ratio {ratio:.2f} (bar 2.5), CPU {cpu:.2f} of bare; append p50 "
            f"{np.percentile(took, 50):.1f} ms, p99 {np.percentile(took, 99):.1f} ms",
            figures=(
                figure_of("W2", f"{of}, over a bare DuckDB append, wall", ratio, n=rows, goal="≥ 2.5", least=2.5),
                figure_of("W2", f"{of}, rows/s", speed, n=rows, goal="≥ 300 k", least=300e3),
            ),
        )


def resident_mib() -> float:
    """Resident set of this process, MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def flatness(minutes: float, rate: int = 75_000) -> Iterator[Line]:
    """W5: memory over time at half of W2's rate, then cost per value from 1 to 64 devices."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("MUMETAL_BENCH_DIR")) as name:
        store = LogStore(Path(name) / "store", StoreSettings(hot_hours=0.01), SystemClock())
        size, sent, seen = 1_000, 0, []
        values = np.random.default_rng(1).normal(size=(size, CHANNELS))
        maps = tuple(Channel(name=f"ch{i}", unit="V") for i in range(CHANNELS))
        begin = kept = time.perf_counter()
        while (now := time.perf_counter()) - begin < minutes * 60:
            if sent > (now - begin) * rate:
                time.sleep(0.002)
                continue
            t_ns = T0 + (sent + np.arange(size)) * 1000
            insist(
                store,
                Delivery(source="b", data=(Series(device="d", stream="s", channels=maps, t_ns=t_ns, values=values),)),
            )
            sent += size
            if now - kept > 5:
                kept = now
                store.maintain(time.time_ns())
                seen.append(resident_mib())
        stats = store.stats()
        store.close()
    if seen:
        third = max(1, len(seen) // 3)
        most = 600.0 if minutes >= 5 or max(seen) > 600 else None  # shorter, it can only be missed
        yield Line(
            what=f"W5 resident set over {minutes:g} min at {sent / (minutes * 60) / 1e3:.0f} k rows/s",
            said=f"{np.mean(seen[:third]):.0f} MiB in the first third, {np.mean(seen[-third:]):.0f} in the last, "
            f"most {max(seen):.0f} (bar 600); {stats.parquet_files} Parquet files, log {stats.log_bytes >> 20} MiB",
            figures=(
                figure_of(
                    "W5", f"most resident memory over {minutes:g} min, MiB", max(seen), n=len(seen),
                    goal="≤ 600 over 5 min", most=most,
                ),
            ),
        )  # fmt: skip
    costs = []
    for devices in (1, 8, 64):
        deliveries = batches(192_000, 1_000, devices)
        with tempfile.TemporaryDirectory(dir=os.environ.get("MUMETAL_BENCH_DIR")) as name:
            cost, _ = whole(Path(name), deliveries)
        costs.append(cost.cpu / cost.rows / CHANNELS * 1e9)
    of_one = costs[-1] / costs[0]
    yield Line(
        what="W5 CPU per value, 1, 8, 64 devices",
        said=", ".join(f"{c:.1f} ns" for c in costs) + f"; 64 devices cost {of_one:.2f} of one (bar 1.2)",
        figures=(figure_of("W5", "CPU per value, 64 devices over one", of_one, goal="≤ 1.2", most=1.2),),
    )


def kills(times: int) -> Iterator[Line]:
    """W6: the integration test's killing, as often as asked."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/integration/test_store_kill.py", "-k", "each_kill"],
        cwd=ROOT,
        env={**os.environ, "MUMETAL_KILLS": str(times)},
        capture_output=True,
        text=True,
        check=False,
    )
    verdict = "every acknowledged value there once" if done.returncode == 0 else "FAILED: " + done.stdout[-300:]
    failed = int(done.returncode != 0)
    most = 0.0 if times >= 1_000 or failed else None  # fewer, it can only be missed
    one = figure_of(
        "W6", f"runs of {times} kills, of one, in which an acknowledged value was lost or doubled", failed, n=times,
        goal="0 in 1,000 kills", most=most,
    )  # fmt: skip
    yield Line(what=f"W6 kill -9 at random, {times} times", said=verdict, figures=(one,))


def lines(kill: int = 20, minutes: float = 0.5) -> Iterator[Line]:
    """Yield the rows for W2, W5 and W6."""
    yield from throughput()
    yield from flatness(minutes)
    yield from kills(kill)


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--kills", type=int, default=20, help="how often the writer is killed (W6)")
    parser.add_argument("--minutes", type=float, default=0.5, help="how long memory is watched (W5)")


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    print(HEAD)
    count, minutes = (min(asked.kills, 5), min(asked.minutes, 0.2)) if asked.quick else (asked.kills, asked.minutes)
    return printed(lines(count, minutes))
