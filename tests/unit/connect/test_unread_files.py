"""Packed files are read; what a source leaves is named; a source that read nothing is not well."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mumetal.connect.sources import open_source
from mumetal.core.delivery import Delivery
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.serve.cli.app import app

RECORD = {
    "eventVersion": "1.08",
    "eventTime": "2026-03-02T10:00:00Z",
    "eventName": "CreateQuantumTask",
    "eventSource": "braket.amazonaws.com",
}


def all_of(spec: str, limit: int = 1_000) -> list[Delivery]:
    got: list[Delivery] = []
    source, cursor = open_source(spec), ""
    while not got or not got[-1].caught_up:
        got.append(source.poll(cursor, limit))
        cursor = got[-1].cursor
    got.append(source.poll(cursor, limit))
    source.close()
    return got


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("limit", [1, 1_000])
def test_packed_events_are_read_once(tmp_path: Path, lines: bool, limit: int) -> None:
    records = [RECORD | {"eventID": f"e{i}"} for i in range(3)]
    text = "\n".join(map(json.dumps, records)) if lines else json.dumps({"Records": records})
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text.encode()))
    got = all_of(f"audit:{tmp_path}", limit)
    assert [e.event_id for d in got for e in d.data if isinstance(e, Event)] == ["e0", "e1", "e2"]
    assert not [q for d in got for q in d.quarantined]


def test_events_that_unpack_to_too_much_or_are_no_gzip_are_refused_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mumetal.connect.sources.audit.MAX_DOCUMENT", 1_000)
    (tmp_path / "bomb.json.gz").write_bytes(gzip.compress(b" " * 100_000))
    (tmp_path / "none.json.gz").write_bytes(b"{}")
    refused = [q for d in all_of(f"audit:{tmp_path}") for q in d.quarantined]
    assert [(q.where, q.reason[:10]) for q in refused] == [
        ("bomb.json.gz", "it unpacks"),
        ("none.json.gz", "no whole g"),
    ]


@pytest.mark.parametrize("limit", [1, 1_000])
def test_packed_days_of_logs_are_read_with_their_errors_and_units(tmp_path: Path, limit: int) -> None:
    day = tmp_path / "26-03-02"
    day.mkdir()
    stamps = [f"02-03-26,10:0{i}:00" for i in range(5)]
    for name, cells in (("CH6 T ", "102.005"), ("Errors ", "Ch6,T. OVER"), ("Status_", "cptempwi,16.9")):
        packed = gzip.compress("\n".join(f"{s},{cells}" for s in stamps).encode())
        (day / f"{name}26-03-02.log.gz").write_bytes(packed)
    got = all_of(f"bluefors:{tmp_path}", limit)
    rows: dict[str, list[float]] = {}
    for delivery in got:
        assert not delivery.quarantined
        for series in delivery.data:
            assert isinstance(series, Series)
            rows.setdefault(series.stream, []).extend(series.values[:, 0])
    assert np.isnan(rows["ch6.temperature"]).tolist() == [True] * 5
    assert rows["ch6.errors"] == [64] * 5
    np.testing.assert_allclose(rows["status"], 290.05)


@pytest.mark.parametrize("kind", ["audit", "ibm", "npy", "bluefors"])
def test_a_source_that_read_nothing_is_not_well_and_names_what_it_left(tmp_path: Path, kind: str) -> None:
    (tmp_path / "lab").mkdir()
    for name in ("events.raw", "events.ocsf"):
        (tmp_path / "lab" / name).write_text("{}\n")
    said = CliRunner().invoke(app, ["check", "--source", f"{kind}:{tmp_path}/lab", "--store", str(tmp_path / "s")])
    assert said.exit_code == 2
    assert "BAD  source" in said.output
    assert "events.raw" in said.output
    assert "events.ocsf" in said.output


def test_a_source_with_no_file_is_not_well(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    said = CliRunner().invoke(app, ["check", "--source", f"audit:{tmp_path}/lab", "--store", str(tmp_path / "s")])
    assert said.exit_code == 2
    assert "nothing was read" in said.output


def test_files_beside_those_that_are_read_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD) + "\n")
    (tmp_path / "b.raw").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    assert [q.where for d in all_of(f"audit:{tmp_path}") for q in d.quarantined] == ["b.raw"]
