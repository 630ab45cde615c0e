"""Rows for the gates from a CSV: a header with the model's channels and, for held-out data, a column ``anomalous``."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError

LABEL = "anomalous"
MAX_ROWS = 2_000_000
MAX_FIELD = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows and, where the file has them, labels.

    Args:
        rows: Values in the order asked for, shape (n, C), finite.
        anomalous: Labels, shape (n,); all False where the file has none.
    """

    rows: NDArray[np.float64] = field(repr=False)
    anomalous: NDArray[np.bool_] = field(repr=False)


def read(data: bytes, channels: Sequence[str], where: str, *, labelled: bool) -> Table:
    """Read a table.

    Raises:
        BadInputError: A column is missing, a value is no finite number, a label not 0 or 1; says in which line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInputError("not UTF-8", where=f"{where}@{error.start}") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        wanted = [*channels, LABEL] if labelled else list(channels)
        missing = [name for name in wanted if header.count(name) != 1]
        if missing:
            raise BadInputError(f"no single column {missing[0][:80]!r}", where=f"{where}:1")
        places = [header.index(name) for name in wanted]
        values = [_row(line, places, len(header), f"{where}:{lines.line_num}") for line in lines if line]
    except csv.Error as error:
        raise BadInputError(f"not CSV: {error}", where=f"{where}:{lines.line_num}") from None
    if not 0 < len(values) <= MAX_ROWS:
        raise BadInputError(f"{len(values)} rows, not 1 to {MAX_ROWS}", where=where)
    table = np.array(values, np.float64)
    if not labelled:
        return Table(rows=table, anomalous=np.zeros(len(table), bool))
    labels = table[:, -1]
    if not np.isin(labels, (0.0, 1.0)).all():
        raise BadInputError(
            "a label is neither 0 nor 1", where=f"{where}:{int(np.argmin(np.isin(labels, (0, 1)))) + 2}"
        )
    return Table(rows=table[:, :-1], anomalous=labels == 1.0)


def _row(line: list[str], places: list[int], width: int, where: str) -> list[float]:
    if len(line) != width:
        raise BadInputError(f"{len(line)} fields, not {width}", where=where)
    try:
        values = [float(line[place]) if len(line[place]) <= MAX_FIELD else float("nan") for place in places]
    except ValueError:
        raise BadInputError("a value is not a number", where=where) from None
    if not np.isfinite(values).all():
        raise BadInputError("a value is not finite", where=where)
    return values
