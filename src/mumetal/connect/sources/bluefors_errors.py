"""BlueFors ``Errors`` logs: which thermometer the bridge could not read, and when.

A line is ``DD-MM-YY,HH:MM:SS,Ch6,T. OVER``. The readings that the other files hold at these times are what the bridge
shows when it cannot measure, a plausible constant more often than not, so they count as not observed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.connect.sources.bluefors_names import LogName
from mumetal.connect.sources.local_time import LocalTime
from mumetal.connect.sources.tail import Position, read_lines, start
from mumetal.connect.sources.tree import Found
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.formats.rows import Refusals, build

CHANNEL = re.compile(r"\s*CH\s*(\d{1,2})\s*", re.ASCII | re.IGNORECASE)
BITS = {
    "CS OVL": 1, "VCM OVL": 2, "VMIX OVL": 4, "VDIF OVL": 8, "R. OVER": 16, "R. UNDER": 32, "T. OVER": 64, "T. UNDER": 128,
}  # fmt: skip
ANOTHER = 256
BLINDS = {"temperature": 255, "resistance": 63, "power": 63}  # a wrong resistance gives a wrong temperature
NEAR_NS = 5 * 10**9  # the two files are written by one scan, up to seconds apart
MAX_ERRORS = 200_000  # of one day
NONE = np.empty(0, np.int64)


def read_error(fields: Sequence[bytes]) -> tuple[int, int]:
    """Return the channel's number and the bits of what is said of it; words that are not known are bit 256.

    Raises:
        BadInputError: The line names no channel.
    """
    found = CHANNEL.fullmatch(fields[2].decode("ascii", "replace"))
    if found is None or len(fields) < 4:
        raise BadInputError("an error names a channel and what is wrong: Ch6,T. OVER")
    said = " ".join(b" ".join(fields[3:]).decode("ascii", "replace").upper().split())
    code = sum(bit for words, bit in BITS.items() if words in said)
    return int(found[1]), code or ANOTHER


def error_series(
    errors: Sequence[tuple[int, int, int, int]], *, tenant: str, device: str, origin: str, refusals: Refusals
) -> list[Series]:
    """Return a stream ``chN.errors`` for each thermometer named, from (channel, time, line number, bits)."""
    made: list[Series] = []
    said = ", ".join(f"{bit} {words}" for words, bit in BITS.items())
    for number in sorted({e[0] for e in errors}):
        rows = [e for e in errors if e[0] == number]
        name = f"ch{number}.errors"
        series = build(
            tenant=tenant,
            device=device,
            stream=name,
            channels=(Channel(name=name, unit="1", provenance=f"{origin}, sum of {said}, {ANOTHER} another"),),
            t_ns=np.array([e[1] for e in rows], np.int64),
            values=np.array([[e[3]] for e in rows], np.float64),
            seq=np.array([e[2] for e in rows], np.int64),
            refusals=refusals,
        )
        made += [] if series is None else [series]
    return made


@dataclass(slots=True, kw_only=True)
class DayErrors:
    """The times of one day's errors, read on as its file grows.

    Args:
        name: What the file's name says.
        clock: Zone of its lines.
    """

    name: LogName
    clock: LocalTime
    _position: Position = field(default_factory=Position)
    _times: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    _count: int = 0

    @property
    def offset(self) -> int:
        """How much of the file was read."""
        return self._position.offset

    def read_on(self, file: Found, *, closed: bool = False) -> None:
        """Take what was appended; a last line without an end counts where nobody writes any more (``closed``).

        Raises:
            UnavailableError: The file went away.
        """
        position = start(self._position, file.inode, file.size)
        if position.offset < self._position.offset:
            self._times, self._count = {}, 0
        while position.offset < file.size and self._count < MAX_ERRORS:
            read = read_lines(file.path, position, 10_000, closed=closed)
            last_ns = position.last_ns
            for line in read.lines:
                fields = line.split(b",")
                try:
                    channel, code = read_error(fields)
                    last_ns = self.clock.read(fields[0].strip(), fields[1].strip(), self.name.day, last_ns)
                except (BadInputError, IndexError):
                    continue  # refused where the file itself is read
                self._times.setdefault((channel, code), []).append(last_ns)
            self._count += len(read.lines)
            if read.position.offset == position.offset:
                break
            position = read.position
            position.last_ns = last_ns
        self._position = position

    def blind(self, stream: str) -> NDArray[np.int64]:
        """Return the times at which a stream such as ``ch6.temperature`` tells nothing, in order, shape (n,)."""
        channel, _, quantity = stream.partition(".")
        found = [
            t
            for (number, code), times in self._times.items()
            if channel == f"ch{number}" and code & BLINDS.get(quantity, 0)
            for t in times
        ]
        return np.array(sorted(found), np.int64) if found else NONE


def near(t_ns: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the rows that lie within five seconds of one of some times in order, shape (n,)."""
    after = np.searchsorted(times, t_ns - NEAR_NS)
    return np.searchsorted(times, t_ns + NEAR_NS, side="right") > after
