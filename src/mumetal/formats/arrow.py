"""The push door's Arrow IPC stream (the ``server`` extra): float columns, or one fixed-size list for speed.

Layout: schema metadata ``device``, ``stream``, ``units`` (JSON object: channel name to unit), optionally ``channels``
(JSON list of names) and ``source``; a column ``t_ns`` (int64 or timestamp), optionally ``seq`` (int64), and either one
numeric column per channel or a single column ``values``, a fixed-size list of float64 with ``channels`` naming its
places. The list layout is copied nowhere.
"""

import io
import struct
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from arro3.core import (
    Array,
    ChunkedArray,
    DataType,
    Field,
    RecordBatch,
    RecordBatchReader,
    Schema,
    fixed_size_list_array,
    list_flatten,
)
from arro3.io import read_ipc_stream, write_ipc_stream
from numpy.typing import NDArray

from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import LOCAL, MAX_CHANNELS, Channel, Series
from mumetal.formats.rows import Refusals, build, to_channel
from mumetal.formats.units import Conversion

MAX_BYTES = 64 * 2**20
MAX_METADATA = 8 * 2**20
CONTINUATION = 0xFFFF_FFFF
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
    check_framing(data, where)
    refusals = Refusals(where=where)
    series: list[Series] = []
    try:
        reader = read_ipc_stream(io.BytesIO(data))
        head = _Head(reader.schema, source, refusals)
        for batch in reader:
            if batch.num_rows:
                found = _series(batch, head, tenant, refusals, len(data))
                if found is not None:
                    series.append(found)
    except BadInputError as error:
        raise BadInputError(error.message, where=where, hint=error.hint) from None
    except BaseException as error:
        # arro3 raises plain Exception, and a Rust panic arrives as a BaseException of its own.
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)):
            raise
        raise BadInputError(f"not an Arrow stream: {str(error)[:200]}", where=where) from None
    return Delivery(source=source, tenant=tenant, data=tuple(series), quarantined=refusals.all())


class _Head:
    """What the stream's schema says."""

    def __init__(self, schema: Schema, source: str, refusals: Refusals) -> None:
        metadata: Mapping[str, str] = schema.metadata_str
        columns = list(schema.names)
        if "device" not in metadata or "stream" not in metadata or "t_ns" not in columns:
            raise BadInputError(
                "an Arrow stream needs the schema metadata device, stream and units, and a column t_ns",
                hint="see docs/reference/sources.md",
            )
        self.device, self.stream = metadata["device"], metadata["stream"]
        self.listed = "values" in columns and "channels" in metadata
        self.seq = "seq" in columns
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


def _series(batch: RecordBatch, head: _Head, tenant: str, refusals: Refusals, size: int) -> Series | None:
    n = batch.num_rows
    if n * head.width * 8 > max(size, 1) * 8:
        raise BadInputError(f"{n} rows of {head.width} channels do not fit into the {size} bytes sent")
    t_ns = _integers(_array(batch, "t_ns"))
    seq = _integers(_array(batch, "seq")) if head.seq else None
    if head.listed:
        flat = list_flatten(_array(batch, "values"))
        values = _floats(flat).reshape(n, head.width)
        if len(head.kept) < head.width:
            values = np.ascontiguousarray(values[:, [index for index, _ in head.kept]])
        for column, conversion in enumerate(head.conversions):
            if conversion.factor != 1.0 or conversion.offset != 0.0:
                values = values if values.flags.writeable else values.copy()
                values[:, column] = conversion.array(values[:, column])
    else:
        values = np.empty((n, len(head.kept)), np.float64)
        columns = [
            conversion.array(_floats(_array(batch, name)))
            for (_, name), conversion in zip(head.kept, head.conversions, strict=True)
        ]
        np.stack(columns, axis=1, out=values)
    return build(
        tenant=tenant,
        device=head.device,
        stream=head.stream,
        channels=head.channels,
        t_ns=t_ns,
        values=values,
        seq=seq,
        refusals=refusals,
    )


def _array(batch: RecordBatch, name: str) -> Array:
    column = batch.column(name)
    return column.combine_chunks() if isinstance(column, ChunkedArray) else column


def _floats(array: Array) -> NDArray[np.float64]:
    if array.null_count:
        return np.array([_number(x) for x in array.to_pylist()], np.float64)
    numbers = array.to_numpy()
    if numbers.dtype.kind not in "fiu":
        raise BadInputError(f"a column of values has type {array.type}, which is no number")
    return np.asarray(numbers, np.float64)


def _number(value: object) -> float:
    if value is None:
        return np.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise BadInputError("a column of values holds something that is no number")


def _integers(array: Array) -> NDArray[np.int64]:
    if array.null_count:
        numbers = [x if isinstance(x, int) else -(2**63) for x in array.to_pylist()]
        return np.array(numbers, np.int64)
    numbers_ = array.to_numpy()
    if numbers_.dtype.kind == "M":
        return numbers_.astype("datetime64[ns]").astype(np.int64)
    if numbers_.dtype != np.int64:
        raise BadInputError(f"t_ns and seq are int64, not {numbers_.dtype}")
    return numbers_


def check_framing(data: bytes, where: str) -> None:
    """Walk the stream's message frames, so that a length it claims is never allocated before it is seen.

    Also refuses compressed bodies: a few kilobytes may claim gigabytes.

    Raises:
        BadInputError: A frame runs past the end, or a body is compressed.
    """
    at, end = 0, len(data)
    while at < end:
        if end - at < 8:
            raise BadInputError(f"Arrow stream is cut short at byte {at}", where=where)
        mark, size = struct.unpack_from("<II", data, at)
        if mark != CONTINUATION:
            raise BadInputError(f"no Arrow message at byte {at}", where=where)
        if size == 0:
            return
        if size > min(MAX_METADATA, end - at - 8):
            raise BadInputError(f"Arrow message at byte {at} claims {size} bytes of metadata", where=where)
        body = _body_length(data[at + 8 : at + 8 + size], at, where)
        at += 8 + size + body
        if at > end:
            raise BadInputError(f"Arrow message claims a body past the end, to byte {at} of {end}", where=where)


def _body_length(message: bytes, at: int, where: str) -> int:
    """Read ``bodyLength`` (field 3) of an Arrow flatbuffer Message, and refuse a compressed record batch."""
    try:
        table = struct.unpack_from("<I", message, 0)[0]
        body = _field(message, table, 3)
        length = struct.unpack_from("<q", message, body)[0] if body else 0
        kind = _field(message, table, 1)
        header = _field(message, table, 2)
        if kind and header and message[kind] == 3:
            batch = header + struct.unpack_from("<I", message, header)[0]
            if _field(message, batch, 3):
                raise BadInputError(
                    "compressed Arrow record batches are not taken", where=where, hint="write the stream uncompressed"
                )
    except (struct.error, IndexError):
        raise BadInputError(f"Arrow message at byte {at} is malformed", where=where) from None
    if length < 0:
        raise BadInputError(f"Arrow message at byte {at} claims a body of {length} bytes", where=where)
    return int(length)


def _field(message: bytes, table: int, index: int) -> int:
    """Return where a flatbuffer table's field lies, 0 when it is left out."""
    vtable = table - struct.unpack_from("<i", message, table)[0]
    if vtable < 0:
        raise struct.error("vtable before the message")
    size = struct.unpack_from("<H", message, vtable)[0]
    slot = 4 + 2 * index
    offset = struct.unpack_from("<H", message, vtable + slot)[0] if slot + 2 <= size else 0
    return table + offset if offset else 0


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
