"""Local wall time in log lines to UTC: an hour that comes twice is told apart by the order of the lines."""

from datetime import UTC, date, datetime, tzinfo

from mumetal.core.errors import BadInputError
from mumetal.formats.moments import whole_ns

STEP_BACK_NS = 60 * 10**9
CACHE = 20_000


class LocalTime:
    """Reads ``DD-MM-YY`` and ``HH:MM:SS`` in one zone.

    Where the clocks go back, an hour comes twice. The first pass is assumed until a line lies more than a minute
    before the one above it; from there on it is the second pass. A step back of up to a minute is taken as a clock
    being set. When nothing was logged in the first pass, the second cannot be told from it.

    Args:
        zone: Zone of the clock that wrote the lines.
    """

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._minutes: dict[bytes, tuple[int, int]] = {}

    def read(self, day: bytes, clock: bytes, file_day: date, last_ns: int) -> int:
        """Return nanoseconds since 1970 UTC.

        Args:
            day: ``b"DD-MM-YY"``.
            clock: ``b"HH:MM:SS"``, decimals of a second allowed.
            file_day: The day in the file's name; a line is at most one day away from it.
            last_ns: Time of the line above, 0 for the first.

        Raises:
            BadInputError: Not such a time, far from the file's day, or skipped when the clocks went forward.
        """
        minute = day + clock[:5] if len(clock) >= 8 else b""
        both = self._minutes.get(minute)
        if both is None:
            both = self._minute(day, clock, file_day)
            if len(self._minutes) >= CACHE:
                self._minutes.clear()
            self._minutes[minute] = both
        seconds = clock[6:]
        if not (seconds[:2].isdigit() and clock[5:6] == b":" and seconds[:2] < b"60"):
            raise BadInputError("no time of the form HH:MM:SS")
        offset = int(seconds[:2]) * 10**9
        if len(seconds) > 2:
            digits = seconds[3:12]
            if seconds[2:3] not in {b".", b","} or not seconds[3:].isdigit():
                raise BadInputError("no time of the form HH:MM:SS")
            offset += int(digits.ljust(9, b"0"))
        first, second = both
        if second != first and first + offset < last_ns - STEP_BACK_NS:
            return second + offset
        return first + offset

    def _minute(self, day: bytes, clock: bytes, file_day: date) -> tuple[int, int]:
        parts = (day[0:2], day[3:5], day[6:8], clock[0:2], clock[3:5])
        if len(day) != 8 or day[2:3] + day[5:6] != b"--" or clock[2:3] != b":" or not all(p.isdigit() for p in parts):
            raise BadInputError("no date and time of the form DD-MM-YY,HH:MM:SS")
        try:
            local = datetime(
                2000 + int(parts[2]), int(parts[1]), int(parts[0]), int(parts[3]), int(parts[4]), tzinfo=self.zone
            )
        except ValueError:
            raise BadInputError("no possible date and time") from None
        if abs((local.date() - file_day).days) > 1:
            raise BadInputError(f"date {local.date()} in the file of {file_day}; lines start with DD-MM-YY")
        first = local.astimezone(UTC)
        if first.astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            raise BadInputError(f"{local:%Y-%m-%d %H:%M} does not exist in {self.zone}; the clocks went forward")
        return whole_ns(first), whole_ns(local.replace(fold=1).astimezone(UTC))
