"""Parquet files by a mapping (the ``server`` extra)."""

from pathlib import Path

from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.table import OPTIONS
from mumetal.connect.sources.table_columns import FileColumns
from mumetal.connect.sources.table_file import WholeFileSource
from mumetal.core.errors import UnavailableError
from mumetal.core.ports import PluginInfo, Source


class ParquetSource(WholeFileSource):
    """Reads Parquet files.

    Args:
        spec: Place and options ``mapping``, ``device``, ``stream``, ``tz``, ``tenant``.

    Raises:
        UnavailableError: There is no such file or folder.
        BadInputError: The mapping cannot be used.
    """

    info = PluginInfo(
        plugin_id="connect.sources.table.parquet", title="Parquet file", reference="Apache Parquet format 2"
    )

    def __init__(self, spec: SourceSpec) -> None:
        super().__init__(spec, (".parquet",), _read)


def _read(path: Path, where: str) -> FileColumns:
    try:
        from mumetal.connect.sources.parquet_columns import read_columns
    except ImportError:
        raise UnavailableError(
            "reading Parquet needs DuckDB", where=where, hint="pip install 'mumetal[server]'"
        ) from None
    return read_columns(path, where)


def _open(spec: SourceSpec) -> Source:
    return ParquetSource(spec)


FACTORY = SourceFactory(
    info=ParquetSource.info, example="parquet:archive.parquet?device=fridge-1", options=OPTIONS, open=_open
)
