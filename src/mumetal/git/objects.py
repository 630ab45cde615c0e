"""Reads many objects through one ``git cat-file``."""

from collections.abc import Callable, Generator, Sequence

from mumetal.core.delivery import Quarantined
from mumetal.git.repository import Git

KINDS = frozenset({b"blob", b"tree", b"commit", b"tag"})


def read_objects(
    git: Git, names: Sequence[bytes], most: int, report: Callable[[Quarantined], None], kind: bytes = b"blob"
) -> Generator[tuple[int, bytes], None, None]:
    """Yield (number of the name, bytes) of each object asked for.

    Args:
        git: The repository.
        names: Object ids, ``:path`` or ``commit:path``, without line ends.
        most: Larger objects are left out and reported, bytes.
        report: Told of missing and oversized objects.
        kind: ``b"blob"`` or ``b"commit"``; what is of another kind is passed over.
    """
    with git.pipe("cat-file", "--batch", "--buffer", feed=names) as stream:
        for number, name in enumerate(names):
            head = stream.readline(8_192)
            if not head:
                report(Quarantined.of(name.decode(errors="replace"), "git stopped before this object"))
                return
            parts = head.split()
            if len(parts) != 3 or parts[1] not in KINDS:
                report(Quarantined.of(name.decode(errors="replace"), "the object is missing or damaged"))
                continue
            left = int(parts[2])
            if parts[1] != kind or left > most:
                if parts[1] == kind:
                    report(Quarantined.of(name.decode(errors="replace"), f"larger than {most} bytes, not read"))
                while left > 0:
                    left -= len(stream.read(min(left, 1 << 20))) or left
                stream.read(1)
                continue
            data = stream.read(left)
            stream.read(1)
            yield number, data
