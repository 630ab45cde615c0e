"""What an auditor finds with nothing but a copy, the public keys and what a witness kept."""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.trust_keys import T0, soft
from tests.unit.trust.ledger.books import LOG, ORIGIN, WITNESS, book, entries, reading, witness

from mumetal.core.clock import ManualClock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.audit import Examination, examine
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.witness import witnessed

SIZES = (300, 900, 1_400)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 1,500 entries in `l`, of which a witness saw 300, 900 and 1,400, and kept that in `w`."""
    place = tmp_path_factory.mktemp("audit")
    ledger = book(place / "l")
    for size in SIZES:
        ledger.append_many(entries(ledger.size, size))
        ledger.publish()
        witness(place / "w").cosign(reading(place / "l"))
    ledger.append_many(entries(1_400, 1_500))
    ledger.close()
    return place


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def kept(place: Path) -> list[Checkpoint]:
    found = witnessed(
        [place / "w"], name="witness.example/w1", public=WITNESS.public, origin=ORIGIN, log_key=LOG.public
    )
    return list(found)


def audit(place: Path) -> Examination:
    return examine(reading(place / "l"), public=LOG.public, witnessed=kept(place))


def export(place: Path) -> None:
    """Make of a copy one without a journal, as it is published; its last entries are in the partial bundle."""
    shutil.rmtree(place / "l" / "journal")
    (place / "l" / "lock").unlink()


def test_what_is_whole_is_vouched_for_up_to_the_last_witnessed_checkpoint(copy: Path) -> None:
    found = audit(copy)
    found.refuse()
    assert (found.count, found.vouched, found.damages) == (1_500, 1_400, ())
    export(copy)
    assert audit(copy).count == 1_500
    audit(copy).refuse()
    assert [c.size for c in kept(copy)] == list(SIZES)


def rewrite(place: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Do what an intruder with the log's key does: change entries and make tiles, bundles and checkpoint agree."""
    raw = change([data for _, data in reading(place / "l").entries(0, 10**6)])
    shutil.rmtree(place / "l")
    forged = book(place / "l")
    for start in range(0, len(raw), 500):
        forged.append_many([record.decode(data, 0) for data in raw[start : start + 500]])
    forged.close()


@pytest.mark.parametrize(
    ("change", "span"),
    [
        (lambda raw: [*raw[:100], raw[101], raw[100], *raw[102:]], (0, 300)),
        (lambda raw: [*raw[:500], *raw[501:]], (300, 900)),
        (lambda raw: [*raw[:899], raw[0], *raw[900:]], (300, 900)),
        (lambda raw: [*raw[:900], raw[1], *raw[901:]], (900, 1_400)),
        (lambda raw: raw[:1_390], (1_390, 1_400)),
        (lambda raw: raw[:10], (10, 300)),
    ],
)
def test_an_intruder_with_the_logs_key_is_bounded_to_a_span_between_checkpoints(
    copy: Path, change: Callable[[list[bytes]], list[bytes]], span: tuple[int, int]
) -> None:
    rewrite(copy, change)
    examine(reading(copy / "l"), public=LOG.public).refuse()  # by itself it is a sound ledger
    found = audit(copy)
    first = found.damages[0]
    assert span[0] <= first.start < first.stop
    assert first.stop <= max(span[1], 1_400)
    assert (first.start, first.stop) == span or "cut off" in first.what
    assert found.vouched <= span[0]
    with pytest.raises(RejectedError, match=r"witnessed|cut off|root"):
        found.refuse()
    with pytest.raises(RejectedError, match=r"step [24]"):
        witness(copy / "w").cosign(reading(copy / "l"))


def test_since_the_last_witnessed_checkpoint_only_the_logs_key_vouches(copy: Path) -> None:
    rewrite(copy, lambda raw: [*raw[:1_450], raw[0], *raw[1_451:]])
    found = audit(copy)
    found.refuse()
    assert found.vouched == 1_400


def test_an_altered_entry_is_named_exactly_when_the_tiles_still_yield_the_root(copy: Path) -> None:
    export(copy)
    path = copy / "l" / "tile/entries/002"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"inc-600", b"inc-666"))
    found = audit(copy)
    assert [(d.start, d.stop) for d in found.damages] == [(600, 601)]
    assert found.vouched == 300
    with pytest.raises(RejectedError, match="entries 600-600"):
        found.refuse()


def test_a_tile_that_was_altered_or_is_gone_is_named(copy: Path) -> None:
    path = copy / "l" / "tile/0/001"
    good = path.read_bytes()
    path.write_bytes(good[:32] + bytes(32) + good[64:])
    assert (257, 258) in [(d.start, d.stop) for d in audit(copy).damages]
    path.write_bytes(good[:-1])
    assert [(d.start, d.stop) for d in audit(copy).damages] == [(256, 512)]
    path.unlink()
    assert [(d.start, d.stop) for d in audit(copy).damages] == [(256, 512)]


def test_a_checkpoint_that_the_log_did_not_sign_is_refused(copy: Path) -> None:
    place = copy / "l" / "checkpoint"
    note = notes.decode(place.read_bytes())
    forged = checkpoints.sign(checkpoints.of_note(note), soft("thief"))
    place.write_bytes(notes.encode(forged))
    with pytest.raises(RejectedError):
        audit(copy)
    halved = notes.encode(notes.Note(text=note.text, signatures=note.signatures[:1]))
    place.write_bytes(halved)
    with pytest.raises(RejectedError):
        audit(copy)
    place.unlink()
    assert audit(copy).damages[0].what == "the log's checkpoint is missing"
    place.write_bytes(b"not a note")
    with pytest.raises(RejectedError, match="damaged"):
        audit(copy)


