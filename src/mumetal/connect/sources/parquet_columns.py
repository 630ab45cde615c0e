"""Columns of a Parquet file as arrays (the ``server`` extra)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from arro3.core import ChunkedArray, Table
from arro3.io import read_parquet
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError

MAX_CELLS = 200_000_000
IMPOSSIBLE = -(2**63)
NUMBERS = ("Int", "UInt", "Float")


class FileColumns:
    """One decoded file.

    Args:
        table: Its columns.
        where: Place for errors.
    """

    def __init__(self, table: Table, where: str) -> None:
        self._table = table
        self._where = where
        self.names: Sequence[str] = list(table.column_names)
        self._types = [str(table.column(i).type) for i in range(len(self.names))]
        self.usable: Sequence[bool] = [any(n in t for n in NUMBERS) and "List" not in t for t in self._types]

    def numbers(self, position: int) -> NDArray[np.float64]:
        """Return a column as float64, shape (n,); null and infinite become NaN."""
        column: ChunkedArray = self._table.column(position)
        if column.null_count:
            return np.array([np.nan if x is None else x for x in column.to_pylist()], np.float64)
        return np.asarray(column.to_numpy(), np.float64)

    def times(self, position: int, read: Callable[[str], int]) -> NDArray[np.int64]:
        """Return a column as nanoseconds since 1970, shape (n,); what is no time becomes -2^63."""
        column: ChunkedArray = self._table.column(position)
        if "Timestamp" in self._types[position] and not column.null_count:
            moments = column.to_numpy()
            if moments.dtype.kind == "M":
                return moments.astype("datetime64[ns]").astype(np.int64)
        return np.array([self._time(x, read) for x in column.to_pylist()], np.int64)

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
        BadInputError: It is none, or holds more than 200 million cells.
    """
    try:
        table = read_parquet(path).read_all()
    except BaseException as error:
        # arro3 raises plain Exception, and a Rust panic arrives as a BaseException of its own.
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)):
            raise
        raise BadInputError(f"no Parquet file: {str(error)[:200]}", where=where) from None
    if table.num_rows * table.num_columns > MAX_CELLS:
        raise BadInputError(f"more than {MAX_CELLS} cells", where=where, hint="split the file")
    return FileColumns(table, where)
