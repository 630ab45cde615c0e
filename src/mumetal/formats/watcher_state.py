"""What a watcher has learnt, at rest: plain numbers by name behind a checked header; nothing in it is ever executed.

::

    magic 8 | SHA-256 over all that follows 32 | version u32 | facts u64 | index u64 | facts | index | arrays

The index is a JSON list of ``[name, type, shape]``. Arrays are little-endian and in C order, one after another, each begun at a
multiple of 64 bytes from the start of the file, with zeros between. The sum tells a file that is damaged or cut off, not one
that was forged: keep it where nobody else may write.
"""

import hashlib
import math
import re
import struct
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError, TooLargeError
from mumetal.core.ports import WatcherState

MAGIC = b"MUSTATE1"
SUM_AT, BODY_AT = len(MAGIC), len(MAGIC) + 32
HEADER = struct.Struct("<IQQ")
ALIGNED = 64
MAX_BYTES = 4 * 2**30
MAX_FACTS = 256 * 2**20
MAX_ARRAYS = 500_000
MAX_DIMENSIONS = 8
TYPES = frozenset(("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8", "<c16"))
NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
HINT = "what was learnt is learnt anew from the store"
Extent = Annotated[int, Meta(ge=0, le=MAX_BYTES)]
_INDEX = msgspec.json.Decoder(tuple[tuple[str, str, tuple[Extent, ...]], ...])


def encode(state: WatcherState) -> bytes:
    """Return a state as a file.

    Raises:
        TooLargeError: More than 4 GiB, 256 MiB of facts or 500,000 arrays.
        BadInputError: An array's name or type that the format does not have.
    """
    kept = {name: _plain(array) for name, array in state.arrays.items()}
    index = msgspec.json.encode([(name, array.dtype.str, array.shape) for name, array in kept.items()])
    _bounded(len(state.facts), len(kept), "")
    for name, array in kept.items():
        _named(name, array.dtype.str, array.ndim, "")
    parts: list[bytes | memoryview] = [HEADER.pack(state.version, len(state.facts), len(index)), state.facts, index]
    at = BODY_AT + sum(map(len, parts))
    for array in kept.values():
        gap = -at % ALIGNED
        parts += [bytes(gap), array.reshape(-1).view(np.uint8).data]
        at += gap + array.nbytes
    if at > MAX_BYTES:
        raise TooLargeError(f"a state of {at} bytes, more than {MAX_BYTES}")
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return b"".join((MAGIC, digest.digest(), *parts))


def decode(data: bytes, where: str = "") -> WatcherState:
    """Read such a file; its arrays are read-only and lie in ``data``.

    Raises:
        BadInputError: No such file, damaged, or not exactly the bytes that its index promises.
    """
    start = BODY_AT + HEADER.size
    if len(data) > MAX_BYTES or len(data) < start or data[:SUM_AT] != MAGIC:
        raise BadInputError("no state of a watcher", where=where, hint=HINT)
    if hashlib.sha256(memoryview(data)[BODY_AT:]).digest() != data[SUM_AT:BODY_AT]:
        raise BadInputError("the state is damaged: its sum is another one", where=where, hint=HINT)
    version, facts, index = HEADER.unpack_from(data, BODY_AT)
    if facts > MAX_FACTS or facts + index > len(data) - start:
        raise BadInputError("the state's header promises more than there is", where=where, hint=HINT)
    begin = start + facts
    try:
        entries = _INDEX.decode(memoryview(data)[begin : begin + index])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInputError(f"the state's index cannot be read: {str(error)[:200]}", where=where, hint=HINT) from None
    _bounded(facts, len(entries), where)
    arrays: dict[str, NDArray[np.generic]] = {}
    at = begin + index
    for name, kind, shape in entries:
        _named(name, kind, len(shape), where)
        gap, count, dtype = -at % ALIGNED, math.prod(shape), np.dtype(kind)
        if name in arrays or count * dtype.itemsize > len(data) - at - gap or any(data[at : at + gap]):
            raise BadInputError(f"array {name!r} is there twice or cut off", where=where, hint=HINT)
        arrays[name] = _read(memoryview(data)[at + gap : at + gap + count * dtype.itemsize], dtype, shape, where)
        at += gap + count * dtype.itemsize
    if at != len(data):
        raise BadInputError(f"{len(data) - at} bytes follow the last array", where=where, hint=HINT)
    return WatcherState(version=version, facts=data[start:begin], arrays=arrays)


def _read(data: memoryview, dtype: np.dtype[np.generic], shape: tuple[int, ...], where: str) -> NDArray[np.generic]:
    try:
        found: NDArray[np.generic] = (np.frombuffer(data, dtype) if data else np.empty(0, dtype)).reshape(shape)
    except ValueError:  # nothing along one side, and along the others more than NumPy counts
        raise BadInputError(f"an array cannot have the shape {shape}", where=where, hint=HINT) from None
    if dtype.kind == "b" and data and max(data) > 1:
        raise BadInputError("a truth value is neither 0 nor 1", where=where, hint=HINT)
    return found


def _plain(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


def _bounded(facts: int, arrays: int, where: str) -> None:
    if facts > MAX_FACTS or arrays > MAX_ARRAYS:
        raise TooLargeError(f"{facts} bytes of facts and {arrays} arrays are too many", where=where)


def _named(name: str, kind: str, dimensions: int, where: str) -> None:
    if kind not in TYPES or dimensions > MAX_DIMENSIONS or NAME.fullmatch(name) is None:
        raise BadInputError(f"array {name[:80]!r} has type {kind[:20]} and {dimensions} dimensions", where=where)
