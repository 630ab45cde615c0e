"""QPY: header and structure, read without loading: nothing in the payload is evaluated.

Format: ``QISKIT``, format version, three version bytes of the writer, number of programs (big endian); from version 10 the
symbolic encoding, from 5 the kind of the programs, from 16 a table of offsets; then per program a header, its name and
its metadata. Source: documentation of qiskit.qpy (Apache-2.0).
"""

import struct
from dataclasses import dataclass
from typing import Any

from mumetal.core.errors import BadInputError

MAGIC = b"QISKIT"
NEWEST = 18
MAX_PROGRAMS = 100_000
MAX_METADATA = 16 * 2**20
SYMBOLIC = {b"p": "sympy", b"e": "symengine"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Header of one circuit.

    Args:
        name: Its name.
        qubits: Number of qubits.
        clbits: Number of bits.
        registers: Number of registers.
        instructions: Number of instructions.
        metadata: Its metadata as JSON text.
    """

    name: str
    qubits: int
    clbits: int
    registers: int
    instructions: int
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What a QPY file says of itself.

    Args:
        version: Format version.
        writer: Version of the qiskit that wrote it.
        programs: How many programs it says it holds.
        symbolic: ``"sympy"`` or ``"symengine"``: what its expressions are written in; empty when it does not say.
        schedule: Whether it holds pulse schedules instead of circuits.
        headers: Headers that could be read without following the programs: all from version 16, else the first.
    """

    version: int
    writer: tuple[int, int, int]
    programs: int
    symbolic: str
    schedule: bool
    headers: tuple[Program, ...]


def is_qpy(data: bytes) -> bool:
    """Whether the bytes begin as a QPY file."""
    return data.startswith(MAGIC)


def decode(data: bytes, where: str = "circuit.qpy") -> Structure:
    """Read the structure.

    Raises:
        BadInputError: No QPY, a newer format, cut short, or numbers that cannot be true.
    """
    reader = _Bytes(data, where)
    magic, version, major, minor, patch, programs = reader.take("!6sBBBBQ")
    if magic != MAGIC:
        raise BadInputError("no QPY", where=where)
    if not 1 <= version <= NEWEST:
        raise BadInputError(f"QPY format {version} is not known", where=where, hint=f"1 to {NEWEST} are read")
    if programs > MAX_PROGRAMS or programs * 20 > len(data):
        raise BadInputError(f"{programs} programs cannot be in {len(data)} bytes", where=where)
    symbolic = SYMBOLIC.get(reader.take("!c")[0], "unknown") if version >= 10 else "sympy"
    schedule = version >= 5 and reader.take("!c")[0] == b"s"
    headers: list[Program] = []
    if programs and not schedule:
        if version >= 16:
            offsets = [reader.take("!Q")[0] for _ in range(programs)]
            headers = [_header(reader.at(offset), version) for offset in offsets]
        else:
            headers = [_header(reader, version)]
    return Structure(
        version=version, writer=(major, minor, patch), programs=programs, symbolic=symbolic, schedule=schedule,
        headers=tuple(headers),
    )  # fmt: skip


class _Bytes:
    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._where = where
        self._at = 0

    def at(self, offset: int) -> "_Bytes":
        if offset > len(self._data):
            raise BadInputError("an offset points past the end", where=self._where)
        self._at = offset
        return self

    def take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(form)
        return struct.unpack(form, self.raw(size))

    def raw(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise BadInputError(f"cut short at byte {len(self._data)}", where=self._where)
        part = self._data[self._at : self._at + size]
        self._at += size
        return part

    def text(self, size: int) -> str:
        if size > MAX_METADATA:
            raise BadInputError(f"a text of {size} bytes is more than {MAX_METADATA}", where=self._where)
        return self.raw(size).decode("utf-8", "replace")


def _header(reader: _Bytes, version: int) -> Program:
    if version < 2:
        name_size, _, qubits, clbits, metadata_size, registers, instructions = reader.take("!HdIIQIQ")
        phase_size = 0
    else:
        form = "!H1cHIIQIQI" if version >= 12 else "!H1cHIIQIQ"
        name_size, _, phase_size, qubits, clbits, metadata_size, registers, instructions, *_ = reader.take(form)
    name = reader.text(name_size)
    reader.raw(phase_size)
    return Program(
        name=name, qubits=qubits, clbits=clbits, registers=registers, instructions=instructions,
        metadata=reader.text(metadata_size),
    )  # fmt: skip
