"""Ledgers for the tests."""

from pathlib import Path

from tests.trust_keys import T0, soft

from mumetal.core.clock import ManualClock
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.witness import Witness

ORIGIN = "lab-7.example/mumetal"
LOG = soft("log")
WITNESS = soft("witness")
SLOW = 10**9


def entry(n: int, why: str = "policy local.operator@1") -> LedgerEntry:
    return LedgerEntry(
        tenant="local", t_ns=T0 + n, actor="alice", action="incident.change", subject=f"inc-{n}", why=why
    )


def entries(start: int, stop: int) -> list[LedgerEntry]:
    return [entry(n) for n in range(start, stop)]


def book(path: Path, *, publish_entries: int = SLOW, clock: ManualClock | None = None) -> MerkleLedger:
    return MerkleLedger(
        path, origin=ORIGIN, signer=LOG, clock=clock or ManualClock(T0), publish_entries=publish_entries
    )


def filled(path: Path, count: int) -> None:
    """A closed ledger with so many entries and a checkpoint over all."""
    ledger = book(path)
    for start in range(0, count, 1_000):
        ledger.append_many(entries(start, min(count, start + 1_000)))
    ledger.close()


def witness(folder: Path, *, name: str = "witness.example/w1", clock: ManualClock | None = None) -> Witness:
    return Witness(
        name=name, signer=WITNESS, folder=folder, origin=ORIGIN, log_key=LOG.public, clock=clock or ManualClock(T0)
    )


def reading(path: Path) -> LedgerFolder:
    return LedgerFolder(path)
