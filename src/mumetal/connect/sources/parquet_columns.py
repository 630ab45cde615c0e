"""Columns of a Parquet file as arrays (the ``server`` extra).

DuckDB reads them: arro3 0.9 aborts the process on a malformed file, DuckDB raises.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError

MAX_CELLS = 200_000_000
IMPOSSIBLE = -(2**63)
CONFIG: Mapping[str, str] = {
    "threads": "1",
    "memory_limit": "2GB",
    "autoinstall_known_extensions": "false",
    "temp_directory": "",
}


class FileColumns:
    """One decoded file.

    Args:
        columns: Its columns by name, in order, as numpy or masked arrays.
    """

    def __init__(self, columns: Mapping[str, NDArray[np.generic]]) -> None:
        self._columns = list(columns.values())
        self.names: Sequence[str] = list(columns)
        self.usable: Sequence[bool] = [array.dtype.kind in "iuf" for array in self._columns]

    def numbers(self, position: int) -> NDArray[np.float64]:
        """Return a column as float64, shape (n,); null and infinite become NaN."""
        numbers = np.ma.filled(np.ma.asarray(self._columns[position], np.float64), np.nan)
        return np.where(np.isinf(numbers), np.nan, numbers)

    def times(self, position: int, read: Callable[[str], int]) -> NDArray[np.int64]:
        """Return a column as nanoseconds since 1970, shape (n,); what is no time becomes -2^63."""
        column = self._columns[position]
        if column.dtype.kind == "M":
            absent = np.ma.getmaskarray(column) | np.isnat(np.ma.getdata(column))
            moments = np.where(absent, np.datetime64(0, "s"), np.ma.getdata(column))
            whole = moments.astype("datetime64[ns]").astype(np.int64)
            return np.where(absent, IMPOSSIBLE, whole)
        return np.array([self._time(x, read) for x in column.tolist()], np.int64)

    def _time(self, value: object, read: Callable[[str], int]) -> int:
        if value is None:
            return IMPOSSIBLE
        try:
            return read(str(value))
        except BadInputError:
            return IMPOSSIBLE


def read_columns(path: Path, where: str) -> FileColumns:
    """Decode a Parquet file.

    Raises:
        BadInputError: It is none, names a column twice, or holds more than 200 million cells.
    """
    try:
        with duckdb.connect(":memory:", config=dict(CONFIG)) as engine:
            counted = engine.execute("SELECT num_rows FROM parquet_file_metadata(?)", [str(path)]).fetchall()
            table = engine.read_parquet([str(path)])
            cells = sum(int(row[0]) for row in counted) * len(table.columns)
            columns = table.fetchnumpy() if cells <= MAX_CELLS else {}
    except (duckdb.Error, UnicodeDecodeError, ValueError, RuntimeError) as error:
        raise BadInputError(f"no Parquet file: {str(error)[:200]}", where=where) from None
    if cells > MAX_CELLS:
        raise BadInputError(f"{cells} cells, more than {MAX_CELLS}", where=where, hint="split the file")
    return FileColumns(columns)
