"""The ledger of one installation: opened with its own key, made at the first start, and exported for others to check."""

from collections.abc import Iterator
from pathlib import Path

from mumetal.core.clock import Clock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.trust.keys import public as publics
from mumetal.trust.keys import sealed
from mumetal.trust.keys.hybrid import Entropy, HybridPublicKey, Signer, SoftKey
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger import tiles
from mumetal.trust.ledger.disk import read_whole, sync_path, write_whole
from mumetal.trust.ledger.folder import CHECKPOINT, PUBLIC, LedgerFolder
from mumetal.trust.ledger.former import FORMER, carry_over
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.rotation import Rotation, log_keys, place, statements
from mumetal.trust.ledger.tiles import WIDTH

ORIGIN = "mumetal.local/ledger"


def open_local(
    folder: Path,
    *,
    clock: Clock,
    entropy: Entropy,
    origin: str = ORIGIN,
    signer: Signer | None = None,
    publish_s: float = 5.0,
) -> MerkleLedger:
    """Open an installation's ledger, and put its public key beside it as ``log.pub``.

    A chained file of the former kind beside it (``ledger.jsonl``) is carried over when there is no ledger yet.

    Args:
        folder: The ledger's folder.
        clock: Tells when checkpoints are due, and a new key's date.
        entropy: Makes the key at the first start.
        origin: The log's name.
        signer: The log's key. Without one it is the file ``FOLDER.key``, made unsealed at the first start, since a
            service must start by itself: it protects against whoever gets a copy of the ledger, not against whoever
            owns this machine. A witness elsewhere does.
        publish_s: An append so long after the last checkpoint publishes, s; ``math.inf`` where a tick does it.

    Raises:
        UnavailableError: It is being written by another process, or cannot be.
        RejectedError: It was tampered with.
    """
    key = signer or _own_key(folder, origin, clock, entropy)

    def start(path: Path) -> MerkleLedger:
        return MerkleLedger(path, origin=origin, signer=key, clock=clock, entropy=entropy, publish_s=publish_s)

    chained = folder.with_name(FORMER)
    if chained.is_file() and not folder.exists():
        carry_over(chained, folder, start, clock.now_ns())
    ledger = start(folder)
    data = publics.encode(key.public, origin)
    try:
        if read_whole(folder / PUBLIC, publics.MAX_PUBLIC) != data:
            write_whole(folder / PUBLIC, data, sync=True)
    except OSError as error:
        ledger.close()
        raise UnavailableError(f"the log's public key cannot be written: {error.strerror}", where=str(folder)) from None
    return ledger


def replace_key(
    folder: Path, ledger: MerkleLedger, clock: Clock, entropy: Entropy, following: Signer | None = None
) -> Rotation:
    """Give an installation's ledger another key; without one, a new key of its own takes the former one's place.

    The new key is durable before the log changes to it, so that a crash in between is mended at the next start.

    Raises:
        BadInputError: The log has or had that key.
        UnavailableError: It cannot be written, or a key cannot be reached.
    """
    own = key_path(folder)
    _next(own).unlink(missing_ok=True)  # of a change that never came to be
    if following is None:
        made = SoftKey.generate(entropy)
        sealed.write(_next(own), sealed.plain(made, created_ns=clock.now_ns()))
        changed = ledger.replace_key(made)
    else:
        changed = ledger.replace_key(following)
    try:
        if following is None:
            _next(own).replace(own)
        else:
            own.unlink(missing_ok=True)  # nobody needs the former secret any more
        sync_path(own.parent)
        write_whole(folder / PUBLIC, publics.encode(changed.following, changed.origin), sync=True)
    except OSError as error:
        raise UnavailableError(f"the log's key cannot be put in place: {error.strerror}", where=str(own)) from None
    return changed


def _next(own: Path) -> Path:
    return own.with_name(own.name + ".next")


def key_path(folder: Path) -> Path:
    """Return where a ledger's own key is, unless another is named."""
    return folder.with_name(folder.name + ".key")


