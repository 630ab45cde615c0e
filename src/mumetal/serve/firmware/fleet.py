"""The boards of a site whose firmware is a file that they load: an SD card, an NFS export, a boot folder.

RFSoC and Red Pitaya boards take their bitstream from a file at start; putting an image on a board is replacing that file
whole. What is read back is what the *file* holds: a host-observed measurement, never an attestation of the board.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.access import scopes
from mumetal.connect.stores.records.opening import open_records
from mumetal.connect.stores.records.place import has_records
from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.incident import IncidentState
from mumetal.core.ports import Ledger, LedgerEntry
from mumetal.trust.firmware.rollout import MAX_BOARDS

MAX_FILE = 1 << 20
ROLLOUT_AGENT = "mumetal.rollout"
MAX_IMAGE = 256 * 2**20
Text = Annotated[str, Meta(min_length=1, max_length=4_096)]


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board of the fleet file.

    Args:
        board: What kind of board it is; releases name it.
        image: The file it loads at start.
        release: The envelope of the release it runs; next to the image when not given.
    """

    board: Text
    image: Text
    release: Annotated[str, Meta(max_length=4_096)] = ""


class _Fleet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fleet file."""

    device: Annotated[dict[str, Board], Meta(min_length=1, max_length=MAX_BOARDS)]


def decode(data: bytes, where: str = "fleet") -> dict[str, Board]:
    """Read a fleet from TOML: ``[device.NAME]`` with ``board`` and ``image``; the first is the canary.

    Raises:
        BadInputError: Not such a file, or a name that cannot be used.
    """
    if len(data) > MAX_FILE:
        raise BadInputError(f"a fleet file has at most {MAX_FILE} bytes", where=where)
    try:
        fleet = msgspec.toml.decode(data, type=_Fleet).device
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"not a fleet: {error}"[:300], where=where, hint="write [device.NAME]") from None
    for name, board in fleet.items():
        check.name(name, "device")
        check.name(board.board, "board")
    if len({b.image for b in fleet.values()}) != len(fleet):
        raise BadInputError("two devices share one image file", where=where)
    return fleet


class BoardFiles:
    """Reads and replaces the files that boards load; a :class:`mumetal.trust.firmware.rollout.Boards`.

    Args:
        fleet: The boards.
    """

    def __init__(self, fleet: Mapping[str, Board]) -> None:
        self._fleet = fleet

    def read(self, device: str) -> bytes:
        """Return what the device's file holds.

        Raises:
            UnavailableError: It cannot be read.
        """
        path = Path(self._fleet[device].image)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_IMAGE + 1)
        except OSError as error:
            raise UnavailableError(f"the image cannot be read: {error.strerror}", where=f"{device} {path}") from None
        if len(data) > MAX_IMAGE:
            raise UnavailableError(f"an image has at most {MAX_IMAGE} bytes", where=f"{device} {path}")
        return data

    def write(self, device: str, data: bytes) -> None:
        """Replace the device's file whole; on the disk when this returns.

        Raises:
            UnavailableError: It cannot be written.
        """
        path = Path(self._fleet[device].image)
        fresh = path.with_name(path.name + ".new")
        try:
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):  # what could not be written may not be removable either
                fresh.unlink(missing_ok=True)
            raise UnavailableError(f"the image cannot be written: {error.strerror}", where=f"{device} {path}") from None


def incidents_since(store: Path | None, start_ns: int) -> Callable[[str], str]:
    """Return what a rollout asks of each board: its newest unexplained incident that began after ``start_ns``.

    Args:
        store: Folder of a running stack; without one nothing ever stops a rollout but a board itself.
        start_ns: When the rollout began, nanoseconds since 1970 UTC.

    Raises:
        BadInputError: There is no incident store in the folder.
    """
    if store is None:
        return lambda _device: ""
    if not has_records(store):
        raise BadInputError("there is no incident store here", where=str(store), hint="name a running stack's --store")
    kept, scope = open_records(store), scopes.agent(LOCAL, ROLLOUT_AGENT)

    def drifted(device: str) -> str:
        for incident in kept.incidents(scope, None, 1_000):
            quiet = incident.state in {IncidentState.EXPLAINED, IncidentState.RESOLVED}
            if incident.device == device and incident.stop_ns >= start_ns and not quiet:
                return incident.title
        return ""

    return drifted


def all_entries(ledger: Ledger) -> Iterator[LedgerEntry]:
    """Yield every entry of a ledger, in pieces."""
    start = 0
    while found := ledger.entries(start, 1_000):
        yield from (entry for _, entry in found)
        start += len(found)
