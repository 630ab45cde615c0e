"""The witnesses that the settings name: what they last cosigned, and whether the ledger still is what they saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from mumetal.core.errors import BadInputError, MumetalError, RejectedError, UnavailableError
from mumetal.trust.keys.hybrid import HybridPublicKey
from mumetal.trust.ledger.folder import PUBLIC, LedgerFolder
from mumetal.trust.ledger.local import log_key
from mumetal.trust.ledger.rotation import log_keys
from mumetal.trust.ledger.witness import confirm, newest, saw_any


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPlace:
    """Where a witness keeps what it cosigned, and with which key.

    Args:
        folder: Its folder; a mount or a copy that is renewed.
        key: File with its public key.
    """

    folder: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessState:
    """How things stand with one witness.

    Args:
        name: The witness's name; its folder when not even that is known.
        size: Entries it vouches for.
        at_ns: When it last cosigned, nanoseconds since 1970 UTC; 0 when unknown.
        refuted: Whether the ledger is not what it saw.
        word: What is wrong; empty when nothing is.
    """

    name: str
    size: int = 0
    at_ns: int = 0
    refuted: bool = False
    word: str = ""


def places(specs: Sequence[str]) -> tuple[WitnessPlace, ...]:
    """Read the setting ``witnesses``: ``FOLDER?key=FILE`` each.

    Raises:
        BadInputError: One is not of that form.
    """
    found = []
    for spec in specs:
        folder, _, query = spec.partition("?")
        options = dict(parse_qsl(query))
        if not folder or set(options) != {"key"}:
            raise BadInputError("a witness is named FOLDER?key=FILE", where=f"witnesses: {spec[:200]}")
        found.append(WitnessPlace(folder=Path(folder), key=Path(options["key"])))
    return tuple(found)


def state(place: WitnessPlace, ledger: LedgerFolder, origin: str, public: HybridPublicKey) -> WitnessState:
    """Return how things stand with a witness; it never raises for what the witness's folder holds."""
    name, size, at_ns = str(place.folder), 0, 0
    try:
        name, key = log_key(place.folder, place.key)
        seen = newest(place.folder, name=name, public=key, origin=origin, log_key=log_keys(ledger.path, origin, public))
        size, at_ns = seen.checkpoint.size, seen.at_s * 10**9
    except MumetalError as error:
        return WitnessState(name=name, word=str(error))
    try:
        confirm(seen.checkpoint, ledger)
    except MumetalError as error:
        return WitnessState(
            name=name, size=size, at_ns=at_ns, refuted=isinstance(error, RejectedError), word=str(error)
        )
    return WitnessState(name=name, size=size, at_ns=at_ns)


def not_refuted(place: WitnessPlace, folder: Path) -> None:
    """Return nothing unless a witness refutes the ledger in a folder, or knows one that is not there any more.

    A witness that cannot be asked, or that saw nothing yet, refutes nothing; whoever looks after the ledger tells it.

    Raises:
        RejectedError: The ledger is not what the witness saw.
    """
    try:
        name, key = log_key(place.folder, place.key)
        origin, public = log_key(folder)
        ledger = LedgerFolder(folder)
    except UnavailableError:
        if not (folder / PUBLIC).exists() and saw_any(place.folder):
            raise RejectedError(
                "a witness has seen this ledger, and it is gone", where=str(folder),
                hint="restore it; what the witness kept is the proof of what there was",
            ) from None  # fmt: skip
        return
    try:
        seen = newest(place.folder, name=name, public=key, origin=origin, log_key=log_keys(folder, origin, public))
        confirm(seen.checkpoint, ledger)
    except UnavailableError:
        return
