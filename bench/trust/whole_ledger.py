"""T4 at its whole size, and the signatures: 200 kills, 1,000 tamperings, a tree of ten million entries.

Every speed stands beside a baseline of the same run: appends beside the same bytes written and synced bare, hybrid
signatures beside Ed25519 alone.
"""

import hashlib
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.trust_keys import ALICE, BOB, T0, a_root, soft
from tests.unit.trust.ledger import test_audit, test_log
from tests.unit.trust.ledger.books import LOG, ORIGIN, book, entries, reading, witness

from bench.figure import Figure, figure_of, share_of
from mumetal.core.clock import SystemClock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger.disk import read_whole, write_whole
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.tiles import Frontier, TiledTree
from mumetal.trust.signing import envelopes

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def folder(parent: Path) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="bench-trust-", dir=parent))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def rate(count: int, work: Callable[[], object]) -> tuple[float, float]:
    """Return things per second of wall time and per CPU-second."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return count / (time.perf_counter() - wall), count / max(1e-9, time.process_time() - cpu)


def signatures(count: int = 400) -> list[Figure]:
    figures = []
    message = b"m" * 1_000
    made = ALICE.sign(message)
    envelope = envelopes.sign("text/plain", message, [ALICE, BOB])
    root = a_root()
    classical = ALICE._ed25519  # noqa: SLF001 - the baseline is half of the same key

    def check() -> None:
        envelopes.verify(envelope, payload_type="text/plain", root=root, role="release", now_ns=T0)

    for name, work in (
        ("sign, Ed25519 alone (baseline)", lambda: classical.sign(message)),
        ("sign, hybrid", lambda: ALICE.sign(message)),
        ("verify, hybrid", lambda: ALICE.public.verify(message, made)),
        ("verify an envelope, 2 of 3", check),
    ):
        _, cpu = rate(count, lambda work=work: [work() for _ in range(count)])  # type: ignore[misc]
        print(f"{name:44} {cpu:10,.0f} /CPU-s   n = {count}")
        figures.append(figure_of("T1", f"signatures, {name}, per CPU-s", cpu, n=count))
    return figures


def bare(path: Path, datas: list[bytes], batch: int) -> None:
    """Write the same bytes and sync them, nothing else."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for at in range(0, len(datas), batch):
        os.write(file, b"".join(datas[at : at + batch]))
        os.fdatasync(file)
    os.close(file)


def appends(parent: Path, rounds: int = 5) -> list[Figure]:
    """Time durable appends beside the same bytes written and synced bare, in the same batches, in turn."""
    figures = []
    for batch, count, callers, tick_s in (
        (1, 500, 1, 0.0),
        (1, 3_200, 32, 0.0),
        (100, 40_000, 1, 0.0),
        (100, 40_000, 1, 0.1),
        (100, 80_000, 4, 0.0),
        (1_000, 80_000, 1, 0.0),
    ):
        ratios, rates, cpus = [], [], []
        todo = entries(0, count)
        datas = [record.encode(e) for e in todo]
        for _ in range(rounds):
            with folder(parent) as place:
                ledger = MerkleLedger(
                    place / "l",
                    origin=ORIGIN,
                    signer=LOG,
                    clock=SystemClock(),
                    publish_entries=4_096 if not tick_s else 10**9,
                )
                base, _ = rate(count, lambda place=place, datas=datas, batch=batch: bare(place / "bare", datas, batch))  # type: ignore[misc]
                with ticking(ledger, tick_s):
                    got, cpu = rate(
                        count,
                        lambda ledger=ledger, todo=todo, batch=batch, callers=callers: _append(
                            ledger, todo, batch, callers
                        ),  # type: ignore[misc]
                    )
                ledger.close()
            ratios.append(got / base)
            rates.append(got)
            cpus.append(cpu)
        how = f"tick {tick_s} s" if tick_s else "publishing itself"
        print(
            f"durable appends, batches of {batch:5} from {callers:2} callers, {how:17} {statistics.median(rates):10,.0f} /s "
            f"({min(rates):,.0f} to {max(rates):,.0f}), {statistics.median(cpus):,.0f} /CPU-s, "
            f"{statistics.median(ratios):.2f} of bare ({min(ratios):.2f} to {max(ratios):.2f})   n = {rounds} x {count}",
            flush=True,
        )
        what, bar = f"durable appends/s, batches of {batch} from {callers} callers, {how}", batch > 1
        figures.append(
            figure_of("T4", what, statistics.median(rates), n=rounds, goal="≥ 20 k" * bar, least=20e3 if bar else None)
        )
    return figures


@contextmanager
def ticking(ledger: MerkleLedger, every_s: float) -> Iterator[None]:
    """Publish beside the appends, as a stack's tick does; not at all with 0."""
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(every_s):
            ledger.publish()

    thread = threading.Thread(target=tick)
    if every_s:
        thread.start()
    yield
    stop.set()
    if every_s:
        thread.join()


