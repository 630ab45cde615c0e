"""Opens the ledger of a store's folder, with the key that belongs to it."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mumetal.core.clock import Clock
from mumetal.core.errors import UnavailableError
from mumetal.core.logs import RoomLogger
from mumetal.trust.keys.uri import Secrets, open_key
from mumetal.trust.ledger.disk import read_whole, write_whole
from mumetal.trust.ledger.folder import PUBLIC, LedgerFolder
from mumetal.trust.ledger.former import FORMER
from mumetal.trust.ledger.local import key_path, open_local
from mumetal.trust.ledger.local import replace_key as local_replace_key
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.rotation import Rotation
from mumetal.trust.ledger.witness_places import WitnessPlace, not_refuted

FOLDER = "ledger"
POINTER = "ledger.key.uri"
MAX_URI = 4_096
Say = Callable[[str], None]
_log = RoomLogger("app")


def silent(_text: str) -> None:
    """Say nothing."""


def open_ledger(
    store: Path,
    clock: Clock,
    *,
    key: str = "",
    say: Say = silent,
    ticking: bool = False,
    witnesses: Sequence[WitnessPlace] = (),
) -> MerkleLedger:
    """Open the ledger of a store to write.

    Args:
        store: The store's folder; it is made.
        clock: Time.
        key: URI of the log's key. It is noted beside the ledger, so that other commands find it. Without one, the noted
            one, else the ledger's own, made at the first start.
        say: Told where a key was made; never the key.
        ticking: Whether somebody calls ``publish`` on a tick, so that no append has to.
        witnesses: Who vouches for it: nothing is written on to a ledger that one of them refutes.

    Raises:
        UnavailableError: Another process writes it, or it or its key cannot be reached.
        RejectedError: It was tampered with, or is not what a witness saw.
    """
    folder = store / FOLDER
    for place in witnesses:
        not_refuted(place, folder)
    own = key_path(folder)
    try:
        store.mkdir(parents=True, exist_ok=True)
        noted = (read_whole(store / POINTER, MAX_URI) or b"").decode(errors="replace").strip()
        if key and key != noted:
            write_whole(store / POINTER, f"{key}\n".encode(), sync=True)
    except OSError as error:
        raise UnavailableError(f"the store cannot be written: {error.strerror}", where=str(store)) from None
    uri = key or noted
    fresh = not uri and not own.exists()
    carried = (store / FORMER).is_file() and not folder.exists()
    ledger = open_local(
        folder,
        clock=clock,
        entropy=os.urandom,
        signer=open_key(uri, Secrets(environ=os.environ)) if uri else None,
        publish_s=math.inf if ticking else 5.0,
    )
    for part in ledger.unproved:
        _log.error("ledger.set_aside", first=part.first, entries=part.count, reason=part.why)
        say(f"The ledger's journal held what is not its own word ({part.why}): set aside as {part.kept}, never signed.")
    _log.info("ledger.opened", entries=ledger.size, published=ledger.published, key_made=fresh, carried_over=carried)
    if fresh:
        say(
            f"Made the ledger's key: {own} (not sealed, mode 0600). Keep a copy of {folder / PUBLIC} elsewhere: "
            "with it anybody can check what was decided here."
        )
    if carried:
        say(f"Carried {store / FORMER} over into {folder}; the file itself is no longer used.")
    return ledger


@contextmanager
def opened(store: Path, clock: Clock, *, key: str = "", say: Say = silent) -> Iterator[MerkleLedger]:
    """Open a store's ledger for one piece of work; raises as :func:`open_ledger` does."""
    ledger = open_ledger(store, clock, key=key, say=say)
    try:
        yield ledger
    finally:
        ledger.close()


def replace_key(store: Path, ledger: MerkleLedger, clock: Clock, *, key: str = "") -> Rotation:
    """Give a store's ledger another key.

    Args:
        store: The store's folder.
        ledger: Its ledger, open.
        clock: Time.
        key: URI of the new key, noted beside the ledger; without one a new key of its own is made.

    Raises:
        BadInputError: The log has or had that key.
        UnavailableError: A key cannot be reached, or a file cannot be written.
    """
    following = open_key(key, Secrets(environ=os.environ)) if key else None
    made = local_replace_key(store / FOLDER, ledger, clock, os.urandom, following)
    try:
        if key:
            write_whole(store / POINTER, f"{key}\n".encode(), sync=True)
        else:
            (store / POINTER).unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"the store cannot be written: {error.strerror}", where=str(store)) from None
    return made


def find(store: Path) -> Path:
    """Return the folder of a store's ledger.

    Raises:
        UnavailableError: There is none, or only one of the former kind.
    """
    folder = store / FOLDER
    if not folder.exists() and (store / FORMER).is_file():
        raise UnavailableError(
            "this store has a ledger of the former kind",
            where=str(store / FORMER),
            hint="it is carried over by the next `mumetal up` on this store",
        )
    return LedgerFolder(folder).path
