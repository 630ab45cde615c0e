"""What is damaged, full or renamed is told and does not stop the watching."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.integration.test_restart import all_of, lab, push, quiet, running

from mumetal.app import wiring
from mumetal.app.settings import Settings
from mumetal.connect.settings import StoreSettings
from mumetal.connect.sources.spec import parse_spec
from mumetal.connect.sources.table import CsvSource
from mumetal.connect.stores.records.opening import open_records
from mumetal.connect.stores.records.place import RECORDS_FILE
from mumetal.core import LOCAL
from mumetal.core.clock import SystemClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.incident import IncidentState
from mumetal.trust.ledger import opening as ledgers

FULL = SimpleNamespace(free=3 * 2**20)


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_full_disk_refuses_new_data_while_it_can_still_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = lab(quiet(100))
    with running(tmp_path, series) as stack:
        push(stack, series.rows(0, 10))
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: FULL)
        stack._space._looked_s = -1e9
        for _ in range(3):
            with pytest.raises(UnavailableError, match="the disk is full") as refused:
                push(stack, series.rows(10, 20))
        assert "free space" in refused.value.hint
        monkeypatch.undo()
        stack._space._looked_s = -1e9
        push(stack, series.rows(10, 20))
    with running(tmp_path, series) as stack:
        assert [f.subject.name for f in all_of(stack) if f.rule == "serve.disk_full"] == ["telemetry"]
        assert sum(map(len, stack.store.series(LOCAL, "lab", series.stream, 0, 1 << 62))) == 20


def test_a_source_that_is_back_leaves_no_incident_open(tmp_path: Path) -> None:
    table, away = tmp_path / "plc.csv", tmp_path / "away.csv"
    Path(f"{table}.toml").write_text('device = "lab"\n[time]\ncolumn = "t"\nformat = "s"\n[channels.x]\nunit = "K"\n')
    table.write_text("t,x\n" + "".join(f"{1_790_000_000 + n},1.0\n" for n in range(3)))
    clock = SystemClock()
    settings = Settings(store=StoreSettings(directory=str(tmp_path / "store")), sources=(f"csv:{table}",))
    folder = tmp_path / "store"
    with (
        ledgers.opened(folder, clock) as ledger,
        wiring.opened_stores(settings, clock) as stores,
        wiring.build(settings, clock, ledger, stores) as stack,
    ):
        until(lambda: bool(stack.store.streams(LOCAL)))
        shutil.move(table, away)

        def states() -> list[IncidentState]:
            found = [(i, stack.findings(LOCAL, i.findings)) for i in stack.incidents(LOCAL)]
            return [i.state for i, findings in found if {f.rule for f in findings} == {"serve.source_unavailable"}]

        until(lambda: states() == [IncidentState.OPEN])
        shutil.move(away, table)
        until(lambda: states() == [IncidentState.RESOLVED])


def csv(folder: Path) -> CsvSource:
    place = folder / "plc.csv"
    Path(f"{place}.toml").write_text('device = "lab"\n[time]\ncolumn = "t"\nformat = "s"\n[channels.x]\nunit = "K"\n')
    return CsvSource(parse_spec(f"csv:{place}"))


def row(n: int) -> str:
    return f"{1_790_000_000 + n},{n}.0\n"


def read(source: CsvSource, cursor: str) -> tuple[list[float], list[Delivery], str]:
    values, deliveries = list[float](), list[Delivery]()
    for _ in range(5):
        got = source.poll(cursor, 1_000)
        deliveries.append(got)
        cursor = got.cursor
        values += [float(v) for s in got.data for v in s.values[:, 0]]  # type: ignore[union-attr]
    return values, deliveries, cursor


def test_rows_written_to_a_file_before_and_after_it_was_renamed_are_read(tmp_path: Path) -> None:
    place = tmp_path / "plc.csv"
    place.write_text("t,x\n" + row(0) + row(1))
    source = csv(tmp_path)
    values, _, cursor = read(source, "")
    writer = place.open("a")
    place.rename(tmp_path / "plc.csv.1")
    writer.write(row(2) + row(3))
    writer.close()
    place.write_text("t,x\n" + row(4))
    more, deliveries, cursor = read(source, cursor)
    assert values + more == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert not [q for d in deliveries for q in d.quarantined]


def test_a_file_that_is_replaced_and_gone_is_told(tmp_path: Path) -> None:
    place = tmp_path / "plc.csv"
    place.write_text("t,x\n" + row(0))
    source = csv(tmp_path)
    _, _, cursor = read(source, "")
    (tmp_path / "new").write_text("t,x\n" + row(1))
    (tmp_path / "new").rename(place)
    values, deliveries, _ = read(source, cursor)
    assert values == [1.0]
    told = [q.reason for d in deliveries for q in d.quarantined]
    assert len(told) == 1
    assert "is not read" in told[0]


def test_a_damaged_database_of_records_says_what_to_do(tmp_path: Path) -> None:
    open_records(tmp_path).close()
    place = tmp_path / RECORDS_FILE
    place.write_bytes(b"no database" + place.read_bytes()[11:])
    with pytest.raises(BadInputError) as refused:
        open_records(tmp_path)
    assert "restore it from a copy" in refused.value.hint
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(place).execute("SELECT * FROM sqlite_master")


def values_of(folder: Path) -> list[float]:
    series = lab(quiet(700))
    with running(folder, series) as stack:
        found = list(stack.store.series(LOCAL, "lab", series.stream, 0, 1 << 62))
    return [float(v) for s in found for v in s.values[:, 0]]


def test_bytes_flipped_in_the_hot_tier_cost_a_start_at_most_and_no_row(tmp_path: Path) -> None:
    series = lab(quiet(700))
    with running(tmp_path / "whole", series) as stack:
        for start in range(0, 700, 100):
            push(stack, series.rows(start, start + 100))
    rng, first = np.random.default_rng(2), 0
    for trial in range(6):
        folder = tmp_path / str(trial)
        shutil.copytree(tmp_path / "whole", folder)
        hot = next(folder.rglob("hot.duckdb"))
        data = bytearray(hot.read_bytes())
        for at in rng.integers(0, len(data), 100):
            data[at] ^= 0xFF
        hot.write_bytes(data)
        hint = ""
        try:
            found = values_of(folder)
        except UnavailableError as error:
            hint = error.hint
        if hint:
            assert "start again" in hint
            found = values_of(folder)
            first += 1
        assert found == series.values[:, 0].tolist()
    assert first < 6
