"""Keeps a data folder from every other account of the machine."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mumetal.core.errors import UnavailableError

OTHERS = 0o077


@contextmanager
def private_files() -> Iterator[None]:
    """Have every file and folder that this process makes meanwhile be its account's own: 0600 and 0700."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def keep_private(folder: Path, say: Callable[[str], None]) -> None:
    """Make the folder, or take from others what they may do in it and all below; links are not followed.

    Args:
        folder: The data folder.
        say: Told of the folder, and of how many files, where others could do anything.

    Raises:
        UnavailableError: It cannot be made, or belongs to another account.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        loose = [path for path in _below(folder) if _loosened(path)]
    except OSError as error:
        hint = "name a folder of this account with --store"
        where = str(error.filename or folder)
        raise UnavailableError(f"cannot be kept private: {error.strerror}", where=where, hint=hint) from None
    if loose:
        say(f"Other accounts could reach {len(loose)} files and folders of {folder}; now only this one can.")


def _below(folder: Path) -> Iterator[Path]:
    yield folder  # first: once it is closed, nobody else gets at what is below
    for root, folders, files in os.walk(folder):
        yield from (Path(root, name) for name in (*folders, *files))


def _loosened(path: Path) -> bool:
    """Take from others what they may; return whether they could do anything."""
    mode = path.lstat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or not mode & OTHERS:
        return False
    # by what was opened, not by name: who could write here may put a link in its place meanwhile
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(handle, stat.S_IMODE(os.fstat(handle).st_mode) & ~OTHERS)
    finally:
        os.close(handle)
    return True
