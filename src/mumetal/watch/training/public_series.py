"""Public series with labels, from files ``<set>/<series>.npz`` with ``X_train``, ``X_test`` and ``y_test``."""

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.series import MAX_CHANNELS, Channel, Series

PUBLIC = ("SKAB", "MSL", "SMAP", "NAB")
LEAST_HISTORY = 200  # rows; shorter histories are left out
MOST_BYTES = 500_000_000
MOST_SERIES = 2_000
PREAMBLE = 10  # magic, version and length of the header
HEADER = re.compile(  # of the NPY format, version 1.0
    rb"\x93NUMPY\x01\x00(?P<length>..)\{'descr': '(?P<dtype>[<|][biuf][1248])', 'fortran_order': (?P<column>True|False), "
    rb"'shape': \((?P<shape>\d{1,10}(?:,|, \d{1,10}))\), ?\} *\n",
    re.DOTALL,
)
START_NS = 1_760_000_000 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSeries:
    """One series with a past to learn from and a labelled present.

    Args:
        set_name: Which set it belongs to.
        name: Which series.
        history: What is ordinary.
        test: What is scored.
        labels: True where the test is anomalous, shape (n,).
    """

    set_name: str
    name: str
    history: Series
    test: Series
    labels: NDArray[np.bool_]


def labelled(folder: Path, sets: tuple[str, ...] = PUBLIC, limit: int = 0) -> Iterator[LabelledSeries]:
    """Read the series of some sets in order of name; those without an event or with too short a history are left out.

    Args:
        folder: Holds one folder per set.
        sets: Names of sets.
        limit: At most so many series per set, every k-th of them; 0 for all.

    Raises:
        BadInputError: A set is not there, or a file is not what it should be.
    """
    for name in sets:
        files = sorted((folder / name).glob("*.npz"))[:MOST_SERIES]
        if not files:
            raise BadInputError(
                f"there is no series of the set {name!r}", where=str(folder / name), hint="needs <set>/<series>.npz"
            )
        usable = [one for one in (_read(name, path) for path in files) if one is not None]
        yield from usable[:: max(1, -(-len(usable) // limit))] if limit else usable


def _read(set_name: str, path: Path) -> LabelledSeries | None:
    if path.stat().st_size > MOST_BYTES:
        raise BadInputError("the file is too large", where=str(path), hint=f"at most {MOST_BYTES:,} bytes")
    train, test, labels = decode(path.read_bytes(), str(path))
    if len(train) < LEAST_HISTORY or not labels.any():
        return None
    return LabelledSeries(
        set_name=set_name,
        name=path.stem,
        history=series_of(train, 0),
        test=series_of(test, len(train)),
        labels=labels.astype(bool),
    )


def decode(data: bytes, where: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Read the three arrays of an NPZ archive: history (n, C), test (m, C) and labels (m,).

    Raises:
        BadInputError: Not such an archive, arrays that do not fit or are not finite numbers.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            train, test, labels = (_array(archive, f"{key}.npy") for key in ("X_train", "X_test", "y_test"))
    except (
        KeyError,
        ValueError,
        OSError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
    ) as error:
        raise BadInputError(
            f"not a labelled series: {error}", where=where, hint="needs numbers X_train, X_test and y_test"
        ) from error
    if train.ndim != 2 or test.ndim != 2 or train.shape[1] != test.shape[1] or labels.shape != test.shape[:1]:
        raise BadInputError(
            f"shapes do not fit: {train.shape}, {test.shape}, {labels.shape}", where=where, hint="(n, C), (m, C), (m,)"
        )
    if not 1 <= train.shape[1] <= MAX_CHANNELS or not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise BadInputError("no channel, too many, or values that are not finite", where=where)
    return train, test, labels != 0


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[np.float64]:
    """Read one member, after its header was held against its size: a header must not make us allocate what is not there."""
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} is larger than {MOST_BYTES:,} bytes")
    data = archive.read(name)
    found = HEADER.match(data)
    if not found:
        raise ValueError(f"{name} does not hold numbers in rows and columns, format version 1.0")
    length = int.from_bytes(found["length"], "little")
    shape = tuple(int(part) for part in found["shape"].decode().split(",") if part.strip())
    dtype, body = np.dtype(found["dtype"].decode()), data[PREAMBLE + length :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"{name} says {shape} of {dtype} and holds {len(body)} bytes")
    with np.errstate(over="ignore", invalid="ignore"):
        flat = np.frombuffer(body, dtype).astype(np.float64)
    return flat.reshape(shape, order="F" if found["column"] == b"True" else "C")


def series_of(values: NDArray[np.generic], first: int) -> Series:
    """Return values (n, C) as a series of one row a second from row ``first`` on."""
    numbers = np.asarray(values, np.float64)
    return Series(
        device="public",
        stream="labelled",
        channels=tuple(Channel(name=f"c{i}", unit="1") for i in range(numbers.shape[1])),
        t_ns=START_NS + (first + np.arange(len(numbers), dtype=np.int64)) * 10**9,
        values=numbers,
    )
