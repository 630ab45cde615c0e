"""NumPy files, ``.npy`` and ``.npz``: a file or a folder of captures."""

import io
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.array_table import columns_of
from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.table import OPTIONS
from mumetal.connect.sources.table_columns import FileColumns
from mumetal.connect.sources.table_file import WholeFileSource
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import PluginInfo, Source
from mumetal.formats.moments import parse_iso, zone
from mumetal.formats.npy import MAX_BYTES, from_npy, from_npz

CLOCK = {
    "rate_hz": "rows a second, where the file holds no times",
    "start": "time of the first row, where the file holds no times, such as 2026-03-02T08:00:00Z",
}


class NumpySource(WholeFileSource):
    """Reads NumPy files of plain numbers.

    Args:
        spec: Place and options ``rate_hz``, ``start``, ``mapping``, ``device``, ``stream``, ``tz``, ``tenant``.

    Raises:
        UnavailableError: There is no such file or folder.
        BadInputError: The mapping, the rate or the start cannot be used.
    """

    info = PluginInfo(plugin_id="connect.sources.numpy_files", title="NumPy files", reference="NumPy NEP 1")

    def __init__(self, spec: SourceSpec) -> None:
        super().__init__(spec, (".npy", ".npz"), partial(_read, clock=clock_of(spec)))


def clock_of(spec: SourceSpec) -> tuple[float, int]:
    """Return the options ``rate_hz`` and ``start`` as rows a second and ns since 1970; 0 where not given.

    Raises:
        BadInputError: One of them is none.
    """
    rate, start = spec.option("rate_hz"), spec.option("start")
    try:
        rate_hz = float(rate) if rate else 0.0
    except ValueError:
        raise BadInputError(f"rate_hz {rate[:40]!r} is no number", where=spec.name) from None
    return rate_hz, parse_iso(start, zone(spec.option("tz", "UTC"), where=spec.name)) if start else 0


def _read(path: Path, where: str, clock: tuple[float, int]) -> FileColumns:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnavailableError(f"cannot be read: {error.strerror}", where=where) from None
    arrays: dict[str, NDArray[np.generic]]
    if data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        arrays = from_npz(io.BytesIO(data), where)
    else:
        arrays = {"x": from_npy(data, where)}
    return columns_of(arrays, where, rate_hz=clock[0], start_ns=clock[1])


def _open(spec: SourceSpec) -> Source:
    return NumpySource(spec)


FACTORY = SourceFactory(
    info=NumpySource.info,
    example="npy:captures/?device=rack-2&edge=edge.toml",
    options=OPTIONS | CLOCK,
    open=_open,
)
