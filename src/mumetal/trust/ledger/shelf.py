"""The tiles and bundles of a ledger on their way to the disk."""

from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mumetal.trust.ledger import tiles
from mumetal.trust.ledger.disk import sync_path, write_whole

SYNCS = 8


class Shelf:
    """Full tiles and bundles: owed, written, durable. One caller at a time.

    Args:
        path: The ledger's folder.
        owed: What is not written yet.
        unsynced: What is written and may not survive a power cut yet.
    """

    def __init__(self, path: Path, owed: Mapping[Path, bytes], unsynced: set[Path]) -> None:
        self._path = path
        self._owed = dict(owed)
        self._unsynced = set(unsynced)

    def owe(self, level: int | str, index: int, data: bytes) -> None:
        """Note a full tile, or a bundle, that is to be written."""
        self._owed[self._path / tiles.path(level, index)] = data

    def pay(self) -> None:
        """Write what is owed; partial tiles that it replaces go.

        Raises:
            OSError: The disk does not let it; what is still owed stays so.
        """
        for place in list(self._owed):
            write_whole(place, self._owed[place], sync=False)
            self._unsynced.add(place)
            del self._owed[place]
            _drop_partial(place)

    def write(self, level: int | str, index: int, width: int, data: bytes) -> None:
        """Write a partial tile or bundle; the journal has it still, should a power cut take it.

        Raises:
            OSError: The disk does not let it.
        """
        write_whole(self._path / tiles.path(level, index, width), data, sync=False)

    def sync(self) -> None:
        """Make everything written survive a power cut.

        Raises:
            OSError: The disk does not let it.
        """
        folders = {parent for place in self._unsynced for parent in place.parents if self._path in parent.parents}
        with ThreadPoolExecutor(SYNCS) as pool:  # together they share the file system's own commits
            deque(pool.map(sync_path, sorted(self._unsynced)), 0)
            deque(pool.map(sync_path, (*sorted(folders), self._path)), 0)
        self._unsynced.clear()


def _drop_partial(path: Path) -> None:
    folder = path.with_name(path.name + ".p")
    if folder.is_dir():
        for part in folder.iterdir():
            part.unlink()
        folder.rmdir()
