"""Lines of BlueFors logs to series: one number a line, the MaxiGauge's 39 columns, key,value and state,power pairs.

A row's ``seq`` is its line number, so a file read again, in whatever pieces, gives the same identities.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.bluefors_errors import NONE, error_series, near, read_error
from mumetal.connect.sources.bluefors_names import KEY, KeyUnit, LogName, key_channel
from mumetal.connect.sources.bluefors_units import BOUNDS
from mumetal.connect.sources.local_time import LocalTime
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.formats.absent import PLACEHOLDERS, observed
from mumetal.formats.rows import Refusals, build, to_channel
from mumetal.formats.units import Conversion, to_si

GAUGES = 6
GAUGE_FIELDS = 6
MAX_KEYS = 512
SENSOR_OFF = 4.0  # the MaxiGauge's own code
STATUS = "0 ok, 1 under range, 2 over range, 3 sensor error, 4 off, 5 no sensor, 6 identification error"
STATES = frozenset({0.0, 1.0})


def _no_unit(_key: str) -> tuple[str, str]:
    return "", ""


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Reads one file's lines.

    Args:
        name: What the file's name says.
        origin: Where the values come from, for provenance.
        tenant: Who owns the data.
        device: Device name.
        clock: Zone of the lines.
        last_ns: Time of the line above the first one.
        refusals: Receives bad lines.
        unit_of: Tells the unit of a compressor's key and how surely.
        blind: Times in order at which the thermometer could not be read.
    """

    name: LogName
    origin: str
    tenant: str
    device: str
    clock: LocalTime
    last_ns: int
    refusals: Refusals
    unit_of: KeyUnit = _no_unit
    blind: NDArray[np.int64] = field(default_factory=lambda: NONE)
    _channels: tuple[Channel, ...] = ()
    _t: list[int] = field(default_factory=list)
    _seq: list[int] = field(default_factory=list)
    _rows: list[Sequence[float]] = field(default_factory=list)
    _done: list[Series] = field(default_factory=list)
    _keys: tuple[bytes, ...] = ()
    _conversions: tuple[Conversion, ...] = ()
    _bounds: tuple[tuple[float, float] | None, ...] = ()
    _errors: list[tuple[int, int, int, int]] = field(default_factory=list)
    _said: set[bytes] = field(default_factory=set)

    def read(self, lines: Sequence[bytes], first: int) -> list[Series]:
        """Return the series of some lines; ``first`` is the number of the first one."""
        kinds = {"value": self._value, "maxigauge": self._gauges, "pairs": self._pairs, "heaters": self._heaters}
        row = kinds.get(self.name.kind)
        day = self.name.day
        for number, line in enumerate(lines, first):
            fields = line.split(b",")
            if len(fields) < 3:
                if line.strip():
                    self.refusals.add(f":{number}", "a line has at least a date, a time and a value", line)
                continue
            try:
                t_ns = self.clock.read(fields[0].strip(), fields[1].strip(), day, self.last_ns)
                if row is None:
                    channel, code = read_error(fields)
                    self._errors.append((channel, t_ns, number, code))
                    self.last_ns = t_ns
                    continue
                values = row(fields, number)
            except BadInputError as error:
                self.refusals.add(f":{number}", error.message, line)
                continue
            self.last_ns = t_ns
            self._t.append(t_ns)
            self._seq.append(number)
            self._rows.append(values)
        self._flush()
        if self._errors:
            self._done += error_series(
                self._errors, tenant=self.tenant, device=self.device, origin=self.origin, refusals=self.refusals
            )
        return self._done

    def _flush(self) -> None:
        if self._t:
            t_ns, values = np.array(self._t, np.int64), np.array(self._rows, np.float64)
            if self.blind.size:
                values[near(t_ns, self.blind)] = np.nan
            if self.name.kind == "value":
                values = observed(values[:, 0], self._channels[0], self._conversions[0], self.refusals)[:, None]
            made = build(
                tenant=self.tenant,
                device=self.device,
                stream=self.name.stream,
                channels=self._channels,
                t_ns=t_ns,
                values=values,
                seq=np.array(self._seq, np.int64),
                refusals=self.refusals,
            )
            if made is not None:
                self._done.append(made)
        self._t, self._seq, self._rows = [], [], []

    def _value(self, fields: Sequence[bytes], _number: int) -> tuple[float]:
        if len(fields) != 3:
            raise BadInputError(f"{len(fields)} columns where 3 are expected")
        if not self._channels:
            said = f"{self.origin}{', 0 means disabled' if self.name.unit == 'K' else ''}"
            channel, conversion = to_channel(self.name.stream, self.name.unit, said)
            self._channels, self._conversions = (channel,), (conversion,)
        value = number_of(fields[2])
        return (math.nan if value == 0.0 and self.name.unit == "K" else value,)

    def _gauges(self, fields: Sequence[bytes], _number: int) -> list[float]:
        trailing = 1 if not fields[-1].strip() else 0
        if len(fields) - trailing != 2 + GAUGES * GAUGE_FIELDS:
            raise BadInputError(f"{len(fields)} columns where 39 are expected")
        if not self._channels:
            self._channels = gauge_channels(self.origin)
        values: list[float] = []
        pascal = to_si("mbar")
        for gauge in range(GAUGES):
            at = 2 + gauge * GAUGE_FIELDS
            if fields[at].strip().upper() != b"CH%d" % (gauge + 1):
                raise BadInputError(f"column {at + 1} does not name gauge CH{gauge + 1}")
            enabled = fields[at + 2].strip()
            if enabled not in {b"0", b"1"}:
                raise BadInputError(f"column {at + 3} says neither enabled nor disabled")
            pressure, status = number_of(fields[at + 3]), number_of(fields[at + 4])
            if enabled == b"0" and status == 0.0:
                status = SENSOR_OFF
            read = enabled == b"1" and status == 0.0 and (pressure < 0.0 or pressure not in PLACEHOLDERS)
            values += (pascal(pressure) if read else math.nan, status)
        return values

    def _heaters(self, fields: Sequence[bytes], number: int) -> list[float]:
        """Read state,power pairs, or key,value pairs: a key is no state, so the line tells which it is."""
        cells = fields[2:] if fields[-1].strip() else fields[2:-1]
        try:
            states = [number_of(text) for text in cells[0::2]]
        except BadInputError:
            return self._pairs(fields, number)
        if len(cells) % 2:
            raise BadInputError("a heater's state has no power")
        if not STATES.issuperset(states):
            return self._pairs(fields, number)
        keys = (b"",) * len(states)  # no key is empty, so these stand for the dialect and its width
        if keys != self._keys:
            self._settle(keys, [made for heater in range(len(states)) for made in _heater(heater, self.origin)])
        return [value for pair in zip(states, map(number_of, cells[1::2]), strict=True) for value in pair]

    def _pairs(self, fields: Sequence[bytes], number: int) -> list[float]:
        pairs = fields[2:] if fields[-1].strip() else fields[2:-1]
        if len(pairs) % 2:
            # Channels files put one number before the pairs; any other odd line was cut.
            if self.name.stream != "channels":
                raise BadInputError("a key has no value")
            number_of(pairs[0])
            pairs = pairs[1:]
        keys = tuple(pairs[0::2])
        if keys != self._keys or not keys:
            self._change(keys)
        values: list[float] = []
        for at, (key, text) in enumerate(zip(keys, pairs[1::2], strict=True)):
            value, reason = _within(text, self._bounds[at])
            if reason and key not in self._said:
                self._said.add(key)
                said = f"{reason} ({self._channels[at].provenance[-200:]})" if self._bounds[at] else reason
                self.refusals.add(f":{number} {key.decode(errors='replace')[:64]}", said, text)
            values.append(self._conversions[at](value))
        return values

    def _change(self, keys: tuple[bytes, ...]) -> None:
        """Start a new channel map: another set of keys is another epoch."""
        if not 1 <= len(keys) <= MAX_KEYS:
            raise BadInputError(f"{len(keys)} key,value pairs where 1 to {MAX_KEYS} are expected")
        names = [key.strip().decode("utf-8", "replace") for key in keys]
        for name in names:
            if not KEY.fullmatch(name):
                raise BadInputError(f"{name[:40]!r} is no key")
        if len(set(names)) != len(names):
            raise BadInputError("a key is given twice")
        self._settle(keys, [key_channel(name, self.name.stream, self.origin, self.unit_of) for name in names])

    def _settle(self, keys: tuple[bytes, ...], made: Sequence[tuple[Channel, Conversion, str]]) -> None:
        if len({channel.name for channel, _, _ in made}) != len(made):
            raise BadInputError("two keys give one channel")
        self._flush()
        self._keys = keys
        self._channels = tuple(channel for channel, _, _ in made)
        self._conversions = tuple(conversion for _, conversion, _ in made)
        self._bounds = tuple(BOUNDS.get(unit) for _, _, unit in made)


