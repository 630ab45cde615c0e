"""What is written is read back: by the csv module exactly, by the source of tables in SI, by the source of events."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bench.foreign.__main__ import main
from bench.foreign.make import traces
from bench.foreign.trace import Announcement, Trace
from bench.foreign.writer import events, label, write
from mumetal.connect.api import open_source
from mumetal.core.event import Event
from mumetal.core.series import Series, sorted_by_time
from mumetal.formats.units import to_si


@pytest.fixture(scope="module")
def trace() -> Trace:
    return next(t for t in traces("tuned", 40, "innocent") if t.lab == "wet_fridge" and t.announced)


def test_a_table_is_read_back_exactly(trace: Trace, tmp_path: Path) -> None:
    table = write(trace, tmp_path)
    with table.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, delimiter=";,"[trace.seed % 2])
    assert head[1:] == [c.heading for c in trace.channels]
    assert [int(row[0]) for row in rows] == trace.t_ns.tolist()
    values = np.array([[float(x) if x else np.nan for x in row[1:]] for row in rows])
    assert np.array_equal(values, trace.values, equal_nan=True)


def test_the_source_of_tables_reads_it_with_its_mapping(trace: Trace, tmp_path: Path) -> None:
    source, cursor, read = open_source(f"csv:{write(trace, tmp_path)}"), "", list[Series]()
    while True:
        got = source.poll(cursor, 100_000)
        assert not got.quarantined
        read += [part for part in got.data if isinstance(part, Series)]
        cursor = got.cursor
        if got.caught_up:
            break
    source.close()
    assert {(part.device, part.stream) for part in read} == {(trace.name, trace.lab)}
    assert read[0].names == tuple(c.name for c in trace.channels)
    t, values, _, _ = sorted_by_time(trace.t_ns, trace.values)
    assert np.array_equal(np.sort(np.concatenate([part.t_ns for part in read])), t)
    conversions = [to_si(c.unit) for c in trace.channels]
    celsius = [c.unit == "degC" for c in trace.channels]
    whole = np.concatenate([part.values for part in read])[
        np.argsort(np.concatenate([part.t_ns for part in read]), kind="stable")
    ]
    assert np.array_equal(np.isnan(whole), np.isnan(values))
    for i, conversion in enumerate(conversions):
        if not celsius[i]:
            ratio = whole[:, i] / values[:, i]
            seen = ratio[np.isfinite(ratio)]
            assert np.allclose(seen, seen[0], rtol=1e-9), conversion


def test_what_was_announced_is_read_as_events(trace: Trace, tmp_path: Path) -> None:
    write(trace, tmp_path)
    source = open_source(f"audit:{tmp_path / f'{trace.name}.events.jsonl'}")
    got = source.poll("", 1_000)
    source.close()
    told = [event for event in got.data if isinstance(event, Event)]
    assert [(e.t_ns, e.activity, e.device) for e in told] == [(e.t_ns, e.activity, e.device) for e in events(trace)]
    assert len(told) == 2 * len(trace.announced)
    assert isinstance(trace.announced[0], Announcement)


def test_the_label_lies_apart(trace: Trace, tmp_path: Path) -> None:
    write(trace, tmp_path)
    kept = json.loads((tmp_path / "labels" / f"{trace.name}.json").read_text())
    assert kept == label(trace)
    beside = "".join(p.read_text() for p in tmp_path.glob("*") if p.is_file() and p.suffix != ".jsonl")
    assert trace.label not in beside
    assert trace.truth not in beside


def test_the_command_lists_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--write", str(tmp_path), "--split", "held", "--n", "2"]) == 0
    written = capsys.readouterr().out.split()
    assert len(written) == 2
    assert all(Path(name).is_file() and Path(f"{name}.toml").is_file() for name in written)
    assert main(["--list", "--split", "held", "--n", "2"]) == 0
    assert capsys.readouterr().out.count("\n| ") == 2
    with pytest.raises(SystemExit) as told:
        main(["--help"])
    assert told.value.code == 0
    assert "held" in capsys.readouterr().out
