"""The log's own key is replaced: what the former one signed still holds, and it signs nothing any more."""

import shutil
from pathlib import Path

import pytest
from tests.trust_keys import T0, counting, soft
from tests.unit.trust.ledger.books import LOG, ORIGIN, book, entries, entry, reading, witness

from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.keys import sealed
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger import rotation
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.local import export, key_path, log_key, open_local, replace_key
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.rotation import Rotation, log_keys

NEXT, THIRD = soft("next log"), soft("third log")


@pytest.fixture
def rotated(tmp_path: Path) -> Path:
    """A ledger of 300 entries under one key, witnessed, and more under the next; closed."""
    ledger = book(tmp_path / "l")
    ledger.append_many(entries(0, 300))
    ledger.publish()
    witness(tmp_path / "w").cosign(reading(tmp_path / "l"))
    made = ledger.replace_key(NEXT)
    assert (made.size, made.former, made.following) == (300, LOG.public, NEXT.public)
    assert ledger.public == NEXT.public
    ledger.append_many(entries(301, 350))
    ledger.close()
    return tmp_path / "l"


def test_whoever_kept_either_key_checks_it_all_and_the_witness_goes_on(rotated: Path) -> None:
    for kept in (LOG, NEXT):
        found = examine(reading(rotated), public=kept.public)
        found.refuse()
        assert found.count == found.signed == 350
    witness(rotated.parent / "w").cosign(reading(rotated))  # it knows the former key alone
    with pytest.raises(RejectedError, match=r"signature|by this key"):
        examine(reading(rotated), public=THIRD.public)
    export(reading(rotated), rotated.parent / "copy")
    examine(reading(rotated.parent / "copy"), public=LOG.public).refuse()


def test_the_ledger_says_so_and_the_former_key_opens_it_no_more(rotated: Path) -> None:
    with pytest.raises(RejectedError, match="was replaced"):
        book(rotated)
    again = MerkleLedger(rotated, origin=ORIGIN, signer=NEXT, clock=ManualClock(T0))
    (said,) = [e for _, e in again.entries() if e.action == "ledger.key_replaced"]
    assert LOG.public.key_id in said.why
    assert NEXT.public.key_id in said.why
    for known in (LOG, NEXT):
        with pytest.raises(BadInputError, match="has or had"):
            again.replace_key(known)
    again.replace_key(THIRD)
    again.close()
    keys = log_keys(rotated, ORIGIN, NEXT.public)
    assert keys.newest == THIRD.public
    assert [(r.former, r.size) for r in keys.rotations] == [(LOG.public, 300), (NEXT.public, 350)]
    examine(reading(rotated), public=LOG.public).refuse()


def test_a_statement_that_one_key_did_not_sign_changes_nothing(rotated: Path) -> None:
    made = Rotation(origin=ORIGIN, size=350, root=bytes(32), former=NEXT.public, following=THIRD.public)
    whole = rotation.sign(made, NEXT, THIRD)
    place = rotation.place(rotated, 2)
    for signatures in (whole.signatures[:2], whole.signatures[2:], whole.signatures[1:], ()):
        note = notes.Note(text=whole.text, signatures=signatures or whole.signatures[:1])
        place.write_bytes(notes.encode(note))
        assert log_keys(rotated, ORIGIN, NEXT.public).newest == NEXT.public
    for damaged in (b"", b"x", notes.encode(whole).replace(b"\n350\n", b"\n351\n")):
        place.write_bytes(damaged)
        assert log_keys(rotated, ORIGIN, NEXT.public).newest == NEXT.public
    place.write_bytes(notes.encode(whole))
    assert log_keys(rotated, "another", NEXT.public).newest == NEXT.public
    assert log_keys(rotated, ORIGIN, NEXT.public).newest == THIRD.public


def test_a_crash_within_the_change_is_mended_at_the_next_start(tmp_path: Path) -> None:
    folder, clock = tmp_path / "ledger", ManualClock(T0)
    ledger = open_local(folder, clock=clock, entropy=counting("a"))
    ledger.append(entry(0))
    before = ledger.public
    following = soft("own next")
    aside = key_path(folder).with_name("ledger.key.next")
    sealed.write(aside, sealed.plain(following, created_ns=T0))
    ledger.close()
    same = open_local(folder, clock=clock, entropy=counting("b"))  # the log never changed to it
    assert same.public == before
    ledger = same
    ledger.replace_key(following)  # and here the process ends before the key is in place
    ledger.close()
    again = open_local(folder, clock=clock, entropy=counting("c"))
    assert again.public == following.public
    assert not aside.exists()
    assert log_key(folder)[1] == following.public
    again.close()


def test_a_new_key_of_its_own_takes_the_former_secrets_place(tmp_path: Path) -> None:
    folder, clock = tmp_path / "ledger", ManualClock(T0)
    ledger = open_local(folder, clock=clock, entropy=counting("a"))
    secret = key_path(folder).read_bytes()
    made = replace_key(folder, ledger, clock, counting("b"))
    ledger.close()
    assert key_path(folder).read_bytes() != secret
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["ledger.key"]
    again = open_local(folder, clock=clock, entropy=counting("c"))
    assert again.public == made.following == log_key(folder)[1]
    again.verify()
    again.close()


def test_a_journal_of_the_former_kind_is_carried_over_and_only_what_was_signed(tmp_path: Path) -> None:
    from mumetal.trust.ledger import journal, tiles

    ledger = book(tmp_path / "l")
    ledger.append_many(entries(0, 300))
    ledger.publish()
    shutil.copytree(tmp_path / "l", tmp_path / "old")
    ledger.close()
    place = tmp_path / "old" / "journal" / f"{0:018d}"
    (tmp_path / "old" / "lock").unlink()
    first, digest = journal.encode_frame(
        0, 300, tiles.encode_bundle([d for _, d in reading(tmp_path / "l").entries(0, 300)]), journal.genesis(0, None)
    )
    place.write_bytes(first)
    opened = book(tmp_path / "old")
    assert (opened.size, opened.unproved) == (300, ())
    opened.append(entry(300))
    opened.verify()
    opened.close()
    more, _ = journal.encode_frame(300, 1, tiles.encode_bundle([b"{}"]), digest)
    shutil.rmtree(tmp_path / "old")
    shutil.copytree(tmp_path / "l", tmp_path / "old")
    for segment in (tmp_path / "old" / "journal").iterdir():
        segment.unlink()
    place.write_bytes(first + more)
    opened = book(tmp_path / "old")
    assert [(p.first, p.count) for p in opened.unproved] == [(300, 1)]
    assert opened.entries(300)[0][1].action == "ledger.set_aside"
    opened.verify()
    opened.close()
