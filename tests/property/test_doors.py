"""What comes in through a door: any bytes are survived, what was written is read back, one bad line costs one line."""

import contextlib
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.source_targets import TARGETS

from mumetal.connect.sources import open_source
from mumetal.core.errors import BadInputError
from mumetal.core.event import Event, EventClass, Status
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.formats.arrow import from_arrow_stream, to_arrow_stream
from mumetal.formats.backend_properties import from_backend_properties
from mumetal.formats.backend_properties_encode import to_backend_properties
from mumetal.formats.columnar import from_columnar_json, to_columnar_json
from mumetal.formats.ocsf import from_event, read_event

T0 = 1_772_434_800 * 10**9
NUMBERS = st.one_of(st.just(math.nan), st.floats(-1e12, 1e12, allow_nan=False))
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"parquet_file", "hdf5_file"}))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_bytes_and_any_splice_of_good_ones_are_read_or_refused(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    good = data.draw(st.sampled_from([b"", *target.seeds]))
    cut = data.draw(st.integers(0, len(good)))
    with contextlib.suppress(BadInputError):  # a refusal is an answer; anything else is a crash
        target.fuzz_one(good[:cut] + data.draw(st.binary(max_size=60)) + good[cut:])


@st.composite
def series(draw: st.DrawFn) -> Series:
    columns = draw(st.integers(1, 4))
    steps = draw(st.lists(st.integers(1, 10**12), min_size=1, max_size=8))
    values = [[draw(NUMBERS) for _ in range(columns)] for _ in steps]
    return Series(
        device="d",
        stream="s",
        channels=tuple(Channel(name=f"c{i}", unit=draw(st.sampled_from(["V", "1", "s"]))) for i in range(columns)),
        t_ns=T0 + np.cumsum(np.array(steps, np.int64)),
        values=np.array(values, np.float64),
    )


@settings(max_examples=60)
@given(sent=series())
def test_a_push_is_read_back_as_it_was_sent(sent: Series) -> None:
    for delivery in (from_columnar_json(to_columnar_json([sent])), from_arrow_stream(to_arrow_stream([sent]))):
        (got,) = delivery.data
        assert isinstance(got, Series)
        assert delivery.quarantined == ()
        assert got.epoch == sent.epoch
        np.testing.assert_array_equal(got.t_ns, sent.t_ns)
        np.testing.assert_array_equal(got.values, sent.values)


@settings(max_examples=40)
@given(
    values=st.lists(st.floats(1e-9, 1e-2), min_size=1, max_size=12),
    at=st.integers(0, 10**6),
)
def test_a_calibration_is_read_back_as_it_was_written(values: list[float], at: int) -> None:
    when = T0 + at * 10**9
    sent = DeviceSnapshot(
        device="d", t_ns=when, qubits=len(values),
        parameters=tuple(
            Parameter(component=f"q{i}", name="T1", value=v, unit="s", t_ns=when) for i, v in enumerate(values)
        ),
    )  # fmt: skip
    got, refused = from_backend_properties(to_backend_properties(sent), tenant="local", where="x")
    assert refused == ()
    assert (got.device, got.t_ns, got.qubits) == ("d", when, len(values))
    assert {p.channel: p.t_ns for p in got.parameters} == {p.channel: p.t_ns for p in sent.parameters}
    np.testing.assert_allclose([p.value for p in got.parameters], [p.value for p in sent.parameters], rtol=1e-12)


@settings(max_examples=60)
@given(actor=TEXT, resource=TEXT, shots=st.integers(0, 10**6), at=st.integers(0, 10**9), pulse=st.booleans())
def test_an_event_is_read_back_as_it_was_written(actor: str, resource: str, shots: int, at: int, pulse: bool) -> None:
    sent = Event(
        device="d", event_id="e", t_ns=T0 + at * 10**6, event_class=EventClass.API_ACTIVITY, activity="RunJob",
        actor=actor, resource=resource, status=Status.SUCCESS, shots=shots, uses_pulse=pulse, job_id="j",
    )  # fmt: skip
    got = read_event(from_event(sent), tenant="local", where="x")
    for field in ("device", "event_id", "t_ns", "activity", "actor", "shots", "uses_pulse", "job_id", "status"):
        assert getattr(got, field) == getattr(sent, field), field


@settings(max_examples=25)
@given(
    kelvin=st.lists(st.floats(1e-3, 300.0), min_size=1, max_size=12),
    bad=st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from([b"garbage", b"02-03-26,99:00:00,1", b"\xff\xfe,1,2"])),
        max_size=3,
    ),
)
def test_a_bad_log_line_costs_one_line(kelvin: list[float], bad: list[tuple[int, bytes]]) -> None:
    lines = [b"02-03-26,08:00:%02d,%s" % (i, repr(k).encode()) for i, k in enumerate(kelvin)]
    for at, line in bad:
        lines.insert(min(at, len(lines)), line)
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "26-03-02"
        day.mkdir()
        (day / "CH6 T 26-03-02.log").write_bytes(b"\n".join(lines) + b"\n")
        delivery = open_source(f"bluefors:{folder}?device=f").poll("", 10**6)
    read = [v for s in delivery.data if isinstance(s, Series) for v in s.values[:, 0]]
    np.testing.assert_array_equal(read, kelvin)
    assert len(delivery.quarantined) == len(bad)
    assert all(":" in q.where and q.reason for q in delivery.quarantined)
