"""Which column of a table is the time and which are channels: said by a TOML file, or by the header alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mumetal.connect.sources.spec import SourceSpec
from mumetal.connect.sources.table_text import WHITESPACE
from mumetal.core import check
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.series import MAX_CHANNELS, Channel
from mumetal.formats.foreign import told_by_header
from mumetal.formats.moments import parse_iso, whole_ns, zone
from mumetal.formats.rows import Refusals, to_channel
from mumetal.formats.units import Conversion

MAX_MAPPING = 1_000_000
TIME_NAMES = ("t_ns", "timestamp", "time", "datetime", "_time")
NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
HEADER = re.compile(r"(.*?)\s*[\[(]([^\[\]()]{1,20})[\])]\s*", re.DOTALL)
CLOCK = re.compile(r"\d{1,2}:\d\d.*", re.ASCII)
YEAR_FIRST = re.compile(r"^(\d{4})[./](\d\d)[./](\d\d)(?=[ T])", re.ASCII)
SCALE = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


class TimeMapping(msgspec.Struct, forbid_unknown_fields=True):
    """The time column, and one with the time of day if that stands apart (``clock``): ``format`` is ``iso``, ``s``, ``ms``, ``us``, ``ns`` (since 1970 UTC), ``auto``, or strptime's."""

    column: str
    clock: str = ""
    format: str = "auto"
    tz: str = ""


class ChannelMapping(msgspec.Struct, forbid_unknown_fields=True):
    """One channel: its unit in the file, and its name if the column's will not do."""

    unit: str
    name: str = ""


