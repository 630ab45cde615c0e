"""Columns of a Parquet file as arrays (the ``server`` extra).

DuckDB reads them: arro3 0.9 aborts the process on a malformed file, DuckDB raises.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from mumetal.connect.sources.table_columns import FileColumns
from mumetal.core.errors import BadInputError, first_line

MAX_CELLS = 200_000_000
CONFIG: Mapping[str, str] = {
    "threads": "1",
    "memory_limit": "2GB",
    "autoinstall_known_extensions": "false",
    "temp_directory": "",
}


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
        raise BadInputError(f"no Parquet file: {first_line(error)}", where=where) from None
    if cells > MAX_CELLS:
        raise BadInputError(f"{cells} cells, more than {MAX_CELLS}", where=where, hint="split the file")
    return FileColumns(columns)
