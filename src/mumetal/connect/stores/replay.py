"""Fills the hot tier from the log, when a store is opened: after a death, or when the hot tier was lost."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from mumetal.connect.stores.hot import Hot, Record
from mumetal.connect.stores.payload import decode
from mumetal.connect.stores.wal import Wal
from mumetal.core.errors import BadInputError, RejectedError

BATCH_BYTES = 32 << 20


def replay(wal: Wal, hot: Hot) -> None:
    """Commit what the log holds past the hot tier, in order; while one batch is written, the next is read and checked.

    Raises:
        RejectedError: A frame is corrupt, or of another version.
        UnavailableError: The hot tier cannot be written.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="replay") as beside:
        writing: Future[None] | None = None
        for batch in _batches(wal, hot.committed):
            if writing is not None:
                writing.result()
            writing = beside.submit(hot.commit, batch)
        if writing is not None:
            writing.result()


def _batches(wal: Wal, after: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for head, body in wal.frames(after):
        try:
            delivery, late = decode(body, f"frame {head.sequence}")
        except BadInputError as error:
            raise RejectedError(
                error.message, where=error.where, hint="the frame is sound but of another version"
            ) from None
        batch.append(Record(sequence=head.sequence, digest=head.digest.hex(), delivery=delivery, late=late))
        size += head.size
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
