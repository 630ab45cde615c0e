import json
from typing import Any, Literal

import numpy as np
import pytest

from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.formats.arrow import from_arrow_stream, to_arrow_stream
from mumetal.formats.columnar import from_columnar_json, to_columnar_json

T0 = 1_772_434_800 * 10**9


def batch(**changes: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "device": "fridge-1",
        "stream": "cryostat",
        "channels": [{"name": "mxc", "unit": "mK"}, {"name": "water", "unit": "degC", "provenance": "PLC 3"}],
        "t_ns": [T0, T0 + 1, T0 + 2],
        "values": [[10, 11.5, None], [20, 21, 22]],
    }
    return made | changes


def read(made: object) -> Delivery:
    return from_columnar_json(json.dumps(made).encode(), tenant="lab-b", where="body")


def only(delivery: Delivery) -> Series:
    (series,) = delivery.data
    assert isinstance(series, Series)
    return series


def test_units_come_to_si_and_null_is_not_observed() -> None:
    series = only(read(batch(source="daq")))
    np.testing.assert_allclose(series.values, [[0.010, 293.15], [0.0115, 294.15], [np.nan, 295.15]])
    assert [c.unit for c in series.channels] == ["K", "K"]
    assert series.tenant == "lab-b"
    assert series.channels[0].provenance == "push:daq, converted from mK"
    assert series.channels[1].provenance == "PLC 3, converted from degC"


def test_rows_are_put_in_order_and_repeats_dropped() -> None:
    series = only(read(batch(t_ns=[T0 + 2, T0, T0 + 1])))
    assert series.t_ns.tolist() == [T0, T0 + 1, T0 + 2]
    np.testing.assert_allclose(series.column("water"), [294.15, 295.15, 293.15])
    delivery = read(batch(t_ns=[T0, T0, T0], seq=[0, 0, 1], values=[[1, 1, 1], [2, 2, 3]]))
    assert only(delivery).seq.tolist() == [0, 1]
    delivery = read(batch(t_ns=[T0, T0, T0 + 1], seq=[0, 0, 0], values=[[1, 5, 1], [2, 2, 3]]))
    np.testing.assert_allclose(only(delivery).column("mxc"), [1e-3, 1e-3])
    assert "repeats" in delivery.quarantined[0].reason
    assert only(read(batch(t_ns=[T0, T0, T0]))).seq.tolist() == [0, 1, 2]


@pytest.mark.parametrize("bad", [None, "now", 5, 10**30, 1.5, True])
def test_a_row_without_a_time_goes_and_the_rest_stays(bad: object) -> None:
    delivery = read(batch(t_ns=[T0, bad, T0 + 2]))
    assert only(delivery).t_ns.tolist() == [T0, T0 + 2]
    assert [q.where for q in delivery.quarantined] == ["body row 1"]


@pytest.mark.parametrize("bad", ["warm", [], {}, True])
def test_a_cell_that_is_no_number_becomes_nan(bad: object) -> None:
    delivery = read(batch(values=[[10, bad, 12], [20, 21, 22]]))
    np.testing.assert_allclose(only(delivery).column("mxc"), [0.010, np.nan, 0.012])
    assert [q.where for q in delivery.quarantined] == ["body row 1 channel 0"]


def test_a_channel_of_unknown_unit_is_refused_alone() -> None:
    delivery = read(batch(channels=[{"name": "mxc", "unit": "parsec"}, {"name": "water", "unit": "K"}]))
    assert only(delivery).names == ("water",)
    assert "parsec" in delivery.quarantined[0].reason


def test_a_bad_batch_does_not_take_the_others_with_it() -> None:
    delivery = read([batch(), batch(values=[[1]]), 5, batch(device="fridge-2")])
    assert [s.device for s in delivery.data if isinstance(s, Series)] == ["fridge-1", "fridge-2"]
    assert [q.where for q in delivery.quarantined] == ["body[1]", "body[2]"]


@pytest.mark.parametrize(
    "made",
    [5, "x", {}, batch(values=[[1, 2, 3]]), batch(values=[[1], [2]]), batch(channels=[]), batch(seq=[1]), batch(device="?")],
)  # fmt: skip
def test_what_is_no_batch_is_bad_input(made: object) -> None:
    with pytest.raises(BadInputError) as caught:
        read(made)
    assert caught.value.where == "body"