class Mapping(msgspec.Struct, forbid_unknown_fields=True):
    """What a mapping file says."""

    time: TimeMapping
    channels: Annotated[dict[str, ChannelMapping], Meta(min_length=1, max_length=MAX_CHANNELS)]
    device: str = ""
    stream: str = ""
    delimiter: str = ""
    decimal: Literal["", ".", ","] = ""
    header: Annotated[list[str], Meta(max_length=MAX_CHANNELS)] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What was settled for one table.

    Args:
        time: Position of the time column, and of the one with the time of day where that stands apart.
        positions: Positions of the channels' columns.
        channels: The channels, in SI.
        conversions: From the file's units.
    """

    time: tuple[int, ...]
    positions: tuple[int, ...]
    channels: tuple[Channel, ...]
    conversions: tuple[Conversion, ...]


class TableMapping:
    """The mapping of one table.

    Args:
        spec: Options ``mapping`` (default: ``FILE.toml`` or the file's name ending in ``.toml``, if there), ``device``,
            ``stream``, ``tz``.

    Raises:
        BadInputError: The mapping cannot be used.
        UnavailableError: The mapping named is not there.
    """

    def __init__(self, spec: SourceSpec) -> None:
        place = Path(spec.place)
        self.given = _load(spec, place)
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", place.stem.removesuffix(".csv")).strip("_.-") or "table"
        self.device = spec.device(self.given.device if self.given and self.given.device else stem)
        self.stream = spec.option("stream", self.given.stream if self.given and self.given.stream else stem)
        check.name(self.stream, "stream")
        self.delimiter = spec.option("delimiter", (self.given.delimiter if self.given else "") or ",")
        self.decimal = spec.option("decimal", (self.given.decimal if self.given else "") or ".")
        if len(self.delimiter) != 1 and self.delimiter != WHITESPACE:
            raise BadInputError("a delimiter is one character, or whitespace", where=spec.name)
        if self.decimal not in {".", ","}:
            raise BadInputError("a decimal mark is a point or a comma", where=spec.name)
        self.header = self.given.header if self.given else []
        self.units = {name: said.unit for name, said in self.given.channels.items()} if self.given else {}
        self.format = self.given.time.format if self.given else "auto"
        zone_name = spec.option("tz", (self.given.time.tz if self.given else "") or "UTC")
        self.zone: tzinfo = zone(zone_name, where=spec.name)
        self.origin = f"{spec.kind}:{place.name}"[:200]

    def columns(
        self, header: Sequence[str], usable: Sequence[bool], refusals: Refusals, reasons: Sequence[str] = ()
    ) -> Columns:
        """Settle the columns of a table.

        Args:
            header: Column names.
            usable: Whether each column can hold numbers.
            refusals: Receives the columns that cannot be used.
            reasons: Why each column cannot, where that is known.

        Raises:
            BadInputError: No time column or no channel; says which columns there are.
        """
        names = [name.strip() for name in header]
        time = self._time_columns(names)
        made: list[tuple[int, Channel, Conversion]] = []
        taken: set[str] = set()
        first = ""
        for position, name in enumerate(names):
            if position in time or (self.given is not None and name not in self.given.channels):
                continue
            if not usable[position]:
                why = reasons[position] if reasons else ""
                first = first or why
                refusals.add(f" column {name[:60]}", f"holds no numbers; it is not read{f' ({why})' if why else ''}")
                continue
            try:
                channel, conversion = self._channel(name)
            except BadInputError as error:
                refusals.add(f" column {name[:60]}", error.message)
                continue
            if channel.name in taken:
                refusals.add(f" column {name[:60]}", f"a second column gives the channel {channel.name}")
                continue
            taken.add(channel.name)
            made.append((position, channel, conversion))
        for name in self.given.channels if self.given else ():
            if name not in names:
                refusals.add(f" column {name[:60]}", "is named in the mapping and not in the table")
        if not made:
            why = f": {first}" if first else ""
            hint = 'decimal = "," in the mapping or decimal=, in the source' if "comma" in why else ""
            raise BadInputError(f"no column of the table can be used as a channel{why}", hint=hint)
        return Columns(
            time=time,
            positions=tuple(m[0] for m in made),
            channels=tuple(m[1] for m in made),
            conversions=tuple(m[2] for m in made),
        )

    def _time_columns(self, names: Sequence[str]) -> tuple[int, ...]:
        lower = [name.lower() for name in names]
        if self.given is not None:
            wanted = (
                [self.given.time.column, self.given.time.clock] if self.given.time.clock else [self.given.time.column]
            )
        elif {"date", "time"} <= set(lower):
            wanted = [names[lower.index("date")], names[lower.index("time")]]
        else:
            wanted = [next((names[lower.index(t)] for t in TIME_NAMES if t in lower), "")]
        for name in wanted:
            if not name or name not in names:
                missing = (
                    f"no time column {name!r}" if name else "no column is called t_ns, timestamp, time or datetime"
                )
                raise BadInputError(
                    told_by_header(names) or missing,
                    hint="columns: " + ", ".join(names)[:300] + "; name the time column in a mapping file",
                )
        return tuple(names.index(name) for name in wanted)

    def _channel(self, column: str) -> tuple[Channel, Conversion]:
        origin = f"{self.origin} column {column[:100]}"
        if self.given is not None:
            said = self.given.channels[column]
            return to_channel(said.name or _plain(column), said.unit, origin)
        bracketed = HEADER.fullmatch(column)
        if bracketed and bracketed[1]:
            return to_channel(_plain(bracketed[1]), bracketed[2], origin)
        return to_channel(_plain(column), "1", f"{origin}, unit not stated")

    def moment(self, cells: Sequence[str]) -> int:
        """Read one time from its column, or from a date's and a time of day's; a whole time beside a date is enough.

        Raises:
            BadInputError: It is no such time.
        """
        apart = len(cells) > 1 and (self.given is not None or CLOCK.fullmatch(cells[1]))
        return self.time(" ".join(cells) if apart else cells[-1])

    def time(self, text: str) -> int:
        """Read one time as the mapping says.

        Raises:
            BadInputError: It is not such a time.
        """
        text = text.strip()
        form = self.format
        if form == "auto":
            text = YEAR_FIRST.sub(r"\1-\2-\3", text, count=1)
            form = "number" if NUMBER.fullmatch(text) else "iso"
        if form == "iso":
            return parse_iso(text, self.zone)
        if form in SCALE or form == "number":
            if not NUMBER.fullmatch(text) or len(text) > 40:
                raise BadInputError(f"{text[:40]!r} is no number")
            return unix_ns(text, form)
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
            moment = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
            t_ns = whole_ns(moment.astimezone(UTC))
        except (ValueError, OverflowError):
            raise BadInputError(f"{text[:40]!r} is no time of the form {form[:40]}") from None
        check.time_ns(t_ns, "time")
        return t_ns


def unix_ns(text: str, form: str) -> int:
    """Read a time since 1970; ``"number"`` tells s, ms, us and ns by range, which do not overlap in 1990 to 2200.

    Raises:
        BadInputError: The time is not between 1990 and 2200.
    """
    whole, _, fraction = text.partition(".")
    exact = "e" not in text.lower()
    for scale in (SCALE[form],) if form in SCALE else SCALE.values():
        if exact:
            part = int(fraction[:9].ljust(9, "0")) * scale // 10**9 if fraction else 0
            t_ns = int(whole) * scale + part
        else:
            value = float(text) * scale
            t_ns = int(value) if abs(value) < 2**62 else 0
        if check.EARLIEST_NS <= t_ns < check.LATEST_NS:
            return t_ns
    raise BadInputError(f"{text[:40]!r} is no time between 1990 and 2200")


def _plain(column: str) -> str:
    """Make a channel name of a column's text: what no name may hold becomes ``_``."""
    return re.sub(r"[^A-Za-z0-9_.:+/@()\[\]-]+", "_", column.strip()).strip("_.")[:200]


def _load(spec: SourceSpec, place: Path) -> Mapping | None:
    named = spec.option("mapping")
    beside = [Path(f"{place}.toml"), place.with_suffix(".toml")]
    path = Path(named) if named else next((p for p in beside if p.is_file()), None)
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MAPPING + 1)
    except OSError as error:
        raise UnavailableError(f"the mapping cannot be read: {error.strerror}", where=str(path)) from None
    if len(content) > MAX_MAPPING:
        raise BadInputError("the mapping is larger than 1 MB", where=str(path))
    try:
        return msgspec.toml.decode(content, type=Mapping)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error)[:300], where=str(path), hint="see docs/reference/sources.md") from None