def log_key(folder: Path, given: Path | None = None) -> tuple[str, HybridPublicKey]:
    """Return a log's (name, key): from a file that was kept elsewhere or, trusting the folder, from ``log.pub`` in it.

    Whoever may read the log's own key, beside the folder, does not take another for its public half.

    Raises:
        UnavailableError: There is no such file.
        BadInputError: It is no public key.
        RejectedError: The one in the folder is not the log's own.
    """
    place = given or folder / PUBLIC
    data = read_whole(place, publics.MAX_PUBLIC)
    if data is None:
        raise UnavailableError("there is no public key of the log", where=str(place), hint="name one with --key")
    origin, public = publics.decode(data, str(place))
    if given is None:
        _is_own(folder, origin, public)
    return origin, public


def _is_own(folder: Path, origin: str, public: HybridPublicKey) -> None:
    try:
        own = sealed.key_id(sealed.read(key_path(folder)))
    except (UnavailableError, RejectedError):
        return  # it is kept elsewhere, or somebody else's: then the folder is trusted, and that is said
    if log_keys(folder, origin, public).newest.key_id != own:
        raise RejectedError(
            "the public key in the ledger's folder is not the log's own", where=str(folder / PUBLIC),
            hint="the folder was written by somebody else: check it with the public key that you kept",
        )  # fmt: skip


def export(ledger: LedgerFolder, target: Path) -> int:
    """Copy what the newest checkpoint rests on, as static files any C2SP tlog-tiles reader takes; returns its size.

    Raises:
        UnavailableError: There is no checkpoint, or the target cannot be written.
        RejectedError: A file is missing from the ledger.
    """
    note = ledger.note()
    if note is None:
        raise UnavailableError("the ledger has no checkpoint yet", where=str(ledger.path))
    size = checkpoints.of_note(note).size
    try:
        for name, data in _files(ledger, size):
            write_whole(target / name, data, sync=False)
        for number, data in enumerate(statements(ledger.path), 1):
            write_whole(place(target, number), data, sync=False)
        key = read_whole(ledger.path / PUBLIC, publics.MAX_PUBLIC)
        if key is not None:
            write_whole(target / PUBLIC, key, sync=False)
        write_whole(target / CHECKPOINT, notes.encode(note), sync=True)
    except OSError as error:
        raise UnavailableError(f"the copy cannot be written: {error.strerror}", where=str(target)) from None
    return size


def _files(ledger: LedgerFolder, size: int) -> Iterator[tuple[str, bytes]]:
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        place = tiles.path(tiles.ENTRIES, index, width)
        data = ledger.bundle(index, width)
        if data is None:
            raise RejectedError("entries are missing", where=place)
        yield place, data
    level, count = 0, size
    while count:
        for index in range(-(-count // WIDTH)):
            width = min(WIDTH, count - index * WIDTH)
            yield tiles.path(level, index, width), ledger.tile(level, index, width)
        level, count = level + 1, count // WIDTH


def _own_key(folder: Path, origin: str, clock: Clock, entropy: Entropy) -> SoftKey:
    path = key_path(folder)
    if not path.exists():
        sealed.write(path, sealed.plain(SoftKey.generate(entropy), created_ns=clock.now_ns()))
    key = _unsealed(path)
    following = _unsealed(_next(path)) if _next(path).exists() else None
    if following is None:
        return key
    if log_keys(folder, origin, key.public).newest != following.public:
        return key  # a change that never came to be; the next one begins anew
    try:
        _next(path).replace(path)
        sync_path(path.parent)
    except OSError as error:
        raise UnavailableError(f"the log's key cannot be put in place: {error.strerror}", where=str(path)) from None
    return following


def _unsealed(path: Path) -> SoftKey:
    data = sealed.read(path)
    if sealed.is_sealed(data, str(path)):
        raise UnavailableError(
            "the log's key is sealed", where=str(path), hint="open it yourself and give it as signer"
        )
    return sealed.unseal(data, where=str(path))
