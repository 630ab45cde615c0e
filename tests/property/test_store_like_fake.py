"""The embedded store and the slow, obvious one agree on any run of deliveries, whatever happens in between."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes_store import FakeStore
from tests.stores_data import EVER, T0, S, event, series

from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore
from mumetal.connect.stores.identity import BLOCK_ROWS, Identity, key_of
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.series import Series, sorted_by_time

HOUR = 3600 * S
ROWS = st.tuples(st.integers(0, 300), st.integers(0, 2), st.floats(-1e9, 1e9) | st.just(float("nan")))
STEP = st.one_of(
    st.lists(ROWS, min_size=1, max_size=12),
    st.sampled_from(["reopen", "rebuild", "maintain", "event"]),
)


def delivery(rows: list[tuple[int, int, float]], channels: int) -> Delivery:
    base = series(0, 1, channels)
    t, v, s, _ = sorted_by_time(
        T0 + np.array([r[0] for r in rows]) * S * 60,
        np.repeat(np.array([[r[2]] for r in rows]), channels, axis=1),
        np.array([r[1] for r in rows]),
    )
    return Delivery(
        source="s", data=(Series(device="qpu1", stream="fast", channels=base.channels, t_ns=t, values=v, seq=s),)
    )


@settings(max_examples=15)
@given(steps=st.lists(STEP, min_size=1, max_size=14), channels=st.sampled_from([2, 9, 70]))
def test_both_say_the_same(steps: list[list[tuple[int, int, float]] | str], channels: int) -> None:
    clock = ManualClock(T0 + 10_000 * HOUR)
    fake = FakeStore()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        chosen = StoreSettings(hot_hours=1.0)
        store = LogStore(path, chosen, clock, segment_bytes=3_000)
        for nr, step in enumerate(steps):
            if isinstance(step, list) or step == "event":
                sent = delivery(step, channels) if isinstance(step, list) else Delivery(source="s", data=(event("e"),))
                a, b = store.append(sent), fake.append(sent)
                assert (a.sequence, a.values, a.repeats, a.late) == (b.sequence, b.values, b.repeats, b.late), nr
            elif step == "maintain":
                clock.sleep(2 * 3600)
                store.maintain(clock.now_ns())
            else:
                store.close()
                if step == "rebuild":
                    (path / "hot.duckdb").unlink()
                store = LogStore(path, chosen, clock, segment_bytes=3_000)
        got = list(store.series("local", "qpu1", "fast", *EVER))
        want = list(fake.series("local", "qpu1", "fast", *EVER))
        assert len(got) == len(want)
        for x, y in zip(got, want, strict=True):
            np.testing.assert_array_equal(x.t_ns, y.t_ns)
            np.testing.assert_array_equal(x.seq, y.seq)
            np.testing.assert_array_equal(x.values, y.values)
        assert store.events("local", *EVER) == fake.events("local", *EVER)
        store.verify()
        store.close()


def test_a_live_stream_and_a_backfill_never_ask_the_disk() -> None:
    asked = 0

    def known(
        *_: object,
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
        nonlocal asked
        asked += 1
        return np.empty(0, np.int64), np.empty(0, np.int64)

    identity = Identity(known, 120 * S)
    for n in range(40):
        identity.committed = n
        live, old = series(10**6 + n * 1000, 1000), series(n * 1000, 1000)
        assert identity.stage((live, old), n + 1, T0 + 10**9 * S).repeats == 0
    assert identity.stage((series(10**6 + 39_500, 500),), 41, T0).repeats == 500
    assert asked == 0
    seen = identity._seen[key_of(series(0, 1))]
    assert sum(b.t_ns.size for b in seen.blocks) <= BLOCK_ROWS + 2000
    identity.stage((series(10, 5),), 42, T0)
    assert asked == 1
