"""CSV files of any layout, by a mapping; read to the end, then tailed. A row's ``seq`` is its line number."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.table_influx import Row, read_value, series_of
from mumetal.connect.sources.table_mapping import Columns, TableMapping
from mumetal.connect.sources.table_text import MAX_HEAD, Head, TableText, head_of
from mumetal.connect.sources.tail import Lines, Position, read_lines, start
from mumetal.connect.sources.tree import files, require
from mumetal.connect.sources.unpacked import Unpacked
from mumetal.core.delivery import Delivery, Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo, Source
from mumetal.core.series import Series
from mumetal.formats.absent import observed
from mumetal.formats.rows import Refusals, build

MAX_PIECES = 10_000
OPTIONS = {
    "mapping": "TOML file that names the time column and the channels; FILE.toml next to the table when left out",
    "stream": "stream name; the file's name when left out",
    "tz": "IANA zone of times that name none; UTC when left out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How the rows of the file are read."""

    head: Head
    text: TableText
    columns: Columns | None  # None where each row is one value and says its channel


class CsvSource:
    """Reads one CSV file, also one that gzip packed; a field may be quoted and may not hold a line end.

    Args:
        spec: Place and options ``mapping``, ``device``, ``stream``, ``tz``, ``delimiter``, ``decimal``, ``tenant``.

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
        self._unpacked = Unpacked()

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
        file = self._unpacked.plain(file, saved.offset if saved is not None and saved.inode == file.inode else 0)
        position = start(saved, file.inode, file.size)
        if position.offset >= file.size and saved is not None:
            return self._delivery((), (), position, done=True)
        packed = file.path != self._place  # what was packed does not grow
        return self._read(file.path, position, file.inode, limit, closed=packed) or Delivery(
            source=self.name, tenant=self._spec.tenant, cursor=cursor
        )

    def _rest(self, saved: Position, limit: int) -> Delivery | None:
        """Return rows that were written to the file before it was renamed; None where there are no more."""
        renamed = next((f for f in files(self._place.parent, depth=0) if f.inode == saved.inode), None)
        if renamed is None:
            why = f"it was replaced, and is not beside it: what was written past byte {saved.offset} is not read"
            lost = Quarantined.of(f"{self._place.name}:{saved.line}", why)
            return self._delivery((), (lost,), Position(), done=False)
        if renamed.size <= saved.offset:
            return None
        read = self._read(renamed.path, saved, saved.inode, limit, closed=True)
        moved = msgspec.json.decode(read.cursor, type=Position) if read is not None else saved
        return replace(read, caught_up=False) if read is not None and moved.offset > saved.offset else None

    def _read(self, path: Path, position: Position, inode: int, limit: int, *, closed: bool) -> Delivery | None:
        refusals = Refusals(where=self._place.name, limit=MAX_PIECES)
        layout = self._layout(path, position, refusals, closed=closed)
        if layout is None:
            return None
        if position.offset == 0:
            skipped = read_lines(path, Position(), layout.head.lines) if layout.head.lines else None
            position = msgspec.structs.replace(skipped.position if skipped else position, inode=inode)
        width = len(layout.columns.channels) if layout.columns else 1
        read = read_lines(path, position, max(1, limit // width), closed=closed, where=self._place.name)
        read = self._until_another_header(path, position, read, layout)
        series = self._rows(read, layout, refusals)
        return self._delivery(series, (*read.quarantined, *refusals.all()), read.position, done=not read.more)

    def close(self) -> None:
        """Remove what was unpacked."""
        self._unpacked.close()

    def _delivery(
        self, data: Sequence[Series], refused: Sequence[Quarantined], after: Position, *, done: bool
    ) -> Delivery:
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=tuple(data),
            quarantined=tuple(refused),
            cursor=msgspec.json.encode(after).decode(),
            caught_up=done,
        )

    def _layout(self, path: Path, position: Position, refusals: Refusals, *, closed: bool) -> _Layout | None:
        """Settle the columns by the header and the first row; None until both are there."""
        mapping = self._mapping
        lines = read_lines(path, Position(), MAX_HEAD + 1, closed=closed, where=self._place.name).lines
        # Columns are refused once, when the file is read from its start.
        said = refusals if position.offset == 0 else Refusals(where="")
        try:
            head = head_of(lines, mapping.delimiter, mapping.header)
            if head is None:
                return None
            text = TableText(delimiter=head.delimiter, decimal=mapping.decimal)
            if head.influx and "_value" in head.names and "_time" in head.names:
                return _Layout(head=head, text=text, columns=None)
            usable = [_reason(text, head.first[i]) if i < len(head.first) else "" for i in range(len(head.names))]
            columns = mapping.columns(head.names, [not why for why in usable], said, usable)
        except BadInputError as error:
            raise BadInputError(error.message, where=f"{self._place}:1", hint=error.hint) from None
        return _Layout(head=head, text=text, columns=columns)

    def _until_another_header(self, path: Path, position: Position, read: Lines, layout: _Layout) -> Lines:
        """Return the lines before a table with other columns, as an InfluxDB export may hold; refuse it when it is next.

        Raises:
            BadInputError: The next line is such a header.
        """
        if not layout.head.influx:
            return read
        for at, line in enumerate(read.lines):
            with suppress(BadInputError):
                cells = layout.text.cells(line)
                if "_time" not in cells or cells[: len(layout.head.names)] == list(layout.head.names):
                    continue
                if at == 0:
                    break
                return read_lines(path, position, at, where=self._place.name)
        else:
            return read
        raise BadInputError(
            "a second table of the file has other columns",
            where=f"{self._place}:{read.first}",
            hint="export one table a file, or pivot them into one",
        )

    def _rows(self, read: Lines, layout: _Layout, refusals: Refusals) -> list[Series]:
        head, columns, text = layout.head, layout.columns, layout.text
        width = len(head.names)
        times: list[int] = []
        seq: list[int] = []
        rows: list[list[float]] = []
        single: list[Row] = []
        for number, line in enumerate(read.lines, read.first):
            if not line.strip() or line.startswith(b"#"):
                continue
            try:
                fields = text.row(line, width)
                if columns is None:
                    if fields != list(head.names):
                        t_ns = self._mapping.time(fields[head.names.index("_time")])
                        single.append((t_ns, number, *read_value(head.names, fields, text)))
                    continue
                t_ns = self._mapping.moment([fields[i].strip() for i in columns.time])
            except BadInputError as error:
                refusals.add(f":{number}", error.message, line)
                continue
            times.append(t_ns)
            seq.append(number)
            rows.append(
                [
                    self._cell(fields[i], text, f":{number} {head.names[i].strip()[:60]}", refusals)
                    for i in columns.positions
                ]
            )
        mapping = self._mapping
        if columns is None:
            return series_of(
                single, mapping.units, tenant=self._spec.tenant, device=mapping.device, stream=mapping.stream,
                origin=mapping.origin, refusals=refusals,
            )  # fmt: skip
        if not rows:
            return []
        values = np.array(rows, np.float64)
        for column, (channel, conversion) in enumerate(zip(columns.channels, columns.conversions, strict=True)):
            values[:, column] = observed(values[:, column], channel, conversion, refusals)
        made = build(
            tenant=self._spec.tenant,
            device=mapping.device,
            stream=mapping.stream,
            channels=columns.channels,
            t_ns=np.array(times, np.int64),
            values=values,
            seq=np.array(seq, np.int64),
            refusals=refusals,
        )
        return [] if made is None else [made]

    def _cell(self, cell: str, text: TableText, place: str, refusals: Refusals) -> float:
        try:
            return text.number(cell)
        except BadInputError as error:
            refusals.add(place, error.message, cell.encode())
            return np.nan


def _reason(text: TableText, cell: str) -> str:
    """Return why a cell is no number; empty where it is one, or stands for none."""
    try:
        text.number(cell)
    except BadInputError as error:
        return error.message
    return ""


def _open(spec: SourceSpec) -> Source:
    return CsvSource(spec)


FACTORY = SourceFactory(
    info=CsvSource.info,
    example="csv:plc.csv?tz=Europe/Berlin",
    options=OPTIONS
    | {
        "delimiter": "one character between fields, or whitespace; a comma when left out",
        "decimal": "a point or a comma; a point when left out",
    },
    open=_open,
)
