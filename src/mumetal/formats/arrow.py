"""The push door's Arrow IPC stream (the ``server`` extra): float columns, or one fixed-size list for speed.

Layout: schema metadata ``device``, ``stream``, ``units`` (JSON object: channel name to unit), optionally ``channels``
(JSON list of names) and ``source``; a column ``t_ns`` (int64 or timestamp), optionally ``seq`` (int64), and either one
numeric column per channel or a single column ``values``, a fixed-size list of float64 with ``channels`` naming its
places. The list layout is copied nowhere.
"""

import io
from collections.abc import Sequence

import msgspec
import numpy as np
from arro3.core import (
    Array,
    DataType,
    Field,
    RecordBatch,
    RecordBatchReader,
    Schema,
    fixed_size_list_array,
)
from arro3.io import write_ipc_stream
from numpy.typing import NDArray

from mumetal.core import LOCAL
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import MAX_CHANNELS, Channel, Series
from mumetal.formats.absent import observed
from mumetal.formats.arrow_frames import Heading, Rows, floats, read_stream, times
from mumetal.formats.rows import Refusals, build, to_channel
from mumetal.formats.units import Conversion

MAX_BYTES = 64 * 2**20
_UNITS = msgspec.json.Decoder(dict[str, str])
_NAMES = msgspec.json.Decoder(list[str])


def from_arrow_stream(
    data: bytes, *, tenant: str = LOCAL, source: str = "push", where: str = "push", limit: int = MAX_BYTES
) -> Delivery:
    """Read one pushed Arrow IPC stream.

    Args:
        data: The stream's bytes; record batches are not compressed.
        tenant: For whom it was pushed; never read from the stream.
        source: Source id.
        where: Place for errors and quarantine.
        limit: Most bytes accepted.

    Returns:
        One series per record batch, units in SI; what was refused is in ``quarantined``.

    Raises:
        BadInputError: Not such a stream, or too large: nothing of it was kept.
    """
    if len(data) > limit:
        raise BadInputError(f"a body of {len(data)} bytes, more than {limit}", where=where, hint="send smaller batches")
    refusals = Refusals(where=where)
    heading, batches = read_stream(data, where)
    series: list[Series] = []
    try:
        head = _Head(heading, source, refusals)
        for rows in batches:
            found = _series(rows, head, tenant, refusals) if rows.length else None
            if found is not None:
                series.append(found)
    except BadInputError as error:
        raise BadInputError(error.message, where=where, hint=error.hint) from None
    return Delivery(source=source, tenant=tenant, data=tuple(series), quarantined=refusals.all())


class _Head:
    """What the stream's schema says."""

    def __init__(self, heading: Heading, source: str, refusals: Refusals) -> None:
        metadata = heading.metadata
        columns = [column.name for column in heading.columns]
        if len(set(columns)) != len(columns):
            raise BadInputError("an Arrow stream names a column twice")
        if "device" not in metadata or "stream" not in metadata or "t_ns" not in columns:
            raise BadInputError(
                "an Arrow stream needs the schema metadata device, stream and units, and a column t_ns",
                hint="see docs/reference/sources.md",
            )
        self.device, self.stream = metadata["device"], metadata["stream"]
        self.listed = "values" in columns and "channels" in metadata
        self.columns = {column.name: (place, column) for place, column in enumerate(heading.columns)}
        self.seq = "seq" in columns
        if (not self.listed) and any(column.width for column in heading.columns):
            raise BadInputError("a fixed-size list needs the name 'values' and the metadata channels")
        try:
            units = _UNITS.decode(metadata.get("units", "{}"))
            names = _NAMES.decode(metadata["channels"]) if self.listed else []
        except msgspec.DecodeError as error:
            raise BadInputError(f"metadata units or channels is not JSON: {error}") from None
        names = names or [name for name in columns if name not in {"t_ns", "seq"}]
        if not 1 <= len(names) <= MAX_CHANNELS:
            raise BadInputError(f"a stream has 1 to {MAX_CHANNELS} channels, not {len(names)}")
        origin = f"{source} {metadata.get('source', '')}".strip()[:900]
        self.width = len(names)
        self.channels: list[Channel] = []
        self.conversions: list[Conversion] = []
        self.kept: list[tuple[int, str]] = []
        for index, name in enumerate(names):
            try:
                channel, conversion = to_channel(name, units.get(name, ""), origin)
            except BadInputError as error:
                refusals.add(f" channel {index}", error.message)
                continue
            self.channels.append(channel)
            self.conversions.append(conversion)
            self.kept.append((index, name))
        if not self.channels:
            raise BadInputError("no channel of the stream can be used", hint="give every channel a unit in 'units'")


