"""Named arrays as a table: rows along the first axis, a column for each place along the second."""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.table_columns import FileColumns
from mumetal.connect.sources.table_mapping import HEADER, TIME_NAMES
from mumetal.core import check
from mumetal.core.errors import BadInputError
from mumetal.core.series import MAX_CHANNELS

MAX_CELLS = 64_000_000
START, RATE = "t0_ns", "rate_hz"
PLAIN = re.compile(r"[^A-Za-z0-9_.:+/@()\[\]% -]+")


def columns_of(
    arrays: Mapping[str, NDArray[np.generic]], where: str, *, rate_hz: float = 0.0, start_ns: int = 0
) -> FileColumns:
    """Lay arrays side by side: ``env`` of shape (n, 3) becomes ``env.0`` to ``env.2``, complex ``iq`` ``iq.I`` and ``iq.Q``.

    Without an array of times the rows are ``rate_hz`` apart from ``start_ns`` on, from the arguments or from single
    numbers of those names (``t0_ns``, ``rate_hz``) among the arrays.

    Raises:
        BadInputError: No rows, no times, or more than 64 million cells.
    """
    single = {name: array for name, array in arrays.items() if array.size == 1 and array.dtype.kind in "iuf"}
    if START in single:
        start_ns = int(single[START].ravel()[0])
    if RATE in single:
        rate_hz = float(single[RATE].ravel()[0])
    tables = {n: a for n, a in arrays.items() if a.ndim >= 1 and n not in {START, RATE}}
    lower = {name.lower(): name for name in tables}
    timed = next((lower[t] for t in TIME_NAMES if t in lower), "")
    rows = tables[timed].shape[0] if timed else max((a.shape[0] for a in tables.values()), default=0)
    columns: dict[str, NDArray[np.generic]] = {}
    refused: list[tuple[str, str]] = []
    for name, array in tables.items():
        if array.shape[0] != rows or array.ndim > 2 or array.dtype.kind not in "iufbcM":
            refused.append((PLAIN.sub("_", name), f"has shape {array.shape} where {rows} rows are expected"))
            continue
        parts = _split(name, array)
        if rows * (len(columns) + len(parts)) > MAX_CELLS or len(columns) + len(parts) > MAX_CHANNELS:
            raise BadInputError(f"more than {MAX_CELLS} cells", where=where, hint="split the file")
        columns |= parts
    if not columns or rows == 0:
        raise BadInputError("no array has rows", where=where, hint="arrays: " + ", ".join(arrays)[:300])
    if not timed:
        columns = {"t_ns": _clock(rows, rate_hz, start_ns, where), **columns}
    return FileColumns(columns, refused)


def _split(name: str, array: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    bracketed = HEADER.fullmatch(name)
    stem, unit = (bracketed[1], f" [{bracketed[2]}]") if bracketed and bracketed[1] else (name, "")
    wide = array if array.ndim == 2 else array[:, None]
    single = array.ndim == 1
    out: dict[str, NDArray[np.generic]] = {}
    for column in range(wide.shape[1]):
        lead = stem if single else f"{stem}.{column}"
        if array.dtype.kind == "c":
            values = np.asarray(wide[:, column], np.complex128)
            out[f"{lead}.I{unit}"], out[f"{lead}.Q{unit}"] = values.real, values.imag
        else:
            out[f"{lead}{unit}"] = wide[:, column]
    return out


def _clock(rows: int, rate_hz: float, start_ns: int, where: str) -> NDArray[np.int64]:
    if not 1e-6 <= rate_hz <= 1e9 or not check.EARLIEST_NS <= start_ns < check.LATEST_NS:
        raise BadInputError(
            "the rows have no times",
            where=where,
            hint="store an array t_ns, or single numbers t0_ns and rate_hz, or give ?rate_hz=…&start=…",
        )
    # Whole seconds and the rest apart: a product of float64 would lose nanoseconds after some days.
    n = np.arange(rows, dtype=np.int64)
    if float(rate_hz).is_integer():
        whole = int(rate_hz)
        return start_ns + n // whole * 10**9 + n % whole * 10**9 // whole
    return np.asarray(start_ns + np.rint(n * (1e9 / rate_hz)).astype(np.int64), np.int64)
