"""An Arrow IPC stream of plain numeric columns, read with every offset checked and no value copied.

Why not the library that writes them: arro3 0.9 aborts the whole process on a stream whose buffers point outside its
body (a Rust panic across the C interface), so a single hostile body would end the service. What the push door takes
is small: integers, floats, timestamps and fixed-size lists of float64; no dictionaries, no compression, no nesting.
Field numbers follow Message.fbs and Schema.fbs of the Arrow columnar format 1.x.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError

CONTINUATION = 0xFFFF_FFFF
MAX_METADATA = 16 * 2**20
MAX_FIELDS = 65_538
MAX_TEXT = 2**20
SCHEMA, RECORD_BATCH = 1, 3
INT, FLOAT, TIMESTAMP, FIXED_LIST = 2, 3, 10, 16
FLOATS = ("f2", "f4", "f8")
TICK_NS = (10**9, 10**6, 10**3, 1)
IMPOSSIBLE = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a schema.

    Args:
        name: Column name.
        dtype: numpy's name of the stored numbers; empty when the column is of a kind that is not read.
        tick_ns: For a timestamp, nanoseconds per count; 0 otherwise.
        width: Numbers a row; more than 1 for a fixed-size list, 0 for a plain column.
    """

    name: str
    dtype: str
    tick_ns: int = 0
    width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The stream's schema: columns in order, and the metadata as text."""

    columns: tuple[Column, ...]
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One record batch.

    Args:
        length: Rows.
        arrays: One array a column, shape (n,) or (n, width), read-only views of the body.
        missing: Mask of nulls a column, or None when there are none.
    """

    length: int
    arrays: tuple[NDArray[np.generic], ...]
    missing: tuple[NDArray[np.bool_] | None, ...]


class _Flat:
    """A flatbuffer table; every access is checked against the message's end by ``struct`` or by hand."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self.at = data, at
        self._vtable = at - self._get("<i", at)
        self._size = self._get("<H", self._vtable)

    def _get(self, form: str, at: int) -> int:
        if at < 0:
            raise struct.error("before the message")
        return int(struct.unpack_from(form, self._data, at)[0])

    def place(self, index: int) -> int:
        """Return where field ``index`` lies, 0 when it is left out."""
        slot = 4 + 2 * index
        offset = self._get("<H", self._vtable + slot) if slot + 2 <= self._size else 0
        return self.at + offset if offset else 0

    def number(self, index: int, form: str) -> int:
        """Return a scalar field; 0, its default in every table read here, when left out."""
        at = self.place(index)
        return self._get(form, at) if at else 0

    def table(self, index: int) -> "_Flat":
        """Return a table field."""
        at = self.place(index)
        if not at:
            raise struct.error("a table is missing")
        return _Flat(self._data, at + self._get("<I", at))

    def vector(self, index: int, size: int) -> tuple[int, int]:
        """Return start and length of a vector field whose elements have ``size`` bytes."""
        at = self.place(index)
        if not at:
            return 0, 0
        start = at + self._get("<I", at)
        count = self._get("<I", start)
        if count * size > len(self._data) - start - 4:
            raise struct.error("a vector runs past the end")
        return start + 4, count

    def tables(self, index: int) -> Iterator["_Flat"]:
        """Yield the tables of a vector field."""
        start, count = self.vector(index, 4)
        if count > MAX_FIELDS:
            raise struct.error("too many entries")
        for entry in range(start, start + 4 * count, 4):
            yield _Flat(self._data, entry + self._get("<I", entry))

    def text(self, index: int) -> str:
        """Return a text field."""
        start, count = self.vector(index, 1)
        if count > MAX_TEXT:
            raise struct.error("a text is too long")
        return self._data[start : start + count].decode()

    def pairs(self, index: int) -> list[tuple[int, int]]:
        """Return a vector of structs of two int64."""
        start, count = self.vector(index, 16)
        return list(struct.iter_unpack("<qq", self._data[start : start + 16 * count]))


def read_stream(data: bytes, where: str) -> tuple[Heading, Iterator[Rows]]:
    """Read the schema of a stream; the batches follow as they are asked for.

    Args:
        data: The whole stream.
        where: Place for errors.

    Raises:
        BadInputError: Not such a stream, now or while the batches are read.
    """
    messages = _messages(data, where)
    try:
        kind, header, _, _ = next(messages)
        if kind != SCHEMA:
            raise BadInputError("an Arrow stream starts with its schema", where=where)
        heading = _heading(header)
    except StopIteration:
        raise BadInputError("the Arrow stream is empty", where=where) from None
    except (struct.error, UnicodeDecodeError) as error:
        raise BadInputError(f"the Arrow schema is malformed: {error}", where=where) from None
    return heading, _batches(data, heading, messages, where)


def _messages(data: bytes, where: str) -> Iterator[tuple[int, _Flat, int, int]]:
    """Yield kind, header, start and length of the body of each message."""
    at, end = 0, len(data)
    while at < end:
        if end - at < 8:
            raise BadInputError(f"the Arrow stream is cut short at byte {at}", where=where)
        mark, size = struct.unpack_from("<II", data, at)
        if mark != CONTINUATION:
            raise BadInputError(f"no Arrow message at byte {at}", where=where)
        if size == 0:
            return
        if size > min(MAX_METADATA, end - at - 8):
            raise BadInputError(f"the Arrow message at byte {at} claims {size} bytes of metadata", where=where)
        body = at + 8 + size
        try:
            message = data[at + 8 : body]
            flat = _Flat(message, struct.unpack_from("<I", message, 0)[0])
            kind, length = flat.number(1, "<B"), flat.number(3, "<q")
            header = flat.table(2)
        except struct.error as error:
            raise BadInputError(f"the Arrow message at byte {at} is malformed: {error}", where=where) from None
        if not 0 <= length <= end - body:
            raise BadInputError(f"the Arrow message at byte {at} claims a body of {length} bytes", where=where)
        yield kind, header, body, length
        at = body + length


