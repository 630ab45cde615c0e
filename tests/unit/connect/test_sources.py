import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mumetal.connect.sources import open_source
from mumetal.connect.sources.ibm import IbmLiveSource
from mumetal.connect.sources.spec import parse_spec
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.formats.moments import parse_iso


def poll(spec: str, cursor: str = "", limit: int = 10_000) -> Delivery:
    return open_source(spec).poll(cursor, limit)


def only(delivery: Delivery) -> Series:
    (series,) = delivery.data
    assert isinstance(series, Series)
    return series


@pytest.mark.parametrize(
    "text", ["", "bluefors", "bluefors:", ":x", "nokind:/x", "csv:\0", "csv:a?b", "csv:a?tenant=../x"]
)
def test_a_spec_that_is_none_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        open_source(text)
    assert caught.value.hint or caught.value.where


def test_a_missing_place_is_unavailable_and_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such"):
        open_source(f"bluefors:{tmp_path}/nowhere")
    (tmp_path / "f").write_text("x")
    with pytest.raises(BadInputError, match="folder is needed"):
        open_source(f"bluefors:{tmp_path}/f")
    with pytest.raises(BadInputError, match="file is needed"):
        open_source(f"csv:{tmp_path}")


def test_csv_by_its_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "plc log.csv"
    path.write_text(
        'Timestamp,supply [degC],name,"p (mbar)",x\n1772434800,20,a,5,1\n1772434801.5,,b,"6",warm\nlater,1,c,1,1\n2,3\n'
    )
    delivery = poll(f"csv:{path}")
    one = only(delivery)
    assert (one.device, one.stream, one.names) == ("plc_log", "plc_log", ("supply", "p", "x"))
    np.testing.assert_allclose(one.values, [[293.15, 500, 1], [np.nan, 600, np.nan]])
    assert np.diff(one.t_ns).tolist() == [1_500_000_000]
    assert [q.where for q in delivery.quarantined] == [
        "plc log.csv column name", "plc log.csv:3 x", "plc log.csv:4", "plc log.csv:5",
    ]  # fmt: skip


def test_csv_by_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Zeit;T1;T2\n02.03.2026 08:00:00;20;30\n")
    (tmp_path / "a.csv.toml").write_text(
        'device = "rack-2"\nstream = "water"\ndelimiter = ";"\n[time]\ncolumn = "Zeit"\nformat = "%d.%m.%Y %H:%M:%S"\n'
        'tz = "Europe/Berlin"\n[channels.T1]\nunit = "degC"\nname = "supply.temperature"\n[channels.T9]\nunit = "K"\n'
    )
    delivery = poll(f"csv:{path}")
    one = only(delivery)
    assert (one.device, one.stream, one.names) == ("rack-2", "water", ("supply.temperature",))
    assert one.t_ns.tolist() == [parse_iso("2026-03-02T07:00:00Z")]
    assert "not in the table" in delivery.quarantined[0].reason


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "[time]\ncolumn = 5",
        "[time]\ncolumn = 'a'\n[channels]\n",
        "\xff",
        "[time]\ncolumn='time'\n[channels.q]\nunit='K'",
    ],
)
def test_a_mapping_that_cannot_be_used_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,b\n2026-03-02T00:00:00Z,1\n")
    (tmp_path / "m.toml").write_text(text, encoding="latin-1")
    with pytest.raises(BadInputError):
        poll(f"csv:{path}?mapping={tmp_path}/m.toml")
    with pytest.raises(UnavailableError):
        poll(f"csv:{path}?mapping={tmp_path}/nothing.toml")


