"""The lowest security version that each device may run. It only ever rises.

Two witnesses are kept and the higher one counts: a small file, and the ledger's entries of confirmed installations.
Whoever deletes or rewrites the file lowers nothing as long as the ledger stands, and the ledger is witnessed outside.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core import check
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.formats import canonical

MAX_FILE = 4 * 2**20
CONFIRMED = "firmware.confirm"
NOTE = re.compile(r"security_version=(\d{1,10})\b")
Version = Annotated[int, Meta(ge=1, lt=2**31)]


class Floors:
    """Security versions by device.

    Args:
        path: The file; its folder must exist.
        entries: The ledger's entries, of which the confirmed installations count.

    Raises:
        BadInputError: The file is not one of floors.
        UnavailableError: It cannot be read.
    """

    def __init__(self, path: Path, entries: Iterable[LedgerEntry] = ()) -> None:
        self._path = path
        self._known = _read(path)
        for entry in entries:
            found = NOTE.search(entry.why) if entry.action == CONFIRMED and entry.outcome == "done" else None
            if found:
                self._known[entry.subject] = max(self._known.get(entry.subject, 0), int(found[1]))

    def of(self, device: str) -> int:
        """Return the lowest security version the device may run; 0 when it never confirmed one."""
        return self._known.get(device, 0)

    def rise(self, device: str, security_version: int) -> None:
        """Note that ``device`` confirmed a version; on the disk when this returns.

        Raises:
            RejectedError: It would lower the floor.
            UnavailableError: It cannot be written.
        """
        check.name(device, "device")
        if security_version < self.of(device):
            raise RejectedError(f"a floor only rises: {security_version} is below {self.of(device)}", where=device)
        self._known[device] = security_version
        _write(self._path, canonical.encode(dict(self._known)))


def _read(path: Path) -> dict[str, int]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UnavailableError(f"the floors cannot be read: {error.strerror}", where=str(path)) from None
    try:
        return msgspec.convert(canonical.decode_json(data, MAX_FILE, 2, str(path)), dict[str, Version])
    except msgspec.ValidationError as error:
        raise BadInputError(f"not a file of floors: {error}", where=str(path)) from None


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UnavailableError(f"the floors cannot be written: {error.strerror}", where=str(path)) from None
