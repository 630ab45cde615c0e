"""The reader of labelled series on damaged bytes: it refuses with BadInputError and does nothing else."""

import contextlib
import io
import random
import zipfile

import numpy as np
import pytest

from mumetal.core.errors import BadInputError
from mumetal.watch.training.public_series import decode


def sample() -> bytes:
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    np.savez(buffer, X_train=rng.normal(size=(4, 2)), X_test=rng.normal(size=(3, 2)), y_test=np.array([0, 1, 1]))
    return buffer.getvalue()


def fuzz_one(data: bytes) -> None:
    """Read ``data`` as an archive."""
    with contextlib.suppress(BadInputError):
        decode(data, "fuzz")


def as_archive(header: bytes, body: bytes) -> bytes:
    """A sound archive whose first member has this header: damage behind the checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sample())) as sound, zipfile.ZipFile(buffer, "w") as made:
        for name in ("X_test.npy", "y_test.npy"):
            made.writestr(name, sound.read(name))
        made.writestr("X_train.npy", header + body)
    return buffer.getvalue()


def test_the_sample_is_read() -> None:
    train, test, labels = decode(sample(), "sample")
    assert (train.shape, test.shape, labels.tolist()) == ((4, 2), (3, 2), [False, True, True])


def test_ten_thousand_damaged_archives_and_headers() -> None:
    chance = random.Random(5)
    sound = sample()
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        member = archive.read("X_train.npy")
    for turn in range(10_000):
        data = bytearray(sound if turn % 5 else member)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(128 if not turn % 5 else len(data))] = chance.randrange(256)
        if turn % 7 == 0:
            del data[chance.randrange(len(data)) :]
        fuzz_one(bytes(data) if turn % 5 else as_archive(bytes(data), b""))


@pytest.mark.parametrize(
    "header", ["{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000)}", "{'descr': '|O', 'fortran_order': False, 'shape': (4, 2)}"]
)  # fmt: skip
def test_a_header_that_promises_more_than_there_is_or_objects_is_refused(header: str) -> None:
    head = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117).encode() + b"\n"
    with pytest.raises(BadInputError, match="not a labelled series"):
        decode(as_archive(head, b"\0" * 64), "x")