def test_parquet_nulls_timestamps_and_rewriting(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "a.parquet"

    def write(rows: int) -> None:
        with duckdb.connect() as engine:
            engine.execute(
                f"COPY (SELECT TIMESTAMP '2026-03-02 00:00:00' + INTERVAL (i) SECOND AS time, CASE WHEN i = 1 THEN NULL ELSE i END"
                f" AS \"t (mK)\", 'x' AS name FROM range({rows}) r(i)) TO '{path}' (FORMAT parquet)"
            )

    write(3)
    delivery = poll(f"parquet:{path}")
    np.testing.assert_allclose(only(delivery).column("t"), [0, np.nan, 2e-3])
    assert only(delivery).t_ns[0] == parse_iso("2026-03-02T00:00:00Z")
    assert [q.where for q in delivery.quarantined] == ["a.parquet column name"]
    write(5)
    assert only(poll(f"parquet:{path}", delivery.cursor)).column("t").tolist() == [3e-3, 4e-3]
    path.write_bytes(b"PAR1" + b"x" * 50 + b"PAR1")
    with pytest.raises(BadInputError, match="no Parquet"):
        poll(f"parquet:{path}")


PROPERTIES: dict[str, Any] = {
    "backend_name": "ibm_test", "backend_version": "1", "last_update_date": "2026-03-02T08:00:00+01:00", "gates": [], "general": [],
    "qubits": [[{"date": "2026-03-01T08:00:00+01:00", "name": "T1", "unit": "us", "value": 90.0}]],
}  # fmt: skip


def test_ibm_files_that_are_none_are_refused_once_and_read_when_mended(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(PROPERTIES))
    (tmp_path / "b.json").write_text('{"backend_name": "ibm_te')
    delivery = poll(f"ibm:{tmp_path}")
    assert [type(d) for d in delivery.data] == [DeviceSnapshot]
    assert [q.where for q in delivery.quarantined] == ["b.json"]
    assert poll(f"ibm:{tmp_path}", delivery.cursor).quarantined == ()
    (tmp_path / "b.json").write_text(json.dumps(PROPERTIES | {"backend_name": "ibm_other"}))
    (again,) = poll(f"ibm:{tmp_path}", delivery.cursor).data
    assert again.device == "ibm_other"


def test_ibm_live_decodes_what_the_client_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt

    # to_dict() of the client holds datetime objects where the file holds text.
    recorded = PROPERTIES | {"last_update_date": dt.datetime(2026, 3, 2, 7, 0, tzinfo=dt.UTC)}
    answers = [recorded, recorded, recorded | {"last_update_date": dt.datetime(2026, 3, 3, 7, 0, tzinfo=dt.UTC)}]
    asked: list[str] = []

    def fetch(backend: str) -> dict[str, Any]:
        asked.append(backend)
        return answers[len(asked) - 1]

    source = IbmLiveSource(parse_spec("ibm:live/ibm_test"), fetch)
    first = source.poll("", 10)
    second = source.poll(first.cursor, 10)
    third = source.poll(second.cursor, 10)
    assert [d.t_ns for d in (*first.data, *second.data, *third.data) if isinstance(d, DeviceSnapshot)] == [
        parse_iso("2026-03-02T07:00:00Z"), parse_iso("2026-03-03T07:00:00Z"),
    ]  # fmt: skip
    assert asked == ["ibm_test"] * 3
    with pytest.raises(UnavailableError, match="did not answer"):
        source.poll("", 10)
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(UnavailableError, match="qiskit-ibm-runtime"):
        open_source("ibm:live/ibm_test")


def event(number: int) -> dict[str, Any]:
    return {
        "class_uid": 6003,
        "time": 1_772_434_800_000 + number,
        "activity_name": "RunJob",
        "metadata": {"uid": f"e{number}"},
    }


def ids(delivery: Delivery) -> list[str]:
    return [d.event_id for d in delivery.data if isinstance(d, Event)]


def test_audit_lines_documents_and_what_is_neither(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps(event(1)) + "\nnot json\n\n" + json.dumps(event(2)) + "\n" + '{"half":'
    )
    (tmp_path / "b.json").write_text(json.dumps({"Records": [event(3), {"x": 1}, event(4)]}, indent=1))
    (tmp_path / "c.json").write_text(json.dumps([event(5)], indent=1)[:-5])
    (tmp_path / "d.json").write_text(json.dumps(event(6)) + "\n" + json.dumps(event(7)) + "\n")
    (tmp_path / "e.txt").write_text("not looked at")
    delivery = poll(f"audit:{tmp_path}")
    assert ids(delivery) == ["e1", "e2", "e3", "e4", "e6", "e7"]
    assert [q.where for q in delivery.quarantined] == ["e.txt", "a.jsonl:2", "b.json#1", "c.json"]
    (tmp_path / "c.json").write_text(json.dumps([event(5)], indent=1))
    (tmp_path / "b.json").write_text(json.dumps({"Records": [event(3), {"x": 1}, event(4), event(8)]}, indent=1))
    again = poll(f"audit:{tmp_path}", delivery.cursor)
    assert ids(again) == ["e8", "e5"]
    assert not poll(f"audit:{tmp_path}", again.cursor).data


def test_audit_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(gzip.compress(b"x" * 100) + b"\n" + json.dumps(event(1)).encode() + b"\n")
    delivery = poll(f"audit:{tmp_path}/a.log")
    assert ids(delivery) == ["e1"]
    assert delivery.quarantined
