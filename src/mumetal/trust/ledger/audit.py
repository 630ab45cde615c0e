"""Examines a ledger's folder, or an offline copy of it: nothing but its bytes, the keys, and what witnesses kept.

Entries past the log's checkpoint have to be under a seal of the log in the journal; they are *unproved* until a
checkpoint that a witness has seen covers them. A checkpoint that is older than a witnessed one was put back.
Every entry is hashed and held against its tile, every tile against the one above, and the roots that come of it against
the log's checkpoint and every witnessed one. Where a witnessed root does not come out, the damage lies between the last
one that does and that one; and where the tiles still yield the root, it is exactly the entries that differ from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.keys.hybrid import HybridPublicKey
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import merkle, record, tiles
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.folder import LedgerFolder, Tail
from mumetal.trust.ledger.rotation import log_keys
from mumetal.trust.ledger.tiles import WIDTH, Frontier

MAX_DAMAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something wrong with entries ``start <= i < stop``.

    Args:
        start: First entry that may be concerned.
        stop: Entry after the last.
        what: What is wrong.
    """

    start: int
    stop: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found.

    Args:
        count: Entries that are there.
        checkpoint: The log's newest checkpoint; None when it has none.
        vouched: Entries that a witnessed checkpoint, or one kept elsewhere, proves unchanged; 0 without one.
        damages: In order, at most about 100.
        clock_steps: Entries that are dated before the one before them: a clock was set back, or two clocks differ.
    """

    count: int
    checkpoint: Checkpoint | None
    vouched: int
    damages: tuple[Damage, ...] = ()
    clock_steps: int = 0

    @property
    def signed(self) -> int:
        """Entries under the log's newest checkpoint; those after it are under its seals alone."""
        return self.checkpoint.size if self.checkpoint else 0

    @property
    def unproved(self) -> int:
        """Entries that nothing kept elsewhere proves: whoever has the log's key could have written them."""
        return max(0, self.count - self.vouched)

    def refuse(self) -> None:
        """Return nothing when nothing is damaged.

        Raises:
            RejectedError: Something is; says which entries.
        """
        if self.damages:
            first = self.damages[0]
            more = f" (and {len(self.damages) - 1} more)" if len(self.damages) > 1 else ""
            raise RejectedError(
                f"{first.what}{more}",
                where=f"ledger entries {first.start}-{max(first.start, first.stop - 1)}",
                hint=f"entries below {self.vouched} are vouched for by a witness" if self.vouched else "",
            )


@dataclass(slots=True)
class _Walk:
    """The state of an examination: one tree of the entries and, once they differ, one of the tiles."""

    folder: LedgerFolder
    targets: dict[int, list[Checkpoint]]
    entries: Frontier = field(default_factory=Frontier)
    tiled: Frontier | None = None
    damages: list[Damage] = field(default_factory=list)
    good: int = 0
    proven: int = 0
    broken: bool = False
    latest_ns: int = 0
    clock_steps: int = 0

    def note(self, start: int, stop: int, what: str) -> None:
        if len(self.damages) < MAX_DAMAGE:
            self.damages.append(Damage(start=start, stop=stop, what=what))