def _series(rows: Rows, head: _Head, tenant: str, refusals: Refusals) -> Series | None:
    def whole(name: str) -> NDArray[np.int64]:
        place, column = head.columns[name]
        return times(rows.arrays[place], rows.missing[place], column.tick_ns)

    def numbers(name: str) -> NDArray[np.float64]:
        place, _ = head.columns[name]
        return floats(rows.arrays[place], rows.missing[place])

    if head.listed:
        values = numbers("values")
        if values.shape != (rows.length, head.width):
            raise BadInputError(f"{head.width} channels are named for lists of shape {values.shape}")
        if len(head.kept) < head.width:
            values = np.ascontiguousarray(values[:, [index for index, _ in head.kept]])
        for column, (channel, conversion) in enumerate(zip(head.channels, head.conversions, strict=True)):
            read = observed(values[:, column], channel, conversion, refusals)
            if read.base is not values:
                values = values if values.flags.writeable else values.copy()
                values[:, column] = read
    else:
        values = np.empty((rows.length, len(head.kept)), np.float64)
        kept = zip(head.kept, head.channels, head.conversions, strict=True)
        np.stack([observed(numbers(name), ch, c, refusals) for (_, name), ch, c in kept], axis=1, out=values)
    return build(
        tenant=tenant,
        device=head.device,
        stream=head.stream,
        channels=head.channels,
        t_ns=whole("t_ns"),
        values=values,
        seq=whole("seq") if head.seq else None,
        refusals=refusals,
    )


def to_arrow_stream(series: Sequence[Series], source: str = "", *, listed: bool = True) -> bytes:
    """Write series of one device, stream and channel map as :func:`from_arrow_stream` reads them.

    Args:
        series: At least one.
        source: Who sends them, for the provenance.
        listed: True for the fixed-size list layout, False for one column per channel.

    Raises:
        BadInputError: None, or they do not share device, stream and channels.
    """
    if not series or len({(s.device, s.stream, s.epoch) for s in series}) != 1:
        raise BadInputError("an Arrow stream holds one device, stream and channel map")
    first = series[0]
    metadata = {
        "device": first.device,
        "stream": first.stream,
        "source": source,
        "units": msgspec.json.encode({c.name: c.unit for c in first.channels}).decode(),
    }
    floats = DataType.float64()
    if listed:
        metadata["channels"] = msgspec.json.encode(first.names).decode()
        fields = [Field("values", DataType.list(Field("item", floats), len(first.channels)), nullable=False)]
    else:
        fields = [Field(name, floats, nullable=False) for name in first.names]
    whole = [Field("t_ns", DataType.int64(), nullable=False), Field("seq", DataType.int64(), nullable=False)]
    schema = Schema([*whole, *fields], metadata=metadata)
    out = io.BytesIO()
    write_ipc_stream(_batches(series, schema, listed=listed), out, compression=None)
    return out.getvalue()


def _batches(series: Sequence[Series], schema: Schema, *, listed: bool) -> RecordBatchReader:
    made = []
    for one in series:
        width = len(one.channels)
        columns = [Array.from_numpy(np.array(one.t_ns)), Array.from_numpy(np.array(one.seq))]
        if listed:
            flat = Array.from_numpy(np.array(one.values).reshape(-1))
            columns.append(fixed_size_list_array(flat, width, type=schema.field("values").type))
        else:
            columns += [Array.from_numpy(np.ascontiguousarray(one.values[:, i])) for i in range(width)]
        made.append(RecordBatch.from_arrays(columns, schema=schema))
    return RecordBatchReader.from_batches(schema, made)
