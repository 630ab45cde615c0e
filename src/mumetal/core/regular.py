"""Opens regular files only: a pipe or a device that somebody put in a file's place holds nobody up."""

import os
import stat
from errno import EINVAL


def open_regular(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file; also as the ``opener`` of :func:`open`.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(EINVAL, "no regular file", str(path))
    return file
