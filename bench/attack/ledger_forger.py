"""Forges ledgers, with as much as each attacker has: nothing but the files, the log's key too, or older files too."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mumetal.core.clock import SystemClock
from mumetal.core.ports import LedgerEntry
from mumetal.trust.keys import public as publics
from mumetal.trust.keys import sealed
from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import journal as journals
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger import record, tiles
from mumetal.trust.ledger import session as sessions
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.folder import LedgerFolder, read_segment
from mumetal.trust.ledger.journal import Segment
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.session import Session
from mumetal.trust.ledger.tiles import WIDTH
from mumetal.trust.ledger.witness import Witness

ORIGIN = "lab-7.example/mumetal"
WITNESS_NAME = "w1.example"
SIZES = (90, 300, 520)
"""Entries at each time that the witness came; then more are signed, and then some are only sealed."""
SIGNED, ALL = 560, 600
T0 = 1_790_000_000 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A ledger as its writer left it when it was killed, and what lies elsewhere.

    Args:
        store: Folder with ``ledger``, ``ledger.key`` and ``ledger.pub``.
        seen: What the witness keeps, on another host.
        older: Genuine copies of the ledger's folder, from each time the witness came and later.
        log: The log's key.
        witness: The witness's key.
        truth: Every entry's bytes.
    """

    store: Path
    seen: Path
    older: tuple[Path, ...]
    log: SoftKey
    witness: SoftKey
    truth: tuple[bytes, ...] = field(repr=False)


def entry(n: int) -> LedgerEntry:
    """Return the nth true entry."""
    return LedgerEntry(
        tenant="local", t_ns=T0 + n, actor="alice", action="incident.change", subject=f"inc-{n}", why="policy 1"
    )


def forged(n: int) -> bytes:
    """Return an entry that nobody ever made."""
    return record.encode(
        LedgerEntry(tenant="local", t_ns=T0 + n, actor="mallory", action="incident.change", subject=f"f-{n}", why="")
    )


