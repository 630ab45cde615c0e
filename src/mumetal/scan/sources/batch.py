"""Reads many blobs through one ``git cat-file``."""

from collections.abc import Iterator, Sequence

from mumetal.core.delivery import Quarantined
from mumetal.scan.sources.git import Git
from mumetal.scan.sources.limits import Limits, Report


def read_blobs(git: Git, names: Sequence[bytes], limits: Limits, report: Report) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the name, bytes) of each blob asked for.

    Args:
        git: The repository.
        names: Object ids or ``:path``, without line ends.
        limits: Bounds; blobs larger than ``chunk`` are left out and reported.
        report: Told of missing and oversized objects.
    """
    with git.pipe("cat-file", "--batch", "--buffer", feed=names) as stream:
        for number, name in enumerate(names):
            head = stream.readline(8_192)
            if not head:
                report(Quarantined.of(name.decode(errors="replace"), "git stopped before this object"))
                return
            parts = head.split()
            if len(parts) != 3 or parts[1] not in {b"blob", b"tree", b"commit", b"tag"}:
                report(Quarantined.of(name.decode(errors="replace"), "the object is missing or damaged"))
                continue
            left = int(parts[2])
            if parts[1] != b"blob" or left > limits.chunk:
                if parts[1] == b"blob":
                    report(Quarantined.of(name.decode(errors="replace"), f"larger than {limits.chunk} bytes, not read"))
                while left > 0:
                    left -= len(stream.read(min(left, 1 << 20))) or left
                stream.read(1)
                continue
            data = stream.read(left)
            stream.read(1)
            yield number, data
