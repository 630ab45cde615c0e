"""The log's inside: one whole delivery as bytes and back.

A body is one Arrow IPC stream per series, a MessagePack head, each padded to eight bytes, and the head's length (u64).
The head stands last so that the numbers can be hashed before it is known what of them is new. The head holds what is not numbers: source, tenant, cursor, channel maps, events, snapshots, quarantine.
The IPC stream holds ``t_ns``, ``seq`` and the values as fixed-size lists, so that a series is read without a loop.

Read a body only after its SHA-256 was checked: arro3 0.9 aborts the process on some malformed IPC messages.
"""

import hashlib
import io
import struct
from collections import OrderedDict
from collections.abc import Sequence

import arro3.core as ac
import arro3.io as aio
import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.core.delivery import Datum, Delivery, Quarantined
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.core.event import Event
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot

LENGTH = struct.Struct("<Q")
REMEMBERED_MAPS = 256


class SeriesHead(msgspec.Struct, frozen=True, array_like=True):
    """What the head says of one series; ``place`` is its index among the delivery's data."""

    place: int
    tenant: str
    device: str
    stream: str
    channels: msgspec.Raw
    rows: int
    late: int
    size: int


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What the head says of a delivery."""

    source: str
    tenant: str
    cursor: str
    caught_up: bool
    series: tuple[SeriesHead, ...]
    events: tuple[tuple[int, Event], ...]
    snapshots: tuple[tuple[int, DeviceSnapshot], ...]
    quarantined: tuple[Quarantined, ...]


class ChannelMaps:
    """Remembers the encoded form of the channel maps seen last: encoding 64 channels costs more than 100 rows."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, tuple[tuple[Channel, ...], bytes]] = OrderedDict()

    def encode(self, channels: tuple[Channel, ...]) -> bytes:
        """Return a channel map as MessagePack."""
        known = self._seen.get(id(channels))
        if known is not None and known[0] is channels:
            return known[1]
        encoded = msgspec.msgpack.encode(channels)
        self._seen[id(channels)] = (channels, encoded)
        if len(self._seen) > REMEMBERED_MAPS:
            self._seen.popitem(last=False)
        return encoded


def _pad(size: int) -> bytes:
    return bytes(-size % 8)


class _Parts(io.BytesIO):
    """Keeps what is written as it comes: two copies of the numbers fewer than a BytesIO makes."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]  # only bytes come
        self.parts.append(bytes(data))
        self.size += len(data)
        return len(data)


def _ipc(series: Series) -> _Parts:
    columns = [
        ac.Array.from_numpy(series.t_ns),
        ac.Array.from_numpy(series.seq),
        ac.fixed_size_list_array(ac.Array.from_numpy(series.values.reshape(-1)), len(series.channels)),
    ]
    out = _Parts()
    aio.write_ipc_stream(ac.RecordBatch.from_arrays(columns, names=["t_ns", "seq", "v"]), out, compression=None)
    out.write(_pad(out.size))
    return out


class Draft:
    """A delivery on its way to bytes: the numbers are encoded and hashed before the store's lock is taken.

    Args:
        delivery: As it came in.
        maps: Encoded channel maps.
    """

    def __init__(self, delivery: Delivery, maps: ChannelMaps) -> None:
        self._maps = maps
        self._series = [d for d in delivery.data if isinstance(d, Series)]
        self._streams = [_ipc(s) for s in self._series]
        self._sha = hashlib.sha256()
        for stream in self._streams:
            for part in stream.parts:
                self._sha.update(part)

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return sum(s.size for s in self._streams)

    def finish(self, delivery: Delivery, late: Sequence[int]) -> tuple[list[bytes], bytes]:
        """Return the body of what is left of the delivery, in parts, and its SHA-256 (32 bytes).

        Args:
            delivery: Without repeats.
            late: Late rows of each of its series, in order.
        """
        series = [d for d in delivery.data if isinstance(d, Series)]
        if len(series) != len(self._series) or any(a is not b for a, b in zip(series, self._series, strict=True)):
            return Draft(delivery, self._maps).finish(delivery, late)
        heads: list[SeriesHead] = []
        for place, datum in enumerate(delivery.data):
            if isinstance(datum, Series):
                nr = len(heads)
                channels = msgspec.Raw(self._maps.encode(datum.channels))
                heads.append(
                    SeriesHead(
                        place, datum.tenant, datum.device, datum.stream, channels, len(datum), late[nr],
                        self._streams[nr].size,
                    )
                )  # fmt: skip
        head = msgspec.msgpack.encode(
            Head(
                source=delivery.source,
                tenant=delivery.tenant,
                cursor=delivery.cursor,
                caught_up=delivery.caught_up,
                series=tuple(heads),
                events=tuple((i, d) for i, d in enumerate(delivery.data) if isinstance(d, Event)),
                snapshots=tuple((i, d) for i, d in enumerate(delivery.data) if isinstance(d, DeviceSnapshot)),
                quarantined=delivery.quarantined,
            )
        )
        end = head + _pad(len(head)) + LENGTH.pack(len(head))
        sha = self._sha.copy()
        sha.update(end)
        return [*(part for stream in self._streams for part in stream.parts), end], sha.digest()


_HEADS = msgspec.msgpack.Decoder(Head)
_CHANNELS = msgspec.msgpack.Decoder(tuple[Channel, ...])


def flat(table: ac.Table, name: str) -> NDArray[np.float64]:
    """Return a fixed-size list column's values, one after the other."""
    parts = [np.asarray(ac.list_flatten(chunk)) for chunk in table.column(name).chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0), *parts])


