"""Bar W10: ``mumetal bench restart [--streams 40]``.

A stack in a process of its own takes 20,000 rows of each stream, eight channels at 100 rows/s, learns them and stops. A second
process starts a stack over the same folder, twice: once as it is, and once without what was learnt, which has it learn the stored
past anew. The time is from the call that opens the stack to the moment when every stream is told as watching. The files were just
written: they are read from memory, not from the disk.
"""

import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench.figure import Figure, figure_of
from mumetal.app import wiring
from mumetal.app.pipeline.learnt import Snapshot, state_of
from mumetal.app.settings import Settings
from mumetal.app.stack import Stack
from mumetal.connect.settings import StoreSettings
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.series import Channel, Series
from mumetal.formats import watcher_state
from mumetal.trust.ledger import opening as ledgers
from mumetal.watch.settings import WatchSettings

ROWS, CHANNELS, HZ = 20_000, 8, 100.0
MORE = 500  # rows in one delivery
T0 = 1_780_000_000 * 10**9
END_NS = T0 + round((ROWS + MORE) / HZ * 1e9)
WATCHING = "watching"


def series(seed: int) -> Series:
    """One stream: white noise, so that every detector of general use watches."""
    rows = ROWS + MORE
    return Series(
        device=f"d{seed}",
        stream="fast",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(CHANNELS)),
        t_ns=T0 + (np.arange(rows) * 1e9 / HZ).astype(np.int64),
        values=np.random.default_rng(seed).normal(size=(rows, CHANNELS)),
    )


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """A stack over a folder."""
    clock = ManualClock(END_NS)
    settings = Settings(store=StoreSettings(directory=str(folder)), watch=WatchSettings(learning_rows=ROWS))
    with (
        ledgers.opened(folder, clock) as ledger,
        wiring.opened_stores(settings, clock) as stores,
        wiring.build(settings, clock, ledger, stores) as stack,
    ):
        yield stack


def watching(stack: Stack) -> int:
    """Return how many streams are watched."""
    return sum(s.state == WATCHING for s in stack.overview(LOCAL).streams)


def learn(folder: Path, streams: int) -> None:
    """Learn every stream and stop; prints how long the last save took, and the size of its file, as JSON."""
    with running(folder) as stack:
        for seed in range(streams):
            whole = series(seed)
            for row in range(0, ROWS + MORE, MORE):
                stack.push(Delivery(source="bench", data=(whole.rows(row, row + MORE),), cursor=""))
        while watching(stack) < streams:
            time.sleep(0.1)
        begun = time.perf_counter()
        watcher_state.encode(state_of(Snapshot(marks={}, states=stack._watch.save())))  # noqa: SLF001 - timed alone
        saving = time.perf_counter() - begun
    print(json.dumps({"saving": saving, "bytes": (folder / "learnt.state").stat().st_size}))


def start(folder: Path, streams: int) -> None:
    """Start over the folder, and print the seconds until every stream is watched."""
    begun = time.perf_counter()
    with running(folder) as stack:
        while watching(stack) < streams:
            time.sleep(0.005)
        print(json.dumps({"watching": time.perf_counter() - begun}), flush=True)


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--streams", type=int, default=40, help="how many streams are learnt and restored")


def run_bench(a: Namespace) -> list[Figure]:
    """Learn, stop, start again twice, and print each step."""
    with tempfile.TemporaryDirectory() as folder:
        learnt = _child("learn", folder, a.streams)
        restored = _child("start", folder, a.streams)["watching"]
        (Path(folder) / "learnt.state").unlink()
        anew = _child("start", folder, a.streams)["watching"]
    print("| measure | figure |\n|---|---|")
    print(f"| the file | {learnt['bytes'] / 1e6:.0f} MB |")
    print(f"| the scoring stands still while it is made | {learnt['saving']:.2f} s |")
    print(f"| without it, learning the stored past anew | {anew:.2f} s |")
    measure = f"start of a stack to {a.streams} streams that watch, s"
    print(f"| W10, {measure} | {restored:.2f} s |")
    return [figure_of("W10", measure, restored, n=a.streams, goal="≤ 2", met=restored <= 2)]


def _child(what: str, folder: str, streams: int) -> dict[str, float]:
    child = [sys.executable, "-m", "bench.loop.restart", what, folder, str(streams)]
    told: dict[str, float] = json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return told


if __name__ == "__main__":
    {"learn": learn, "start": start}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