def tamper(place: Path, chance: random.Random) -> str:
    """Change one thing somewhere in a published ledger; returns what."""
    files = sorted(p for p in place.rglob("*") if p.is_file() and p.name != "lock")
    needed = {place / p for p in ("checkpoint",)}
    size = 1_500
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        needed |= {place / tiles.path(level, index, width) for level in (tiles.ENTRIES, "0")}
    needed |= {place / tiles.path(level, index, width) for level, index, width in tiles.widths(size)}
    path = chance.choice([f for f in files if f in needed])
    data = bytearray(path.read_bytes())
    match chance.randrange(5):
        case 0:
            at = chance.randrange(len(data))
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            del data[chance.randrange(len(data)) :]
        case 2:
            at = chance.randrange(len(data))
            data[at:at] = chance.randbytes(chance.randrange(1, 40))
        case 3 if len(data) > 80:
            at = chance.randrange(32, len(data) - 40)
            data[at - 32 : at], data[at : at + 32] = data[at : at + 32], data[at - 32 : at]
        case _:
            path.unlink()
            return f"removed {path.name}"
    path.write_bytes(bytes(data))
    return f"changed {path.relative_to(place)}"


def test_a_hundred_random_tamperings_are_all_found(made: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    missed = []
    shutil.copytree(made / "l", tmp_path / "l")
    export(tmp_path)
    shutil.copytree(made / "w", tmp_path / "w")
    before = {p: p.read_bytes() for p in (tmp_path / "l").rglob("*") if p.is_file()}
    for _ in range(100):
        what = tamper(tmp_path / "l", chance)
        after = {p: p.read_bytes() if p.exists() else b"" for p in before}
        try:
            audit(tmp_path).refuse()
        except (RejectedError, UnavailableError):
            pass
        else:
            if before != after:
                missed.append(what)
        for path, data in before.items():
            if after[path] != data:
                path.write_bytes(data)
    assert missed == []


def test_a_witness_cosigns_what_continues_and_remembers(copy: Path) -> None:
    clock = ManualClock(T0 + 10**12)
    one = witness(copy / "w2", clock=clock)
    note = one.cosign(reading(copy / "l"))
    checkpoints.verify_cosignature(note, "witness.example/w1", WITNESS.public)
    assert checkpoints.cosigned_at(note, "witness.example/w1", WITNESS.public) == (T0 + 10**12) // 10**9
    clock.set_ns(T0)  # its own clock set back: the time of a cosignature never is
    again = one.cosign(reading(copy / "l"))
    assert checkpoints.cosigned_at(again, "witness.example/w1", WITNESS.public) == (T0 + 10**12) // 10**9
    for bad in (soft("other").public, LOG.public):
        with pytest.raises(RejectedError):
            checkpoints.verify_cosignature(note, "witness.example/w1", bad)
    half = notes.Note(text=note.text, signatures=note.signatures[:-1])
    with pytest.raises(RejectedError):
        checkpoints.verify_cosignature(half, "witness.example/w1", WITNESS.public)


def test_two_faces_of_one_size_are_refused(copy: Path, tmp_path: Path) -> None:
    witness(copy / "w").cosign(reading(copy / "l"))
    rewrite(copy, lambda raw: [*raw[:1_450], raw[0], *raw[1_451:]])
    with pytest.raises(RejectedError, match="step 3"):
        witness(copy / "w").cosign(reading(copy / "l"))
    (tmp_path / "new" / "journal").mkdir(parents=True)
    with pytest.raises(UnavailableError, match="no checkpoint"):
        witness(copy / "w").cosign(reading(tmp_path / "new"))


def test_a_witness_whose_own_record_was_altered_says_so(copy: Path) -> None:
    newest = max((copy / "w").rglob("0*"))
    newest.write_bytes(newest.read_bytes().replace(b"\n1400\n", b"\n1100\n"))
    with pytest.raises(RejectedError, match="own record"):
        witness(copy / "w").cosign(reading(copy / "l"))
    with pytest.raises(RejectedError):
        kept(copy)


CHILD = """
import sys
from pathlib import Path
from tests.unit.trust.ledger.books import reading, witness
from mumetal.core.errors import RejectedError
try:
    witness(Path(sys.argv[2])).cosign(reading(Path(sys.argv[1])))
    print("cosigned")
except RejectedError as error:
    print(error)
"""


def test_a_witness_in_another_process_while_the_log_is_written(tmp_path: Path) -> None:
    ledger = book(tmp_path / "l", publish_entries=50)
    ledger.append_many(entries(0, 100))
    command = [sys.executable, "-c", CHILD, str(tmp_path / "l"), str(tmp_path / "w")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            ledger.append_many(entries(ledger.size, ledger.size + 20))
        assert child.stdout is not None
        assert child.stdout.read().strip() == "cosigned"
    ledger.verify(kept(tmp_path))
    ledger.close()
    rewrite(tmp_path, lambda raw: raw[1:])
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "step 4" in done.stdout
    assert "step 4" in done.stdout
    with pytest.raises(RejectedError):
        audit(tmp_path).refuse()


def test_the_notes_ed25519_lines_are_the_formats(made: Path) -> None:
    """C2SP: key id is SHA-256(name, newline, 0x01, key)[:4]; the signature is over the text alone."""
    import hashlib

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    note = notes.decode((made / "l" / "checkpoint").read_bytes())
    line = note.signatures[0]
    expected = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + LOG.public.ed25519).digest()[:4]
    assert (line.name, line.key_id) == (ORIGIN, expected)
    Ed25519PublicKey.from_public_bytes(LOG.public.ed25519).verify(line.sig, note.text.encode())
    assert note.text.split("\n")[:2] == [ORIGIN, "1500"]
    assert len(checkpoints.of_note(note).root) == merkle.HASH
