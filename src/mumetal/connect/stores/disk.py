"""The few calls on the operating system whose failure the store must survive, in one place so that tests can fail them."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from mumetal.core.errors import UnavailableError

PARTS_AT_ONCE = 512


class Disk:
    """Durable writes on a POSIX file system."""

    def create(self, path: Path, data: bytes) -> int:
        """Create ``path`` holding ``data``, durable with its name, and return it open for appending.

        Raises:
            OSError: The disk is full or failing; ``path`` is then not there.
        """
        draft = path.with_name(path.name + ".new")
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self.write(fd, [data])
            self.sync(fd)
            draft.rename(path)
            self.sync_folder(path.parent)
        except OSError:
            os.close(fd)
            draft.unlink(missing_ok=True)
            raise
        return fd

    def write(self, fd: int, parts: Sequence[bytes | memoryview]) -> None:
        """Write all of ``parts`` at the file's position.

        Raises:
            OSError: The disk is full or failing; some of it may have been written.
        """
        views = [memoryview(p) for p in parts if len(p)]
        while views:
            done = os.writev(fd, views[:PARTS_AT_ONCE])
            while views and done >= views[0].nbytes:
                done -= views.pop(0).nbytes
            if done:
                views[0] = views[0][done:]

    def sync(self, fd: int) -> None:
        """Wait until the file's content would survive a power cut.

        Raises:
            OSError: The disk is failing.
        """
        os.fdatasync(fd)

    def sync_folder(self, folder: Path) -> None:
        """Wait until the names in ``folder`` would survive a power cut.

        Raises:
            OSError: The disk is failing.
        """
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file to ``size`` bytes, go to its end and make the cut durable.

        Raises:
            OSError: The disk is failing.
        """
        os.ftruncate(fd, size)
        os.lseek(fd, size, os.SEEK_SET)
        os.fsync(fd)

    def replace(self, path: Path, data: bytes) -> None:
        """Replace ``path`` by ``data`` as one step, durably.

        Raises:
            OSError: The disk is full or failing; the old content is still there.
        """
        os.close(self.create(path, data))

    def sync_file(self, path: Path) -> None:
        """Wait until a file written by somebody else in this process would survive a power cut.

        Raises:
            OSError: The disk is failing.
        """
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def damaged_mark(path: Path) -> Path:
    """Return the file that says that a hot tier is damaged: it is made anew when it is opened next."""
    return path.with_suffix(".damaged")


def lock(folder: Path) -> int:
    """Take a folder for this process alone; the lock goes when the returned descriptor is closed or the process dies.

    Raises:
        UnavailableError: Another process (or another store in this one) has it.
    """
    path = folder / "lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise UnavailableError(
            "the store is open in another process",
            where=str(folder),
            hint="stop the other `mumetal up`, or give this one its own folder with store.directory",
        ) from None
    return fd
