"""What fills the hot tier from the log: all of it, in order, in as many batches as it takes, and nothing that is corrupt."""

from pathlib import Path

import pytest
from tests.stores_data import EVER, T0, S, same, series

from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore, replay
from mumetal.connect.stores.hot import Hot, Record
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import RejectedError, UnavailableError

FRAMES = 12


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that has lost its hot tier and is filled again two frames at a time."""
    store = opened(tmp_path)
    for n in range(FRAMES):
        store.append(Delivery(source="s", data=(series(10 * n, 10),), cursor=str(n)))
    store.close()
    (tmp_path / "hot.duckdb").unlink()
    size = sum(path.stat().st_size for path in (tmp_path / "log").iterdir())
    monkeypatch.setattr(replay, "BATCH_BYTES", size // FRAMES + 1)
    return tmp_path


def opened(folder: Path) -> LogStore:
    return LogStore(folder, StoreSettings(), ManualClock(T0 + 10**6 * S), segment_bytes=4_000)


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The frames of each commit."""
    found: list[list[int]] = []
    commit = Hot.commit

    def noted(hot: Hot, records: list[Record]) -> None:
        found.append([r.sequence for r in records])
        commit(hot, records)

    monkeypatch.setattr(Hot, "commit", noted)
    return found


def test_many_batches_fill_it_in_order(folder: Path, committed: list[list[int]]) -> None:
    store = opened(folder)
    same(list(store.series("local", "qpu1", "fast", *EVER)), [series(0, 10 * FRAMES)])
    assert store.cursor("s") == str(FRAMES - 1)
    store.close()
    assert len(committed) > 3
    assert [n for batch in committed for n in batch] == list(range(1, FRAMES + 1))


def test_a_frame_that_is_corrupt_is_refused_and_never_skipped(folder: Path) -> None:
    first, *_, _ = sorted((folder / "log").iterdir())  # of closed segments only the replay reads the bodies
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    first.write_bytes(data)
    with pytest.raises(RejectedError, match="corrupt"):
        opened(folder)


def test_a_batch_that_cannot_be_written_is_told_and_committed_by_the_next_opening(
    folder: Path, committed: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Hot.commit

    def full(hot: Hot, records: list[Record]) -> None:
        if len(committed) == 2:
            raise UnavailableError("the disk is full")
        commit(hot, records)

    with monkeypatch.context() as once:
        once.setattr(Hot, "commit", full)
        with pytest.raises(UnavailableError, match="the disk is full"):
            opened(folder)
    store = opened(folder)
    same(list(store.series("local", "qpu1", "fast", *EVER)), [series(0, 10 * FRAMES)])
    store.close()