def floats(table: ac.Table, name: str) -> NDArray[np.float64]:
    """Return a float64 column, shape (n,)."""
    parts = [np.asarray(chunk) for chunk in table.column(name).chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0), *parts])


def ints(table: ac.Table, name: str) -> NDArray[np.int64]:
    """Return an int64 column, shape (n,)."""
    parts = [np.asarray(chunk) for chunk in table.column(name).chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])


def _series(head: SeriesHead, stream: bytes | memoryview, where: str) -> Series:
    channels = _CHANNELS.decode(head.channels)
    try:
        table = aio.read_ipc_stream(io.BytesIO(stream)).read_all()
        names = list(table.column_names)
        t_ns = ints(table, "t_ns")
        seq = ints(table, "seq")
        values = flat(table, "v")
    except Exception as error:  # noqa: BLE001  arro3 raises bare Exception for malformed IPC
        raise BadInputError(f"not an Arrow IPC stream: {str(error)[:200]}", where=where) from None
    if names != ["t_ns", "seq", "v"] or t_ns.size != head.rows or values.size != head.rows * len(channels):
        raise BadInputError("an Arrow IPC stream does not fit its head", where=where)
    return Series(
        tenant=head.tenant,
        device=head.device,
        stream=head.stream,
        channels=channels,
        t_ns=t_ns,
        seq=seq,
        values=values.reshape(head.rows, len(channels)),
    )


def decode(body: bytes | memoryview, where: str = "frame") -> tuple[Delivery, tuple[int, ...]]:
    """Read a delivery back, and how many rows of each of its series were late.

    Raises:
        BadInputError: The body is not a delivery.
    """
    view = memoryview(body)
    if len(view) < LENGTH.size:
        raise BadInputError("a body is shorter than eight bytes", where=where)
    (size,) = LENGTH.unpack_from(view, len(view) - LENGTH.size)
    start = len(view) - LENGTH.size - size - -size % 8
    if start < 0:
        raise BadInputError(f"a body's head claims {size} bytes", where=where)
    try:
        head = _HEADS.decode(view[start : start + size])
        if sum(s.size for s in head.series) != start or any(s.size < 0 for s in head.series):
            raise BadInputError("the series do not fill their body", where=where)
        data: dict[int, Datum] = {**dict(head.events), **dict(head.snapshots)}
        at = 0
        for series in head.series:
            data[series.place] = _series(series, view[at : at + series.size], where)
            at += series.size
        delivery = Delivery(
            source=head.source,
            tenant=head.tenant,
            data=tuple(data[place] for place in sorted(data)),
            quarantined=head.quarantined,
            cursor=head.cursor,
            caught_up=head.caught_up,
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadInputError(f"not a delivery: {str(error)[:200]}", where=where) from None
    except MumetalError as error:
        raise BadInputError(error.message, where=where) from None
    return delivery, tuple(s.late for s in head.series)
