"""Protocol buffers as bytes, by a schema of our own: nothing is executed, every loop has a bound.

Stricter than the format (https://protobuf.dev/programming-guides/encoding/): a field the schema does not know, a
singular field given twice, a group or an over-long varint is refused, because two parsers may read those differently and
what was checked must be what is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mumetal.core.errors import BadInputError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_DEPTH = 24


@dataclass(frozen=True, slots=True)
class Spec:
    """One field of a message.

    Args:
        name: Its name.
        wire: Wire type of one value.
        repeated: Whether it may come more than once; numbers then also come packed.
        message: Name of the message it holds; empty for numbers and bytes.
    """

    name: str
    wire: int
    repeated: bool = False
    message: str = ""


Schema = Mapping[str, Mapping[int, Spec]]


@dataclass(slots=True)
class Message:
    """A decoded message.

    Args:
        kind: Its name in the schema.
        numbers: Integers by field name, in order; fixed-width values are counted only (see ``lengths``).
        texts: Bytes by field name, sharing memory with the input.
        inner: Messages by field name.
        lengths: How many values a numeric field has, packed or not.
    """

    kind: str
    numbers: dict[str, list[int]] = field(default_factory=dict)
    texts: dict[str, list[memoryview]] = field(default_factory=dict)
    inner: dict[str, list["Message"]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def number(self, name: str, default: int = 0) -> int:
        """Return a singular integer."""
        found = self.numbers.get(name)
        return found[0] if found else default

    def text(self, name: str) -> str:
        """Return a singular text.

        Raises:
            BadInputError: Not UTF-8, or longer than 4,096 bytes.
        """
        found = self.texts.get(name)
        return decode_text(found[0], f"{self.kind}.{name}") if found else ""

    def messages(self, name: str) -> list["Message"]:
        """Return the messages of a field; empty when there are none."""
        return self.inner.get(name, [])


def decode_text(raw: memoryview, where: str) -> str:
    """Decode a short text.

    Raises:
        BadInputError: Not UTF-8, or longer than 4,096 bytes.
    """
    if len(raw) > 4_096:
        raise BadInputError(f"a text of {len(raw)} bytes", where=where)
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadInputError("a text that is not UTF-8", where=where) from None


class Walker:
    """Decodes messages within one budget of fields.

    Args:
        schema: The messages that are known.
        budget: Most fields, over all messages together.
        integers: Names of the repeated integer fields whose values are kept; others are counted.
    """

    def __init__(self, schema: Schema, budget: int, integers: frozenset[str] = frozenset()) -> None:
        self._schema = schema
        self._left = budget
        self._keep = integers

    def decode(self, data: memoryview, kind: str, depth: int = MAX_DEPTH, base: int = 0) -> Message:
        """Decode one message of ``kind``; ``base`` is its place in the file, for errors.

        Raises:
            BadInputError: Malformed, unknown field, too deep or too many fields; says at which byte.
        """
        if depth < 0:
            raise BadInputError(f"{kind} is nested deeper than {MAX_DEPTH}", where=f"byte {base}")
        known, message, at = self._schema[kind], Message(kind), 0
        while at < len(data):
            self._left -= 1
            place = f"byte {base + at}"
            if self._left < 0:
                raise BadInputError("more fields than any model needs", where=place)
            tag, at = varint(data, at, base)
            number, wire = tag >> 3, tag & 7
            spec = known.get(number)
            if spec is None:
                raise BadInputError(f"{kind} has no field {number}", where=place)
            at = self._value(message, spec, wire, data, at, depth, base, place)
        return message

    def _value(
        self,
        message: Message,
        spec: Spec,
        wire: int,
        data: memoryview,
        at: int,
        depth: int,
        base: int,
        place: str,
    ) -> int:
        packed = wire == BYTES and spec.wire != BYTES and spec.repeated
        if wire != spec.wire and not packed:
            raise BadInputError(f"{message.kind}.{spec.name} has wire type {wire}", where=place)
        if not spec.repeated and spec.name in message.lengths:
            raise BadInputError(f"{message.kind}.{spec.name} is given twice", where=place)
        if wire == BYTES:
            size, at = varint(data, at, base)
            if size > len(data) - at:
                raise BadInputError(f"{message.kind}.{spec.name} ends past the file", where=place)
            body, start, at = data[at : at + size], at, at + size
            if packed:
                self._packed(message, spec, body, base + start, place)
            elif spec.message:
                inner = self.decode(body, spec.message, depth - 1, base + start)
                message.inner.setdefault(spec.name, []).append(inner)
                _count(message, spec, 1)
            else:
                message.texts.setdefault(spec.name, []).append(body)
                _count(message, spec, 1)
            return at
        if wire == VARINT:
            value, at = varint(data, at, base)
            if not spec.repeated or spec.name in self._keep:
                message.numbers.setdefault(spec.name, []).append(value)
        else:
            at += 8 if wire == FIXED64 else 4
            if at > len(data):
                raise BadInputError(f"{message.kind}.{spec.name} ends past the file", where=place)
        _count(message, spec, 1)
        return at

    def _packed(self, message: Message, spec: Spec, body: memoryview, base: int, place: str) -> None:
        if spec.wire != VARINT:
            width = 8 if spec.wire == FIXED64 else 4
            if len(body) % width:
                raise BadInputError(f"{message.kind}.{spec.name} has a broken packing", where=place)
            _count(message, spec, len(body) // width)
            return
        if spec.name not in self._keep:
            if len(body) and body[-1] & 0x80:
                raise BadInputError(f"{message.kind}.{spec.name} has a broken packing", where=place)
            _count(message, spec, sum(byte < 0x80 for byte in body))
            return
        at, values = 0, message.numbers.setdefault(spec.name, [])
        while at < len(body):
            self._left -= 1
            if self._left < 0:
                raise BadInputError("more fields than any model needs", where=place)
            value, at = varint(body, at, base)
            values.append(value)
            _count(message, spec, 1)


def varint(data: memoryview, at: int, base: int = 0) -> tuple[int, int]:
    """Return an unsigned integer of up to 64 bits and where it ends.

    Raises:
        BadInputError: Cut off, or longer than ten bytes or 64 bits.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise BadInputError("the file ends within a number", where=f"byte {base + at}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
    raise BadInputError("a number of more than 64 bits", where=f"byte {base + at}")


def _count(message: Message, spec: Spec, values: int) -> None:
    message.lengths[spec.name] = message.lengths.get(spec.name, 0) + values