def test_size_number_of_batches_and_depth_are_bounded() -> None:
    with pytest.raises(BadInputError, match="more than 10"):
        from_columnar_json(b"[" + b" " * 50 + b"]", limit=10)
    with pytest.raises(BadInputError, match="batches"):
        from_columnar_json(b"[" + b",".join([b"1"] * 5_000) + b"]")
    with pytest.raises(BadInputError):
        from_columnar_json(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(BadInputError):
        from_columnar_json(b'{"device":' + b"[" * 100_000)


def series(rows: int = 5, channels: int = 3) -> Series:
    values = np.random.default_rng(1).normal(size=(rows, channels))
    values[0, 0] = np.nan
    return Series(
        device="awg-2",
        stream="power",
        channels=tuple(Channel(name=f"c{i}", unit="W") for i in range(channels)),
        t_ns=T0 + np.arange(rows) * 1_000,
        values=values,
    )


def test_json_writing_and_reading_agree() -> None:
    one = series()
    again = only(from_columnar_json(to_columnar_json([one])))
    assert again.epoch == one.epoch
    np.testing.assert_array_equal(again.values, one.values)
    assert len(from_columnar_json(to_columnar_json([one, one])).data) == 2


@pytest.mark.parametrize("listed", [True, False])
def test_arrow_writing_and_reading_agree(listed: bool) -> None:
    one = series()
    delivery = from_arrow_stream(to_arrow_stream([one, one], "daq", listed=listed), tenant="lab-b")
    assert len(delivery.data) == 2
    again = delivery.data[0]
    assert isinstance(again, Series)
    assert again.tenant == "lab-b"
    assert (again.epoch, again.seq.tolist()) == (one.epoch, one.seq.tolist())
    np.testing.assert_array_equal(again.values, one.values)
    assert again.channels[0].provenance == "push daq"


def arrow(columns: dict[str, Any], metadata: dict[str, str], compression: Literal["lz4"] | None = None) -> bytes:
    import io

    from arro3.core import Array, RecordBatch, Schema
    from arro3.io import write_ipc_stream

    arrays = {k: v if isinstance(v, Array) else Array.from_numpy(np.array(v)) for k, v in columns.items()}
    schema = Schema([v.field.with_name(k) for k, v in arrays.items()], metadata=metadata)
    out = io.BytesIO()
    write_ipc_stream(RecordBatch.from_arrays(list(arrays.values()), schema=schema), out, compression=compression)
    return out.getvalue()


HEAD = {"device": "fridge-1", "stream": "cryostat", "units": '{"mxc": "mK", "n": "1"}'}


def test_arrow_columns_of_other_numbers_nulls_and_times() -> None:
    from arro3.core import Array, DataType

    nulls = Array([10.0, None], DataType.float64())
    data = arrow({"t_ns": np.array([T0, T0 + 10**9]), "mxc": nulls, "n": np.array([1, 2], np.int32)}, HEAD)
    one = only(from_arrow_stream(data))
    np.testing.assert_allclose(one.values, [[0.010, 1], [np.nan, 2]])
    delivery = from_arrow_stream(arrow({"t_ns": [T0, 7], "mxc": [np.inf, 1.0], "x": [1.0, 2.0]}, HEAD))
    assert np.isnan(only(delivery).values).all()
    assert sorted(q.where for q in delivery.quarantined) == ["push channel 1", "push row 0 mxc", "push row 1"]


def test_arrow_streams_that_lie_are_refused() -> None:
    good = arrow({"t_ns": [T0], "mxc": [1.0]}, HEAD)
    assert only(from_arrow_stream(good)).values.shape == (1, 1)
    for data in (b"", b"ARROW1\0\0", good[:-120], b"\xff\xff\xff\xff\xff\xff\xff\x7f" + good[8:], good[:200]):
        with pytest.raises(BadInputError):
            from_arrow_stream(data)
    with pytest.raises(BadInputError, match="compressed"):
        from_arrow_stream(arrow({"t_ns": [T0] * 5_000, "mxc": [1.0] * 5_000}, HEAD, "lz4"))
    with pytest.raises(BadInputError, match="metadata device"):
        from_arrow_stream(arrow({"t_ns": [T0], "mxc": [1.0]}, {}))
    with pytest.raises(BadInputError, match="unit"):
        from_arrow_stream(arrow({"t_ns": [T0], "mxc": [1.0]}, HEAD | {"units": "{}"}))
    with pytest.raises(BadInputError):
        from_arrow_stream(arrow({"t_ns": [0.5], "mxc": [1.0]}, HEAD))
    with pytest.raises(BadInputError, match="more than 5"):
        from_arrow_stream(good, limit=5)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ('"values": [[1, 2, x]]', "in values, list 0, row 2"),
        ('"values": [[1, 2, 3], [1, 2 3]]', "in values, list 1, row 1"),
        ('"t_ns": [1, 01, 3]', "in t_ns, row 1"),
    ],
)
def test_a_broken_body_is_named_by_its_field_and_row(broken: str, words: str) -> None:
    body = f'{{"device": "d", "stream": "s", "channels": [{{"name": "a", "unit": "K"}}], {broken}}}'
    with pytest.raises(BadInputError, match=words):
        from_columnar_json(body.encode())


def test_what_python_writes_for_nan_is_not_observed_and_said() -> None:
    head = '"device": "d", "stream": "s", "channels": [{"name": "a", "unit": "K"}]'
    body = f'{{{head}, "t_ns": [{T0}, {T0 + 1}], "values": [[NaN, 4.0]]}}'
    delivery = from_columnar_json(body.encode())
    np.testing.assert_array_equal(only(delivery).values, [[np.nan], [4.0]])
    assert "taken as null" in delivery.quarantined[0].reason
    with pytest.raises(BadInputError, match="compressed"):
        from_columnar_json(b"\x1f\x8b\x08")