def _append(ledger: MerkleLedger, todo: list[LedgerEntry], batch: int, callers: int) -> None:
    """Append everything, each caller its share, in batches; a caller waits for a batch to be durable before the next."""
    share = len(todo) // callers

    def work(first: int) -> None:
        for at in range(first, first + share, batch):
            if batch == 1:
                ledger.append(todo[at])
            else:
                ledger.append_many(todo[at : at + batch])

    threads = [threading.Thread(target=work, args=(n * share,)) for n in range(callers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def proofs(parent: Path, size: int, count: int = 2_000) -> list[Figure]:
    """Make the tiles of a tree of ``size`` synthetic leaves on the disk, then prove random entries from them."""
    with folder(parent) as place:
        frontier = Frontier()
        for n in range(size):
            for level, index, data in frontier.add(hashlib.sha256(n.to_bytes(8)).digest()):
                write_whole(place / tiles.path(level, index), data, sync=False)
        for level, index, data in frontier.partial():
            write_whole(place / tiles.path(level, index, len(data) // 32), data, sync=False)

        def read(level: int, index: int, width: int) -> bytes:
            return read_whole(place / tiles.path(level, index, width), 8_192) or b""

        tree, root, chance = TiledTree(read, size), frontier.root(), random.Random(1)
        walls, cpus, checks = [], [], []
        for _ in range(count):
            n = chance.randrange(size)
            wall, cpu = time.perf_counter(), time.process_time()
            path = tree.inclusion(n)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
            start = time.process_time()
            merkle.verify_inclusion(hashlib.sha256(n.to_bytes(8)).digest(), n, size, path, root)
            checks.append(time.process_time() - start)
        ordered = sorted(walls)
        print(
            f"inclusion proof at {size:,} entries: median {statistics.median(walls) * 1e3:.2f} ms, "
            f"p99 {ordered[int(0.99 * count)] * 1e3:.2f} ms, {statistics.median(cpus) * 1e3:.2f} CPU-ms; "
            f"checked in {statistics.median(checks) * 1e3:.3f} CPU-ms   n = {count}"
        )
        most = 1.0 if size >= 10_000_000 else None
        return [
            figure_of(
                "T4", f"inclusion proof among {size:,} entries, median, ms", statistics.median(walls) * 1e3, n=count,
                goal="≤ 1 at 10 M", most=most,
            )
        ]  # fmt: skip


def kills(parent: Path, count: int) -> list[Figure]:
    """Kill the writer at random; every acknowledged entry must be there, once and unchanged."""
    chance = random.Random(7)
    lost = 0
    with folder(parent) as place:
        acknowledged = -1
        for _ in range(count):
            step = chance.choice([1, 7, 60, 300])
            command = [sys.executable, "-c", test_log.CHILD, str(place / "l"), str(step)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
                assert child.stdout is not None
                for _ in range(chance.randrange(1, 25)):
                    acknowledged = int(child.stdout.readline()) + step - 1
                time.sleep(chance.random() * 0.01)
                child.send_signal(signal.SIGKILL)
                rest = child.stdout.read().split(b"\n")
                acknowledged = max([acknowledged, *(int(x) + step - 1 for x in rest[:-1] if x)])
            ledger = book(place / "l")
            lost += max(0, acknowledged + 1 - ledger.size)
            ledger.close()
        ledger = book(place / "l")
        size = ledger.size
        ledger.verify()
        kept = ledger.entries(0, size)
        ledger.close()
        wrong = sum(e != w for (_, e), w in zip(kept, entries(0, size), strict=True))
    print(f"kill -9, {count} times: {lost} acknowledged entries lost, {wrong} of {size} wrong")
    bad = lost + wrong
    most = 0.0 if bad or count >= 200 else None  # fewer, it can only be missed
    return [
        figure_of(
            "T4", "acknowledged entries lost or wrong after kill -9", bad, n=count, goal="0 in 200 kills", most=most
        )
    ]


def tamperings(parent: Path, count: int) -> list[Figure]:
    """Change one thing in a published copy at random; the audit must find it."""
    chance = random.Random(9)
    found = changed = 0
    with folder(parent) as place:
        ledger = book(place / "l")
        for size in test_audit.SIZES:
            ledger.append_many(entries(ledger.size, size))
            ledger.publish()
            witness(place / "w").cosign(reading(place / "l"))
        ledger.append_many(entries(1_400, 1_500))
        ledger.close()
        test_audit.export(place)
        before = {p: p.read_bytes() for p in (place / "l").rglob("*") if p.is_file()}
        for _ in range(count):
            test_audit.tamper(place / "l", chance)
            after = {p: p.read_bytes() for p in (place / "l").rglob("*") if p.is_file()}
            if after != before:
                changed += 1
                try:
                    test_audit.audit(place).refuse()
                except (RejectedError, UnavailableError):
                    found += 1
            for path, data in before.items():
                if after.get(path) != data:
                    path.write_bytes(data)
    print(f"random tamperings of entry, tile, checkpoint, order, length: {found} of {changed} found")
    return [share_of("T4", "random tamperings found, given the last witnessed checkpoint", found, changed,
                     goal="all of 1,000", least=1.0 if found < changed or count >= 1_000 else None)]  # fmt: skip


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--tamper", type=int, default=1_000)
    parser.add_argument("--proofs", type=int, default=10_000_000, help="entries of the tree")
    parser.add_argument("--rounds", type=int, default=5, help="of the appends")
    parser.add_argument("--only", choices=["signatures", "appends", "tamperings", "proofs", "kills"], help="just this")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where files are written: a real disk")


def run_bench(chosen: Namespace) -> list[Figure]:
    """Measure and print a line for each."""
    soft("warm").sign(b"")
    most = {"kills": 20, "tamper": 50, "proofs": 100_000, "rounds": 1} if chosen.quick else {}
    size = {k: min(getattr(chosen, k), most.get(k, sys.maxsize)) for k in ("kills", "tamper", "proofs", "rounds")}
    work: dict[str, Callable[[], list[Figure]]] = {
        "signatures": signatures,
        "appends": lambda: appends(chosen.folder, size["rounds"]),
        "tamperings": lambda: tamperings(chosen.folder, size["tamper"]),
        "proofs": lambda: proofs(chosen.folder, size["proofs"]),
        "kills": lambda: kills(chosen.folder, size["kills"]),
    }
    return [one for name, measure in work.items() if chosen.only in {None, name} for one in measure()]
