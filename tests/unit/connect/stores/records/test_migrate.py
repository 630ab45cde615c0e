"""Stores made before are adopted whole, newer ones are left alone, and whoever comes at the same time does no harm."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text
from tests.old_records import DDL, FINDINGS, INCIDENTS, TENANTS, a_sighting, old_store
from tests.unit.connect.test_incident_store import T0, a_finding, an_incident

from mumetal.access import scopes
from mumetal.connect.stores.records import core_migrations, log_rows
from mumetal.connect.stores.records.engine import open_engine, session
from mumetal.connect.stores.records.migrate import migrate
from mumetal.connect.stores.records.opening import open_records
from mumetal.connect.stores.records.place import RECORDS_FILE, has_records, url_of
from mumetal.connect.stores.records.tables import METADATA
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident, Label, LabelGiven
from mumetal.core.migration import Migration
from mumetal.core.record import Record, RecordKind

WHOLE = scopes.whole_stack("mumetal.tests")
SRC = str(Path(__file__).parents[5] / "src")


def tables(path: Path) -> dict[str, str]:
    db = sqlite3.connect(path)
    found = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"))
    db.close()
    return {name: " ".join(sql.split()) for name, sql in found.items()}


def frozen() -> dict[str, str]:
    statements = [" ".join(s.split()) for s in DDL.split(";") if s.strip()]
    return {re.split(r" ON | ", s.partition("TABLE ")[2] or s.partition("INDEX ")[2])[0]: s for s in statements}


def whole_log(folder: Path) -> list[Record]:
    kept = open_records(folder)
    found: list[Record] = []
    while more := kept.log.after(WHOLE, found[-1].sequence if found else 0):
        found += more
    kept.close()
    return found


def test_the_first_migration_makes_what_was_made_before_there_were_any(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path))
    migrate(engine, core_migrations.CORE[:1], T0, "here")
    engine.dispose()
    made = tables(tmp_path / RECORDS_FILE)
    assert {n: s for n, s in made.items() if n != "mumetal_migrations"} == frozen()


def test_nothing_of_an_old_store_is_lost(tmp_path: Path) -> None:
    old_store(tmp_path / RECORDS_FILE)
    kept = open_records(tmp_path, sinks=["siem"])
    per = FINDINGS // INCIDENTS
    for tenant in TENANTS:
        me = scopes.person(tenant, "alice")
        found = [a_finding(n, tenant) for n in range(FINDINGS)]
        assert kept.findings(me, [f.finding_id for f in found]) == found
        incidents = {i.incident_id: i for i in kept.incidents(me, limit=1_000)}
        assert len(incidents) == INCIDENTS
        for n in range(INCIDENTS):
            ids = tuple(f.finding_id for f in found[n * per : (n + 1) * per])
            assert incidents[f"inc-{n}"] == an_incident(n, tenant, findings=ids)
        given = LabelGiven(tenant=tenant, incident_id="inc-0", label=Label.FAULT, t_ns=T0 + 7, actor="bob")
        assert kept.labels(me) == [given]
        assert kept.users(me) == ["bob"]
        assert kept.sightings.listed(me) == [a_sighting(tenant, identity=str(T0))]
    assert [i.item for i in kept.outbox.next(WHOLE, "siem", 10)] == [a_finding(0, t) for t in TENANTS]
    assert kept.tenants(WHOLE) == list(TENANTS)
    kept.close()


def test_an_old_store_gets_one_record_of_each_finding_and_incident(tmp_path: Path) -> None:
    old_store(tmp_path / RECORDS_FILE)
    open_records(tmp_path, clock=ManualClock(T0 + 99)).close()
    log = whole_log(tmp_path)
    assert [r.sequence for r in log] == list(range(1, len(log) + 1))
    assert {r.t_ns for r in log} == {T0 + 99}
    raised = {(r.tenant, r.subject) for r in log if r.kind is RecordKind.FINDING_RAISED}
    assert raised == {(t, a_finding(n, t).finding_id) for t in TENANTS for n in range(FINDINGS)}
    changed = [(r.tenant, r.subject) for r in log if r.kind is RecordKind.INCIDENT_CHANGED]
    assert sorted(changed) == sorted((t, f"inc-{n}") for t in TENANTS for n in range(INCIDENTS))
    assert len(log) == len(raised) + len(changed)
    last = next(r for r in log if r.subject == a_finding(FINDINGS - 1).finding_id)
    assert last.correlation == f"inc-{INCIDENTS - 1}"
    assert last.read(Finding).title == a_finding().title
    assert next(r for r in log if r.subject == "inc-3").read(Incident).title == an_incident().title
    assert whole_log(tmp_path) == log, "opened again, nothing is written again"


def test_a_row_that_cannot_be_read_is_still_in_the_log(tmp_path: Path) -> None:
    old_store(tmp_path / RECORDS_FILE)
    db = sqlite3.connect(tmp_path / RECORDS_FILE)
    db.execute("UPDATE incidents SET body = 'no json' WHERE incident_id = 'inc-3'")
    db.execute("UPDATE findings SET body = '{}' WHERE finding_id = ?", (a_finding(1).finding_id,))
    db.commit()
    db.close()
    log = whole_log(tmp_path)
    assert len(log) == len(TENANTS) * (FINDINGS + INCIDENTS)
    assert {r.subject for r in log if r.body == b"{}"} == {"inc-3", a_finding(1).finding_id}


def test_a_still_older_store_gets_the_tables_it_lacks(tmp_path: Path) -> None:
    old_store(tmp_path / RECORDS_FILE, without=("sightings",))
    kept = open_records(tmp_path)
    assert kept.sightings.listed(scopes.person("local", "alice")) == []
    kept.close()


def test_an_old_mumetal_leaves_the_new_store_alone(tmp_path: Path) -> None:
    old_store(tmp_path / RECORDS_FILE)
    open_records(tmp_path).close()
    db = sqlite3.connect(tmp_path / RECORDS_FILE)
    # what it asks before it writes: found = every version, refused when max(found) > 1
    assert db.execute("SELECT max(version) FROM mumetal_schema").fetchone() == (2,)
    db.close()


def test_somebody_elses_table_is_not_adopted(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / RECORDS_FILE)
    db.execute("CREATE TABLE users (id INTEGER)")
    db.close()
    with pytest.raises(BadInputError, match="users is not one that Mumetal made") as refused:
        open_records(tmp_path)
    assert refused.value.hint
    assert set(tables(tmp_path / RECORDS_FILE)) == {"users"}


def test_a_failing_migration_leaves_the_old_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_store(tmp_path / RECORDS_FILE)
    before = tables(tmp_path / RECORDS_FILE)

    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(core_migrations, "thin", full)
    with pytest.raises(OSError, match="no space"):
        open_records(tmp_path)
    after = tables(tmp_path / RECORDS_FILE)
    assert {n: s for n, s in after.items() if n != "mumetal_migrations"} == before
    monkeypatch.undo()
    assert len(whole_log(tmp_path)) == len(TENANTS) * (FINDINGS + INCIDENTS)


def test_the_migrated_tables_are_the_ones_the_code_believes_in(tmp_path: Path) -> None:
    for folder, old in ((tmp_path / "new", False), (tmp_path / "old", True)):
        if old:
            old_store(folder / RECORDS_FILE)
        open_records(folder).close()
        engine = open_engine(url_of(folder))
        there = inspect(engine)
        for table in METADATA.sorted_tables:
            assert {c["name"] for c in there.get_columns(table.name)} == {c.name for c in table.columns}, table.name
            assert {i["name"] for i in there.get_indexes(table.name)} == {i.name for i in table.indexes}, table.name
            assert there.get_pk_constraint(table.name)["constrained_columns"] == list(table.primary_key.columns.keys())
        engine.dispose()


MADE = ("CREATE TABLE lure_places (name VARCHAR(20) PRIMARY KEY)",)
FIRST = Migration(prefix="lure", number=1, name="places", work=MADE)


def filled(db: Connection, now_ns: int) -> None:
    db.execute(text("INSERT INTO lure_places VALUES (:t)"), {"t": str(now_ns)})


SECOND = Migration(prefix="lure", number=2, name="a place", work=filled)


def places(folder: Path) -> list[str]:
    db = sqlite3.connect(folder / RECORDS_FILE)
    found = [name for (name,) in db.execute("SELECT name FROM lure_places")]
    db.close()
    return found


def test_a_part_brings_its_own_tables_once(tmp_path: Path) -> None:
    clock = ManualClock(T0)
    for migrations in ((FIRST,), (FIRST, SECOND), (FIRST, SECOND)):
        open_records(tmp_path, clock=clock, migrations=migrations).close()
    assert places(tmp_path) == [str(T0)]
    open_records(tmp_path).close()  # a part that is not loaded now keeps what it has
    assert places(tmp_path) == [str(T0)]


def test_a_store_that_is_ahead_is_refused_with_a_hint(tmp_path: Path) -> None:
    open_records(tmp_path, migrations=(FIRST, SECOND)).close()
    with pytest.raises(BadInputError, match=r"at lure/2, this Mumetal knows up to lure/1") as refused:
        open_records(tmp_path, migrations=(FIRST,))
    assert "newer Mumetal" in refused.value.hint
    db = sqlite3.connect(tmp_path / RECORDS_FILE)
    db.execute("INSERT INTO mumetal_migrations VALUES ('core', 4, 'later', 0)")
    db.commit()
    db.close()
    with pytest.raises(BadInputError, match="core/4"):
        open_records(tmp_path)


def test_numbers_run_without_a_gap_and_core_is_taken(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="lure/2 stands where lure/1 is due"):
        open_records(tmp_path, migrations=(SECOND,))
    with pytest.raises(BadInputError, match="lure/1 stands where lure/2 is due"):
        open_records(tmp_path, migrations=(FIRST, FIRST))
    with pytest.raises(BadInputError, match="the records' own prefix"):
        open_records(tmp_path, migrations=(Migration(prefix="core", number=3, name="x", work=MADE),))
    for bad in ({"prefix": "Lure"}, {"prefix": ""}, {"number": 0}, {"number": 10_000}, {"work": ()}):
        with pytest.raises(BadInputError):
            Migration(**{"prefix": "lure", "number": 1, "name": "x", "work": MADE, **bad})  # type: ignore[arg-type]


def test_a_migration_that_fails_half_way_leaves_no_half(tmp_path: Path) -> None:
    half = Migration(prefix="lure", number=1, name="half", work=(*MADE, "CREATE TABLE lure_places (x INTEGER)"))
    with pytest.raises(Exception, match="lure_places"):
        open_records(tmp_path, migrations=(half,))
    assert "lure_places" not in tables(tmp_path / RECORDS_FILE)
    open_records(tmp_path, migrations=(FIRST,)).close()


OPENER = """
import sys
sys.path.insert(0, sys.argv[2])
from mumetal.access import scopes
from mumetal.connect.stores.records.opening import open_records
from mumetal.core.migration import Migration
made = Migration(prefix="lure", number=1, name="places", work=("CREATE TABLE lure_places (name VARCHAR(20))",))
sys.stdin.read(1)
kept = open_records(sys.argv[1], migrations=(made,))
print(len(kept.log.after(scopes.whole_stack("mumetal.tests"), 0, 10_000)))
kept.close()
"""


@pytest.mark.parametrize("old", [False, True])
def test_processes_that_open_it_at_once_do_each_change_once(tmp_path: Path, old: bool) -> None:
    if old:
        old_store(tmp_path / RECORDS_FILE)
    command = [sys.executable, "-c", OPENER, str(tmp_path), SRC]
    openers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("x")
        opener.stdin.flush()
    said = [opener.communicate(timeout=60)[0].strip() for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 4
    assert said == [str(len(TENANTS) * (FINDINGS + INCIDENTS) if old else 0)] * 4
    db = sqlite3.connect(tmp_path / RECORDS_FILE)
    done = db.execute("SELECT prefix, number FROM mumetal_migrations ORDER BY prefix, number").fetchall()
    db.close()
    assert done == [("core", 1), ("core", 2), ("core", 3), ("lure", 1)]


def test_whether_a_folder_has_records(tmp_path: Path) -> None:
    assert not has_records(tmp_path / "nowhere")
    assert not has_records(tmp_path)
    open_records(tmp_path).close()
    assert has_records(tmp_path)
    engine = open_engine(url_of(f"sqlite:///{tmp_path / RECORDS_FILE}"))
    with session(engine, reads=True) as db:
        assert db.execute(text("SELECT last, thinned FROM record_log_head")).one() == (0, 0)
    engine.dispose()
    assert log_rows.KEPT == 1_000_000, "the log's bound is written in decision 26"
