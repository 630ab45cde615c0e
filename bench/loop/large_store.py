"""Bar W10, second half: ``mumetal bench large-store [--rows 300000]``.

A process fills a store with 300,000 rows of each of 40 streams: 8 channels at 2 rows/s, 500 rows in a delivery, 12 M rows over
41.7 hours of its clock. It keeps house by the usual settings, so that what is older than a day lies in Parquet. All but the last
20,000 rows of each stream are appended and maintained as a stack does it, but nobody watches; the last go through the door of a
whole stack, which learns from them, saves what it learnt and stops. So the log, the hot
tier, the archive, the marks and the learnt state are there as a running stack leaves them; there are fewer incidents than two
days would bring. Then a stack is started over the store, each time in a new process:

1. after a clean stop;
2. after ``kill -9``, 250 s of rows after what was learnt was saved, 20,000 rows in all: they are scored again;
3. the same, with the hot tier's file gone, so that the log fills it again.

The time is from the call that opens the stack to the moment when every stream is told as watching. Before each start the pages
of the store's files are given back to the system, so that they are read from the disk. After the last the rows are counted.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from bench.figure import HEAD, Figure, Line, figure_of, printed
from bench.loop.restart import CHANNELS, T0, watching
from mumetal.app import wiring
from mumetal.app.settings import Settings
from mumetal.app.stack import Stack
from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore
from mumetal.core import LOCAL
from mumetal.core.check import LATEST_NS
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.series import Channel, Series
from mumetal.trust.ledger import opening as ledgers
from mumetal.watch.settings import WatchSettings

STREAMS, ROWS, HZ = 40, 300_000, 2.0
LEARNT = 20_000
MORE, ROUND = 500, 2_500  # rows of a stream in one delivery, and between two looks after an unwatched store
UNSAVED_S = 250.0  # so much a kill leaves acknowledged and scored, and not among what was saved: that is every 300 s
GOAL_S = 10.0


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """How a start went: seconds until all is watched, CPU seconds and most memory of the process until then, the store."""

    watching_s: float
    cpu_s: float
    peak_mib: float
    hot_frames: int
    frames: int
    rebuilt: str
    log_mb: float
    hot_mb: float
    parquet_mb: float
    parquet_files: int


def unsaved(hz: float) -> int:
    """Return how many rows of each stream are scored again after a kill."""
    return round(UNSAVED_S * hz / MORE) * MORE


def series(seed: int, first: int, rows: int, hz: float) -> Series:
    """Rows of one stream from ``first`` on: white noise, so that every detector of general use watches."""
    return Series(
        device=f"d{seed}",
        stream="slow",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(CHANNELS)),
        t_ns=T0 + ((first + np.arange(rows)) * 1e9 / hz).astype(np.int64),
        values=np.random.default_rng((seed, first)).normal(size=(rows, CHANNELS)),
    )


def settings_of(folder: Path) -> Settings:
    """Everything as it is by default, but for the rows that are learnt from."""
    return Settings(store=StoreSettings(directory=str(folder)), watch=WatchSettings(learning_rows=LEARNT))


@contextmanager
def running(folder: Path, clock: ManualClock) -> Iterator[Stack]:
    """A stack over a folder."""
    settings = settings_of(folder)
    with (
        ledgers.opened(folder, clock) as ledger,
        wiring.opened_stores(settings, clock) as stores,
        wiring.build(settings, clock, ledger, stores) as stack,
    ):
        yield stack


def kept(stack: Stack) -> LogStore:
    """The store that a stack was given."""
    assert isinstance(stack.store, LogStore)
    return stack.store


def clock_at(row: int, hz: float) -> ManualClock:
    """A clock at the time of a row."""
    return ManualClock(T0 + round(row / hz * 1e9))


def deliveries(first: int, rows: int, hz: float) -> Iterator[Delivery]:
    """Yield rows of every stream, in turns."""
    whole = [series(seed, first, rows, hz) for seed in range(STREAMS)]
    for row in range(0, rows, MORE):
        for one in whole:
            yield Delivery(source="bench", data=(one.rows(row, row + MORE),), cursor="")


def push(stack: Stack, first: int, rows: int, hz: float) -> None:
    """Push rows of every stream, and wait until they are scored."""
    for delivery in deliveries(first, rows, hz):
        stack.push(delivery)
    while stack.backlog.owed:
        time.sleep(0.01)


def fill(folder: Path, rows: int, hz: float) -> None:
    """Append rows of every stream, and keep house as the clock goes on."""
    clock = clock_at(0, hz)
    with wiring.opened_stores(settings_of(folder), clock) as stores:
        for first in range(0, rows, ROUND):
            for delivery in deliveries(first, ROUND, hz):
                while True:
                    try:
                        stores.store.append(delivery)
                    except UnavailableError:  # the queue is full
                        time.sleep(0.01)
                    else:
                        break
            clock.sleep(ROUND / hz)
            stores.store.maintain(clock.now_ns())


def build(folder: Path, rows: int, hz: float) -> None:
    """Fill a store, have a stack learn from the end of it, and stop."""
    before = rows - LEARNT
    fill(folder, before, hz)
    with running(folder, clock_at(rows, hz)) as stack:
        push(stack, before, LEARNT, hz)
        until_watching(stack)


def die(folder: Path, rows: int, hz: float) -> None:
    """Go on after ``rows`` rows, take a few more, score them, and die of ``kill -9``."""
    with running(folder, clock_at(rows, hz)) as stack:
        push(stack, rows, unsaved(hz), hz)
        os.kill(os.getpid(), signal.SIGKILL)


def start(folder: Path, rows: int, hz: float) -> None:
    """Start over the folder, and print the seconds until every stream is watched, and how the store then is, as JSON."""
    begun = time.perf_counter()
    with running(folder, clock_at(rows, hz)) as stack:
        until_watching(stack)
        took, cpu = time.perf_counter() - begun, time.process_time()
        stats = kept(stack).stats()
        told = Started(
            watching_s=took,
            cpu_s=cpu,
            peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            hot_frames=stats.committed - stats.archived,
            frames=stats.committed,
            rebuilt=stats.rebuilt,
            log_mb=stats.log_bytes / 1e6,
            hot_mb=stats.hot_bytes / 1e6,
            parquet_mb=stats.parquet_bytes / 1e6,
            parquet_files=stats.parquet_files,
        )
    print(msgspec.json.encode(told).decode())


def count(folder: Path, rows: int, hz: float) -> None:
    """Check the log and the Parquet files against their digests, and print how many rows the store gives back."""
    with wiring.opened_stores(settings_of(folder), clock_at(rows, hz)) as stores:
        assert isinstance(stores.store, LogStore)
        stores.store.verify()
        streams = stores.store.streams(LOCAL)
        print(sum(len(part) for d, s in streams for part in stores.store.series(LOCAL, d, s, 0, LATEST_NS)))


def until_watching(stack: Stack) -> None:
    """Wait until every stream is told as watching."""
    while watching(stack) < STREAMS:
        time.sleep(0.005)


def out_of_memory(folder: Path) -> None:
    """Have the system forget the pages of every file, so that they are read from the disk."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--rows", type=int, default=ROWS, help="how many rows of each of the 40 streams")
    parser.add_argument("--hz", type=float, default=HZ, help="rows/s of a stream; at 100 all is younger than a day")