def _heading(schema: _Flat) -> Heading:
    if schema.number(0, "<h") != 0:
        raise struct.error("big-endian streams are not taken")
    columns = tuple(_column(field) for field in schema.tables(1))
    metadata = {pair.text(0): pair.text(1) for pair in schema.tables(2)}
    return Heading(columns=columns, metadata=metadata)


def _column(field: _Flat) -> Column:
    name, kind = field.text(0), field.number(2, "<B")
    if field.place(4):
        raise struct.error(f"column {name[:60]!r} is a dictionary, which is not taken")
    if kind == FIXED_LIST:
        inner = [_column(child) for child in field.tables(5)]
        width = field.table(3).number(0, "<i")
        if len(inner) != 1 or inner[0].dtype != "f8" or not 1 <= width <= MAX_FIELDS:
            raise struct.error(f"column {name[:60]!r} is no fixed-size list of float64")
        return Column(name=name, dtype="f8", width=width)
    if kind == INT:
        bits = field.table(3).number(0, "<i")
        if bits in {8, 16, 32, 64}:
            return Column(name=name, dtype=f"{'i' if field.table(3).number(1, '<B') else 'u'}{bits // 8}")
    if kind == FLOAT:
        precision = field.table(3).number(0, "<h")
        if 0 <= precision < len(FLOATS):
            return Column(name=name, dtype=FLOATS[precision])
    if kind == TIMESTAMP:
        unit = field.table(3).number(0, "<h")
        if 0 <= unit < len(TICK_NS):
            return Column(name=name, dtype="i8", tick_ns=TICK_NS[unit])
    raise struct.error(f"column {name[:60]!r} holds no numbers; only integers, floats and timestamps are taken")


def _batches(
    data: bytes, heading: Heading, messages: Iterator[tuple[int, _Flat, int, int]], where: str
) -> Iterator[Rows]:
    for kind, header, body, length in messages:
        if kind != RECORD_BATCH:
            raise BadInputError("an Arrow stream holds record batches after its schema", where=where)
        try:
            yield _rows(data, heading, header, body, length)
        except struct.error as error:
            raise BadInputError(f"an Arrow record batch is malformed: {error}", where=where) from None


def _rows(data: bytes, heading: Heading, batch: _Flat, body: int, length: int) -> Rows:
    if batch.place(3):
        raise struct.error("compressed record batches are not taken; write the stream uncompressed")
    rows = batch.number(0, "<q")
    nodes, buffers = iter(batch.pairs(1)), iter(batch.pairs(2))

    def view(dtype: str, count: int) -> NDArray[np.generic]:
        offset, size = _next(buffers)
        need = count * np.dtype(dtype).itemsize
        if offset < 0 or need > size or offset + size > length:
            raise struct.error("a buffer lies outside its body")
        return np.frombuffer(data, "<" + dtype, count, body + offset)

    def mask(count: int, nulls: int) -> NDArray[np.bool_] | None:
        offset, size = _next(buffers)
        if nulls == 0 or size == 0:
            return None
        if offset < 0 or (count + 7) // 8 > size or offset + size > length:
            raise struct.error("a validity map lies outside its body")
        bits = np.frombuffer(data, np.uint8, (count + 7) // 8, body + offset)
        return ~np.unpackbits(bits, count=count, bitorder="little").astype(np.bool_)

    arrays: list[NDArray[np.generic]] = []
    missing: list[NDArray[np.bool_] | None] = []
    for column in heading.columns:
        count, nulls = _next(nodes)
        if count != rows or not 0 <= rows <= length:
            raise struct.error("a column has another length than its batch")
        absent = mask(rows, nulls)
        if column.width:
            inner, inner_nulls = _next(nodes)
            if inner != rows * column.width or inner > length:
                raise struct.error("a list column has another length than its batch")
            inside = mask(inner, inner_nulls)
            arrays.append(view(column.dtype, inner).reshape(rows, column.width))
            if inside is not None:
                absent = inside.reshape(rows, column.width) | (False if absent is None else absent[:, None])
        else:
            arrays.append(view(column.dtype, rows))
        missing.append(absent)
    return Rows(length=rows, arrays=tuple(arrays), missing=tuple(missing))


def _next(pairs: Iterator[tuple[int, int]]) -> tuple[int, int]:
    try:
        return next(pairs)
    except StopIteration:
        raise struct.error("a record batch describes fewer buffers than its schema needs") from None


def floats(array: NDArray[np.generic], missing: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Return float64 of the same shape, NaN where missing; the same memory when there is nothing to do."""
    numbers = np.asarray(array, np.float64)
    if missing is None:
        return numbers
    numbers = numbers.copy()
    numbers[missing] = np.nan
    return numbers


def times(array: NDArray[np.generic], missing: NDArray[np.bool_] | None, tick_ns: int) -> NDArray[np.int64]:
    """Return int64 nanoseconds; what is missing or does not fit becomes -2^63, which no rule takes as a time.

    Raises:
        BadInputError: The column holds no integers.
    """
    if array.dtype.kind not in "iu":
        raise BadInputError(f"t_ns and seq are integers, not {array.dtype}")
    whole = np.asarray(array, np.int64)
    if tick_ns > 1:
        fits = np.abs(whole) < 2**62 // tick_ns
        whole = np.where(fits, whole, 0) * tick_ns
        whole[~fits] = IMPOSSIBLE
    if missing is not None:
        whole = whole.copy()
        whole[missing] = IMPOSSIBLE
    return whole
