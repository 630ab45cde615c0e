"""BlueFors log folders: what is there already, then what is appended.

Each kind of file is a stream of its own, because the files are written asynchronously: ``ch6.temperature``,
``ch6.resistance``, ``ch6.power``, ``ch6.errors``, ``maxigauge``, ``flowmeter``, ``status``, ``heaters``, ``channels``.
A day is closed, and forgotten by the cursor, once all of it has been read and two later days are there.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from mumetal.connect.sources.bluefors_errors import NONE, DayErrors
from mumetal.connect.sources.bluefors_history import UnitHistory
from mumetal.connect.sources.bluefors_names import LogName, day_of, log_name
from mumetal.connect.sources.bluefors_parse import LogReader
from mumetal.connect.sources.bluefors_units import QUANTITIES
from mumetal.connect.sources.local_time import LocalTime
from mumetal.connect.sources.spec import SourceFactory, SourceSpec
from mumetal.connect.sources.tail import Position, read_lines, start
from mumetal.connect.sources.tree import Found, files, require, unread
from mumetal.connect.sources.unpacked import SUFFIX as PACKED
from mumetal.connect.sources.unpacked import Unpacked
from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.ports import PluginInfo, Source
from mumetal.formats.moments import zone
from mumetal.formats.rows import Refusals

MAX_PIECES = 10_000
SUFFIXES = (".log", ".log" + PACKED)
OPEN_DAYS = 2
NO_DAY = "99-99-99"
VALUES_A_LINE = {"value": 1, "maxigauge": 12, "pairs": 40, "heaters": 4, "errors": 1}


class _Cursor(msgspec.Struct, array_like=True):
    """Where to go on, as the store keeps it."""

    closed: str = ""
    files: dict[str, Position] = {}
    units: dict[str, tuple[str, str]] = {}


class BlueForsSource:
    """Reads one log folder.

    Args:
        spec: Place and options ``device`` (default: the folder's name), ``tenant``, ``tz`` (default UTC), ``temperature``,
            ``pressure`` and ``duration`` (units of a compressor's keys, where they are known).

    Raises:
        UnavailableError: There is no such folder.
        BadInputError: An option cannot be used.
    """

    info = PluginInfo(
        plugin_id="connect.sources.bluefors",
        title="BlueFors log folder",
        reference="file kinds as in public log readers; docs/reference/sources.md",
    )

    def __init__(self, spec: SourceSpec) -> None:
        self._place = Path(spec.place)
        self._spec = spec
        require(self._place, folder=True)
        self._device = spec.device(self._place.resolve().name)
        zone_name = spec.option("tz", "UTC")
        self._clock = LocalTime(zone(zone_name, where=spec.name))
        said = zone_name if "tz" in spec.options else "UTC by default, no tz given"
        self._zone_said = f"local time read as {said}"
        self._unpacked = Unpacked()
        named = {q: u for q in QUANTITIES if (u := spec.option(q))}
        self._history = UnitHistory(named, self._clock, self._unpacked, spec.name)
        self._errors: dict[str, DayErrors] = {}

    @property
    def name(self) -> str:
        """Name of this instance."""
        return self._spec.name

    def poll(self, cursor: str, limit: int) -> Delivery:
        """Read at most about ``limit`` values that the cursor has not seen.

        Raises:
            UnavailableError: The folder is away.
            BadInputError: The cursor is not this source's.
        """
        state = self._state(cursor)
        require(self._place, folder=True)
        found = files(self._place, SUFFIXES, depth=1)
        days = sorted({_day(f) for f in found} - {NO_DAY})
        data: list[Datum] = []
        found = [f for f in found if _day(f) > state.closed]
        quarantined = list(unread(self._place, SUFFIXES)) if not cursor else []
        quarantined += self._history.learn(found, state.units, self._place.name)
        self._learn_errors(found, days)
        left, more, touched = max(1, limit), False, dict(state.files)
        waiting: set[str] = set()
        for file in found:
            day = _day(file)
            if left <= 0:
                position = touched.get(file.relative)
                pending = position is None or (
                    not file.relative.endswith(PACKED) and start(position, file.inode, file.size).offset < file.size
                )
                more, waiting = more or pending, waiting | ({day} if pending else set())
                continue
            closed = _over(file, days)
            position, count, again = self._file(
                file, touched.get(file.relative), left, data, quarantined, closed=closed
            )
            touched[file.relative] = position
            left -= count
            if again or (position.offset < file.size and not file.relative.endswith(PACKED)):
                waiting.add(day)
            more = more or again
        done = _closed(state.closed, days, waiting)
        day_of_file = {f.relative: _day(f) for f in found}
        kept = {k: p for k, p in touched.items() if day_of_file.get(k, "") > done}
        return Delivery(
            source=self.name,
            tenant=self._spec.tenant,
            data=tuple(data),
            quarantined=tuple(quarantined),
            cursor=msgspec.json.encode(_Cursor(closed=done, files=kept, units=state.units)).decode(),
            caught_up=not more,
        )

    def close(self) -> None:
        """Remove what was unpacked."""
        self._unpacked.close()

    def _state(self, cursor: str) -> _Cursor:
        if not cursor:
            return _Cursor()
        try:
            return msgspec.json.decode(cursor, type=_Cursor)
        except msgspec.DecodeError as error:
            raise BadInputError(f"the cursor cannot be used: {error}", where=self.name) from None

    def _learn_errors(self, found: list[Found], days: list[str]) -> None:
        """Read the days' errors first: the lines of the other files are judged by them."""
        known: dict[str, DayErrors] = {}
        for file in found:
            name = log_name(file.path.name)
            if name is not None and name.kind == "errors":
                known[_day(file)] = day = self._errors.get(_day(file)) or DayErrors(name=name, clock=self._clock)
                with suppress(UnavailableError, BadInputError):  # told where the file itself is read
                    day.read_on(self._unpacked.plain(file, day.offset), closed=_over(file, days))
        self._errors = known

    def _file(
        self,
        file: Found,
        position: Position | None,
        left: int,
        data: list[Datum],
        quarantined: list[Quarantined],
        *,
        closed: bool,
    ) -> tuple[Position, int, bool]:
        """Read on in one file; return its position, values read and whether there is more."""
        name = log_name(file.path.name)
        where = f"{self._place.name}/{file.relative}"
        if name is None:
            if position is None:
                quarantined.append(Quarantined.of(where, "no BlueFors log of a known kind; it is not read"))
            return Position(offset=file.size, inode=file.inode), 0, False
        try:
            plain = self._unpacked.plain(file, position.offset if position and position.inode == file.inode else 0)
            position = start(position, file.inode, plain.size)
            if position.offset >= plain.size:
                return position, 0, False
            read = read_lines(
                plain.path, position, max(1, left // VALUES_A_LINE[name.kind]), closed=closed, where=where
            )
        except UnavailableError as error:
            if not self._place.is_dir():
                raise
            quarantined.append(Quarantined.of(where, error.message))
            return position or Position(), 0, False
        except BadInputError as error:
            if position is None:
                quarantined.append(Quarantined.of(where, error.message))
            return Position(inode=file.inode), 0, False
        refusals = Refusals(where=where, limit=MAX_PIECES)
        reader = self._reader(name, file, position, refusals)
        made = reader.read(read.lines, read.first)
        data += made
        quarantined += [*read.quarantined, *refusals.all()]
        moved = msgspec.structs.replace(read.position, last_ns=reader.last_ns)
        return moved, sum(s.values.size for s in made) or len(read.lines), read.more

    def _reader(self, name: LogName, file: Found, position: Position, refusals: Refusals) -> LogReader:
        # The provenance names the kind of file, not the day: it is the same for the whole stream.
        kind = file.path.name.removesuffix(PACKED)[: -len(" YY-MM-DD.log")]
        return LogReader(
            name=name,
            origin=f"bluefors:{kind} log, {self._zone_said}"[:900],
            tenant=self._spec.tenant,
            device=self._device,
            clock=self._clock,
            last_ns=position.last_ns,
            refusals=refusals,
            unit_of=self._history.unit_of(file) if name.kind == "pairs" else lambda _: ("", ""),
            blind=self._errors[day].blind(name.stream) if (day := _day(file)) in self._errors else NONE,
        )


def _day(file: Found) -> str:
    """Return the ``YY-MM-DD`` a file belongs to: its folder's, or its own."""
    folder = file.relative.split("/", 1)[0]
    if day_of(folder[:8]) and "/" in file.relative:
        return folder[:8]
    name = log_name(file.path.name)
    return f"{name.day:%y-%m-%d}" if name else NO_DAY


def _over(file: Found, days: list[str]) -> bool:
    """Whether nobody writes to a file any more."""
    return file.relative.endswith(PACKED) or (len(days) >= OPEN_DAYS and _day(file) < days[-OPEN_DAYS])


def _closed(closed: str, days: list[str], unread: set[str]) -> str:
    """Return the newest day up to which everything is read and two later days are there."""
    for day in days[:-OPEN_DAYS]:
        if day in unread:
            break
        closed = max(closed, day)
    return closed


def _open(spec: SourceSpec) -> Source:
    return BlueForsSource(spec)


FACTORY = SourceFactory(
    info=BlueForsSource.info,
    example="bluefors:/logs?tz=Europe/Helsinki&device=fridge-1",
    options={
        "tz": "IANA zone of the computer that writes the logs; UTC when left out",
        "temperature": "unit of the compressor's temperatures, K or degC; told from the logs when left out",
        "pressure": "unit of the compressor's pressures, bar or psi; told from the logs when left out",
        "duration": "unit of the compressor's running time, h, min or s; told from the logs when left out",
    },
    open=_open,
)
