"""T4: durable appends beside the same bytes written and synced bare, inclusion proofs, and altered copies.

Kills of the writer and the finer tampering (order, tiles, checkpoints, a witness) are measured by
:mod:`bench.trust.whole_ledger`.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from mumetal.core.clock import Clock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.keys.hybrid import Signer
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger.disk import read_whole, write_whole
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.tiles import Frontier, TiledTree

ORIGIN = "bench.example/log"
BATCHES = ((1, 300), (100, 20_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Appends:
    """Durable appends in batches of one size.

    Args:
        batch: Entries per batch.
        n: Entries per round.
        rounds: How often.
        per_s: Median of entries a second.
        low: Least.
        high: Most.
        of_bare: Median of the rate beside the same bytes written and synced bare.
    """

    batch: int
    n: int
    rounds: int
    per_s: float
    low: float
    high: float
    of_bare: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Inclusion proofs from tiles on the disk: how many leaves, proofs, and wall time, ms."""

    leaves: int
    n: int
    median_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """Ledgers with one file altered or cut short: how many were refused, and how many put right by themselves.

    A file of published entries that is only cut short is rewritten on opening, from the log that it was made of.
    """

    tried: int
    refused: int
    mended: int


def entries(count: int, t_ns: int) -> list[LedgerEntry]:
    """Return entries as a stack writes them."""
    return [
        LedgerEntry(
            tenant="local", t_ns=t_ns + i, actor="agent", action="incident.page", subject=f"incident-{i}",
            why=f"policy page 1; finding {i:08x} confidence 0.93",
        )
        for i in range(count)
    ]  # fmt: skip


def appends(
    folder: Path, signer: Signer, clock: Clock, wall_ns: Callable[[], int], rounds: int = 3
) -> tuple[Appends, ...]:
    """Time durable appends beside the same bytes written and synced bare, in the same batches, in turn.

    Args:
        folder: An empty folder on a real disk.
        signer: The log's key.
        clock: Time.
        wall_ns: Wall time that only goes on, ns.
        rounds: How often.
    """
    found = []
    for batch, count in BATCHES:
        todo = entries(count, clock.now_ns())
        datas = [record.encode(e) for e in todo]
        rates, ratios = [], []
        for turn in range(rounds):
            ledger = MerkleLedger(folder / f"l{batch}-{turn}", origin=ORIGIN, signer=signer, clock=clock)
            start = wall_ns()
            _bare(folder / "bare", datas, batch)
            middle = wall_ns()
            for at in range(0, count, batch):
                if batch == 1:
                    ledger.append(todo[at])
                else:
                    ledger.append_many(todo[at : at + batch])
            took = max(1, wall_ns() - middle)
            ledger.close()
            rates.append(count / took * 1e9)
            ratios.append((middle - start) / took)
        found.append(
            Appends(
                batch=batch,
                n=count,
                rounds=rounds,
                per_s=median(rates),
                low=min(rates),
                high=max(rates),
                of_bare=median(ratios),
            )
        )
    return tuple(found)


def _bare(path: Path, datas: Sequence[bytes], batch: int) -> None:
    """Write the same bytes and sync them, nothing else."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for at in range(0, len(datas), batch):
        os.write(file, b"".join(datas[at : at + batch]))
        os.fdatasync(file)
    os.close(file)


def proofs(folder: Path, leaves: int, chance: Random, wall_ns: Callable[[], int], count: int = 1_000) -> Proofs:
    """Make the tiles of a tree of ``leaves`` synthetic leaves, then prove and check random ones from the disk."""
    frontier = Frontier()
    for n in range(leaves):
        for level, index, data in frontier.add(hashlib.sha256(n.to_bytes(8)).digest()):
            write_whole(folder / tiles.path(level, index), data, sync=False)
    for level, index, data in frontier.partial():
        write_whole(folder / tiles.path(level, index, len(data) // 32), data, sync=False)

    def read(level: int, index: int, width: int) -> bytes:
        return read_whole(folder / tiles.path(level, index, width), 8_192) or b""

    tree, root, walls = TiledTree(read, leaves), frontier.root(), []
    for _ in range(count):
        n, start = chance.randrange(leaves), wall_ns()
        path = tree.inclusion(n)
        walls.append(wall_ns() - start)
        merkle.verify_inclusion(hashlib.sha256(n.to_bytes(8)).digest(), n, leaves, path, root)
    walls.sort()
    return Proofs(leaves=leaves, n=count, median_ms=median(walls) / 1e6, p99_ms=walls[int(0.99 * count)] / 1e6)


def altered(folder: Path, signer: Signer, clock: Clock, chance: Random, count: int) -> Altered:
    """Alter or cut one file of a published ledger at a time; opening and verifying must refuse or mend it."""
    place = folder / "log"

    def opened() -> MerkleLedger:
        return MerkleLedger(place, origin=ORIGIN, signer=signer, clock=clock)

    ledger = opened()
    ledger.append_many(entries(600, clock.now_ns()))
    ledger.publish()
    ledger.close()
    before = {p: p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file() and p.stat().st_size}
    refused = mended = 0
    for _ in range(count):
        path = chance.choice(list(before))
        data = before[path]
        at = chance.randrange(len(data))
        path.write_bytes(data[:at] if chance.random() < 0.2 else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            ledger = opened()
            try:
                ledger.verify()
            finally:
                ledger.close()
            mended += path.read_bytes() == data
        except (RejectedError, UnavailableError):
            refused += 1
        for other in sorted(place.rglob("*")):
            if other.is_file() and other not in before:
                other.unlink()
        for other, good in before.items():
            other.write_bytes(good)
    return Altered(tried=count, refused=refused, mended=mended)
