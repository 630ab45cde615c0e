"""T8, bounded: nobody without the log's key adds to the ledger, and nobody at all changes what a witness saw."""

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bench.attack import forged_ledgers, ledger_forger
from bench.attack.forged_ledgers import ATTACKERS, forge
from bench.attack.ledger_forger import ALL, ORIGIN, SIGNED, SIZES, WITNESS_NAME, Range, laid_out
from mumetal.core.clock import SystemClock
from mumetal.core.errors import RejectedError
from mumetal.trust.keys.hybrid import HybridPublicKey, SoftKey
from mumetal.trust.ledger import recovery
from mumetal.trust.ledger.audit import Examination, examine
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.journal import Segment
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.ledger.upkeep import LedgerWatch
from mumetal.trust.ledger.witness import witnessed


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Range:
    return laid_out(tmp_path_factory.mktemp("range"))


def examined(around: Range, ledger: Path) -> Examination:
    seen = witnessed(
        [around.seen], name=WITNESS_NAME, public=around.witness.public, origin=ORIGIN, log_key=around.log.public
    )
    return examine(LedgerFolder(ledger), public=around.log.public, witnessed=seen)


def test_what_nobody_forged_verifies_and_is_unproved_after_the_witness(around: Range) -> None:
    found = examined(around, around.store / "ledger")
    found.refuse()
    assert (found.count, found.signed, found.vouched, found.unproved) == (ALL, SIGNED, SIZES[-1], ALL - SIZES[-1])


@pytest.mark.parametrize("who", ATTACKERS)
def test_no_forgery_is_accepted_called_proved_or_signed(around: Range, tmp_path: Path, who: str) -> None:
    tally = forge(around, tmp_path / "forged", who, 25, seed=2)
    assert tally.tried == 25
    assert (tally.accepted, tally.overstated, tally.signed, tally.passed) == (0, 0, 0, [])


@pytest.mark.parametrize("attack", ledger_forger.OLDER_TOO, ids=lambda a: a.__name__)
def test_each_way_of_putting_older_files_back(
    around: Range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attack: ledger_forger.Attack
) -> None:
    monkeypatch.setitem(forged_ledgers.ATTACKERS, "one", ("in one way", (attack,)))
    tally = forge(around, tmp_path / "forged", "one", 6, seed=3)
    assert tally.tried == 6
    assert (tally.accepted, tally.overstated, tally.signed) == (0, 0, 0)


def test_without_a_witness_nothing_is_called_proved(around: Range, tmp_path: Path) -> None:
    forgery = ledger_forger.Forgery(ledger=tmp_path / "l", around=around, chance=random.Random(1))
    for attack in (ledger_forger.put_back, ledger_forger.under_the_logs_key):
        shutil.rmtree(forgery.ledger, ignore_errors=True)
        shutil.copytree(around.store / "ledger", forgery.ledger)
        attack(forgery)
        found = examine(LedgerFolder(forgery.ledger), public=around.log.public)
        found.refuse()
        assert (found.vouched, found.unproved) == (0, found.count)


def test_a_ledger_under_another_key_in_its_folder(around: Range, tmp_path: Path) -> None:
    place = tmp_path / "store" / "ledger"
    shutil.copytree(around.store, place.parent)
    LedgerReader(place).verify()
    forgery = ledger_forger.Forgery(ledger=place, around=around, chance=random.Random(1))
    forgery.rewrite([ledger_forger.forged(n) for n in range(10)], SoftKey.generate(os.urandom))
    with pytest.raises(RejectedError, match="not the log's own"):  # by whoever may read the log's key
        LedgerReader(place).verify()
    with pytest.raises(RejectedError, match="not this log's"):
        MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
    with pytest.raises(RejectedError):
        examined(around, place)
    (place.parent / "ledger.key").unlink()
    LedgerReader(place).verify()  # nobody who trusts the folder alone can tell


def test_without_the_seal_a_start_would_sign_what_was_forged(
    around: Range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bench can tell: take the defence away, and it counts."""

    def believed(segment: Segment, origin: str, public: HybridPublicKey) -> int:
        del origin, public
        return segment.stop

    monkeypatch.setattr(recovery, "sealed_stop", believed)
    monkeypatch.setitem(forged_ledgers.ATTACKERS, "one", ("in one way", (ledger_forger.appended,)))
    assert forge(around, tmp_path / "forged", "one", 3, seed=4).signed == 3


def test_a_start_keeps_what_it_does_not_sign(around: Range, tmp_path: Path) -> None:
    place = tmp_path / "l"
    shutil.copytree(around.store / "ledger", place)
    forgery = ledger_forger.Forgery(ledger=place, around=around, chance=random.Random(1))
    ledger_forger.appended(forgery)
    forged = next(iter((place / "journal").iterdir())).read_bytes()
    with pytest.raises(RejectedError, match="not under the log's seal"):
        examined(around, place).refuse()
    log = MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
    (part,) = log.unproved
    assert (part.first, part.kept.read_bytes()) == (ALL, forged)
    ((_, entry),) = log.entries(ALL, 10)
    log.close()
    assert entry.action == "ledger.set_aside"
    assert part.sha256 in entry.why
    examined(around, place).refuse()
    again = MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
    assert (again.unproved, again.size) == ((), ALL + 1)
    again.close()


def test_what_was_set_aside_is_told_as_a_finding_once_also_when_a_command_found_it(
    around: Range, tmp_path: Path
) -> None:
    place = tmp_path / "l"
    shutil.copytree(around.store / "ledger", place)
    ledger_forger.appended(ledger_forger.Forgery(ledger=place, around=around, chance=random.Random(1)))
    MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock()).close()  # a command, for a moment
    log = MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
    watch = LedgerWatch(log, SystemClock(), skew_s=10**9, started="stack.start")
    assert [f.rule for f in watch.look()] == ["serve.ledger_unproved"]
    assert watch.look() == []
    log.append(replace(ledger_forger.entry(0), action="stack.start"))
    assert LedgerWatch(log, SystemClock(), skew_s=10**9, started="stack.start").look() == []
    log.close()
