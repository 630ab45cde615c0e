"""Safetensors by its header: names, types and places of the tensors; their bytes are only measured.

Format: eight bytes of header length (little endian), a JSON header, the data. Checked as the format's own security notes
ask: the header is bounded, no key comes twice, and the tensors cover the data without a hole or an overlap.
"""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError
from mumetal.formats import canonical

MAX_BYTES = 64 * 2**20
MAX_HEADER = 1 << 20
MAX_TENSORS = 10_000
BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8,
}  # fmt: skip

Size = Annotated[int, Meta(ge=0, le=MAX_BYTES)]


class _Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**28)], ...], Meta(max_length=12)]
    data_offsets: tuple[Size, Size]


def header_size(data: bytes) -> int:
    """Return the header's length if ``data`` begins like a safetensors file, else 0."""
    size = int.from_bytes(data[:8], "little")
    return size if len(data) >= 10 and 2 <= size <= len(data) - 8 and data[8:9] == b"{" else 0


def read(data: bytes, where: str = "model") -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Check a safetensors file and return (name, type, shape) of each tensor, in order of their data.

    Raises:
        BadInputError: No such file, too large, or tensors that do not cover the data exactly.
    """
    size = header_size(data)
    if len(data) > MAX_BYTES or not size or size > MAX_HEADER:
        raise BadInputError("not a safetensors file, or its header or data are too large", where=where)
    header = canonical.decode_json(data[8 : 8 + size], MAX_HEADER, 4, where)
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise BadInputError("the header is no table of tensors", where=where)
    try:
        msgspec.convert(header.pop("__metadata__", {}), dict[str, str])
        tensors = msgspec.convert(header, dict[str, _Tensor])
    except msgspec.ValidationError as error:
        raise BadInputError(f"the header is malformed: {error}"[:500], where=where) from None
    at, found = 0, []
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        start, stop = tensor.data_offsets
        bits = BITS.get(tensor.dtype)
        if bits is None or (stop - start) * 8 != math.prod(tensor.shape) * bits:
            raise BadInputError(f"tensor {name[:80]!r} has another size than its type and shape", where=where)
        if start != at:
            raise BadInputError(f"tensor {name[:80]!r} leaves a hole or overlaps", where=where)
        at = stop
        found.append((name, tensor.dtype, tensor.shape))
    if not found or at != len(data) - 8 - size:
        raise BadInputError("bytes that belong to no tensor, or no tensor at all", where=where)
    return tuple(found)
