"""The embedded store beyond the port: recovery, the queue, the lock, compaction, retention, verification."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.stores_data import EVER, T0, S, event, same, series, snapshot

from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore
from mumetal.connect.stores.disk import Disk
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery, Quarantined
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.series import Series

HOUR = 3600 * S


class FailingDisk(Disk):
    """Fails the calls it is told to."""

    def __init__(self) -> None:
        self.failing: set[str] = set()

    def write(self, fd: int, parts: object) -> None:
        if "write" in self.failing:
            super().write(fd, [b"torn"])
            raise OSError(28, "No space left on device")
        super().write(fd, parts)  # type: ignore[arg-type]

    def sync(self, fd: int) -> None:
        if "sync" in self.failing:
            raise OSError(5, "Input/output error")
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        if "truncate" in self.failing:
            raise OSError(5, "Input/output error")
        super().truncate(fd, size)


def opened(path: Path, clock: ManualClock | None = None, disk: Disk | None = None, **settings: float) -> LogStore:
    return LogStore(
        path,
        StoreSettings(**settings),  # type: ignore[arg-type]
        clock or ManualClock(T0 + 10**6 * S),
        disk=disk,
        segment_bytes=20_000,
    )


def read(store: LogStore, stream: str = "fast") -> list[Series]:
    return list(store.series("local", "qpu1", stream, *EVER))


def fill(store: LogStore, start: int = 0) -> None:
    for n in range(start, start + 20):
        store.append(
            Delivery(
                source="s",
                data=(series(n * 10, 10), series(n * 10, 10, 100, stream="wide"), event(f"e{n}", n), snapshot(n)),
                quarantined=(Quarantined.of(f"f:{n}", "bad"),),
                cursor=str(n),
            )
        )


def everything(store: LogStore) -> tuple[object, ...]:
    return (
        [
            (s.epoch, s.channels, s.t_ns.tolist(), s.seq.tolist(), s.values.tolist())
            for w in ("fast", "wide")
            for s in read(store, w)
        ],
        store.events("local", *EVER),
        repr(store.snapshots("local", "qpu1")),
        store.quarantine("local"),
        store.evidence("local", "qpu1", "fast", *EVER),
        store.evidence("local", "qpu1", "fast", T0 + 30 * S, T0 + 31 * S),
        store.cursor("s"),
        store.streams("local"),
    )


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fill(store)
    before = everything(store)
    store.close()
    store.close()
    store = opened(tmp_path)
    assert everything(store) == before
    assert store.append(Delivery(source="s", data=(series(150, 60), event("e3")))).repeats == 51
    same(read(store), [series(0, 210)])
    store.close()
    with pytest.raises(UnavailableError):
        store.append(Delivery(source="s"))


@pytest.mark.parametrize("damage", ["deleted", "garbage", "truncated"])
def test_the_hot_tier_is_rebuilt_equal(tmp_path: Path, damage: str) -> None:
    store = opened(tmp_path)
    fill(store)
    before = everything(store)
    store.close()
    hot = tmp_path / "hot.duckdb"
    if damage == "deleted":
        hot.unlink()
    elif damage == "garbage":
        hot.write_bytes(b"not a database" * 1000)
    else:
        hot.write_bytes(hot.read_bytes()[:5000])
    store = opened(tmp_path)
    assert everything(store) == before
    assert bool(store.stats().rebuilt) == (damage != "deleted")
    store.close()


def test_two_stores_cannot_open_one_folder(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(UnavailableError, match="another process") as error:
        opened(tmp_path)
    assert "store.directory" in error.value.hint
    store.close()
    opened(tmp_path).close()


def test_concurrent_appends_share_syncs_and_lose_nothing(tmp_path: Path) -> None:
    class Counting(Disk):
        syncs = 0

        def sync(self, fd: int) -> None:
            Counting.syncs += 1
            super().sync(fd)

    store = opened(tmp_path, disk=Counting())
    sequences: list[int] = []

    def write(device: str) -> None:
        sequences.extend(
            store.append(Delivery(source=device, data=(series(n, 1, device=device),))).sequence for n in range(25)
        )

    threads = [threading.Thread(target=write, args=(f"d{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sequences) == list(range(1, 201))
    for i in range(8):
        same(list(store.series("local", f"d{i}", "fast", *EVER)), [series(0, 25, device=f"d{i}")])
    assert Counting.syncs <= 200 + store.stats().log_segments * 2
    store.close()


def test_a_full_disk_takes_nothing_and_a_retry_counts(tmp_path: Path) -> None:
    disk = FailingDisk()
    store = opened(tmp_path, disk=disk)
    store.append(Delivery(source="s", data=(series(0, 5), event("a")), cursor="1"))
    disk.failing = {"write"}
    for _ in range(3):
        with pytest.raises(UnavailableError, match="No space left") as error:
            store.append(Delivery(source="s", data=(series(5, 5), event("b")), cursor="2"))
        assert "free some space" in error.value.hint
    disk.failing = set()
    assert store.cursor("s") == "1"
    assert store.events("local", *EVER) == [event("a")]
    receipt = store.append(Delivery(source="s", data=(series(5, 5), event("b")), cursor="2"))
    assert (receipt.sequence, receipt.repeats, receipt.values) == (2, 0, 15)
    store.verify()
    store.close()
    store = opened(tmp_path)
    same(read(store), [series(0, 10)])
    assert store.cursor("s") == "2"
    store.close()


def test_a_failed_sync_takes_back_what_it_did_not_make_durable(tmp_path: Path) -> None:
    disk = FailingDisk()
    store = opened(tmp_path, disk=disk)
    store.append(Delivery(source="s", data=(series(0, 5), event("a")), cursor="1"))
    disk.failing = {"sync"}
    with pytest.raises(UnavailableError, match="durable"):
        store.append(Delivery(source="s", data=(series(5, 5), event("b"), snapshot(4)), cursor="2"))
    disk.failing = set()
    assert store.cursor("s") == "1"
    receipt = store.append(Delivery(source="s", data=(series(5, 5), event("b"), snapshot(4)), cursor="2"))
    assert (receipt.sequence, receipt.repeats) == (2, 0)
    same(read(store), [series(0, 10)])
    store.verify()
    store.close()
    store = opened(tmp_path)
    same(read(store), [series(0, 10)])
    store.close()


def test_a_disk_that_cannot_even_cut_breaks_the_log_until_it_is_opened_again(tmp_path: Path) -> None:
    disk = FailingDisk()
    store = opened(tmp_path, disk=disk)
    store.append(Delivery(source="s", data=(series(0, 5),)))
    disk.failing = {"write", "truncate"}
    with pytest.raises(UnavailableError):
        store.append(Delivery(source="s", data=(series(5, 5),)))
    disk.failing = set()
    with pytest.raises(UnavailableError, match="disk failed"):
        store.append(Delivery(source="s", data=(series(5, 5),)))
    same(read(store), [series(0, 5)])
    store.close()
    store = opened(tmp_path)
    assert store.stats().cut_bytes == 4
    assert store.append(Delivery(source="s", data=(series(5, 5),))).values == 15
    store.close()


def test_a_full_queue_is_said_before_anything_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path, queue_mib=1)
    gate = threading.Event()
    commit: Callable[..., None] = store._hot.commit

    def slow(records: object) -> None:
        gate.wait(20)
        commit(records)

    monkeypatch.setattr(store._hot, "commit", slow)
    sent = 0
    refusal = ""
    while not refusal:
        try:
            store.append(Delivery(source="s", data=(series(sent, 500, 64),)))
            sent += 500
        except UnavailableError as error:
            refusal = error.message
    assert "wait to be committed" in refusal
    assert 0 < sent < 5000
    gate.set()
    same(read(store), [series(0, sent, 64)])
    assert store.append(Delivery(source="s", data=(series(sent, 500, 64),))).repeats == 0
    store.close()


def test_a_clock_set_back_changes_nothing(tmp_path: Path) -> None:
    clock = ManualClock(T0 + 10**6 * S)
    store = opened(tmp_path, clock)
    store.append(Delivery(source="s", data=(series(0, 5),)))
    clock.set_ns(T0 - 10**8 * S)
    assert store.append(Delivery(source="s", data=(series(5, 5),))).sequence == 2
    assert store.append(Delivery(source="s", data=(series(0, 10),))).repeats == 10
    store.maintain(clock.now_ns())
    same(read(store), [series(0, 10)])
    store.close()
    store = opened(tmp_path, clock)
    same(read(store), [series(0, 10)])
    store.close()


def test_compaction_moves_everything_and_loses_nothing(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    store = opened(tmp_path, clock, hot_hours=1.0)
    fill(store)
    before = everything(store)
    store.maintain(T0 + HOUR // 2)
    assert store.stats().parquet_files == 0
    clock.set_ns(T0 + 2 * HOUR)
    store.maintain(clock.now_ns())
    stats = store.stats()
    assert (stats.archived, stats.log_segments, stats.log_bytes) == (20, 1, 32)
    assert stats.parquet_files >= 6
    assert everything(store) == before
    assert store.append(Delivery(source="s", data=(series(0, 205), event("e1"), snapshot(2)))).repeats == 202
    fill(store, 18)
    same(read(store), [series(0, 380)])
    before = everything(store)
    store.verify()
    store.close()
    (tmp_path / "hot.duckdb").unlink()
    store = opened(tmp_path, clock, hot_hours=1.0)
    assert everything(store) == before
    assert store.append(Delivery(source="s", data=(series(0, 380),))).repeats == 380
    clock.set_ns(T0 + 9 * HOUR)
    store.maintain(clock.now_ns())
    assert everything(store) == before
    store.close()


@pytest.mark.parametrize("step", ["_write", "sync_folder", "count", "forget", "drop"])
def test_a_compaction_cut_short_anywhere_loses_nothing(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(T0)
    store = opened(tmp_path, clock, hot_hours=1.0)
    fill(store)
    before = everything(store)
    clock.set_ns(T0 + 2 * HOUR)
    owner = {
        "_write": store._archive,
        "count": store._archive,
        "sync_folder": store._disk,
        "forget": store._hot,
        "drop": store._wal,
    }
    calls = 0

    def crash(*_: object) -> None:
        nonlocal calls
        calls += 1
        raise UnavailableError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(owner[step], step, crash)
        with pytest.raises(UnavailableError, match="crash"):
            store.maintain(clock.now_ns())
    assert calls == 1
    assert everything(store) == before
    store.close()
    store = opened(tmp_path, clock, hot_hours=1.0)
    assert everything(store) == before
    store.maintain(clock.now_ns())
    assert everything(store) == before
    assert store.stats().log_segments == 1
    store.close()


def test_channel_names_that_differ_in_case_only_survive_parquet(tmp_path: Path) -> None:
    from mumetal.core.series import Channel

    clock = ManualClock(T0)
    store = opened(tmp_path, clock, hot_hours=1.0)
    sent = Series(
        device="qpu1",
        stream="fast",
        channels=tuple(Channel(name=n, unit="1") for n in ("a", "A", "t_ns", "SEQ", "q[0].T1")),
        t_ns=T0 + np.arange(4) * S,
        values=np.arange(20.0).reshape(4, 5),
    )
    store.append(Delivery(source="s", data=(sent,)))
    clock.set_ns(T0 + 2 * HOUR)
    store.maintain(clock.now_ns())
    assert store.stats().parquet_files == 2
    same(read(store), [sent])
    store.close()


def test_retention_deletes_old_parquet_and_a_clock_set_forward_does_not(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    store = opened(tmp_path, clock, hot_hours=1.0, keep_days=10.0)
    store.append(Delivery(source="s", data=(series(0, 10),)))
    store.append(Delivery(source="s", data=(series(20 * 24, 10, step=HOUR),)))
    clock.set_ns(T0 + 2 * HOUR)
    store.maintain(clock.now_ns())
    assert sum(map(len, read(store))) == 20
    store.maintain(T0 + 21 * 24 * HOUR)
    assert sum(map(len, read(store))) == 10
    store.maintain(T0 + 10_000 * 24 * HOUR)
    assert sum(map(len, read(store))) == 10
    store.close()


def test_a_corrupt_middle_is_refused_and_a_torn_tail_cut(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for n in range(10):
        store.append(Delivery(source="s", data=(series(n, 1),)))
    store.close()
    [path] = (tmp_path / "log").glob("*.mmlog")
    sound = path.read_bytes()
    path.write_bytes(sound[:3000] + bytes([sound[3000] ^ 1]) + sound[3001:])
    with pytest.raises(RejectedError, match="corrupt") as error:
        opened(tmp_path)
    assert path.name in error.value.where
    path.write_bytes(sound + b"MMF1 and then the power went")
    store = opened(tmp_path)
    assert store.stats().cut_bytes == 28
    same(read(store), [series(0, 10)])
    store.close()
    path.write_bytes(sound[:-8])
    with pytest.raises(RejectedError, match="acknowledged"):
        opened(tmp_path)
    path.write_bytes(sound)
    opened(tmp_path).close()


def test_a_missing_segment_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fill(store)
    assert store.stats().log_segments > 3
    store.close()
    sorted((tmp_path / "log").glob("*.mmlog"))[1].unlink()
    with pytest.raises(RejectedError, match="gap"):
        opened(tmp_path)


def test_the_first_segment_missing_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fill(store)
    store.close()
    min((tmp_path / "log").glob("*.mmlog")).unlink()
    with pytest.raises(RejectedError, match="gap"):
        opened(tmp_path)


def test_verify_names_the_altered_file(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    store = opened(tmp_path, clock, hot_hours=1.0)
    fill(store)
    store.verify()
    first = min((tmp_path / "log").glob("*.mmlog"))
    sound = first.read_bytes()
    first.write_bytes(sound[:-5] + b"x" + sound[-4:])
    with pytest.raises(RejectedError) as error:
        store.verify()
    assert first.name in error.value.where
    first.write_bytes(sound)
    clock.set_ns(T0 + 2 * HOUR)
    store.maintain(clock.now_ns())
    part = min((tmp_path / "parquet").glob("*.parquet"))
    part.write_bytes(part.read_bytes() + b"x")
    with pytest.raises(RejectedError, match="Parquet"):
        store.verify()
    store.close()


def test_another_tenants_data_are_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(BadInputError, match="holds data of"):
        store.append(Delivery(source="s", tenant="a", data=(event("x", tenant="b"),)))
    store.close()


def test_long_streams_come_in_chunks_and_thinned_keeps_extremes(tmp_path: Path) -> None:
    store = opened(tmp_path)
    rng = np.random.default_rng(3)
    base = series(0, 100_000, 4)
    values = rng.normal(size=(100_000, 4))
    values[31_415, 2], values[92_653, 1] = 99.0, -99.0
    sent = Series(device="qpu1", stream="fast", channels=base.channels, t_ns=base.t_ns, values=values)
    store.append(Delivery(source="s", data=(sent,)))
    chunks = read(store)
    assert len(chunks) == 2
    np.testing.assert_array_equal(np.concatenate([c.values for c in chunks]), values)
    [thin] = store.thinned("local", "qpu1", "fast", *EVER, 500)
    assert 400 <= len(thin) <= 500
    np.testing.assert_array_equal(thin.values.max(0), values.max(0))
    np.testing.assert_array_equal(thin.values.min(0), values.min(0))
    [few] = store.thinned("local", "qpu1", "fast", T0, T0 + 10 * S, 500)
    same([few], [sent.rows(0, 10)])
    store.close()


def test_a_sample_from_the_far_future_does_not_make_the_rest_late(tmp_path: Path) -> None:
    store = opened(tmp_path, ManualClock(T0 + 20 * S))
    store.append(Delivery(source="s", data=(series(0, 10), series(10**9, 1, step=S))))
    receipt = store.append(Delivery(source="s", data=(series(10, 10),)))
    assert (receipt.late, receipt.repeats) == (0, 0)
    store.close()


def test_readers_see_every_row_once_while_compaction_moves_them(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    store = opened(tmp_path, clock, hot_hours=1.0)
    seen: list[int] = []
    done = threading.Event()

    def reads() -> None:
        while not done.is_set():
            chunks = list(store.series("local", "qpu1", "fast", T0, T0 + 200 * S))
            seen.append(sum(map(len, chunks)))

    fill(store)
    reader = threading.Thread(target=reads)
    reader.start()
    for turn in range(1, 4):
        clock.set_ns(T0 + 2 * turn * HOUR)
        store.maintain(clock.now_ns())
        fill(store, 20 * turn)
    done.set()
    reader.join()
    assert set(seen) == {200}
    assert store.stats().archived == 60
    store.close()


def test_text_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(BadInputError, match="no UTF-8 text can hold"):
        event("a\ud800")
    with pytest.raises(BadInputError, match="cannot be written"):
        store.append(Delivery(source="s\ud800", data=(series(0, 3),)))
    assert store.append(Delivery(source="s", data=(series(0, 3),))).repeats == 0
    store.close()


def test_odd_text_survives(tmp_path: Path) -> None:
    store = opened(tmp_path)
    odd = 'it\'s "odd"; DROP TABLE meta; \0 \n é'
    store.append(Delivery(source=odd, data=(event(odd),), cursor=odd))
    assert store.events("local", *EVER) == [event(odd)]
    store.close()
    store = opened(tmp_path)
    assert store.cursor(odd) == odd
    assert store.append(Delivery(source=odd, data=(event(odd),))).repeats == 1
    store.close()


def test_a_look_up_that_fails_half_way_notes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    store.append(Delivery(source="s", data=(series(0, 5),)))
    store.close()
    store = opened(tmp_path)

    def away(*_: object) -> None:
        raise UnavailableError("away")

    both = Delivery(source="s", data=(series(0, 5, stream="other"), event("e"), series(3, 5)))
    with monkeypatch.context() as patch:
        patch.setattr(store._identity, "_known", away)
        with pytest.raises(UnavailableError, match="away"):
            store.append(both)
    receipt = store.append(both)
    assert (receipt.repeats, receipt.values) == (2, 24)
    store.close()
