"""HDF5 files (the ``hdf5`` extra), decoded in a process of their own."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources import hdf5_child
from mumetal.connect.sources.array_table import columns_of
from mumetal.connect.sources.numpy_files import CLOCK, clock_of
from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.table import OPTIONS
from mumetal.connect.sources.table_columns import FileColumns
from mumetal.connect.sources.table_file import WholeFileSource
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import PluginInfo, Source
from mumetal.formats.npy import from_npy

PATIENCE_S = 120.0
MAX_OUT = hdf5_child.MAX_BYTES + 16 * 2**20
MAX_LINE = 8 * 2**20
MISSING = 3


class _Listed(msgspec.Struct, forbid_unknown_fields=True):
    """What the child says of the file: arrays with unit and bytes, and what it refused."""

    arrays: list[tuple[str, str, int]]
    refused: list[tuple[str, str]]


class Hdf5Source(WholeFileSource):
    """Reads HDF5 files: every plain array that hard links reach.

    Args:
        spec: Place and options ``rate_hz``, ``start``, ``mapping``, ``device``, ``stream``, ``tz``, ``tenant``.

    Raises:
        UnavailableError: There is no such file or folder.
        BadInputError: The mapping, the rate or the start cannot be used.
    """

    info = PluginInfo(plugin_id="connect.sources.hdf5", title="HDF5 files", reference="HDF5 File Format 3.0")

    def __init__(self, spec: SourceSpec) -> None:
        super().__init__(spec, (".h5", ".hdf5", ".hdf"), partial(_read, clock=clock_of(spec)))


def _read(path: Path, where: str, clock: tuple[float, int]) -> FileColumns:
    arrays, refused = read_arrays(path, where)
    found = columns_of(arrays, where, rate_hz=clock[0], start_ns=clock[1])
    found.refused = (*found.refused, *refused)
    return found


def read_arrays(path: Path, where: str) -> tuple[dict[str, NDArray[np.generic]], list[tuple[str, str]]]:
    """Decode a file in a child process.

    Returns:
        The arrays by name (``group.name``, with the unit in brackets when it has one), and what was refused and why.

    Raises:
        UnavailableError: h5py is not installed, or no process can be started.
        BadInputError: Not an HDF5 file, too large, too slow, or it made the library fail.
    """
    command = [sys.executable, "-I", hdf5_child.__file__, str(path.absolute())]
    try:
        done = subprocess.run(  # noqa: S603 - our own script, no shell
            command, capture_output=True, timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
            env={"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BadInputError(f"not decoded within {PATIENCE_S:g} s", where=where) from None
    except OSError as error:
        raise UnavailableError(f"the HDF5 reader cannot be started: {error.strerror}", where=where) from None
    if done.returncode == MISSING:
        raise UnavailableError("reading HDF5 needs h5py", where=where, hint="pip install 'mumetal[hdf5]'")
    if done.returncode:
        said = done.stderr[-300:].decode("utf-8", "replace").strip().splitlines()
        what = said[-1] if said else f"the reader ended with {done.returncode}"
        raise BadInputError(f"no HDF5 file that can be read: {what}", where=where)
    line, _, rest = done.stdout.partition(b"\n")
    if len(line) > MAX_LINE or len(done.stdout) > MAX_OUT:
        raise BadInputError("the file holds too much", where=where, hint="split the file")
    try:
        listed = msgspec.json.decode(line, type=_Listed)
    except msgspec.DecodeError as error:
        raise BadInputError(f"no HDF5 file that can be read: {error}", where=where) from None
    arrays: dict[str, NDArray[np.generic]] = {}
    at = 0
    for name, unit, size in listed.arrays:
        arrays[f"{name} [{unit}]" if unit else name] = from_npy(rest[at : at + size], f"{where}:{name[:100]}")
        at += size
    return arrays, listed.refused


def _open(spec: SourceSpec) -> Source:
    return Hdf5Source(spec)


FACTORY = SourceFactory(
    info=Hdf5Source.info, example="hdf5:run42.h5?device=rack-2", options=OPTIONS | CLOCK, open=_open
)
