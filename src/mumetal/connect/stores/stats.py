"""How a store is doing, for the page and for the log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """How the store is doing.

    Args:
        acknowledged: Last durable frame.
        committed: Last frame in the hot tier.
        archived: Last frame in Parquet.
        rows: Rows accepted since opening.
        values: Numbers accepted since opening.
        repeats: Rows, events and snapshots refused as known since opening.
        late: Rows late since opening.
        pending_bytes: Bytes waiting for the committer.
        log_bytes: Bytes of the log.
        log_segments: Files of the log.
        hot_bytes: Bytes of the hot tier's file.
        parquet_files: Files in the archive.
        parquet_bytes: Bytes in the archive.
        cut_bytes: Bytes of a torn tail cut when the store was opened.
        rebuilt: Why the hot tier was made anew when the store was opened; empty when it was not.
        trouble: What keeps the committer from writing; empty when nothing does.
    """

    acknowledged: int
    committed: int
    archived: int
    rows: int
    values: int
    repeats: int
    late: int
    pending_bytes: int
    log_bytes: int
    log_segments: int
    hot_bytes: int
    parquet_files: int
    parquet_bytes: int
    cut_bytes: int
    rebuilt: str
    trouble: str
