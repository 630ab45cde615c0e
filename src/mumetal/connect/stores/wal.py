"""The write-ahead log: segments of frames, durable before anybody is told so.

Rules:

1. A frame is durable once :meth:`Wal.sync_to` has returned for it; callers that wait together share one fdatasync.
2. A write that fails is cut off again; the frames before it stand. A sync that fails takes every frame since the last
   good sync back (:attr:`Wal.on_lost` tells the owner, who forgets them) and each of their writers gets an error.
3. If even the cut fails, the log is broken: it takes nothing more until it is opened again.
4. On opening, a tail that no sound frame follows is torn and is cut; a broken frame that a sound one follows, a missing
   segment or a tail that had been committed elsewhere is corruption, and opening refuses.
"""

import hashlib
import mmap
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mumetal.connect.stores.disk import Disk
from mumetal.connect.stores.frames import (
    FRAME_HEAD,
    SEGMENT_HEAD,
    FrameHead,
    SegmentHead,
    check_body,
    next_head,
    parse_frame_head,
    parse_segment_head,
)
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError

SEGMENT_BYTES = 64 << 20
HINT = "restore the log from a copy, or move the folder away and start a new one; nothing was skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a frame was written, as :meth:`Wal.sync_to` wants it."""

    sequence: int
    generation: int


@dataclass(slots=True, kw_only=True)
class Segment:
    """One file of the log."""

    path: Path
    head: SegmentHead
    last: int
    size: int
    first_ns: int = 0
    last_ns: int = 0


def segment_path(folder: Path, first: int) -> Path:
    """Return the file that starts with frame ``first``."""
    return folder / f"log-{first:020d}.mmlog"


def _check_place(head: FrameHead, expected: int, room: int, where: str) -> None:
    if head.sequence != expected or head.size > room:
        raise BadInputError(f"frame {head.sequence} stands where {expected} belongs", where=where)


def walk(segment: Segment, *, start: int = 0, bodies: bool = True) -> Iterator[tuple[FrameHead, bytes]]:
    """Yield a segment's frames from sequence ``start``; without ``bodies`` only the heads are read and checked.

    Raises:
        RejectedError: A frame is broken or out of sequence.
    """
    at, expected = SEGMENT_HEAD.size, segment.head.first
    with segment.path.open("rb") as file:
        while at < segment.size:
            where = f"{segment.path.name}:{at}"
            file.seek(at)
            try:
                head = parse_frame_head(file.read(FRAME_HEAD.size), segment.head.salt, where)
                _check_place(head, expected, segment.size - at, where)
                body = b""
                if bodies and expected >= start:
                    body = file.read(head.length)
                    check_body(head, body, where)
            except BadInputError as error:
                raise RejectedError(f"the log is corrupt: {error.message}", where=where, hint=HINT) from None
            if expected >= start:
                yield head, body
            at += head.size
            expected += 1


def _sound_length(path: Path, head: SegmentHead) -> tuple[int, int]:
    """Return where the last segment's sound frames end, and the sequence of the last one.

    Raises:
        RejectedError: Something sound follows something broken.
    """
    size = path.stat().st_size
    at, last = SEGMENT_HEAD.size, head.first - 1
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as view,
    ):
        while at < size:
            with view[at : at + FRAME_HEAD.size] as raw:
                try:
                    frame = parse_frame_head(raw, head.salt)
                    with view[at + FRAME_HEAD.size : at + frame.size] as body:
                        check_body(frame, body)
                    _check_place(frame, last + 1, size - at, path.name)
                except BadInputError as error:
                    if (behind := next_head(data[at:], head.salt, 1, last)) >= 0:
                        raise RejectedError(
                            f"the log is corrupt: {error.message}, and sound frames follow at byte {at + behind}",
                            where=f"{path.name}:{at}",
                            hint=HINT,
                        ) from None
                    break
            at += frame.size
            last = frame.sequence
    return at, last


