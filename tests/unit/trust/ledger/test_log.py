"""Durable, in order, mended after a crash, and refusing what somebody changed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trust_keys import T0, soft
from tests.unit.trust.ledger.books import LOG, ORIGIN, book, entries, entry, filled, reading

from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.formats import canonical
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import log, merkle, record, shelf
from mumetal.trust.ledger.disk import write_whole
from mumetal.trust.ledger.log import MerkleLedger


def test_it_goes_on_after_a_restart_at_every_size(tmp_path: Path) -> None:
    count = 0
    for step in (1, 1, 254, 1, 255, 3, 600, 0, 700):
        ledger = book(tmp_path / "deep" / "l")
        assert ledger.size == count
        if step:
            assert ledger.append_many(entries(count, count + step)) == count
        count += step
        ledger.verify()
        assert [i for i, _ in ledger.entries(0, 10**6)] == list(range(count))
        assert ledger.entries(count - 1)[0][1] == entry(count - 1)
        ledger.close()
    assert (tmp_path / "deep" / "l").stat().st_mode & 0o077 == 0


def test_rotation_lets_go_of_the_journal_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "ROTATE", 512)
    ledger = book(tmp_path / "l", publish_entries=300)
    for start in range(0, 3_000, 100):
        ledger.append_many(entries(start, start + 100))
    segments = list((tmp_path / "l" / "journal").iterdir())
    assert len(segments) == 1
    assert int(segments[0].name) > 2_000
    ledger.verify()
    ledger.close()
    again = book(tmp_path / "l")
    assert [e for _, e in again.entries(0, 3_000)] == entries(0, 3_000)
    again.verify()
    again.close()


def test_a_crash_within_a_rotation_leaves_two_segments_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "ROTATE", 512)
    journal = tmp_path / "l" / "journal"
    with monkeypatch.context() as crashing:
        crashing.setattr(log, "segments", lambda _: [])  # the old segment is not removed
        ledger = book(tmp_path / "l")
        while len(list(journal.iterdir())) == 1:
            ledger.append_many(entries(ledger.size, ledger.size + 50))
        done = ledger.size
        ledger.close()
    newest = max(journal.iterdir())
    for torn in (newest.read_bytes(), newest.read_bytes()[:60], b""):  # the new one is whole, torn, unborn
        newest.write_bytes(torn)
        opened = book(tmp_path / "l")
        assert opened.size == done
        opened.verify()
        opened.close()
    again = book(tmp_path / "l")
    assert again.size == done
    again.verify()
    again.append_many(entries(done, done + 600))
    assert len(list((tmp_path / "l" / "journal").iterdir())) == 1
    again.close()


def test_a_torn_frame_was_never_acknowledged_and_is_set_aside(tmp_path: Path) -> None:
    ledger = book(tmp_path / "l")
    ledger.append(entry(0))
    ledger.publish()
    journal = tmp_path / "l" / "journal" / f"{0:018d}"
    before = journal.stat().st_size
    ledger.append(entry(1))
    whole = journal.read_bytes()
    ledger._published = checkpoints.Checkpoint(origin=ORIGIN, size=2, root=bytes(32))  # close as a crash would
    ledger.close()
    for torn in (*(whole[:cut] for cut in range(before, len(whole), 7)), whole[:before] + bytes(4_096)):
        journal.write_bytes(torn)
        opened = book(tmp_path / "l")
        assert opened.size == 1
        opened._published = checkpoints.Checkpoint(origin=ORIGIN, size=1, root=bytes(32))
        opened.close()
        assert journal.read_bytes() == whole[:before]
    assert (tmp_path / "l" / "torn").exists()


def test_what_a_crash_left_unwritten_is_written_and_what_was_altered_refused(tmp_path: Path) -> None:
    filled(tmp_path / "l", 1_000)
    for place in ("tile/0/001", "tile/entries/002"):
        path = tmp_path / "l" / place
        good = path.read_bytes()
        for damaged in (None, b"", good[:100], good[:100] + bytes(len(good) - 100)):
            path.unlink(missing_ok=True)
            if damaged is not None:
                path.write_bytes(damaged)
            ledger = book(tmp_path / "l")
            ledger.append(entry(ledger.size))
            assert path.read_bytes() == good
            ledger.close()
        path.write_bytes(good[:50] + b"X" + good[51:])
        with pytest.raises(RejectedError, match="step 3"):
            book(tmp_path / "l")
        path.write_bytes(good)


def test_opening_refuses_what_was_cut_or_swapped(tmp_path: Path) -> None:
    filled(tmp_path / "l", 300)
    (tmp_path / "l" / "checkpoint").rename(tmp_path / "taken")
    with pytest.raises(RejectedError, match="checkpoint is gone"):
        book(tmp_path / "l")
    (tmp_path / "taken").rename(tmp_path / "l" / "checkpoint")
    journal = tmp_path / "l" / "journal" / f"{0:018d}"
    good, note = journal.read_bytes(), (tmp_path / "l" / "checkpoint").read_bytes()
    journal.write_bytes(b"")
    with pytest.raises(RejectedError, match="cut short"):
        book(tmp_path / "l")
    journal.unlink()
    with pytest.raises(RejectedError, match="journal is gone"):
        book(tmp_path / "l")
    journal.write_bytes(good)
    with pytest.raises(RejectedError, match="not this log's"):
        MerkleLedger(tmp_path / "l", origin=ORIGIN, signer=soft("thief"), clock=ManualClock(T0))
    with pytest.raises(RejectedError, match="not this log's"):
        MerkleLedger(tmp_path / "l", origin="other", signer=LOG, clock=ManualClock(T0))
    (tmp_path / "l" / "checkpoint").write_bytes(note.replace(b"\n300\n", b"\n299\n"))
    with pytest.raises(RejectedError, match="step 1: the checkpoint is not this log"):
        book(tmp_path / "l")


def test_one_writer_at_a_time_and_links_are_refused(tmp_path: Path) -> None:
    ledger = book(tmp_path / "l")
    with pytest.raises(UnavailableError, match="another process"):
        book(tmp_path / "l")
    ledger.close()
    ledger.close()
    with pytest.raises(UnavailableError):
        ledger.append(entry(0))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError):
        book(tmp_path / "m")


def no_space(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_refuses_the_entry_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = book(tmp_path / "l")
    ledger.append(entry(0))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", no_space)
        with pytest.raises(UnavailableError, match="No space left"):
            ledger.append(entry(1))
    assert ledger.append(entry(2)) == 1
    ledger.verify()
    ledger.close()


def test_a_disk_that_is_full_only_for_tiles_delays_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = book(tmp_path / "l")
    with monkeypatch.context() as broken:
        broken.setattr(shelf, "write_whole", no_space)
        assert ledger.append_many(entries(0, 600)) == 0  # durable in the journal, and acknowledged
        for _ in "12":
            with pytest.raises(UnavailableError, match="No space left"):
                ledger.publish()
        assert [e for _, e in ledger.entries()] == entries(0, 600)
        assert ledger.published == 0
    assert ledger.append(entry(600)) == 600
    ledger.publish()
    assert [e for _, e in ledger.entries()] == entries(0, 601)
    ledger.verify()
    ledger.close()


def test_a_real_full_disk(tmp_path: Path) -> None:
    """A file size limit stands in for a small disk: the kernel itself refuses, in the middle of a write."""
    code = (
        "import resource,signal,sys\nfrom pathlib import Path\n"
        "from tests.unit.trust.ledger.books import book, entries, entry\n"
        "from mumetal.core.errors import UnavailableError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "b = book(Path(sys.argv[1]))\nb.append_many(entries(0, 100))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))\n"
        "try:\n    b.append_many(entries(100, 300))\nexcept UnavailableError:\n    print('refused')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "print(b.append(entry(100)))\nb.verify()\nb.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "l")], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["refused", "100"]


def test_entries_that_wait_together_share_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = book(tmp_path / "l")
    real, synced = os.fdatasync, list[int]()

    def counted(file: int) -> None:
        synced.append(file)
        real(file)

    monkeypatch.setattr(os, "fdatasync", counted)
    threads = [threading.Thread(target=ledger.append, args=(entry(n),)) for n in range(8)]
    with ledger._commit_lock:  # as while another commit is on its way to the disk
        for t in threads:
            t.start()
        while len(ledger._waiting) < 8:
            time.sleep(0.001)
    for t in threads:
        t.join()
    assert len(synced) == 1
    assert len(ledger.entries()) == 8
    ledger.close()


def test_many_threads_append_beside_publications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = book(tmp_path / "l")
    monkeypatch.setattr(ledger, "_publish_entries", 50)  # some of them publish, beside the others' appends
    monkeypatch.setattr(log, "ROTATE", 64)
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda: got.extend(ledger.append(entry(n)) for n in range(40))) for _ in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(got) == list(range(320))
    assert ledger.published > 200
    assert sorted(e.t_ns for _, e in ledger.entries()) == sorted(T0 + n for n in range(40) for _ in range(8))
    ledger.verify()
    ledger.close()


def test_an_append_does_not_wait_for_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = book(tmp_path / "l")
    ledger.append_many(entries(0, 300))
    signing, done = threading.Event(), threading.Event()

    def wait(path: Path, data: bytes, *, sync: bool) -> None:
        signing.set()
        assert done.wait(20)
        write_whole(path, data, sync=sync)

    monkeypatch.setattr(log, "write_whole", wait)
    publishing = threading.Thread(target=ledger.publish)
    publishing.start()
    assert signing.wait(20)
    for n in range(300, 400):
        assert ledger.append_many([entry(n)]) == n
    assert [e for _, e in ledger.entries(250, 1_000)] == entries(250, 400)
    done.set()
    publishing.join()
    assert ledger.published == 300
    ledger.verify()
    assert ledger.published == 400
    ledger.close()


def test_a_clock_set_back_is_kept_and_counted(tmp_path: Path) -> None:
    ledger = book(tmp_path / "l")
    ledger.append_many([entry(5), entry(3), entry(9)])
    assert ledger.latest_ns == T0 + 9
    assert ledger.set_back_ns() == 2
    assert ledger.set_back_ns() == 0
    ledger.close()
    again = book(tmp_path / "l")
    assert again.latest_ns == T0 + 9
    assert [e.t_ns - T0 for _, e in again.entries()] == [5, 3, 9]
    again.close()
    from mumetal.trust.ledger.audit import examine

    assert examine(reading(tmp_path / "l"), public=LOG.public).clock_steps == 1


def test_a_checkpoint_comes_with_entries_and_with_time(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    ledger = book(tmp_path / "l", publish_entries=10, clock=clock)
    ledger.append_many(entries(0, 9))
    empty = reading(tmp_path / "l").checkpoint()
    assert empty is not None
    assert (empty.size, empty.root) == (0, merkle.EMPTY)
    ledger.append(entry(9))
    ten = reading(tmp_path / "l").checkpoint()
    assert ten is not None
    assert ten.size == 10
    clock.sleep(6)
    ledger.append(entry(10))
    eleven = reading(tmp_path / "l").checkpoint()
    assert eleven is not None
    assert eleven.size == 11
    assert ledger.publish() == reading(tmp_path / "l").note()
    ledger.close()


def test_a_proof_convinces_a_stranger_with_the_public_key(tmp_path: Path) -> None:
    ledger = book(tmp_path / "l")
    ledger.append_many(entries(0, 700))
    for index in (0, 255, 256, 699):
        note, data, path = ledger.prove(index)
        checkpoints.verify(note, ORIGIN, LOG.public)
        signed = checkpoints.of_note(note)
        merkle.verify_inclusion(merkle.leaf(data), index, signed.size, path, signed.root)
        assert record.decode(data, index) == entry(index)
    with pytest.raises(BadInputError):
        ledger.prove(700)
    ledger.close()


def test_what_cannot_be_an_entry_is_refused(tmp_path: Path) -> None:
    ledger = book(tmp_path / "l")
    for bad in (entry(0, why="x" * 2_001), entry(0, why="\ud800")):
        with pytest.raises(BadInputError):
            ledger.append_many([entry(0), bad])
    with pytest.raises(BadInputError):
        ledger.append_many([])
    texts = dict.fromkeys(("tenant", "actor", "action", "subject", "why", "outcome"), "\x00" * 2000)
    with pytest.raises(BadInputError, match="65535"):
        ledger.append(LedgerEntry(t_ns=T0, **texts))
    assert ledger.append(entry(0, why="\x00\U0001f9ca" * 1_000)) == 0
    assert ledger.entries()[0][1].why == "\x00\U0001f9ca" * 1_000
    ledger.close()


def test_an_entry_from_before_has_the_bytes_it_had() -> None:
    old = b'{"action":"a","actor":"b","outcome":"","subject":"c","t_ns":"1750000000000000000","tenant":"t","why":"w"}'
    entry = record.decode(old, 0)
    assert (entry.token, entry.on_behalf_of, entry.policy, entry.decision) == ("", "", "", "")
    assert record.encode(entry) == old
    with pytest.raises(RejectedError):  # an empty field that is written out is a second form of the same entry
        record.decode(old.replace(b'"why"', b'"token":"","why"'), 0)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=20), st.sampled_from(["", "p@1"]))
@settings(max_examples=120)
def test_an_entrys_bytes_are_canonical_json(why: str, actor: str, sent_by: str, policy: str) -> None:
    made = LedgerEntry(
        tenant="t", t_ns=T0, actor=actor, action="a", subject="s", why=why, on_behalf_of=sent_by, policy=policy
    )
    fields = {n: getattr(made, n) for n in ("tenant", "actor", "action", "subject", "why", "outcome")}
    fields |= {n: v for n, v in {"on_behalf_of": sent_by, "policy": policy}.items() if v}
    try:
        expected = canonical.encode({**fields, "t_ns": str(T0)})
    except BadInputError:
        with pytest.raises(BadInputError):
            record.encode(made)
        return
    assert record.encode(made) == expected
    assert record.decode(expected, 0) == made
    with pytest.raises(RejectedError):
        record.decode(expected.replace(b",", b", ", 1), 0)


CHILD = """
import sys
from pathlib import Path
from mumetal.trust.ledger import log
from tests.unit.trust.ledger.books import book, entry
log.ROTATE = 300
ledger = book(Path(sys.argv[1]), publish_entries=37)
while True:
    print(ledger.append_many([entry(ledger.size + k) for k in range(int(sys.argv[2]))]), flush=True)
"""


def test_kill_9_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    chance = random.Random(5)
    acknowledged = -1
    for round_ in range(10):
        step = chance.choice([1, 7, 60])
        command = [sys.executable, "-c", CHILD, str(tmp_path / "l"), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 40)):
                acknowledged = int(child.stdout.readline()) + step - 1
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split(b"\n")
            acknowledged = max([acknowledged, *(int(x) + step - 1 for x in rest[:-1] if x)])
        ledger = book(tmp_path / "l")
        assert ledger.size > acknowledged, round_
        assert ledger.unproved == ()  # a kill is no tampering
        ledger.verify()
        assert [e for _, e in ledger.entries(0, 10**6)] == entries(0, ledger.size)
        ledger.close()
