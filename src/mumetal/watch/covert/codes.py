"""Codes that a sender may time pulses by: the usual ones, and those of a lab's own, from a file."""

import math
from dataclasses import dataclass
from itertools import product
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mumetal.core import check
from mumetal.core.errors import BadInputError

MAX_CODES_FILE = 1_000_000
MOST_PHASES = 16_384  # of all codes together
Sequence = tuple[float, ...]


def maximal_sequences(degree: int) -> tuple[Sequence, ...]:
    """Return all ±1 maximal-length sequences of period 2^degree - 1, one phase each.

    They are what linear feedback shift registers with a primitive polynomial give (Golomb 1967, Shift Register
    Sequences): the usual spreading and synchronising codes.
    """
    period = 2**degree - 1
    found: list[Sequence] = []
    for taps in product((0, 1), repeat=degree - 1):
        bits = [1] * degree
        while len(bits) < 2 * period:
            bits.append(bits[-degree] ^ (sum(t & bits[-k] for k, t in enumerate(taps, 1)) & 1))
        if all(bits[k] == bits[k + period] for k in range(degree, period)) and _full(bits, degree, period):
            found.append(tuple(1 - 2 * b for b in bits[:period]))
    return tuple(found)


def _full(bits: list[int], degree: int, period: int) -> bool:
    states = {tuple(bits[k : k + degree]) for k in range(period)}
    return len(states) == period


CODES: tuple[Sequence, ...] = (
    (1, 1, 1, 1, 1, -1, -1, 1, 1, -1, 1, -1, 1),  # Barker 1953, length 13
    *maximal_sequences(5),
    *maximal_sequences(6),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Sequences of a lab's own, that watch beside the usual ones.

    Args:
        names: What each is called.
        sequences: Shifts in any unit, one a pulse.
    """

    names: tuple[str, ...]
    sequences: tuple[Sequence, ...]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    codes: Annotated[
        dict[str, Annotated[tuple[float, ...], Meta(min_length=4, max_length=1_024)]], Meta(min_length=1, max_length=64)
    ]


def decode_codes(data: bytes, where: str) -> Codes:
    """Read codes from TOML, or from JSON where ``where`` ends so: ``[codes]``, and a list of 4 to 1,024 numbers for each name.

    Raises:
        BadInputError: Not such a file, or a sequence that cannot be; says which.
    """
    hint = "[codes] and a line such as implant = [1, -1, 0, 1]; see docs/how-to/timing-codes.md"
    if len(data) > MAX_CODES_FILE:
        raise BadInputError("the file of codes is larger than 1 MB", where=where, hint=hint)
    read = msgspec.json.decode if where.endswith(".json") else msgspec.toml.decode
    try:
        file = read(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error)[:300], where=where, hint=hint) from None
    for name, sequence in file.codes.items():
        check.name(name, "timing code")
        if not all(math.isfinite(shift) and abs(shift) <= 1e6 for shift in sequence):
            raise BadInputError(f"code {name!r}: shifts are finite and at most a million", where=where, hint=hint)
        if max(sequence) - min(sequence) <= 1e-6 * max(map(abs, sequence)):
            raise BadInputError(f"code {name!r}: all its shifts are alike, which is no message", where=where, hint=hint)
    if sum(map(len, file.codes.values())) > MOST_PHASES:
        raise BadInputError(f"the codes have more than {MOST_PHASES} shifts together", where=where, hint=hint)
    return Codes(names=tuple(file.codes), sequences=tuple(file.codes.values()))
