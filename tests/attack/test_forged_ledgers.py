"""T8, bounded: nobody without the log's key adds to the ledger, and nobody at all changes what a witness saw."""

import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.attack import forged_ledgers, ledger_forger
from bench.attack.forged_ledgers import ATTACKERS, forge
from bench.attack.ledger_forger import ALL, ORIGIN, SIGNED, SIZES, WITNESS_NAME, Range, laid_out
from mumetal.core.clock import SystemClock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.trust.keys.hybrid import HybridPublicKey, SoftKey
from mumetal.trust.ledger import merkle, recovery, tiles
from mumetal.trust.ledger.audit import Examination, examine
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.journal import FRAMES, SEGMENT, SLOTS, Segment
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.ledger.tiles import WIDTH, Frontier
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


def truncated(ledger: Path) -> None:
    for segment in (ledger / "journal").iterdir():
        os.truncate(segment, FRAMES)


def blank(ledger: Path) -> None:
    shutil.rmtree(ledger / "journal")
    (ledger / "journal").mkdir()
    (ledger / "journal" / f"{0:018d}").write_bytes((SEGMENT + bytes(32)).ljust(FRAMES, b"\0"))


def of_the_former_kind(ledger: Path) -> None:
    blank(ledger)
    os.truncate(ledger / "journal" / f"{0:018d}", 0)


def no_segment(ledger: Path) -> None:
    shutil.rmtree(ledger / "journal")
    (ledger / "journal").mkdir()


def no_journal(ledger: Path) -> None:
    shutil.rmtree(ledger / "journal")


@pytest.mark.parametrize(
    "gone", [(), ("checkpoint",), ("checkpoint", "tile"), ("checkpoint", "log.pub", "tile/entries")]
)
@pytest.mark.parametrize(
    "how", [truncated, blank, of_the_former_kind, no_segment, no_journal], ids=lambda h: h.__name__
)
def test_an_emptied_ledger_is_refused_and_does_not_verify(
    around: Range, tmp_path: Path, how: Callable[[Path], None], gone: tuple[str, ...]
) -> None:
    place = tmp_path / "l"
    shutil.copytree(around.older[3], place)  # 90 entries, all of them signed
    shutil.copy(around.store / "ledger" / "log.pub", place)
    how(place)
    for name in gone:
        shutil.rmtree(place / name) if (place / name).is_dir() else (place / name).unlink()
    with pytest.raises((RejectedError, UnavailableError)):
        examine(LedgerFolder(place), public=around.log.public).refuse()
    with pytest.raises(RejectedError):
        MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())


def test_a_log_that_was_killed_at_its_first_moment_begins(around: Range, tmp_path: Path) -> None:
    place = tmp_path / "l"
    MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock()).close()
    for left in ("checkpoint", "journal"):  # killed before its checkpoint, then before its first segment
        file = place / left
        shutil.rmtree(file) if file.is_dir() else file.unlink()
        (place / "checkpoint").unlink(missing_ok=True)
        log = MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
        assert (log.size, log.unproved) == (0, ())
        log.close()
        examine(LedgerFolder(place), public=around.log.public).refuse()


def test_tiles_below_a_journal_that_nobody_sealed_are_not_signed(around: Range, tmp_path: Path) -> None:
    place, edge = tmp_path / "l", Frontier()
    shutil.copytree(next(o for o in around.older if LedgerFolder(o).checkpoint()), place)
    signed = LedgerFolder(place).checkpoint()
    assert signed is not None
    entries = [*around.truth[: signed.size], *(ledger_forger.forged(n) for n in range(signed.size, WIDTH))]
    for entry in entries:
        for level, index, data in edge.add(merkle.leaf(entry)):
            (place / tiles.path(level, index)).parent.mkdir(parents=True, exist_ok=True)
            (place / tiles.path(level, index)).write_bytes(data)
    (place / "tile" / "entries").mkdir(parents=True, exist_ok=True)
    (place / tiles.path(tiles.ENTRIES, 0)).write_bytes(tiles.encode_bundle(entries))
    no_segment(place)
    (place / "journal" / f"{WIDTH:018d}").write_bytes((SEGMENT + edge.root()).ljust(FRAMES, b"\0"))
    with pytest.raises(RejectedError, match="not sealed by the log"):
        MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())


def test_a_segment_that_lost_its_seals_is_set_aside_and_not_gone_on_with(around: Range, tmp_path: Path) -> None:
    place = tmp_path / "l"
    shutil.copytree(around.older[3], place)
    (segment,) = (place / "journal").iterdir()
    data = segment.read_bytes()
    segment.write_bytes(data[: SLOTS[0]].ljust(FRAMES, b"\0") + data[FRAMES:])
    log = MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
    assert [p.why for p in log.unproved] == ["it is not sealed by the log"]
    assert log.size == SIZES[0] + 1
    log.close()
    examine(LedgerFolder(place), public=around.log.public).refuse()


@pytest.mark.parametrize("name", ["journal/" + f"{0:018d}", "checkpoint", "checkpoint.new", "keys/0001"])
def test_a_pipe_in_a_files_place_holds_nobody_up(around: Range, tmp_path: Path, name: str) -> None:
    place = tmp_path / "l"
    shutil.copytree(around.older[3], place)
    (place / name).unlink(missing_ok=True)
    (place / name).parent.mkdir(exist_ok=True)
    os.mkfifo(place / name)

    def late(*_: object) -> None:
        raise TimeoutError(name)

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    try:
        if name != "checkpoint.new":
            with pytest.raises(UnavailableError, match="no regular file"):
                examine(LedgerFolder(place), public=around.log.public)
            with pytest.raises(UnavailableError):
                MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
        else:
            log = MerkleLedger(place, origin=ORIGIN, signer=around.log, clock=SystemClock())
            log.append(ledger_forger.entry(0))
            with pytest.raises(UnavailableError, match="cannot be written"):
                log.publish()
            log.close()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
