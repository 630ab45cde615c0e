"""What the watchers have learnt, on disk: one file with how far each stream had been scored, written whole and by rename.

Its sum tells damage, not forgery: who can write into the store's folder can write this too.
"""

import os
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mumetal.core.clock import Clock
from mumetal.core.errors import MumetalError
from mumetal.core.logs import RoomLogger
from mumetal.core.ports import WatcherState
from mumetal.formats import watcher_state

EVERY_S = 300.0  # a crash costs scoring this much again
LAYOUT = 1
_log = RoomLogger("app")


class _One(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    watcher: str
    version: int
    facts: msgspec.Raw


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    marks: dict[str, int]
    states: tuple[_One, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What watchers had learnt, by id, when each stream had been scored up to its mark."""

    marks: Mapping[str, int]
    states: Mapping[str, WatcherState]


class Learnt:
    """The newest snapshot.

    Args:
        path: File it is kept in.
        clock: Time.
        background: Where it is written while the scoring goes on.
    """

    def __init__(self, path: Path, clock: Clock, background: Executor) -> None:
        self._path, self._clock, self._background = path, clock, background
        self._saved_s = clock.monotonic_ns() / 1e9
        self._writing: Future[None] | None = None

    @property
    def due(self) -> bool:
        """Whether it is time to save, and the last one is written."""
        idle = self._writing is None or self._writing.done()
        return idle and self._clock.monotonic_ns() / 1e9 - self._saved_s >= EVERY_S

    def load(self) -> Snapshot | None:
        """Return the newest snapshot; None where there is none that can be read, and then everything is learnt anew."""
        if not self._path.exists():
            return None
        try:
            found = snapshot_of(watcher_state.decode(self._path.read_bytes(), self._path.name))
        except (OSError, MumetalError) as error:
            _log.warning("learnt.unreadable", reason=str(error))
            return None
        if found is None:
            _log.warning("learnt.unreadable", reason="it is of another layout, or malformed")
        return found

    def save(self, snapshot: Snapshot, *, now: bool = False) -> None:
        """Keep a snapshot: its bytes are made at once, and written in the background unless ``now``."""
        self._saved_s = self._clock.monotonic_ns() / 1e9
        try:
            data = watcher_state.encode(state_of(snapshot))
        except MumetalError as error:
            _log.warning("learnt.not_saved", reason=str(error))
            return
        if now:
            if self._writing is not None:
                self._writing.result()
            self._write(data)
        else:
            self._writing = self._background.submit(self._write, data)

    def _write(self, data: bytes) -> None:
        part = self._path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:  # a full disk: the former one stays
            _log.warning("learnt.not_saved", reason=str(error))


def state_of(snapshot: Snapshot) -> WatcherState:
    """Join a snapshot into one state."""
    told = [_One(name, s.version, msgspec.Raw(s.facts)) for name, s in snapshot.states.items()]
    arrays = {f"{n}/{name}": a for n, s in enumerate(snapshot.states.values()) for name, a in s.arrays.items()}
    facts = msgspec.json.encode(_File(dict(snapshot.marks), tuple(told)))
    return WatcherState(version=LAYOUT, facts=facts, arrays=arrays)


def snapshot_of(state: WatcherState) -> Snapshot | None:
    """Take one apart again; None where it is of another layout or malformed."""
    if state.version != LAYOUT:
        return None
    try:
        file = msgspec.json.decode(state.facts, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    states: dict[str, WatcherState] = {}
    for place, one in enumerate(file.states):
        start = f"{place}/"
        own = {name.removeprefix(start): array for name, array in state.arrays.items() if name.startswith(start)}
        states[one.watcher] = WatcherState(version=one.version, facts=bytes(one.facts), arrays=own)
    return Snapshot(marks=file.marks, states=states)
