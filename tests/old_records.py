"""A store as Mumetal made it before there were migrations: its tables frozen as SQL, and rows in each of them."""

import sqlite3
from pathlib import Path

import msgspec
from tests.unit.connect.test_incident_store import T0, a_finding, an_incident

from mumetal.core.finding import Finding, Severity
from mumetal.core.sighting import Sighting

DDL = """
CREATE TABLE mumetal_schema (
	version INTEGER NOT NULL
);
CREATE TABLE findings (
	tenant VARCHAR(200) NOT NULL, 
	finding_id VARCHAR(24) NOT NULL, 
	device VARCHAR(200) NOT NULL, 
	start_ns BIGINT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (tenant, finding_id)
);
CREATE INDEX findings_by_time ON findings (tenant, start_ns);
CREATE TABLE incidents (
	tenant VARCHAR(200) NOT NULL, 
	incident_id VARCHAR(200) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	standing INTEGER NOT NULL, 
	priority FLOAT NOT NULL, 
	stop_ns BIGINT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (tenant, incident_id)
);
CREATE INDEX incidents_by_rank ON incidents (tenant, standing, priority);
CREATE TABLE users (
	tenant VARCHAR(200) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	created_ns BIGINT NOT NULL, 
	PRIMARY KEY (tenant, name)
);
CREATE TABLE outbox (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sink VARCHAR(400) NOT NULL, 
	tenant VARCHAR(200) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	item_id VARCHAR(200) NOT NULL, 
	body BLOB NOT NULL, 
	dead INTEGER NOT NULL, 
	error VARCHAR(1000) NOT NULL
);
CREATE INDEX outbox_in_order ON outbox (sink, dead, seq);
CREATE TABLE sightings (
	tenant VARCHAR(200) NOT NULL, 
	finding_id VARCHAR(24) NOT NULL, 
	target VARCHAR(200) NOT NULL, 
	mode VARCHAR(20) NOT NULL, 
	incident_id VARCHAR(200) NOT NULL, 
	rule VARCHAR(200) NOT NULL, 
	severity INTEGER NOT NULL, 
	path VARCHAR(4096) NOT NULL, 
	line BIGINT NOT NULL, 
	closed INTEGER NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (tenant, finding_id)
);
CREATE INDEX sightings_of_incident ON sightings (tenant, incident_id);
CREATE INDEX sightings_of_target ON sightings (tenant, target, mode);
CREATE INDEX sightings_by_rank ON sightings (tenant, closed, severity);
CREATE TABLE labels (
	label_id INTEGER NOT NULL, 
	tenant VARCHAR(200) NOT NULL, 
	incident_id VARCHAR(200) NOT NULL, 
	t_ns BIGINT NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	label VARCHAR(20) NOT NULL, 
	PRIMARY KEY (label_id), 
	CONSTRAINT label_of FOREIGN KEY(tenant, incident_id) REFERENCES incidents (tenant, incident_id) ON DELETE CASCADE
);
CREATE INDEX labels_by_incident ON labels (tenant, incident_id);
"""  # noqa: W291 - as SQLAlchemy wrote it
TENANTS = ("local", "other")
FINDINGS = 700  # of each tenant: more than one batch of the migration
INCIDENTS = 20  # of each tenant; finding n is in incident n // 35


def a_sighting(tenant: str = "local", **changes: object) -> Sighting:
    base = Sighting(
        tenant=tenant,
        target="lab",
        mode="tree",
        fingerprint="f" * 32,
        finding_id="a" * 24,
        incident_id="inc-0",
        rule="scan.secrets.token",
        title="A token",
        severity=Severity.HIGH,
        confidence=0.9,
        path="src/run.py",
        line=3,
        first_ns=T0,
        last_ns=T0,
    )
    return msgspec.structs.replace(base, **changes)


def old_body(finding: Finding, **changes: object) -> bytes:
    """A finding's body as it was before findings named their subject."""
    body = msgspec.to_builtins(finding)
    subject = body.pop("subject")
    del body["identity"]
    return msgspec.json.encode(body | {"device": subject["device"], "stream": subject["name"]} | changes)


def old_sighting(sighting: Sighting) -> bytes:
    """A sighting's body as it was then."""
    body = msgspec.to_builtins(sighting)
    del body["identity"]
    return msgspec.json.encode(body)


def old_store(path: Path, *, version: int = 1, without: tuple[str, ...] = ()) -> None:
    """Write the file; ``without`` names tables that a still older Mumetal did not have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    db.executescript(DDL)
    db.execute("INSERT INTO mumetal_schema VALUES (?)", (version,))
    for tenant in TENANTS:
        per = FINDINGS // INCIDENTS
        found = [a_finding(n, tenant) for n in range(FINDINGS)]
        db.executemany(
            "INSERT INTO findings VALUES (?, ?, ?, ?, ?)",
            [(tenant, f.finding_id, f.device, f.start_ns, old_body(f)) for f in found],
        )
        for n in range(INCIDENTS):
            ids = tuple(f.finding_id for f in found[n * per : (n + 1) * per])
            i = an_incident(n, tenant, findings=ids)
            row = (tenant, i.incident_id, "open", 0, i.priority, i.stop_ns, msgspec.json.encode(i))
            db.execute("INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.execute(
            "INSERT INTO labels (tenant, incident_id, t_ns, actor, label) VALUES (?, 'inc-0', ?, 'bob', 'fault')",
            (tenant, T0 + 7),
        )
        db.execute("INSERT INTO users VALUES (?, 'bob', ?)", (tenant, T0))
        body = old_body(found[0])
        db.execute(
            "INSERT INTO outbox (sink, tenant, kind, item_id, body, dead, error) VALUES ('siem', ?, 'finding', ?, ?, 0, '')",
            (tenant, found[0].finding_id, body),
        )
        s = a_sighting(tenant)
        db.execute(
            "INSERT INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            (tenant, s.finding_id, s.target, s.mode, s.incident_id, s.rule, 4, s.path, s.line, old_sighting(s)),
        )
    for table in without:
        db.execute(f"DROP TABLE {table}")
    db.commit()
    db.close()
