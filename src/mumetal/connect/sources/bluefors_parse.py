"""Lines of BlueFors logs to series: one number a line, the MaxiGauge's 39 columns, and key,value pairs.

A row's ``seq`` is its line number, so a file read again, in whatever pieces, gives the same identities.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mumetal.connect.sources.bluefors_names import KEY, LogName, key_channel
from mumetal.connect.sources.local_time import LocalTime
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.formats.rows import Refusals, build, to_channel
from mumetal.formats.units import Conversion, to_si

GAUGES = 6
GAUGE_FIELDS = 6
MAX_KEYS = 512


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
    """

    name: LogName
    origin: str
    tenant: str
    device: str
    clock: LocalTime
    last_ns: int
    refusals: Refusals
    _channels: tuple[Channel, ...] = ()
    _t: list[int] = field(default_factory=list)
    _seq: list[int] = field(default_factory=list)
    _rows: list[Sequence[float]] = field(default_factory=list)
    _done: list[Series] = field(default_factory=list)
    _keys: tuple[bytes, ...] = ()
    _conversions: tuple[Conversion, ...] = ()
    _said: set[bytes] = field(default_factory=set)

    def read(self, lines: Sequence[bytes], first: int) -> list[Series]:
        """Return the series of some lines; ``first`` is the number of the first one."""
        row = {"value": self._value, "maxigauge": self._gauges, "pairs": self._pairs}[self.name.kind]
        day = self.name.day
        for number, line in enumerate(lines, first):
            fields = line.split(b",")
            if len(fields) < 3:
                if line.strip():
                    self.refusals.add(f":{number}", "a line has at least a date, a time and a value", line)
                continue
            try:
                t_ns = self.clock.read(fields[0].strip(), fields[1].strip(), day, self.last_ns)
                values = row(fields, number)
            except BadInputError as error:
                self.refusals.add(f":{number}", error.message, line)
                continue
            self.last_ns = t_ns
            self._t.append(t_ns)
            self._seq.append(number)
            self._rows.append(values)
        self._flush()
        return self._done

    def _flush(self) -> None:
        if self._t:
            made = build(
                tenant=self.tenant,
                device=self.device,
                stream=self.name.stream,
                channels=self._channels,
                t_ns=np.array(self._t, np.int64),
                values=np.array(self._rows, np.float64),
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
        value = self._conversions[0](number_of(fields[2]))
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
            pressure = number_of(fields[at + 3])
            values += (pascal(pressure) if enabled == b"1" else math.nan, number_of(fields[at + 4]))
        return values

    def _pairs(self, fields: Sequence[bytes], number: int) -> list[float]:
        pairs = fields[2:] if fields[-1].strip() else fields[2:-1]
        # Channels files put one number before the pairs; a count is odd only then.
        pairs = pairs[1:] if len(pairs) % 2 else pairs
        keys = tuple(pairs[0::2])
        if keys != self._keys or not keys:
            self._change(keys)
        values: list[float] = []
        for key, text, conversion, channel in zip(keys, pairs[1::2], self._conversions, self._channels, strict=True):
            try:
                value = conversion(number_of(text))
            except BadInputError as error:
                if key not in self._said:
                    self._said.add(key)
                    self.refusals.add(f":{number} {key.decode(errors='replace')[:64]}", error.message, text)
                value = math.nan
            # A thermometer that reads 0 K is switched off; 0 °C is a temperature.
            values.append(math.nan if value == 0.0 and channel.unit == "K" else value)
        return values

    def _change(self, keys: tuple[bytes, ...]) -> None:
        """Start a new channel map: another set of keys is another epoch."""
        if not 1 <= len(keys) <= MAX_KEYS:
            raise BadInputError(f"{len(keys)} key,value pairs where 1 to {MAX_KEYS} are expected")
        names = [key.strip().decode("ascii", "replace") for key in keys]
        for name in names:
            if not KEY.fullmatch(name):
                raise BadInputError(f"{name[:40]!r} is no key")
        if len(set(names)) != len(names):
            raise BadInputError("a key is given twice")
        made = [key_channel(name, self.name.stream, self.origin) for name in names]
        if len({channel.name for channel, _ in made}) != len(made):
            raise BadInputError("two keys give one channel")
        self._flush()
        self._keys = keys
        self._channels = tuple(channel for channel, _ in made)
        self._conversions = tuple(conversion for _, conversion in made)


def gauge_channels(origin: str) -> tuple[Channel, ...]:
    """Return the twelve channels of a MaxiGauge file: pressure and status of each gauge."""
    channels: list[Channel] = []
    for gauge in range(1, GAUGES + 1):
        pressure, _ = to_channel(f"p{gauge}.pressure", "mbar", f"{origin}, CH{gauge}, NaN while disabled")
        status = Channel(name=f"p{gauge}.status", unit="1", provenance=f"{origin}, CH{gauge}, as logged")
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