def laid_out(place: Path) -> Range:
    """Make the ledger, its witness and the older copies in a folder."""
    log, witness = SoftKey.generate(os.urandom), SoftKey.generate(os.urandom)
    store, seen = place / "store", place / "seen"
    clock, older = SystemClock(), list[Path]()
    ledger = MerkleLedger(
        store / "ledger", origin=ORIGIN, signer=log, clock=clock, publish_entries=10**9, publish_s=10**6
    )
    observer = Witness(name=WITNESS_NAME, signer=witness, folder=seen, origin=ORIGIN, log_key=log.public, clock=clock)

    def kept() -> None:
        older.append(place / f"older-{len(older)}")
        shutil.copytree(store / "ledger", older[-1])

    for size in (*SIZES, SIGNED, ALL):
        for start in range(ledger.size, size, 40):
            ledger.append_many([entry(n) for n in range(start, min(size, start + 40))])
            kept()
        if size <= SIGNED:
            ledger.publish()
            kept()
        if size in SIZES:
            observer.cosign(LedgerFolder(store / "ledger"))
    killed = place / "killed"
    shutil.copytree(store / "ledger", killed / "ledger")
    ledger.close()
    sealed.write(killed / "ledger.key", sealed.plain(log, created_ns=T0))
    (killed / "ledger" / "log.pub").write_bytes(publics.encode(log.public, ORIGIN))
    truth = tuple(record.encode(entry(n)) for n in range(ALL))
    return Range(store=killed, seen=seen, older=tuple(older), log=log, witness=witness, truth=truth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """One forgery under way.

    Args:
        ledger: The folder that is forged in.
        around: Everything there is to steal.
        chance: Decides what and where.
    """

    ledger: Path
    around: Range
    chance: Random

    def newest(self) -> Segment:
        """Return the journal's newest segment."""
        base, path = journals.segments(self.ledger / "journal")[-1]
        return read_segment(path, base)

    def entries(self) -> list[bytes]:
        """Return the entries that are there now."""
        return [data for _, data in LedgerFolder(self.ledger).entries(0, 10**6)]

    def changed(self, raw: Sequence[bytes], start: int) -> list[bytes]:
        """Return entries with one thing changed at or after an index."""
        at, how = self.chance.randrange(start, len(raw)), self.chance.randrange(4)
        new = list(raw)
        if how == 0:
            new[at] = new[at].replace(b"alice", b"mallory")
        elif how == 1:
            new.insert(at, forged(at))
        elif how == 2:
            del new[at]
        else:
            new.append(forged(len(raw)))
        return new

    def write_journal(self, segment: Segment, entries: Sequence[bytes], *, seal: bytes | None = None) -> None:
        """Write a segment's file with these entries, its chain made to hold; its seals stay, or are all ``seal``."""
        old = segment.path.read_bytes()
        data = bytearray(old[: journals.FRAMES] if segment.root is not None else b"")
        digest, at = journals.genesis(segment.base, segment.root), segment.base
        for start in range(0, len(entries), 37):
            part = entries[start : start + 37]
            frame, digest = journals.encode_frame(at, len(part), tiles.encode_bundle(part), digest)
            data, at = data + frame, at + len(part)
        for slot in journals.SLOTS if seal is not None else ():
            data[slot : slot + len(seal or b"")] = seal or b""
        segment.path.write_bytes(data)

    def chain(self, segment: Segment, entries: Sequence[bytes]) -> bytes:
        """Return the digest that the chain reaches over these entries."""
        digest, at = journals.genesis(segment.base, segment.root), segment.base
        for start in range(0, len(entries), 37):
            part = entries[start : start + 37]
            _, digest = journals.encode_frame(at, len(part), tiles.encode_bundle(part), digest)
            at += len(part)
        return digest

    def rewrite(self, entries: Sequence[bytes], key: SoftKey) -> None:
        """Write the whole ledger anew under a key: tiles, journal and checkpoint agree."""
        shutil.rmtree(self.ledger)
        made = MerkleLedger(self.ledger, origin=ORIGIN, signer=key, clock=SystemClock())
        for start in range(0, len(entries), 100):
            made.append_many([record.read(data) for data in entries[start : start + 100]])
        made.close()
        (self.ledger / "log.pub").write_bytes(publics.encode(key.public, ORIGIN))


def appended(f: Forgery) -> None:
    """Append to the journal, its chain going on, with no key."""
    segment = f.newest()
    body = [forged(n) for n in range(f.chance.randrange(1, 60))]
    frame, _ = journals.encode_frame(segment.stop, len(body), tiles.encode_bundle(body), segment.digest)
    segment.path.write_bytes(segment.path.read_bytes()[: segment.end] + frame)


def altered_journal(f: Forgery) -> None:
    """Alter, insert or remove entries of the journal, its chain made to hold."""
    segment = f.newest()
    f.write_journal(segment, f.changed(segment.entries, 0))


def sealed_anew(f: Forgery) -> None:
    """Alter the journal and seal it with a session that a key of the thief's own vouches for."""
    segment = f.newest()
    entries = f.changed(segment.entries, 0)
    own = Session(ORIGIN, SoftKey.generate(os.urandom), os.urandom)
    seal = own.seal(segment.base + len(entries), f.chain(segment, entries))
    f.write_journal(segment, entries, seal=sessions.encode(seal))


def seal_moved(f: Forgery) -> None:
    """Put a genuine seal's signature over another count and digest."""
    segment = f.newest()
    entries = f.changed(segment.entries, 0)
    claim = segment.claims()[0]
    moved = sessions.Seal(
        stop=segment.base + len(entries), digest=f.chain(segment, entries), session=claim.session,
        vouched=claim.vouched, signature=claim.signature,
    )  # fmt: skip
    f.write_journal(segment, entries, seal=sessions.encode(moved))


def former_kind(f: Forgery) -> None:
    """Make the journal one of the former kind, which had no seals, with an entry more."""
    segment = f.newest()
    data, digest = b"", journals.genesis(segment.base, None)
    entries = f.changed(segment.entries, 0)
    for start in range(0, len(entries), 37):
        part = entries[start : start + 37]
        frame, digest = journals.encode_frame(segment.base + start, len(part), tiles.encode_bundle(part), digest)
        data += frame
    segment.path.write_bytes(data)


def cut(f: Forgery) -> None:
    """Cut the journal, or a file of the tree, short."""
    files = [p for p in f.ledger.rglob("*") if p.is_file() and p.stat().st_size]
    path = f.chance.choice(files)
    path.write_bytes(path.read_bytes()[: f.chance.randrange(path.stat().st_size)])


def flipped(f: Forgery) -> None:
    """Change one byte of one file."""
    path = f.chance.choice([p for p in f.ledger.rglob("*") if p.is_file() and p.stat().st_size])
    data = bytearray(path.read_bytes())
    data[f.chance.randrange(len(data))] ^= 1 << f.chance.randrange(8)
    path.write_bytes(data)


def removed(f: Forgery) -> None:
    """Remove a file, or a folder."""
    path = f.chance.choice([p for p in f.ledger.rglob("*") if p.name != "lock"])
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def bundle_and_tile(f: Forgery) -> None:
    """Alter a signed entry in its bundle, its tile and the journal alike; the checkpoint stays."""
    path = f.ledger / tiles.path(tiles.ENTRIES, f.chance.randrange(2), WIDTH)
    path.write_bytes(path.read_bytes().replace(b"alice", b"maeve", f.chance.randrange(1, 5)))
    altered_journal(f)


def own_checkpoint(f: Forgery) -> None:
    """Sign a smaller checkpoint with a key of the thief's own, under the log's name."""
    size = f.chance.randrange(ALL)
    thief, root = SoftKey.generate(os.urandom), LedgerFolder(f.ledger).tree(SIGNED).root(min(size, SIGNED))
    note = checkpoints.sign(Checkpoint(origin=ORIGIN, size=min(size, SIGNED), root=root), thief)
    (f.ledger / "checkpoint").write_bytes(notes.encode(note))
    altered_journal(f)


def under_own_key(f: Forgery) -> None:
    """Write the whole ledger anew under a key of the thief's own, the public key and the key's file too."""
    key = SoftKey.generate(os.urandom)
    f.rewrite(f.changed(f.entries(), 0), key)
    place = f.ledger.with_name("ledger.key")
    place.unlink()
    sealed.write(place, sealed.plain(key, created_ns=T0))


def under_the_logs_key(f: Forgery) -> None:
    """Read the log's key and write the whole ledger anew under it."""
    f.rewrite(f.changed(f.entries(), 0), f.around.log)


def put_back(f: Forgery) -> None:
    """Put an older genuine ledger in its place, whole."""
    shutil.rmtree(f.ledger)
    shutil.copytree(f.chance.choice(f.around.older), f.ledger)


def put_back_and_go_on(f: Forgery) -> None:
    """Put an older ledger back, then forge what follows without the key."""
    put_back(f)
    f.chance.choice([appended, altered_journal, sealed_anew, seal_moved, former_kind])(f)


def old_checkpoint(f: Forgery) -> None:
    """Put an older checkpoint back, and alter the decisions after it in the journal."""
    shutil.copy(f.chance.choice(f.around.older) / "checkpoint", f.ledger / "checkpoint")
    f.chance.choice([altered_journal, sealed_anew, former_kind, seal_moved])(f)


def old_journal(f: Forgery) -> None:
    """Put an older journal back under the newer checkpoint, or beside the newer one."""
    base, path = journals.segments(f.chance.choice(f.around.older) / "journal")[-1]
    if f.chance.random() < 0.5:
        shutil.rmtree(f.ledger / "journal")
        (f.ledger / "journal").mkdir()
    shutil.copy(path, f.ledger / "journal" / f"{base + WIDTH * f.chance.randrange(3):018d}")


def old_tiles(f: Forgery) -> None:
    """Put an older checkpoint and tree back, cut to size, and leave or alter the journal: c3b's way."""
    older = f.chance.choice(f.around.older)
    shutil.rmtree(f.ledger / "tile", ignore_errors=True)
    if (older / "tile").exists():
        shutil.copytree(older / "tile", f.ledger / "tile")
    shutil.copy(older / "checkpoint", f.ledger / "checkpoint")
    if f.chance.random() < 0.8:
        f.chance.choice([altered_journal, sealed_anew, former_kind, seal_moved])(f)


Attack = Callable[[Forgery], None]
WITHOUT_KEY: tuple[Attack, ...] = (
    appended, altered_journal, sealed_anew, seal_moved, former_kind, cut, flipped, removed, bundle_and_tile, own_checkpoint,
)  # fmt: skip
EVERY_FILE: tuple[Attack, ...] = (*WITHOUT_KEY, under_own_key, under_the_logs_key)
OLDER_TOO: tuple[Attack, ...] = (put_back, put_back_and_go_on, old_checkpoint, old_journal, old_tiles)
HAS_LOG_KEY: frozenset[Attack] = frozenset({under_the_logs_key})
