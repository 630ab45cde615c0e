"""What is put comes back whole, in rank, and only to its tenant."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from mumetal.access import scopes
from mumetal.connect.stores.records.opening import open_records
from mumetal.connect.stores.records.place import RECORDS_FILE
from mumetal.connect.stores.records.sql_records import SqlRecords
from mumetal.connect.stores.records.tables import METADATA
from mumetal.core.artefact import Evidence
from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.finding import Attribution, CauseVerdict, Finding, Severity
from mumetal.core.incident import Incident, IncidentState, Label, TimelineEntry
from mumetal.core.records import Records
from mumetal.core.subject import Subject

T0 = 1_800_000_000 * 10**9
ME = scopes.person("local", "alice")


def a_finding(n: int = 0, tenant: str = "local", title: str = "T1 fell") -> Finding:
    return Finding(
        tenant=tenant,
        subject=Subject.stream("qpu1", "calibration"),
        rule="watch.detectors.cusum",
        title=title,
        start_ns=T0 + n,
        stop_ns=T0 + n + 1,
        severity=Severity.HIGH,
        confidence=0.7,
        attribution=(Attribution(channel="q3.T1", share=0.5, method="own-score"),),
        evidence=(Evidence(uri="event:1", digest="a" * 64),),
        causes=(CauseVerdict(cause="c", explained=False, log_likelihood_ratio=-1.0, reason="no"),),
    )


def an_incident(n: int = 0, tenant: str = "local", **changes: object) -> Incident:
    base = Incident(
        tenant=tenant,
        incident_id=f"inc-{n}",
        device="qpu1",
        title="T1 fell",
        severity=Severity.HIGH,
        likelihood=0.5,
        impact=0.5,
        start_ns=T0,
        stop_ns=T0 + n,
        findings=(a_finding(n, tenant).finding_id,),
        timeline=(TimelineEntry(t_ns=T0, actor="triage", what="begun"),),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(tmp_path / "deep")
    yield opened
    opened.close()


def test_what_is_put_comes_back_equal(store: Records) -> None:
    store.put(ME, [a_finding()], [an_incident()])
    assert store.findings(ME, [a_finding().finding_id]) == [a_finding()]
    assert store.incident(ME, "inc-0") == an_incident()
    store.put(ME, [], [an_incident(likelihood=0.9)])
    assert store.incidents(ME) == [an_incident(likelihood=0.9)]


def test_rank_is_unexplained_first_then_priority(store: Records) -> None:
    store.put(
        ME,
        [],
        [
            an_incident(1, state=IncidentState.EXPLAINED, impact=1.0),
            an_incident(2, impact=0.2),
            an_incident(3, state=IncidentState.RESOLVED, impact=1.0),
            an_incident(4, state=IncidentState.ACKNOWLEDGED, impact=0.9),
        ],
    )
    assert [i.incident_id for i in store.incidents(ME)] == ["inc-4", "inc-2", "inc-1", "inc-3"]
    assert [i.incident_id for i in store.incidents(ME, limit=1)] == ["inc-4"]
    assert [i.incident_id for i in store.incidents(ME, IncidentState.EXPLAINED)] == ["inc-1"]
    assert {i.incident_id for i in store.open_for(ME)} == {"inc-1", "inc-2", "inc-4"}


def test_findings_come_in_the_order_asked_for_past_the_parameter_limit(store: Records) -> None:
    many = [a_finding(n) for n in range(1_500)]
    store.put(ME, many, [])
    ids = [f.finding_id for f in reversed(many)]
    assert store.findings(ME, ["none", *ids]) == list(reversed(many))


def test_an_attacker_sees_and_overwrites_nothing_of_another_tenant(store: Records) -> None:
    victim = scopes.person("victim", "alice")
    store.put(victim, [a_finding(tenant="victim")], [an_incident(tenant="victim", label=Label.FAULT)])
    store.add_user(victim, "alice")
    secret = a_finding(tenant="victim").finding_id
    for nobody in ("", "victim' OR '1'='1", "%", "victim\x00", "*"):
        with pytest.raises(BadInputError):
            scopes.person(nobody, "mallory")
    for name in ("mallory", "vict_m", "VICTIM"):
        mallory = scopes.person(name, "mallory")
        assert store.incidents(mallory) == []
        assert store.open_for(mallory) == []
        assert store.findings(mallory, [secret]) == []
        assert store.labels(mallory) == []
        assert store.users(mallory) == []
        assert store.outbox.dead(mallory, "s") == []
        with pytest.raises(BadInputError, match="no such incident"):
            store.incident(mallory, "inc-0")
    mallory = scopes.person("mallory", "mallory")
    store.put(mallory, [], [an_incident(tenant="mallory", title="mine", state=IncidentState.RESOLVED)])
    assert store.incident(victim, "inc-0").title == "T1 fell"
    assert [i.tenant for i in store.incidents(mallory)] == ["mallory"]
    with pytest.raises(RejectedError, match="another tenant"):
        store.put(mallory, [], [an_incident(tenant="mallory"), an_incident(tenant="victim", title="theirs")])
    assert store.incident(victim, "inc-0").title == "T1 fell"
    with pytest.raises(BadInputError) as absent:
        store.incident(mallory, "inc-nowhere")
    with pytest.raises(BadInputError) as foreign:
        store.incident(scopes.person("eve", "eve"), "inc-0")
    assert absent.value.message == foreign.value.message, "the answer tells nothing apart"


def test_labels_keep_their_history(store: Records) -> None:
    said = (TimelineEntry(t_ns=T0 + 5, actor="alice", what="label fault"),)
    store.put(ME, [], [an_incident()])
    assert store.labels(ME) == []
    for _ in range(2):
        store.put(ME, [], [an_incident(label=Label.FAULT, timeline=said)])
    store.put(ME, [], [an_incident(label=Label.ATTACK)])
    given = store.labels(ME)
    assert [g.label for g in given] == [Label.FAULT, Label.ATTACK]
    assert (given[0].actor, given[0].t_ns) == ("alice", T0 + 5)


def test_put_is_all_or_nothing(store: Records) -> None:
    with pytest.raises(BadInputError, match="UTF-8"):
        store.put(ME, [a_finding()], [an_incident(title="bad \ud800")])
    assert store.findings(ME, [a_finding().finding_id]) == []


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / RECORDS_FILE
    open_records(tmp_path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE mumetal_schema SET version = 99")
    raw.close()
    with pytest.raises(BadInputError, match="schema 99"):
        open_records(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / RECORDS_FILE
    path.write_bytes(b"this is not a database, it only has the name" * 100)
    with pytest.raises(BadInputError, match="not a database"):
        open_records(tmp_path)
    with pytest.raises(BadInputError, match="cannot open"):
        open_records("nosuchbase://host/db")


def test_the_file_is_private_durable_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / RECORDS_FILE
    store = open_records(tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()
    store.close()


def test_threads_write_at_once_without_losing_anything(store: Records) -> None:
    def write(k: int) -> None:
        for n in range(20):
            store.put(ME, [a_finding(k * 1_000 + n)], [an_incident(k * 1_000 + n)])

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(store.incidents(ME, limit=1_000)) == 80


def test_a_locked_database_is_unavailable_not_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / RECORDS_FILE
    store = open_records(tmp_path)
    assert isinstance(store, SqlRecords)
    with store._engine.connect() as db:
        db.exec_driver_sql("PRAGMA busy_timeout=1")
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        store.put(ME, [a_finding()], [])
    raw.execute("ROLLBACK")
    raw.close()
    store.put(ME, [a_finding()], [])
    store.close()


def test_users(store: Records) -> None:
    for _ in range(2):
        store.add_user(ME, "operator")
    assert store.users(ME) == ["operator"]


def test_the_tables_compile_for_postgresql() -> None:
    made = {t.name: str(CreateTable(t).compile(dialect=postgresql.dialect())) for t in METADATA.sorted_tables}  # type: ignore[no-untyped-call]
    assert "BIGSERIAL" in made["outbox"]
    assert "BYTEA" in made["findings"]
    assert "FOREIGN KEY(tenant, incident_id)" in made["labels"]
