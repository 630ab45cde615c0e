"""The embedded store: acknowledged means durable, and what is acknowledged is read.

The order of an append, which is also why it is right:

1. The numbers are encoded and hashed, outside the lock.
2. Under the log's lock: is there room in the queue, what of it is new, write the frame, queue it for the hot tier.
3. Outside the lock: wait until the frame is durable, together with all who wait. Only then is it acknowledged.
4. The committer takes durable frames only. A reader first waits for what was acknowledged when it asked.

A failure in 2 leaves nothing behind; a failure in 3 takes the frame, and every unsynced one, back out of the file, the
queue and the memory of what is known, so that a retry is new again.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores.archive import Archive
from mumetal.connect.stores.committer import Committer
from mumetal.connect.stores.disk import Disk, damaged_mark, lock
from mumetal.connect.stores.frames import MAX_BODY
from mumetal.connect.stores.hot import Hot, Record
from mumetal.connect.stores.identity import Identity, Staged
from mumetal.connect.stores.payload import ChannelMaps, Draft
from mumetal.connect.stores.reading import Reader
from mumetal.connect.stores.replay import replay
from mumetal.connect.stores.stats import StoreStats
from mumetal.connect.stores.wal import SEGMENT_BYTES, Wal
from mumetal.core.artefact import Evidence
from mumetal.core.check import LATEST_NS
from mumetal.core.clock import Clock
from mumetal.core.delivery import Delivery, Quarantined, Receipt
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot

HOUR_NS = 3_600 * 10**9
SEGMENTS_AT_ONCE = 4


class LogStore:
    """The :class:`mumetal.core.ports.Store` of one machine; safe from any thread.

    Args:
        directory: Its folder; made when missing, and locked.
        settings: Bounds of the queue, ages, lateness.
        clock: For the write time in each frame; data times are never compared with it except to bound lateness.
        disk: The calls on the operating system.
        segment_bytes: Size at which a log segment is closed.

    Raises:
        UnavailableError: Another process has the folder, or it cannot be written.
        RejectedError: The log or the archive is corrupt, or lacks something that was acknowledged.
    """

    def __init__(
        self,
        directory: Path,
        settings: StoreSettings,
        clock: Clock,
        *,
        disk: Disk | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._folder, self._settings, self._clock = directory, settings, clock
        self._disk = disk or Disk()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = lock(directory)
        except OSError as error:
            raise UnavailableError(
                f"the store's folder cannot be used: {error.strerror}", where=str(directory)
            ) from None
        self._swap, self._writing, self._housekeeping = threading.RLock(), threading.RLock(), threading.Lock()
        try:
            self._archive = Archive(directory / "parquet", self._disk)
            archived = self._archive.manifest.archived
            self._wal = Wal(directory / "log", self._disk, archived=archived, segment_bytes=segment_bytes)
            self._rebuilt = ""
            try:
                self._take_up()
            except UnavailableError:
                if not damaged_mark(self._hot_path).exists():
                    raise
                self._hot.close()
                self._take_up()
        except OSError as error:
            os.close(self._lock)
            raise UnavailableError(f"the store cannot be opened: {error.strerror}", where=str(directory)) from None
        except BaseException:
            os.close(self._lock)
            raise
        self._maps = ChannelMaps()
        self._unsynced: deque[tuple[int, Staged]] = deque()
        self._wal.on_lost = self._forget
        self._rows = self._values = self._repeats = self._late = 0
        self._closed = False
        self._committer = Committer(self._hot, settings.queue_mib << 20, lambda: self._wal.synced, self._writing)

    # Opening

    def _take_up(self) -> None:
        """Open the hot tier, bring it to where the log is, and learn what is known."""
        self._hot = self._open_hot()
        replay(self._wal, self._hot)
        self._reader = Reader(self._hot, self._archive, self._swap)
        self._identity = Identity(self._reader.identities, round(self._settings.lateness_s * 1e9))
        self._identity.load(self._reader.covered(), self._reader.prints())
        self._cursors = {source: (0, cursor) for source, cursor in self._hot.cursors().items()}

    @property
    def _hot_path(self) -> Path:
        return self._folder / "hot.duckdb"

    def _remove_hot(self) -> None:
        self._hot_path.unlink(missing_ok=True)
        self._hot_path.with_name(self._hot_path.name + ".wal").unlink(missing_ok=True)

    def _open_hot(self) -> Hot:
        manifest = self._archive.manifest
        if damaged_mark(self._hot_path).exists():
            self._rebuilt = "the hot tier was damaged"
            self._remove_hot()
            damaged_mark(self._hot_path).unlink()
        new = not self._hot_path.exists()
        try:
            hot = Hot(self._hot_path)
        except UnavailableError as error:
            self._rebuilt = error.message
            self._remove_hot()
            hot, new = Hot(self._hot_path), True
        if not new and hot.committed < manifest.archived:
            self._rebuilt = "the hot tier is older than the archive"
            hot.close()
            self._remove_hot()
            hot, new = Hot(self._hot_path), True
        if new:
            hot.seed(manifest.epochs, manifest.cursors, manifest.archived)
        if hot.committed > self._wal.written:
            committed = hot.committed
            hot.close()
            raise RejectedError(
                f"the log ends with frame {self._wal.written}, but {committed} was acknowledged",
                where=str(self._folder / "log"),
                hint="restore the log from a copy; to go on without what is lost, delete hot.duckdb",
            )
        if hot.archived < manifest.archived:
            hot.forget(manifest.archived)
        return hot

    # Writing

    def append(self, delivery: Delivery) -> Receipt:
        """Commit a delivery and its cursor as one; what is known already is left out.

        Late rows are among ``fresh``: they are new, and whoever scores compares their time.

        Raises:
            UnavailableError: The queue or the disk is full, or the store is closed; nothing was acknowledged.
            BadInputError: A datum belongs to another tenant than the delivery.
        """
        for datum in delivery.data:
            if datum.tenant != delivery.tenant:
                raise BadInputError(
                    f"a delivery for {delivery.tenant!r} holds data of {datum.tenant!r}", where=delivery.source
                )
        draft = Draft(delivery, self._maps)
        if draft.size > MAX_BODY // 2:
            raise BadInputError(f"a delivery of {draft.size >> 20} MiB is too large", where=delivery.source)
        now_ns = self._clock.now_ns()
        with self._wal.lock:
            self._refuse_if_closed()
            if self._wal.full:
                self._wal.roll()
            self._committer.room(draft.size)
            self._identity.committed = self._committer.committed
            if not self._unsynced:
                self._identity.prints.settle()
            sequence = self._wal.written + 1
            staged = self._identity.stage(delivery.data, sequence, now_ns)
            try:
                fresh = replace(delivery, data=staged.data)
                parts, digest = _finished(draft, fresh, staged.late_by_place)
                position = self._wal.write(parts, digest, now_ns)
            except BaseException:
                staged.forget()
                raise
            self._unsynced.append((sequence, staged))
            size = sum(len(p) for p in parts)
            self._committer.offer(
                Record(sequence=sequence, digest=digest.hex(), delivery=fresh, late=staged.late_by_place, size=size)
            )
        self._wal.sync_to(position)
        return self._acknowledge(delivery, sequence, digest, staged)

    def _acknowledge(self, delivery: Delivery, sequence: int, digest: bytes, staged: Staged) -> Receipt:
        series = [d for d in staged.data if isinstance(d, Series)]
        values = sum(s.values.size for s in series)
        with self._wal.lock:
            while self._unsynced and self._unsynced[0][0] <= self._wal.synced:
                self._unsynced.popleft()
            if delivery.cursor and sequence > self._cursors.get(delivery.source, (0, ""))[0]:
                self._cursors[delivery.source] = (sequence, delivery.cursor)
            self._rows += sum(len(s) for s in series)
            self._values += values
            self._repeats += staged.repeats
            self._late += staged.late
        self._committer.wake()
        return Receipt(
            sequence=sequence,
            digest=digest.hex(),
            values=values,
            late=staged.late,
            repeats=staged.repeats,
            fresh=staged.data,
            again=tuple(staged.again),
        )

    def _forget(self, kept: int) -> None:
        """Undo, newest first, what was noted for frames past ``kept``; the log calls this with its lock held."""
        self._committer.lost(kept)
        while self._unsynced and self._unsynced[-1][0] > kept:
            self._unsynced.pop()[1].forget()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise UnavailableError("the store is closed", where=str(self._folder))

    # Reading

    def _settled(self) -> Reader:
        """Return the reader once all that was acknowledged so far is in the hot tier."""
        self._refuse_if_closed()
        self._committer.wait_for(self._wal.synced)
        return self._reader

    def cursor(self, source: str) -> str:
        """Return the last committed cursor of a source; empty when there is none."""
        return self._cursors.get(source, (0, ""))[1]

    def tenants(self) -> Sequence[str]:
        """Return every tenant that has samples, in order."""
        return self._identity.tenants()

    def streams(self, tenant: str) -> Sequence[tuple[str, str]]:
        """Return the (device, stream) pairs of a tenant, in order."""
        with self._wal.lock:
            return self._identity.streams(tenant)

    def series(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Iterator[Series]:
        """Yield committed samples with ``start_ns <= t_ns < stop_ns``, epoch by epoch, in chunks of about 65,536 rows.

        Raises:
            UnavailableError: The hot tier cannot be read at present.
        """
        yield from self._settled().series(tenant, device, stream, start_ns, stop_ns)

    def thinned(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int, points: int) -> list[Series]:
        """Return samples thinned to about ``points`` rows per epoch, keeping every channel's extremes."""
        return self._settled().thinned(tenant, device, stream, start_ns, stop_ns, points)

    def events(self, tenant: str, start_ns: int, stop_ns: int, limit: int = 10_000) -> Sequence[Event]:
        """Return committed events in order of time."""
        return self._settled().events(tenant, start_ns, stop_ns, limit)

    def snapshots(
        self, tenant: str, device: str, limit: int = 100, until_ns: int = LATEST_NS
    ) -> Sequence[DeviceSnapshot]:
        """Return the newest snapshots of a device before ``until_ns``, oldest first."""
        return self._settled().snapshots(tenant, device, limit, until_ns)

    def calibrated(self) -> Sequence[tuple[str, str]]:
        """Return every (tenant, device) that has snapshots, in order."""
        return self._settled().calibrated()

    def quarantine(self, tenant: str, limit: int = 100) -> Sequence[Quarantined]:
        """Return what was refused, newest first."""
        return self._settled().quarantine(tenant, limit)

    def evidence(self, tenant: str, device: str, stream: str, start_ns: int, stop_ns: int) -> Evidence:
        """Point at a range of samples.

        The digest is SHA-256 over the hex digests of the log frames that reach into the range, in order, one a line;
        each of them is :attr:`Receipt.digest` of an append.
        """
        return self._settled().evidence(tenant, device, stream, start_ns, stop_ns)

    # Keeping house

    def maintain(self, now_ns: int) -> None:
        """Move what was written longer than ``hot_hours`` ago to Parquet, and delete Parquet older than ``keep_days``.

        Age in the hot tier is reckoned from the write, by whole log segments, so that neither a backfill nor a device
        with a wrong clock pins the log. Retention is reckoned from the data's own time, and never from a ``now_ns``
        ahead of all data: a clock set forward deletes nothing.

        Raises:
            UnavailableError: The disk is full or failing; what was there before is still there.
        """
        with self._housekeeping:
            self._maintain(now_ns)

    def _maintain(self, now_ns: int) -> None:
        self._refuse_if_closed()
        before_ns = now_ns - round(self._settings.hot_hours * HOUR_NS)
        with self._wal.lock:
            active = self._wal.segments[-1]
            if active.first_ns and active.first_ns < before_ns:
                self._wal.roll()
            due: list[int] = []
            bound = now_ns
            # A segment was written no later than those after it, whatever the clock said.
            for segment in reversed(self._wal.segments[:-1]):
                bound = min(bound, segment.last_ns)
                if bound < before_ns:
                    due.insert(0, segment.last)
        for upto in [*due[SEGMENTS_AT_ONCE - 1 : -1 : SEGMENTS_AT_ONCE], *due[-1:]]:
            if upto > self._archive.manifest.archived:
                self._compact(upto)
        self._finish_compaction()
        newest = max((p.last_ns for p in self._archive.manifest.parts if p.table != "quarantine"), default=0)
        with self._swap:
            self._archive.expire(min(now_ns, newest) - round(self._settings.keep_days * 24 * HOUR_NS))

    def _compact(self, upto: int) -> None:
        self._committer.wait_for(upto)
        # Frames up to `upto` no longer change, so the committer goes on while they are written as Parquet.
        manifest = self._archive.compact(self._hot, upto)
        with self._writing, self._swap:
            self._archive.count(manifest)
            self._hot.forget(upto)

    def _finish_compaction(self) -> None:
        """Let go, in the hot tier and the log, of what the archive holds; also after a failure that kept it."""
        archived = self._archive.manifest.archived
        with self._writing, self._swap:
            if self._hot.archived < archived:
                self._hot.forget(archived)
        self._wal.drop(archived)

    def stats(self) -> StoreStats:
        """Return how the store is doing."""
        parts = self._archive.manifest.parts
        return StoreStats(
            acknowledged=self._wal.synced,
            committed=self._committer.committed,
            archived=self._archive.manifest.archived,
            rows=self._rows,
            values=self._values,
            repeats=self._repeats,
            late=self._late,
            pending_bytes=self._committer.pending_bytes,
            log_bytes=self._wal.size,
            log_segments=len(self._wal.segments),
            hot_bytes=self._hot_path.stat().st_size,
            parquet_files=len(parts),
            parquet_bytes=sum(p.size for p in parts),
            cut_bytes=self._wal.cut_bytes,
            rebuilt=self._rebuilt,
            trouble=self._committer.trouble,
        )

    def verify(self) -> None:
        """Check every frame of the log and every Parquet file against its digest.

        Raises:
            RejectedError: Something was altered; says which file and where.
        """
        with self._housekeeping:
            for _ in self._wal.frames(0):
                pass
            self._archive.verify()

    def close(self) -> None:
        """Finish committing and let go of files; a second call does nothing."""
        with self._housekeeping, self._wal.lock:
            if self._closed:
                return
            self._closed = True
        try:
            self._wal.close()
        finally:
            self._committer.close()
            self._hot.close()
            os.close(self._lock)


def _finished(draft: Draft, fresh: Delivery, late: tuple[int, ...]) -> tuple[list[bytes], bytes]:
    try:
        return draft.finish(fresh, late)
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"a delivery cannot be written: {str(error)[:200]}", where=fresh.source) from None