def _within(text: bytes, bounds: tuple[float, float] | None) -> tuple[float, str]:
    """Read a key's number; NaN and the reason where it is none, or lies where its unit does not reach."""
    try:
        value = number_of(text)
    except BadInputError as error:
        return math.nan, error.message
    if bounds is None or math.isnan(value) or bounds[0] <= value <= bounds[1]:
        return value, ""
    # A thermometer that reads 0 K is switched off; 0 °C is a temperature.
    return math.nan, "" if value == 0.0 else "no possible value in its unit"


def _heater(index: int, origin: str) -> Iterator[tuple[Channel, Conversion, str]]:
    """Yield the two channels of a heater in a log of state,power pairs."""
    for name, unit in (("on", "1"), ("power", "W")):
        channel, conversion = to_channel(f"heater{index}.{name}", unit, f"{origin}, state and power of each heater")
        yield channel, conversion, ""


def gauge_channels(origin: str) -> tuple[Channel, ...]:
    """Return the twelve channels of a MaxiGauge file: pressure and status of each gauge."""
    channels: list[Channel] = []
    for gauge in range(1, GAUGES + 1):
        pressure, _ = to_channel(f"p{gauge}.pressure", "mbar", f"{origin}, CH{gauge}, observed with status 0 only")
        status = Channel(name=f"p{gauge}.status", unit="1", provenance=f"{origin}, CH{gauge}, {STATUS}")
        channels += (pressure, status)
    return tuple(channels)


def number_of(text: bytes) -> float:
    """Read one number.

    Raises:
        BadInputError: It is none, or infinite.
    """
    try:
        value = float(text)
    except ValueError:
        raise BadInputError("value is no number") from None
    if b"_" in text or math.isinf(value):
        raise BadInputError("value is no finite number")
    return value
