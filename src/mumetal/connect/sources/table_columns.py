"""Columns of a decoded table, whatever file they came from."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.formats.rows import usable_times

IMPOSSIBLE = -(2**63)


class FileColumns:
    """One decoded file.

    Args:
        columns: Its columns by name, in order, as numpy or masked arrays of one length.
        refused: What of the file is no column: its name and why.
    """

    def __init__(self, columns: Mapping[str, NDArray[np.generic]], refused: Sequence[tuple[str, str]] = ()) -> None:
        self._columns = list(columns.values())
        self.names: Sequence[str] = list(columns)
        self.usable: Sequence[bool] = [array.dtype.kind in "iufb" for array in self._columns]
        self.refused = refused

    def numbers(self, position: int) -> NDArray[np.float64]:
        """Return a column as float64, shape (n,); null and infinite become NaN."""
        numbers = np.ma.filled(np.ma.asarray(self._columns[position], np.float64), np.nan)
        return np.where(np.isinf(numbers), np.nan, numbers)

    def times(self, position: int, read: Callable[[str], int], *, plain_ns: bool) -> NDArray[np.int64]:
        """Return a column as nanoseconds since 1970, shape (n,); what is no time becomes -2^63.

        Args:
            position: Which column.
            read: Reads one time from text.
            plain_ns: Whether whole numbers between 1990 and 2200 in ns may be taken as they are.
        """
        column = self._columns[position]
        if column.dtype.kind == "M":
            absent = np.ma.getmaskarray(column) | np.isnat(np.ma.getdata(column))
            moments = np.where(absent, np.datetime64(0, "s"), np.ma.getdata(column))
            whole = moments.astype("datetime64[ns]").astype(np.int64)
            return np.where(absent, IMPOSSIBLE, whole)
        if plain_ns and column.dtype == np.int64 and not np.ma.isMaskedArray(column):
            whole = np.asarray(column, np.int64)
            if bool(usable_times(whole).all()):
                return whole
        return np.array([self._time(x, read) for x in column.tolist()], np.int64)

    def _time(self, value: object, read: Callable[[str], int]) -> int:
        if value is None:
            return IMPOSSIBLE
        try:
            return read(str(value))
        except BadInputError:
            return IMPOSSIBLE