def run_bench(a: Namespace) -> list[Figure]:
    """Make the store, start over it in each way, and print each step."""
    print(HEAD)
    with tempfile.TemporaryDirectory() as name:
        return printed(_lines(Path(name), a.rows, a.hz))


def _lines(folder: Path, rows: int, hz: float) -> Iterator[Line]:
    _child("build", folder, rows, hz)
    one = _started(folder, rows, hz)
    yield Line(
        what="the store",
        said=f"{one.frames} frames, {one.hot_frames} of them in the log ({one.log_mb:.0f} MB) and the hot tier "
        f"({one.hot_mb:.0f} MB); {one.parquet_files} Parquet files ({one.parquet_mb:.0f} MB)",
    )
    yield _told(one, rows, hz, "after a clean stop")
    more = unsaved(hz)
    _child("die", folder, rows, hz, rc=-signal.SIGKILL)
    yield _told(_started(folder, rows + more, hz), rows, hz, "after kill -9")
    _child("die", folder, rows + more, hz, rc=-signal.SIGKILL)
    for file in (folder / "telemetry").glob("hot.duckdb*"):
        file.unlink()
    yield _told(_started(folder, rows + 2 * more, hz), rows, hz, "after kill -9, without the hot tier")
    found, expected = int(_child("count", folder, rows + 2 * more, hz)), (rows + 2 * more) * STREAMS
    if found != expected:
        raise RejectedError(f"{expected} rows were acknowledged, and {found} are given back")
    yield Line(what="rows given back in the end, of those acknowledged", said=f"{found} of {expected}")


def _told(one: Started, rows: int, hz: float, how: str) -> Line:
    measure = f"start over {rows * STREAMS / 1e6:g} M rows to {STREAMS} streams of {hz:g} rows/s that watch, {how}, s"
    figure = figure_of("W10", measure, one.watching_s, n=1, goal="≤ 10", most=GOAL_S)
    said = f"{one.watching_s:.1f} s ({one.cpu_s:.1f} s of CPU), {one.peak_mib:.0f} MiB at most"
    return Line(what=f"W10, {measure}", said=said, figures=(figure,))


def _started(folder: Path, rows: int, hz: float) -> Started:
    out_of_memory(folder)
    return msgspec.json.decode(_child("start", folder, rows, hz), type=Started)


def _child(what: str, folder: Path, rows: int, hz: float, *, rc: int = 0) -> str:
    child = [sys.executable, "-m", "bench.loop.large_store", what, str(folder), str(rows), str(hz)]
    done = subprocess.run(child, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != rc:
        raise UnavailableError(f"the step {what} ended with {done.returncode}")
    return str(done.stdout)


STEPS = {"build": build, "start": start, "die": die, "count": count}
if __name__ == "__main__":
    STEPS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
