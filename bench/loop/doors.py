"""Speed of each parser alone, M values per CPU-second (bar W3, parsing part).

``mumetal bench doors --hdf5 10000`` throws damaged files at the HDF5 reader and counts how its processes end.
"""

import contextlib
import multiprocessing
import os
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bench.figure import HEAD, Figure, Line, figure_of, printed
from mumetal.connect.sources import open_source
from mumetal.core.event import Event, EventClass
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.formats.arrow import from_arrow_stream, to_arrow_stream
from mumetal.formats.backend_properties import from_backend_properties
from mumetal.formats.backend_properties_encode import to_backend_properties
from mumetal.formats.columnar import from_columnar_json, to_columnar_json
from mumetal.formats.ocsf import from_event, read_event

T0 = 1_772_434_800 * 10**9


def rate(work: Callable[[], object], values: int, seconds: float = 0.5) -> float:
    """Return the best of five, M values per CPU-second."""
    best = 0.0
    for _ in range(5):
        rounds, start = 0, time.process_time()
        while (spent := time.process_time() - start) < seconds / 5:
            work()
            rounds += 1
        best = max(best, rounds * values / spent / 1e6)
    return best


def run() -> list[tuple[str, float, str]]:
    """Return (parser, M values per CPU-second, what was read)."""
    rng = np.random.default_rng(0)
    rows, width = 2_000, 64
    series = Series(
        device="d",
        stream="s",
        channels=tuple(Channel(name=f"c{i}", unit="K") for i in range(width)),
        t_ns=T0 + np.arange(rows) * 10**6,
        values=rng.normal(size=(rows, width)).round(6),
    )
    said = f"{rows} rows x {width} channels"
    body, listed, columns = (
        to_columnar_json([series]),
        to_arrow_stream([series]),
        to_arrow_stream([series], listed=False),
    )
    made = [
        ("columnar JSON", rate(lambda: from_columnar_json(body), rows * width), f"{said}, 6 decimals"),
        ("Arrow IPC, one list column", rate(lambda: from_arrow_stream(listed), rows * width), said),
        ("Arrow IPC, a column a channel", rate(lambda: from_arrow_stream(columns), rows * width), said),
    ]
    figures = tuple(
        Parameter(component=f"q{q}", name=name, value=1e-4, unit="s", t_ns=T0)
        for q in range(500)
        for name in ("T1", "T2")
    )
    document = to_backend_properties(DeviceSnapshot(device="d", t_ns=T0, qubits=500, parameters=figures))
    made.append(("BackendProperties", rate(lambda: from_backend_properties(document), 1_000), "1,000 figures"))
    line = from_event(Event(event_id="e", t_ns=T0, activity="RunJob", event_class=EventClass.API_ACTIVITY, job_id="j"))
    made.append(("OCSF events (M events)", rate(lambda: [read_event(line) for _ in range(100)], 100), "100 events"))
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "26-03-02"
        day.mkdir()
        stamps = [f"02-03-26,{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}" for i in range(20_000)]
        (day / "CH6 T 26-03-02.log").write_text("".join(f"{s},1.2e-2\n" for s in stamps))
        made.append(
            ("BlueFors CH log", rate(lambda: open_source(f"bluefors:{folder}").poll("", 10**6), 20_000), "20,000 lines")
        )
        table = Path(folder) / "t.csv"
        cells = ",".join(f"{x:.6f}" for x in rng.normal(size=16))
        head = "time," + ",".join(f"c{i}" for i in range(16))
        table.write_text(head + "\n" + "".join(f"{T0 // 10**9 + i},{cells}\n" for i in range(5_000)))
        made.append(("CSV", rate(lambda: open_source(f"csv:{table}").poll("", 10**6), 80_000), "5,000 rows x 16"))
    return made


def damaged_hdf5(runs: int) -> dict[str, int]:
    """Count how the reader's processes end on ``runs`` damaged files; a crash ends one process and nothing else."""
    from tests.fuzz.source_targets import TARGETS, mutate

    seed = TARGETS["hdf5_file"].seeds[0]
    context = multiprocessing.get_context("fork")
    tally = {"read": 0, "refused": 0, "crashed": 0}
    done = 0
    while done < runs:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_damaged, args=(seed, done, min(done + 1_000, runs), theirs, mutate))
        process.start()
        theirs.close()
        with contextlib.suppress(EOFError):
            while True:
                tally[ours.recv()] += 1
                done += 1
        process.join()
        if process.exitcode:  # the file it was at killed it
            tally["crashed"] += 1
            done += 1
    print(f"{runs} damaged HDF5 files: " + ", ".join(f"{v} {k}" for k, v in tally.items()))
    return tally


def _damaged(seed: bytes, first: int, stop: int, out: object, mutate: Callable[..., bytes]) -> None:
    from mumetal.connect.sources import hdf5_child

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.h5"
        hdf5_child.limit = lambda: None  # it writes the files itself
        for run in range(first, stop):
            path.write_bytes(mutate(seed, np.random.default_rng([9, run])))
            said = "read"
            try:
                hdf5_child.main(str(path))
            except (Exception, SystemExit):  # noqa: BLE001 - whatever HDF5 raises is an answer
                said = "refused"
            out.send(said)  # type: ignore[attr-defined]


def lines() -> Iterator[Line]:
    """Yield a line per parser; the bar sets no goal on the parser alone."""
    for what, speed, read in run():
        one = figure_of("W3", f"parse alone, {what}, M values per CPU-s", speed)
        yield Line(what=f"W3 parse, {what} ({read})", said=f"{speed:.3g} M values per CPU-s", figures=(one,))


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument(
        "--hdf5", type=int, default=0, metavar="RUNS", help="damaged HDF5 files to read, in place of the speeds"
    )


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    if asked.hdf5:
        tally = damaged_hdf5(asked.hdf5)
        what = "damaged HDF5 files that ended the reading process"
        return [figure_of("W8", what, tally["crashed"], n=asked.hdf5, goal="0", most=0)]
    print(HEAD)
    return printed(lines())
