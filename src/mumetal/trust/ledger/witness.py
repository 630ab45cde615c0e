"""A witness: another process, better another host, that has seen the log and never lets it take anything back.

Steps of :meth:`Witness.cosign`: (1) the checkpoint is signed by the log in both halves; (2) it is no smaller than the
last one cosigned; (3) one of the same size has the same root; (4) a larger one continues the last, by a consistency
proof from the tiles; (5) the cosigned note is durable *before* it is given out, so that a crash cannot make the witness
forget what it has vouched for. What was cosigned is kept, so that an auditor can tell between which two checkpoints
something went wrong; past ``keep`` every second one of the older half goes. (C2SP tlog-witness.)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.keys.hybrid import HybridPublicKey, Signer
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import merkle
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.disk import read_whole, write_whole
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.note import Note
from mumetal.trust.ledger.rotation import LogKeys, log_keys


class Witness:
    """Cosigns one log's checkpoints.

    Args:
        name: The witness's name.
        signer: Its key.
        folder: Where it keeps what it cosigned; a log of its own, by its origin, lies in a folder below.
        origin: The log's name.
        log_key: The log's key; one that replaced it is followed to by the statements of both.
        clock: Tells the time of a cosignature, which never runs backwards.
        keep: Most notes kept.
    """

    def __init__(
        self,
        *,
        name: str,
        signer: Signer,
        folder: Path,
        origin: str,
        log_key: HybridPublicKey,
        clock: Clock,
        keep: int = 2_000,
    ) -> None:
        self._name = notes.check_name(name)
        self._signer = signer
        self._folder = folder / hashlib.sha256(origin.encode()).hexdigest()[:32]
        self._origin = origin
        self._log_key = log_key
        self._clock = clock
        self._keep = keep

    def cosign(self, ledger: LedgerFolder) -> Note:
        """Verify the ledger's newest checkpoint and cosign it.

        Raises:
            UnavailableError: The ledger has no checkpoint, or the witness cannot keep it.
            RejectedError: A step failed: the log has rewritten what was witnessed.
        """
        note = ledger.note()
        if note is None:
            raise UnavailableError("the ledger has no checkpoint yet", where=str(ledger.path))
        keys = log_keys(ledger.path, self._origin, self._log_key)
        checkpoints.verify(note, self._origin, keys)
        found = checkpoints.of_note(note)
        last = self._last(keys)
        time_s = self._clock.now_ns() // 10**9
        if last is not None:
            known = checkpoints.of_note(last)
            self._continues(known, found, ledger)
            time_s = max(time_s, checkpoints.cosigned_at(last, self._name, self._signer.public))
        bare = Note(text=note.text, signatures=tuple(s for s in note.signatures if s.name == self._origin))
        cosigned = checkpoints.cosign(bare, self._name, self._signer, time_s)
        try:
            write_whole(self._folder / f"{found.size:018d}", notes.encode(cosigned), sync=True)
        except OSError as error:
            raise UnavailableError(f"the witness cannot keep it: {error.strerror}", where=str(self._folder)) from None
        self._thin()
        return cosigned

    def _continues(self, known: Checkpoint, found: Checkpoint, ledger: LedgerFolder) -> None:
        where = f"{self._origin} entries 0-{max(0, known.size - 1)}"
        if found.size < known.size:
            raise RejectedError(f"step 2: {found.size} entries, {known.size} were witnessed: cut off", where=where)
        if found.size == known.size:
            if found.root != known.root:
                raise RejectedError("step 3: the same number of entries with another root: rewritten", where=where)
            return
        try:
            proof = ledger.tree(found.size).consistency(known.size)
            merkle.verify_consistency(known.size, found.size, known.root, found.root, proof)
        except RejectedError as error:
            raise RejectedError(f"step 4: {error.message}", where=where) from None

    def _last(self, keys: LogKeys) -> Note | None:
        newest = max(_kept(self._folder), default=None)
        if newest is None:
            return None
        note = _read(newest)
        try:
            checkpoints.verify(note, self._origin, keys)
            checkpoints.verify_cosignature(note, self._name, self._signer.public)
        except RejectedError as error:
            raise RejectedError(f"the witness's own record was altered: {error.message}", where=str(newest)) from None
        return note

    def _thin(self) -> None:
        found = sorted(_kept(self._folder))
        if len(found) > self._keep:
            for path in found[1 : len(found) // 2 : 2]:
                path.unlink()


def witnessed(
    places: Sequence[Path], *, name: str, public: HybridPublicKey, origin: str, log_key: HybridPublicKey | LogKeys
) -> Sequence[Checkpoint]:
    """Return the checkpoints in a witness's folder, or in single notes, that it cosigned; smallest first.

    Args:
        places: A witness's folder, one of its subfolders, or files of one note each.
        name: The witness's name.
        public: Its key.
        origin: The log's name.
        log_key: The log's key, or all that it had.

    Raises:
        UnavailableError: There is none.
        RejectedError: One is not signed by both the log and the witness.
    """
    files = [f for place in places for f in ([place] if place.is_file() else [*_kept(place), *place.glob("*/[0-9]*")])]
    found = []
    for file in files:
        note = _read(file)
        if checkpoints.of_note(note).origin != origin:
            continue
        checkpoints.verify(note, origin, log_key)
        checkpoints.verify_cosignature(note, name, public)
        found.append(checkpoints.of_note(note))
    if not found:
        raise UnavailableError("no witnessed checkpoint of this log here", where=", ".join(map(str, places))[:300])
    return sorted(found, key=lambda c: c.size)


def saw_any(folder: Path) -> bool:
    """Say whether a witness's folder holds a checkpoint of some log."""
    return folder.is_dir() and bool(_kept(folder) or any(folder.glob("*/[0-9]*")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """The newest checkpoint that a witness cosigned.

    Args:
        checkpoint: How many entries it saw, and their root.
        at_s: When, seconds since 1970 UTC.
    """

    checkpoint: Checkpoint
    at_s: int


def newest(
    folder: Path, *, name: str, public: HybridPublicKey, origin: str, log_key: HybridPublicKey | LogKeys
) -> Cosigned:
    """Return the newest checkpoint in a witness's folder; takes what :func:`witnessed` takes.

    Raises:
        UnavailableError: There is none of this log.
        RejectedError: It is not signed by both the log and the witness.
    """
    mine = folder / hashlib.sha256(origin.encode()).hexdigest()[:32]
    file = max((*_kept(folder), *_kept(mine)), key=lambda p: p.name, default=None)
    if file is None:
        raise UnavailableError("no witnessed checkpoint of this log here", where=str(folder))
    note = _read(file)
    checkpoints.verify(note, origin, log_key)
    return Cosigned(checkpoint=checkpoints.of_note(note), at_s=checkpoints.cosigned_at(note, name, public))


def kept(places: Sequence[Path], *, origin: str, log_key: HybridPublicKey | LogKeys) -> Sequence[Checkpoint]:
    """Return checkpoints of the log that somebody kept elsewhere, with no witness's signature; smallest first.

    Raises:
        UnavailableError: A file is not there.
        RejectedError: One is not a checkpoint of this log.
    """
    found = []
    for place in places:
        note = _read(place)
        checkpoints.verify(note, origin, log_key)
        found.append(checkpoints.of_note(note))
    return sorted(found, key=lambda c: c.size)


def confirm(seen: Checkpoint, ledger: LedgerFolder) -> None:
    """Return nothing when a ledger still is what a witness saw.

    Raises:
        RejectedError: It has fewer entries, or others, or no checkpoint any more.
    """
    now = ledger.checkpoint()
    where = f"{seen.origin} entries 0-{max(0, seen.size - 1)}"
    if now is None:
        raise RejectedError(f"the checkpoint is gone, {seen.size} entries were witnessed: cut off", where=where)
    if now.size < seen.size:
        raise RejectedError(f"{now.size} entries are left, {seen.size} were witnessed: cut off", where=where)
    if now.size == seen.size:
        if now.root != seen.root:
            raise RejectedError("the entries are not those that were witnessed: rewritten", where=where)
        return
    proof = ledger.tree(now.size).consistency(seen.size)
    try:
        merkle.verify_consistency(seen.size, now.size, seen.root, now.root, proof)
    except RejectedError:
        raise RejectedError("the entries are not those that were witnessed: rewritten", where=where) from None


def _kept(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [p for p in folder.iterdir() if len(p.name) == 18 and p.name.isascii() and p.name.isdigit()]


def _read(path: Path) -> Note:
    data = read_whole(path, notes.MAX_NOTE)
    if data is None:
        raise UnavailableError("there is no such checkpoint", where=str(path))
    try:
        note = notes.decode(data, str(path))
        checkpoints.of_note(note, str(path))
    except BadInputError as error:
        raise RejectedError(f"a witnessed checkpoint was damaged: {error.message}", where=str(path)) from None
    return note
