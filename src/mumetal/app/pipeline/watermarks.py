"""How far each stream has been scored, so that a restart scores what a crash left committed and unscored."""

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mumetal.core.clock import Clock
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.logs import RoomLogger
from mumetal.core.series import Series
from mumetal.core.subject import NO_DEVICE

SAVE_EVERY_S = 2.0
CALIBRATION, EVENTS = "calibration", "events"
_log = RoomLogger("app")


class Watermarks:
    """Newest scored time per (tenant, device, stream).

    Written at most every two seconds, whole and by rename. After a crash up to that much is scored again; finding ids
    are derived from what was found, so nothing is reported twice.

    Args:
        path: File the marks are kept in.
        clock: Time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._saved_s = -math.inf
        self._dirty = False
        self._marks: dict[str, int] = {}
        try:
            self._marks = msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("learnt.unreadable", reason=str(error))

    def note(self, datum: Datum, until_ns: int) -> None:
        """Remember that ``datum`` has been scored, rows up to ``until_ns``; a record dated ahead moves no mark past now."""
        if isinstance(datum, Series) and not len(datum):
            return
        if isinstance(datum, Event):
            key, newest = self.name(datum.tenant, NO_DEVICE, EVENTS), min(datum.t_ns, self._clock.now_ns())
        elif isinstance(datum, Series):
            key, newest = self.name(datum.tenant, datum.device, datum.stream), min(int(datum.t_ns[-1]), until_ns)
        else:
            key, newest = self.name(datum.tenant, datum.device, CALIBRATION), datum.t_ns
        if newest > self._marks.get(key, 0):
            self._marks[key] = newest
            self._dirty = True

    def __len__(self) -> int:
        return len(self._marks)

    def all(self) -> dict[str, int]:
        """Return every mark."""
        return dict(self._marks)

    def go_back(self, marks: Mapping[str, int]) -> None:
        """Go back to marks of a time before; a stream that had none then keeps its own."""
        self._marks, self._dirty = self._marks | dict(marks), True

    @staticmethod
    def name(tenant: str, device: str, stream: str) -> str:
        """Return what a stream is called in :meth:`all`."""
        return f"{tenant}\t{device}\t{stream}"

    def of(self, tenant: str, device: str, stream: str) -> int:
        """Return the newest scored time of a stream, 0 when it never was."""
        return self._marks.get(self.name(tenant, device, stream), 0)

    def save(self, *, now: bool = False) -> None:
        """Write the marks if they changed and it is time, or ``now``."""
        now_s = self._clock.monotonic_ns() / 1e9
        if not self._dirty or (not now and now_s - self._saved_s < SAVE_EVERY_S):
            return
        part, self._saved_s = self._path.with_suffix(".part"), now_s
        try:
            part.write_bytes(msgspec.json.encode(self._marks))
            part.replace(self._path)
        except OSError as error:  # a full disk: the former ones stay, and more is scored again
            _log.warning("learnt.not_saved", reason=str(error))
            return
        self._dirty = False


def by_stream(marks: Mapping[str, int]) -> dict[tuple[str, str, str], int]:
    """Return marks by tenant, device and stream; what has no such name is left out."""
    parts = {tuple(name.split("\t")): t_ns for name, t_ns in marks.items()}
    return {(key[0], key[1], key[2]): t_ns for key, t_ns in parts.items() if len(key) == 3}