class Wal:
    """The log in one folder. One writer at a time holds :attr:`lock`; syncing happens outside it.

    Args:
        folder: Where the segments lie; created when missing.
        disk: The calls on the operating system.
        archived: Sequence up to which frames may be missing because they were compacted.
        segment_bytes: Size at which a segment is closed.

    Raises:
        RejectedError: The log is corrupt.
        UnavailableError: The folder cannot be written.
    """

    def __init__(self, folder: Path, disk: Disk, *, archived: int = 0, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder, self._disk, self._limit = folder, disk, segment_bytes
        self.lock = threading.RLock()
        self.on_lost: Callable[[int], object] = int
        self._turn = threading.Condition(self.lock)
        self._syncing = False
        self._generation = 0
        self._kept: list[int] = []
        self._broken = ""
        self._synced_size = 0
        folder.mkdir(parents=True, exist_ok=True)
        for draft in folder.glob("*.new"):
            draft.unlink()
        self.segments = self._open_segments(archived)
        try:
            self._fd = self._open_last(archived)
        except OSError as error:
            raise UnavailableError(f"the log cannot be written: {error.strerror}", where=str(folder)) from None
        self.written = self.synced = self.segments[-1].last
        self._synced_size = self.segments[-1].size
        self.cut_bytes: int

    def _open_segments(self, archived: int) -> list[Segment]:
        segments: list[Segment] = []
        paths = sorted(self._folder.glob("log-*.mmlog"))
        self.cut_bytes = 0
        for path in paths:
            try:
                with path.open("rb") as file:
                    head = parse_segment_head(file.read(SEGMENT_HEAD.size), path.name)
            except BadInputError as error:
                raise RejectedError(error.message, where=path.name, hint=HINT) from None
            expected = segments[-1].last + 1 if segments else head.first
            if (
                path != segment_path(self._folder, head.first)
                or head.first != expected
                or (expected > archived + 1 and not segments)
            ):
                raise RejectedError(
                    f"the log has a gap: {path.name} starts with frame {head.first}",
                    where=path.name,
                    hint=HINT,
                )
            size, last = path.stat().st_size, head.first - 1
            if path is paths[-1]:
                sound, last = _sound_length(path, head)
                self.cut_bytes, size = size - sound, sound
            segment = Segment(path=path, head=head, last=last, size=size)
            for frame, _ in walk(segment, bodies=False):
                segment.first_ns = segment.first_ns or frame.written_ns
                segment.last_ns, segment.last = frame.written_ns, frame.sequence
            segments.append(segment)
        return segments

    def _open_last(self, archived: int) -> int:
        if not self.segments:
            return self._create(archived + 1)
        last = self.segments[-1]
        fd = os.open(last.path, os.O_RDWR | os.O_CLOEXEC)
        # Frames found whole may still be unsynced; they may be acted upon from here on, so they must be durable.
        self._disk.truncate(fd, last.size)
        return fd

    def _create(self, first: int) -> int:
        head = SegmentHead(first=first, salt=os.urandom(8))
        path = segment_path(self._folder, first)
        fd = self._disk.create(path, head.encode())
        self.segments.append(Segment(path=path, head=head, last=first - 1, size=SEGMENT_HEAD.size))
        return fd

    def roll(self) -> None:
        """Close the active segment, durably, and start the next; call with :attr:`lock` held, before a frame is staged.

        Raises:
            UnavailableError: The disk is full or failing; the active segment stays.
        """
        while self._syncing:
            self._turn.wait()
        self._refuse_if_broken()
        if self.segments[-1].last < self.segments[-1].head.first:
            return
        old = self._fd
        try:
            self._sync_all()
            self._fd = self._create(self.written + 1)
        except OSError as error:
            raise UnavailableError(f"no new log segment: {error.strerror}", where=str(self._folder)) from None
        self._synced_size = SEGMENT_HEAD.size
        os.close(old)

    def _sync_all(self) -> None:
        try:
            self._disk.sync(self._fd)
        except OSError:
            self._take_back()
            raise
        self.synced, self._synced_size = self.written, self.segments[-1].size
        self._turn.notify_all()

    @property
    def full(self) -> bool:
        """Whether the active segment should be closed before the next frame."""
        return self.segments[-1].size >= self._limit

    def write(self, parts: Sequence[bytes | memoryview], digest: bytes, written_ns: int) -> Position:
        """Write one frame; call with :attr:`lock` held. It is not durable before :meth:`sync_to` returns.

        Raises:
            UnavailableError: The disk is full or failing; nothing of it stays.
        """
        self._refuse_if_broken()
        active = self.segments[-1]
        length = sum(memoryview(p).nbytes for p in parts)
        head = FrameHead(sequence=self.written + 1, written_ns=written_ns, length=length, digest=digest)
        try:
            self._disk.write(self._fd, [head.encode(active.head.salt), *parts])
        except OSError as error:
            self._cut(active.size)
            raise UnavailableError(
                f"the log cannot be written: {error.strerror}",
                where=str(active.path),
                hint="free some space, or move store.directory to a larger disk; the sender may retry",
            ) from None
        active.size += head.size
        active.last = self.written = head.sequence
        active.first_ns = active.first_ns or written_ns
        active.last_ns = written_ns
        return Position(sequence=head.sequence, generation=self._generation)

    def sync_to(self, position: Position) -> None:
        """Return once the frame is durable; the first to come syncs for all that have written.

        Raises:
            UnavailableError: The disk is failing; the frame was taken back.
        """
        with self._turn:
            while True:
                if position.generation < self._generation and position.sequence > self._kept[position.generation]:
                    raise UnavailableError(
                        "the log could not be made durable; nothing was kept", where=str(self._folder)
                    )
                if position.generation < self._generation or self.synced >= position.sequence:
                    return
                if not self._syncing:
                    break
                self._turn.wait()
            self._syncing = True
            fd, target, size = self._fd, self.written, self.segments[-1].size
        failure: OSError | None = None
        try:
            self._disk.sync(fd)
        except OSError as error:
            failure = error
        with self._turn:
            self._syncing = False
            if failure is None:
                self.synced, self._synced_size = target, size
            else:
                self._take_back()
            self._turn.notify_all()
        if failure is not None:
            raise UnavailableError(
                f"the log could not be made durable: {failure.strerror}", where=str(self._folder)
            ) from None

    def _take_back(self) -> None:
        """Forget every frame since the last good sync, in the file and at the owner."""
        active = self.segments[-1]
        self._kept.append(self.synced)
        self._generation += 1
        self.written = active.last = self.synced
        active.size = self._synced_size
        self._cut(active.size)
        self.on_lost(self.synced)

    def _cut(self, size: int) -> None:
        try:
            self._disk.truncate(self._fd, size)
        except OSError as error:
            self._broken = error.strerror or "failed"

    def _refuse_if_broken(self) -> None:
        if self._broken:
            raise UnavailableError(
                f"the log's disk failed: {self._broken}",
                where=str(self._folder),
                hint="mend the disk and start again; what was acknowledged is there",
            )

    def frames(self, after: int) -> Iterator[tuple[FrameHead, bytes]]:
        """Yield the frames past ``after``, checked.

        Raises:
            RejectedError: A frame is corrupt.
        """
        with self.lock:
            segments = [
                Segment(path=s.path, head=s.head, last=s.last, size=s.size) for s in self.segments if s.last > after
            ]
        for segment in segments:
            yield from walk(segment, start=after + 1)

    def drop(self, upto: int) -> int:
        """Delete closed segments whose every frame is at or before ``upto``; return how many.

        Deletion goes oldest first, so that a crash leaves no gap.
        """
        dropped = 0
        with self.lock:
            while len(self.segments) > 1 and self.segments[0].last <= upto:
                self.segments.pop(0).path.unlink(missing_ok=True)
                dropped += 1
        if dropped:
            self._disk.sync_folder(self._folder)
        return dropped

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(s.size for s in self.segments)

    def close(self) -> None:
        """Make everything durable and let go of the file."""
        with self._turn:
            while self._syncing:
                self._turn.wait()
            try:
                if not self._broken:
                    self._disk.sync(self._fd)
            finally:
                os.close(self._fd)


def digest_of(parts: Sequence[bytes | memoryview]) -> bytes:
    """Return the SHA-256 over ``parts``, 32 bytes; large parts are hashed without holding the interpreter."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return sha.digest()
