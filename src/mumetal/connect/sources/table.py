"""CSV files of any layout, by a mapping; read to the end, then tailed. A row's ``seq`` is its line number."""

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.table_mapping import Columns, TableMapping
from mumetal.connect.sources.tail import Position, read_lines, start
from mumetal.connect.sources.tree import files, require
from mumetal.core.delivery import Delivery, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.series import Series
from mumetal.formats.rows import Refusals, build

MAX_PIECES = 10_000
OPTIONS = {
    "mapping": "TOML file that names the time column and the channels; FILE.toml next to the table when left out",
    "stream": "stream name; the file's name when left out",
    "tz": "IANA zone of times that name none; UTC when left out",
}


class CsvSource:
    """Reads one CSV file with a header line; a field may be quoted and may not hold a line end.

    Args:
        spec: Place and options ``mapping``, ``device``, ``stream``, ``tz``, ``delimiter``, ``tenant``.

    Raises:
        UnavailableError: There is no such file.
        BadInputError: The mapping cannot be used.
    """

    info = PluginInfo(plugin_id="connect.sources.table.csv", title="CSV file", reference="RFC 4180")

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._place = Path(spec.place)
        require(self._place, folder=False)
        self._mapping = TableMapping(spec)

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._spec.name

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` values after the cursor.

        Raises:
            UnavailableError: The file is away.
            BadInputError: The cursor is not this source's, or the header does not fit the mapping.
        """
        try:
            saved = msgspec.json.decode(cursor, type=Position) if cursor else None
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None
        file = files(self._place)[0]
        if saved is not None and saved.inode not in {0, file.inode} and (rest := self._rest(saved, limit)) is not None:
            return rest
        return self._read(self._place, start(saved, file.inode, file.size), file.inode, cursor, limit)

    def _rest(self, saved: Position, limit: int) -> Delivery | None:
        """Return rows that were written to the file before it was renamed; None where there are no more."""
        renamed = next((f for f in files(self._place.parent, depth=0) if f.inode == saved.inode), None)
        if renamed is None:
            why = f"it was replaced, and is not beside it: what was written past byte {saved.offset} is not read"
            lost = Quarantined.of(f"{self._place.name}:{saved.line}", why)
            begin = msgspec.json.encode(Position()).decode()
            return Delivery(
                source=self.name, tenant=self._spec.tenant, quarantined=(lost,), cursor=begin, caught_up=False
            )
        if renamed.size <= saved.offset:
            return None
        read = self._read(renamed.path, saved, saved.inode, "", limit, closed=True)
        moved = msgspec.json.decode(read.cursor, type=Position) if read.cursor else saved
        return replace(read, caught_up=False) if moved.offset > saved.offset else None

    def _read(
        self, place: Path, position: Position, inode: int, cursor: str, limit: int, *, closed: bool = False
    ) -> Delivery:
        refusals = Refusals(where=place.name, limit=MAX_PIECES)
        header = self._head(place, position, refusals)
        if header is None:
            return Delivery(source=self.name, tenant=self._spec.tenant, cursor=cursor)
        width, columns, after = header
        if position.offset == 0:
            position = msgspec.structs.replace(after, inode=inode)
        most = max(1, limit // len(columns.channels))
        read = read_lines(place, position, most, closed=closed, where=place.name)
        series = self._rows(read.lines, read.first, width, columns, refusals)
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=() if series is None else (series,),
            quarantined=(*read.quarantined, *refusals.all()),
            cursor=msgspec.json.encode(read.position).decode(),
            caught_up=not read.more,
        )

    def close(self) -> None:
        """Nothing is held between polls."""

    def _head(self, place: Path, position: Position, refusals: Refusals) -> tuple[int, Columns, Position] | None:
        """Settle the columns by the header and the first row; None until both are there."""
        head = read_lines(place, Position(), 1, where=place.name)
        if not head.lines:
            return None
        first = read_lines(place, head.position, 1, where=place.name)
        if not first.lines:
            return None
        names = self._fields(head.lines[0].removeprefix(b"\xef\xbb\xbf"))
        try:
            cells = self._fields(first.lines[0])
        except BadInputError:
            cells = []  # the row is quarantined when it is read
        usable = [_numeric(cells[i]) if i < len(cells) else True for i in range(len(names))]
        # Columns are refused once, when the file is read from its start.
        said = refusals if position.offset == 0 else Refusals(where="")
        try:
            columns = self._mapping.columns(names, usable, said)
        except BadInputError as error:
            raise BadInputError(error.message, where=f"{place}:1", hint=error.hint) from None
        return len(names), columns, head.position

    def _fields(self, line: bytes) -> list[str]:
        try:
            text = line.decode()
            if '"' not in text:
                return text.split(self._mapping.delimiter)
            return next(csv.reader([text], delimiter=self._mapping.delimiter, strict=True), [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadInputError(f"no line of a table: {str(error)[:100]}", where=str(self._place)) from None

    def _row(self, line: bytes, width: int) -> list[str]:
        fields = self._fields(line)
        if len(fields) != width:
            raise BadInputError(f"{len(fields)} fields where {width} are expected")
        return fields

    def _rows(
        self, lines: Sequence[bytes], first: int, width: int, columns: Columns, refusals: Refusals
    ) -> Series | None:
        times: list[int] = []
        seq: list[int] = []
        rows: list[list[float]] = []
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            try:
                fields = self._row(line, width)
                t_ns = self._mapping.time(fields[columns.time])
            except BadInputError as error:
                refusals.add(f":{number}", error.message, line)
                continue
            times.append(t_ns)
            seq.append(number)
            rows.append([self._cell(fields[i], number, refusals) for i in columns.positions])
        if not rows:
            return None
        values = np.array(rows, np.float64)
        for column, conversion in enumerate(columns.conversions):
            values[:, column] = conversion.array(values[:, column])
        return build(
            tenant=self._spec.tenant,
            device=self._mapping.device,
            stream=self._mapping.stream,
            channels=columns.channels,
            t_ns=np.array(times, np.int64),
            values=values,
            seq=np.array(seq, np.int64),
            refusals=refusals,
        )

    def _cell(self, text: str, number: int, refusals: Refusals) -> float:
        try:
            value = float(text)
        except ValueError:
            if text.strip():
                refusals.add(f":{number}", "a value is no number", text.encode())
            return math.nan
        if "_" in text or math.isinf(value):
            refusals.add(f":{number}", "a value is no finite number", text.encode())
            return math.nan
        return value


def _numeric(text: str) -> bool:
    if not text.strip():
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _open(spec: SourceSpec) -> Source:
    return CsvSource(spec)


FACTORY = SourceFactory(
    info=CsvSource.info,
    example="csv:plc.csv?tz=Europe/Berlin",
    options=OPTIONS | {"delimiter": "one character between fields; a comma when left out"},
    open=_open,
)
