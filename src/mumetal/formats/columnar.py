"""The push door's columnar JSON: one list per channel, decoded typed and bounded (see docs/reference/sources.md)."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from mumetal.core import LOCAL
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import MAX_CHANNELS, Channel, Series
from mumetal.formats.absent import observed
from mumetal.formats.canonical import decode_json
from mumetal.formats.rows import Refusals, build, to_channel
from mumetal.formats.units import Conversion

MAX_BYTES = 64 * 2**20
MAX_BATCHES = 4_096
Text = Annotated[str, Meta(max_length=1_000)]


class ChannelHead(msgspec.Struct):
    """One channel as pushed: its name, the unit of the values sent, and where they come from."""

    name: Text
    unit: Text
    provenance: Text = ""


class Batch(msgspec.Struct):
    """One batch as pushed; ``values`` holds one list per channel, null for not observed."""

    device: Text
    stream: Text
    channels: Annotated[list[ChannelHead], Meta(min_length=1, max_length=MAX_CHANNELS)]
    t_ns: list[int]
    values: list[list[float | None]]
    seq: list[int] | None = None
    source: Text = ""


class _Lenient(msgspec.Struct):
    """The same shape with anything in a cell, for finding the cells that are wrong."""

    device: Text
    stream: Text
    channels: Annotated[list[ChannelHead], Meta(min_length=1, max_length=MAX_CHANNELS)]
    t_ns: list[object]
    values: list[list[object]]
    seq: list[object] | None = None
    source: Text = ""


_ONE = msgspec.json.Decoder(Batch)
_LENIENT = msgspec.json.Decoder(_Lenient)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
BYTE = re.compile(r"\(byte (\d+)\)")
KEYS = re.compile(rb'"(device|stream|channels|t_ns|values|seq|source)"\s*:')
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def from_columnar_json(
    data: bytes, *, tenant: str = LOCAL, source: str = "push", where: str = "push", limit: int = MAX_BYTES
) -> Delivery:
    """Read one pushed body: a batch, or a list of at most 4,096 of them.

    Args:
        data: The JSON bytes.
        tenant: For whom it was pushed; never read from the body.
        source: Source id; a batch's own ``source`` is added to it in the provenance.
        where: Place for errors and quarantine.
        limit: Most bytes accepted.

    Returns:
        What was read, with units in SI; what was refused is in ``quarantined``.

    Raises:
        BadInputError: Not JSON of this shape, or too large: nothing of it was kept.
    """
    if len(data) > limit:
        raise BadInputError(f"a body of {len(data)} bytes, more than {limit}", where=where, hint="send smaller batches")
    refusals = Refusals(where=where)
    series: list[Series] = []
    many = data[:64].lstrip()[:1] == b"["
    for index, raw in enumerate(_split(data, where) if many else [data]):
        place = f"[{index}]" if many else ""
        try:
            found = _read(raw, tenant, refusals, place)
        except BadInputError as error:
            if not many:
                raise BadInputError(error.message, where=where, hint=error.hint) from None
            refusals.add(place, error.message, bytes(raw)[:200])
            continue
        if found is not None:
            series.append(found)
    return Delivery(source=source, tenant=tenant, data=tuple(series), quarantined=refusals.all())


def _split(data: bytes, where: str) -> list[msgspec.Raw]:
    try:
        batches = _RAWS.decode(data)
    except _BROKEN as error:
        raise BadInputError(f"not columnar JSON: {str(error)[:200]}", where=where) from None
    if len(batches) > MAX_BATCHES:
        raise BadInputError(f"{len(batches)} batches in one body, more than {MAX_BATCHES}", where=where)
    return batches


def _read(raw: bytes | msgspec.Raw, tenant: str, refusals: Refusals, place: str) -> Series | None:
    try:
        batch = _ONE.decode(raw)
    except _BROKEN as error:
        batch = _rescue(raw, error, refusals, place)
    if len(batch.values) != len(batch.channels):
        raise BadInputError(f"{len(batch.values)} lists of values for {len(batch.channels)} channels")
    n = len(batch.t_ns)
    if any(len(column) != n for column in batch.values) or (batch.seq is not None and len(batch.seq) != n):
        raise BadInputError(f"the lists do not all have the {n} entries of t_ns")
    t_ns, seq = _integers(batch.t_ns), None if batch.seq is None else _integers(batch.seq)
    channels, conversions, kept = _channels(batch, refusals, place)
    values = np.empty((n, len(kept)), np.float64)
    for column, (index, conversion) in enumerate(zip(kept, conversions, strict=True)):
        logged = np.array(batch.values[index], np.float64)
        values[:, column] = observed(logged, channels[column], conversion, refusals)
    return build(
        tenant=tenant,
        device=batch.device,
        stream=batch.stream,
        channels=channels,
        t_ns=t_ns,
        values=values,
        seq=seq,
        refusals=refusals,
    )


def _channels(batch: Batch, refusals: Refusals, place: str) -> tuple[list[Channel], list[Conversion], list[int]]:
    """Return the channels that can be used, their conversions and their positions."""
    channels: list[Channel] = []
    conversions: list[Conversion] = []
    kept: list[int] = []
    for index, head in enumerate(batch.channels):
        origin = head.provenance or f"push{':' if batch.source else ''}{batch.source}"
        try:
            channel, conversion = to_channel(head.name, head.unit, origin)
        except BadInputError as error:
            refusals.add(f"{place} channel {index}", error.message)
            continue
        channels.append(channel)
        conversions.append(conversion)
        kept.append(index)
    if not channels:
        raise BadInputError("no channel of the batch can be used")
    return channels, conversions, kept


def _integers(numbers: Sequence[int]) -> NDArray[np.int64]:
    """Return int64; what does not fit becomes the smallest one, which no rule accepts as a time."""
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        return np.array([x if -(2**63) <= x < 2**63 else -(2**63) for x in numbers], np.int64)


def _rescue(raw: bytes | msgspec.Raw, error: Exception, refusals: Refusals, place: str) -> Batch:
    """Decode once more, cell by cell: rows without a usable time go, cells that are no number become null."""
    try:
        loose = _LENIENT.decode(raw)
    except _BROKEN:
        loose = _with_nan(bytes(raw), error)
        refusals.add(place, "NaN and Infinity are no JSON; taken as null, not observed")
    n = len(loose.t_ns)
    seq: list[object] = list(loose.seq) if loose.seq is not None else [0] * n
    if len(seq) != n or any(len(column) != n for column in loose.values):
        raise BadInputError(f"the lists do not all have the {n} entries of t_ns")
    rows = [
        row for row in range(n) if _row_usable(loose.t_ns[row], seq[row]) or _refuse_row(refusals, f"{place} row {row}")
    ]
    return Batch(
        device=loose.device,
        stream=loose.stream,
        channels=loose.channels,
        source=loose.source,
        t_ns=list(_whole(loose.t_ns, rows)),
        seq=None if loose.seq is None else list(_whole(seq, rows)),
        values=[
            [_cell(column[row], refusals, f"{place} row {row} channel {index}") for row in rows]
            for index, column in enumerate(loose.values)
        ],
    )


def _with_nan(raw: bytes, error: Exception) -> _Lenient:
    """Decode what some writers make of NaN.

    Raises:
        BadInputError: It is broken in another way; names the field and the entry.
    """
    if raw[:2] == b"\x1f\x8b":
        raise BadInputError("not columnar JSON: the body is compressed", hint="send it as it is") from None
    try:
        return msgspec.convert(decode_json(raw, MAX_BYTES, nan_is_null=True), _Lenient)
    except (msgspec.ValidationError, UnicodeError, BadInputError):
        raise BadInputError(f"not columnar JSON: {str(error)[:200]}{_field(raw, str(error))}") from None


def _field(raw: bytes, said: str) -> str:
    """Return the field and entry that a decoder's ``(byte N)`` lies in; empty where it names none."""
    found = BYTE.search(said)
    if found is None:
        return ""
    before = raw[: int(found[1])]
    keys = list(KEYS.finditer(before))
    if not keys:
        return ", before the first field"
    inside = before[keys[-1].end() :]
    lists = inside.count(b"[") - 1 if keys[-1][1] == b"values" else -1
    entry = inside[inside.rfind(b"[") + 1 :].count(b",") if b"[" in inside else -1
    channel = f", list {max(lists - 1, 0)}" if lists >= 0 else ""
    return f", in {keys[-1][1].decode()}{channel}{f', row {entry}' if entry >= 0 else ''}"


def _row_usable(t_ns: object, seq: object) -> bool:
    return type(t_ns) is int and type(seq) is int


def _refuse_row(refusals: Refusals, place: str) -> bool:
    refusals.add(place, "t_ns or seq is no integer")
    return False


def _whole(column: Sequence[object], rows: Sequence[int]) -> Iterator[int]:
    for row in rows:
        value = column[row]
        assert isinstance(value, int)
        yield value


def _cell(value: object, refusals: Refusals, place: str) -> float | None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e308):
        return None if value is None else float(value)
    refusals.add(place, "value is no number")
    return None


def to_columnar_json(series: Sequence[Series], source: str = "") -> bytes:
    """Write series as :func:`from_columnar_json` reads them: one batch, or a list of them; NaN goes out as null."""
    batches = [
        Batch(
            device=one.device,
            stream=one.stream,
            channels=[ChannelHead(name=c.name, unit=c.unit, provenance=c.provenance) for c in one.channels],
            t_ns=one.t_ns.tolist(),
            seq=one.seq.tolist(),
            values=one.values.T.tolist(),
            source=source,
        )
        for one in series
    ]
    return msgspec.json.encode(batches[0] if len(batches) == 1 else batches)