def examine(folder: LedgerFolder, *, public: HybridPublicKey, witnessed: Sequence[Checkpoint] = ()) -> Examination:
    """Examine a ledger.

    Args:
        folder: Where it is.
        public: The log's key; one that replaced it is followed to by the statements of both.
        witnessed: Checkpoints that witnesses kept, or that were kept elsewhere, verified already.

    Raises:
        RejectedError: The checkpoint or the journal cannot be read at all, or its signatures do not hold.
    """
    note = folder.note()
    checkpoint = None if note is None else checkpoints.of_note(note)
    origin = checkpoint.origin if checkpoint else witnessed[0].origin if witnessed else ""
    keys = log_keys(folder.path, origin, public)
    newest = keys.newest
    if note is not None:
        checkpoints.verify(note, origin, newest)
    signed = checkpoint.size if checkpoint else 0
    tail = folder.tail()
    count = tail.stop if tail else signed
    sealed, roots = tail.proved(origin, newest) if tail else (0, {})
    roots |= {r.size: r.root for r in keys.rotations}  # what a change of key began from is fixed by both keys
    targets: dict[int, list[Checkpoint]] = {}
    for target in (*witnessed, *([checkpoint] if checkpoint else [])):
        targets.setdefault(target.size, []).append(target)
    for size, root in roots.items():
        targets.setdefault(size, []).append(Checkpoint(origin=origin, size=size, root=root))
    walk = _Walk(folder, targets)
    _reach(walk)
    if checkpoint is None and count:
        walk.note(0, count, "the log's checkpoint is missing")
    if tail is not None and not count and (traces := folder.traces(tail.segments)):
        walk.note(0, 1, f"the journal was emptied: {traces}")
    for index in range(-(-count // WIDTH)):
        _bundle(walk, index, min(WIDTH, count - index * WIDTH), tail)
    _edges(walk, checkpoint, count)
    for size in sorted(s for s in targets if s > count):
        walk.note(count, size, f"cut off: a checkpoint has {size} entries, {count} are left")
        break
    if count > max(sealed, signed):
        walk.note(
            max(sealed, signed), count, "the journal has entries that are not under the log's seal: added, or altered"
        )
    seen = max((t.size for t in witnessed), default=0)
    if checkpoint is not None and signed < seen <= count:
        walk.note(signed, seen, f"an older checkpoint was put back: it is of {signed} entries, {seen} were witnessed")
    held = [t.size for t in witnessed if t.size <= walk.proven]
    return Examination(
        count=count,
        checkpoint=checkpoint,
        vouched=max(held, default=0),
        damages=tuple(sorted(walk.damages, key=lambda d: (d.start, d.stop))),
        clock_steps=walk.clock_steps,
    )


def _bundle(walk: _Walk, index: int, width: int, tail: Tail | None) -> None:
    """Take in one bundle: its entries from the journal or the file, which must agree, and its tile."""
    first = index * WIDTH
    leaves = _tile(walk, index, width)
    raw = _entries(walk, index, width, tail)
    for place in range(width):
        hashed = merkle.leaf(raw[place]) if raw is not None else None
        known = leaves[place] if leaves is not None else None
        if hashed is not None:
            _read(walk, raw[place] if raw else b"", first + place)
        if hashed is not None and known is not None and hashed != known:
            walk.note(first + place, first + place + 1, "the entry is not the one in the tree")
            walk.tiled = walk.tiled or walk.entries.copy()
        if hashed is None and known is None:
            walk.broken = True
        if walk.tiled is not None:
            walk.tiled.add(known or hashed or merkle.EMPTY)
        for level, at, data in walk.entries.add(hashed or known or merkle.EMPTY):
            if level:
                _upper(walk, level, at, data)
        _reach(walk)


def _reach(walk: _Walk) -> None:
    """Hold the root so far against every checkpoint of that size."""
    for target in walk.targets.get(walk.entries.size, ()):
        roots = {walk.entries.root(), walk.tiled.root() if walk.tiled else b""}
        if target.root in roots and not walk.broken:
            walk.good = target.size
            if target.root == walk.entries.root():
                walk.proven = target.size
        elif not walk.broken:
            walk.broken = True
            if not any(d.stop > walk.good and d.start < target.size for d in walk.damages):
                what = "entries were altered, removed or reordered: the root is not that of the checkpoint"
                walk.note(walk.good, target.size, what)


def _entries(walk: _Walk, index: int, width: int, tail: Tail | None) -> list[bytes] | None:
    """Return a bundle's entries; None when they cannot be read, which is noted."""
    first = index * WIDTH
    in_journal = tail is not None and first >= tail.base
    found: list[bytes] | None = None
    data = walk.folder.bundle(index, width) if width == WIDTH or not in_journal else None
    if data is not None:
        try:
            found = tiles.decode_bundle(data, width)
        except BadInputError as error:
            walk.note(first, first + width, f"the entries' bundle was damaged: {error.message}")
    elif not in_journal:
        walk.note(first, first + width, "entries were removed: their bundle is missing")
    if tail is not None and in_journal:
        kept = tail.entries[first - tail.base : first - tail.base + width]
        if found is not None and found != kept:
            walk.note(first, first + width, "the entries' bundle is not what the journal has")
        return kept
    return found


def _tile(walk: _Walk, index: int, width: int) -> list[bytes] | None:
    """Return a level 0 tile's hashes; None when it is not there (it may not be yet) or damaged, which is noted."""
    first = index * WIDTH
    try:
        return tiles.split_tile(walk.folder.tile(0, index, width), width)
    except BadInputError as error:
        walk.note(first, first + width, f"a tile was damaged: {error.message}")
    except RejectedError:
        checkpoint = max((t.size for ts in walk.targets.values() for t in ts), default=0)
        if width == WIDTH and first + width <= checkpoint:
            walk.note(first, first + width, "a tile is missing")
    return None


def _upper(walk: _Walk, level: int, index: int, data: bytes) -> None:
    """Hold a full tile above the leaves against what the entries yield."""
    span = WIDTH ** (level + 1)
    try:
        same = walk.folder.tile(level, index) == data
    except RejectedError:
        same = False
    mine = walk.tiled is None
    if not same and mine:
        walk.note(index * span, (index + 1) * span, f"tile {tiles.path(level, index)} is missing or was altered")


def _edges(walk: _Walk, checkpoint: Checkpoint | None, count: int) -> None:
    """Check the partial tiles and the partial bundle that the newest checkpoint rests on."""
    if checkpoint is None or checkpoint.size > count:
        return
    try:
        if walk.folder.tree(checkpoint.size).root() != checkpoint.root and not walk.damages:
            walk.note(0, checkpoint.size, "the tiles at the right edge were altered")
    except RejectedError as error:
        if not walk.damages:
            walk.note(0, checkpoint.size, f"the tiles at the right edge: {error.message} ({error.where})")
    width = checkpoint.size % WIDTH
    first = checkpoint.size - width
    if width:
        data = walk.folder.bundle(first // WIDTH, width)
        there = None if data is None else tiles.encode_bundle([e for _, e in _within(walk, first, checkpoint.size)])
        if data != there or data is None:
            walk.note(first, checkpoint.size, "the checkpoint's last bundle is missing or was altered")


def _within(walk: _Walk, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    try:
        yield from walk.folder.entries(start, stop)
    except RejectedError:
        return


def _read(walk: _Walk, data: bytes, index: int) -> None:
    try:
        t_ns = record.decode(data, index).t_ns
    except RejectedError as error:
        walk.note(index, index + 1, error.message)
        return
    walk.clock_steps += t_ns < walk.latest_ns
    walk.latest_ns = t_ns
