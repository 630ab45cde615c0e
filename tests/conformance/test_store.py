"""Every store keeps every promise of the port."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.fakes_store import FakeStore
from tests.stores_data import EVER, T0, S, event, same, series, snapshot

from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery, Quarantined
from mumetal.core.ports import Store
from mumetal.core.series import Series

MAKERS: dict[str, Callable[[Path], Store]] = {
    "fake": lambda path: FakeStore(),
    "log": lambda path: LogStore(path / "store", StoreSettings(), ManualClock(T0 + 10**6 * S)),
    "log-small-segments": lambda path: LogStore(
        path / "store", StoreSettings(), ManualClock(T0 + 10**6 * S), segment_bytes=4096
    ),
}


@pytest.fixture(params=sorted(MAKERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def read(store: Store, stream: str = "fast", tenant: str = "local") -> list[Series]:
    return list(store.series(tenant, "qpu1", stream, *EVER))


@pytest.mark.parametrize("channels", [1, 3, 8, 9, 17, 33, 64, 65, 200])
def test_what_is_acknowledged_is_read_back_equal(store: Store, channels: int) -> None:
    sent = series(0, 50, channels)
    receipt = store.append(Delivery(source="s", data=(sent,)))
    assert (receipt.values, receipt.repeats, receipt.late) == (50 * channels, 0, 0)
    assert len(receipt.digest) == 64
    same(read(store), [sent])
    same([d for d in receipt.fresh if isinstance(d, Series)], [sent])


def test_not_observed_values_stay_so_and_a_row_without_any_is_a_row(store: Store) -> None:
    for channels in (3, 20, 100):
        sent = series(0, 20, channels, stream=f"s{channels}")
        values = sent.values.copy()
        values[5] = np.nan
        values[7:, 1:] = np.nan
        holed = Series(device="qpu1", stream=f"s{channels}", channels=sent.channels, t_ns=sent.t_ns, values=values)
        store.append(Delivery(source="s", data=(holed,)))
        same(read(store, f"s{channels}"), [holed])


def test_sequence_grows_by_one(store: Store) -> None:
    assert [store.append(Delivery(source="s", data=(series(i, 1),))).sequence for i in range(4)] == [1, 2, 3, 4]


def test_a_retry_counts_once(store: Store) -> None:
    both = Delivery(source="s", data=(series(0, 10), event("a"), snapshot()))
    store.append(both)
    again = store.append(both)
    assert (again.values, again.repeats, again.fresh) == (0, 12, ())
    same(read(store), [series(0, 10)])
    assert store.events("local", *EVER) == [event("a")]
    assert len(store.snapshots("local", "qpu1")) == 1


def test_of_an_overlap_only_the_new_rows_are_fresh(store: Store) -> None:
    store.append(Delivery(source="s", data=(series(0, 10),)))
    receipt = store.append(Delivery(source="s", data=(series(5, 10), event("e"))))
    assert (receipt.repeats, receipt.values) == (5, 15)
    same([d for d in receipt.fresh if isinstance(d, Series)], [series(10, 5)])
    assert receipt.fresh[-1] == event("e")
    same(read(store), [series(0, 15)])


def test_seq_tells_samples_of_one_time_apart(store: Store) -> None:
    base = series(0, 2)
    t = np.array([T0, T0, T0 + S])
    first = Series(
        device="qpu1", stream="fast", channels=base.channels, t_ns=t, values=np.ones((3, 3)), seq=np.array([0, 1, 0])
    )
    more = Series(
        device="qpu1",
        stream="fast",
        channels=base.channels,
        t_ns=t,
        values=np.full((3, 3), 2.0),
        seq=np.array([1, 2, 0]),
    )
    store.append(Delivery(source="s", data=(first,)))
    assert store.append(Delivery(source="s", data=(more,))).repeats == 2
    [got] = read(store)
    assert got.seq.tolist() == [0, 1, 2, 0]
    assert got.values[:, 0].tolist() == [1.0, 1.0, 2.0, 1.0]


def test_out_of_order_data_are_read_in_order(store: Store) -> None:
    for first in (40, 0, 20, 10, 30):
        store.append(Delivery(source="s", data=(series(first, 10),)))
    same(read(store), [series(0, 50)])


def test_late_rows_are_counted_and_stored(store: Store) -> None:
    store.append(Delivery(source="s", data=(series(1000, 10),)))
    receipt = store.append(Delivery(source="s", data=(series(885, 10),)))
    assert (receipt.late, receipt.repeats) == (4, 0)  # newest is row 1009, lateness 120 s: rows 885 to 888
    assert sum(len(s) for s in read(store)) == 20


def test_the_first_delivery_of_a_backfill_is_not_late(store: Store) -> None:
    assert store.append(Delivery(source="s", data=(series(0, 1000),))).late == 0


def test_another_channel_map_is_another_epoch(store: Store) -> None:
    store.append(Delivery(source="s", data=(series(0, 5, 3), series(0, 5, 4))))
    assert sorted(len(s.channels) for s in read(store)) == [3, 4]


def test_a_range_is_half_open(store: Store) -> None:
    store.append(Delivery(source="s", data=(series(0, 10),)))
    [got] = store.series("local", "qpu1", "fast", T0 + 2 * S, T0 + 5 * S)
    same([got], [series(2, 3)])
    assert list(store.series("local", "qpu1", "fast", T0 + 100 * S, T0 + 200 * S)) == []
    assert list(store.series("local", "qpu1", "nothing", *EVER)) == []


def test_the_cursor_is_committed_with_the_data_and_a_push_leaves_it(store: Store) -> None:
    assert store.cursor("s") == ""
    store.append(Delivery(source="s", cursor="7"))
    store.append(Delivery(source="t", cursor="8"))
    store.append(Delivery(source="s", data=(event("p"),)))
    assert (store.cursor("s"), store.cursor("t")) == ("7", "8")


def test_tenants_never_see_one_another(store: Store) -> None:
    for tenant in ("a", "b"):
        store.append(
            Delivery(
                source="s",
                tenant=tenant,
                data=(series(0, 5, tenant=tenant), event("same", tenant=tenant), snapshot(tenant=tenant)),
                quarantined=(Quarantined.of("f:1", f"bad in {tenant}"),),
            )
        )
    for tenant in ("a", "b"):
        assert store.streams(tenant) == [("qpu1", "fast")]
        assert [s.tenant for s in read(store, tenant=tenant)] == [tenant]
        assert [e.tenant for e in store.events(tenant, *EVER)] == [tenant]
        assert [s.tenant for s in store.snapshots(tenant, "qpu1")] == [tenant]
        assert [q.reason for q in store.quarantine(tenant)] == [f"bad in {tenant}"]
    assert store.streams("c") == []
    assert read(store, tenant="c") == []
    assert store.events("c", *EVER) == []
    assert store.evidence("c", "qpu1", "fast", *EVER).digest == ""


def test_events_come_in_order_of_time_and_bounded(store: Store) -> None:
    store.append(Delivery(source="s", data=tuple(event(f"e{i}", at=-i) for i in range(5))))
    assert [e.event_id for e in store.events("local", *EVER)] == ["e4", "e3", "e2", "e1", "e0"]
    assert [e.event_id for e in store.events("local", T0 - 3 * S, T0, 2)] == ["e3", "e2"]


def test_the_newest_snapshots_come_oldest_first(store: Store) -> None:
    store.append(Delivery(source="s", data=tuple(snapshot(i) for i in (3, 1, 2))))
    assert [(s.t_ns - T0) // S for s in store.snapshots("local", "qpu1", 2)] == [2, 3]
    assert [(s.t_ns - T0) // S for s in store.snapshots("local", "qpu1", 2, T0 + 3 * S)] == [1, 2]
    assert list(store.calibrated()) == [("local", "qpu1")]
    assert np.isnan(store.snapshots("local", "qpu1")[0].parameters[1].value)


def test_quarantine_comes_newest_first(store: Store) -> None:
    for n in range(3):
        store.append(Delivery(source="s", quarantined=(Quarantined.of(f"f:{n}", "bad", b"\xff"),)))
    assert [q.where for q in store.quarantine("local", 2)] == ["f:2", "f:1"]


def test_evidence_is_stable_and_covers_what_it_should(store: Store) -> None:
    store.append(Delivery(source="s", data=(series(0, 10),)))
    store.append(Delivery(source="s", data=(series(10, 10),)))
    first = store.evidence("local", "qpu1", "fast", T0, T0 + 10 * S)
    store.append(Delivery(source="s", data=(series(20, 10),)))
    assert store.evidence("local", "qpu1", "fast", T0, T0 + 10 * S) == first
    assert first.uri.startswith("series:qpu1/fast?")
    assert store.evidence("local", "qpu1", "fast", *EVER).digest not in {"", first.digest}


def test_thinned_keeps_every_extreme_and_what_is_few_as_it_is(store: Store) -> None:
    sent = series(0, 400, 2)
    values = sent.values.copy()
    values[123, 0], values[321, 1] = 1e6, -1e6
    spiky = Series(device="qpu1", stream="fast", channels=sent.channels, t_ns=sent.t_ns, values=values)
    store.append(Delivery(source="s", data=(spiky,)))
    same(list(store.thinned("local", "qpu1", "fast", *EVER, 1_000)), [spiky])
    (thin,) = store.thinned("local", "qpu1", "fast", *EVER, 40)
    assert len(thin) <= 80
    assert (thin.values.max(), thin.values.min()) == (1e6, -1e6)


def test_keeping_house_changes_nothing_that_is_read(store: Store) -> None:
    store.append(Delivery(source="s", data=(series(0, 50), event("a"), snapshot())))
    store.maintain(T0 + 40 * 3_600 * S)
    store.append(Delivery(source="s", data=(series(50, 50),)))
    same(read(store), [series(0, 100)])
    assert store.events("local", *EVER) == [event("a")]
    assert len(store.snapshots("local", "qpu1")) == 1
