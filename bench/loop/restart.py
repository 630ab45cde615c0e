"""Bar W10, the watch room's part: ``mumetal bench restart [--streams 40] [--distinct 4]``.

Streams of eight channels at 100 rows/s are learnt from 20,000 rows each, saved with what watches beside the monitor, written as one
file, and restored in a new process until each has scored its next row. Only ``--distinct`` streams are learnt; the
others are told and restored like them. The file was just written: it is read from memory, not from the disk.
"""

import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.figure import Figure, figure_of
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.core.series import Channel, Series
from mumetal.formats import watcher_state
from mumetal.watch.covert.noisy_replay import NoisyReplay
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.quality.series import SeriesRules
from mumetal.watch.quality.silence import Silence
from mumetal.watch.settings import WatchSettings
from mumetal.watch.state.saving import Saved, parts_of, restore, save, state_of

ROWS, CHANNELS, HZ = 20_000, 8, 100.0
MORE = 50  # rows that a stream scores next, half a second
T0 = 1_780_000_000 * 10**9
SETTINGS = WatchSettings(learning_rows=ROWS)


def series(seed: int) -> Series:
    """One stream: white noise, so that every detector of general use watches."""
    rows = ROWS + 2 * MORE
    return Series(
        device=f"d{seed}",
        stream="fast",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(CHANNELS)),
        t_ns=T0 + (np.arange(rows) * 1e9 / HZ).astype(np.int64),
        values=np.random.default_rng(seed).normal(size=(rows, CHANNELS)),
    )


class Stream:
    """What watches one stream.

    Args:
        budget: Shared by all.
    """

    def __init__(self, budget: SharedBudget) -> None:
        self.monitor = StreamMonitor(SETTINGS, budget)
        self.others = NoisyReplay(), SeriesRules(SETTINGS.clock_skew_s), Silence(SETTINGS.silence_factor)

    def take(self, rows: Series) -> None:
        """Let all of them look at the next rows."""
        replay, rules, silence = self.others
        self.monitor.observe(rows)
        replay.observe(rows)
        list(rules.check(rows, int(rows.t_ns[-1])))
        silence.heard(int(rows.t_ns[-1]), 1 / HZ)


def written(streams: int, distinct: int, path: Path) -> Iterator[tuple[str, str]]:
    learnt = []
    start = time.perf_counter()
    for seed in range(distinct):
        whole, stream = series(seed), Stream(SharedBudget(2.0))
        for row in range(0, ROWS + MORE, MORE):
            stream.take(whole.rows(row, row + MORE))
        learnt.append(stream)
    yield "learning one stream", f"{(time.perf_counter() - start) / distinct:.2f} s"
    start = time.perf_counter()
    parts: dict[tuple[str, ...], Saved] = {
        (str(n), str(k)): thing.save() if isinstance(thing, StreamMonitor) else save(thing)
        for n in range(streams)
        for k, thing in enumerate((learnt[n % distinct].monitor, *learnt[n % distinct].others))
    }
    saved = time.perf_counter() - start
    start = time.perf_counter()
    data = watcher_state.encode(state_of(parts))
    path.write_bytes(data)
    yield f"saving {streams} streams", f"{saved:.2f} s"
    yield "encoding and writing the file", f"{time.perf_counter() - start:.2f} s"
    yield "the file", f"{len(data) / 1e6:.0f} MB"


def restored(streams: int, distinct: int, path: Path) -> None:
    """Go on from the file, and print how long each step took, as JSON."""
    rows = [series(seed).rows(ROWS + MORE, ROWS + 2 * MORE) for seed in range(distinct)]
    budget = SharedBudget(2.0)
    out: list[Stream] = []
    start = time.perf_counter()
    parts = parts_of(watcher_state.decode(path.read_bytes()))
    read = time.perf_counter()
    for n in range(streams):
        stream = Stream(budget)
        for k, thing in enumerate((stream.monitor, *stream.others)):
            saved = parts[str(n), str(k)]
            if not (thing.restore(*saved) if isinstance(thing, StreamMonitor) else restore(thing, *saved)):
                raise SystemExit(f"stream {n} was not restored")
        out.append(stream)
    put = time.perf_counter()
    for n, stream in enumerate(out):
        stream.take(rows[n % distinct].rows(0, 1))
        assert stream.monitor.state == "watching"
    scored = time.perf_counter()
    print(json.dumps({"read": read - start, "restored": put - read, "scored": scored - put, "all": scored - start}))


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--streams", type=int, default=40, help="how many streams are restored")
    parser.add_argument("--distinct", type=int, default=4, help="how many of them are learnt; the others are copies")


def run_bench(a: Namespace) -> list[Figure]:
    """Learn, save, restore in a new process, and print each step."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "watch.state"
        print("| measure | figure |\n|---|---|")
        for name, figure in written(a.streams, a.distinct, file):
            print(f"| {name} | {figure} |", flush=True)
        child = [sys.executable, "-m", "bench.loop.restart", str(a.streams), str(a.distinct), str(file)]
        told = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    for what, key in (
        ("reading, its sum checked", "read"),
        ("restoring", "restored"),
        ("scoring each next row", "scored"),
    ):
        print(f"| {what} | {told[key]:.2f} s |")
    measure = f"from the file to {a.streams} streams that watch, s"
    print(f"| W10, {measure} | {told['all']:.2f} s |")
    return [figure_of("W10", measure, told["all"], n=a.streams, goal="≤ 2", met=told["all"] <= 2)]


if __name__ == "__main__":
    restored(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
