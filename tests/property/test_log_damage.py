"""Any truncation and any flipped bit of the log: recovered exactly, or refused; never silently less, never other values."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.connect.stores.disk import Disk
from mumetal.connect.stores.wal import Wal, digest_of
from mumetal.core.errors import RejectedError

BODIES = [bytes([n]) * (8 * (n + 1)) for n in range(6)]


def written(folder: Path) -> Path:
    wal = Wal(folder, Disk())
    for body in BODIES:
        with wal.lock:
            position = wal.write([body], digest_of([body]), 1)
        wal.sync_to(position)
    wal.close()
    [path] = folder.glob("*.mmlog")
    return path


def recovered(folder: Path) -> list[bytes]:
    wal = Wal(folder, Disk())
    try:
        return [body for _, body in wal.frames(0)]
    finally:
        wal.close()


@settings(max_examples=60)
@given(keep=st.floats(0, 1))
def test_a_truncated_log_is_a_prefix(keep: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder))
        data = path.read_bytes()
        size = max(32, round(keep * len(data)))
        path.write_bytes(data[:size])
        found = recovered(Path(folder))
        assert found == BODIES[: len(found)]
        assert 32 + sum(64 + len(b) for b in BODIES[: len(found) + 1]) > size or len(found) == len(BODIES)
        assert recovered(Path(folder)) == found


@settings(max_examples=120)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_unless_it_hits_the_last_frame(at: float, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder))
        data = bytearray(path.read_bytes())
        place = int(at * len(data))
        data[place] ^= 1 << bit
        path.write_bytes(bytes(data))
        last = len(data) - 64 - len(BODIES[-1])
        try:
            found = recovered(Path(folder))
        except RejectedError:
            assert place < last
        else:
            assert place >= last
            assert found == BODIES[:-1]
