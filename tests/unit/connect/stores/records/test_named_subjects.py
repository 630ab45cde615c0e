"""Findings from before they named their subject keep their ids, and are said of the right kind of thing."""

import hashlib
import sqlite3
from pathlib import Path

import msgspec
import pytest
from tests.old_records import a_sighting, old_body, old_store
from tests.unit.connect.test_incident_store import T0, a_finding

from mumetal.access import scopes
from mumetal.connect.stores.records.named_subjects import named
from mumetal.connect.stores.records.opening import open_records
from mumetal.core.finding import Finding
from mumetal.core.subject import SubjectKind


def old_id(tenant: str, device: str, stream: str, rule: str, start_ns: int) -> str:
    return hashlib.sha256("\t".join((tenant, device, stream, rule, str(start_ns))).encode()).hexdigest()[:24]


@pytest.mark.parametrize(
    ("rule", "device", "stream", "kind"),
    [
        ("watch.detectors.cusum", "qpu1", "cryostat", SubjectKind.STREAM),
        ("watch.quality.duplicate", "qpu1", "", SubjectKind.DEVICE),
        ("scan.secrets.token", "-", "lab/src/run.py", SubjectKind.PATH),
        ("trust.models.health.drift", "-", "model:cryo", SubjectKind.MODEL),
        ("serve.source_unavailable", "-", "csv:a.csv", SubjectKind.SOURCE),
        ("serve.ledger_refuted", "-", "ledger", SubjectKind.LEDGER),
    ],
)
def test_every_id_stays(rule: str, device: str, stream: str, kind: SubjectKind) -> None:
    old = old_body(a_finding(), device=device, stream=stream, rule=rule)
    found = msgspec.json.decode(named(old), type=Finding)
    assert (found.subject.kind, found.device) == (kind, device)
    if stream:
        assert found.finding_id == old_id("local", device, stream, rule, T0)
    assert named(named(old)) == named(old)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"device": 3, "stream": "s", "rule": "r", "start_ns": 1}'])
def test_what_is_no_finding_stays_as_it_is(body: bytes) -> None:
    assert named(body) == body


def test_a_store_from_before_keeps_findings_outbox_and_sightings(tmp_path: Path) -> None:
    path = tmp_path / "incidents.sqlite"
    old_store(path)
    with sqlite3.connect(path) as db:
        before = {row[0] for row in db.execute("SELECT finding_id FROM findings WHERE tenant = 'local'")}
    records = open_records(tmp_path)
    scope = scopes.person("local", "operator")
    found = records.findings(scope, sorted(before))
    assert {f.finding_id for f in found} == before
    assert all(f.subject.kind is SubjectKind.STREAM for f in found)
    (seen,) = records.sightings.listed(scope)
    assert seen == a_sighting(identity=str(T0))
    assert [
        i.item.finding_id
        for i in records.outbox.next(scopes.whole_stack("mumetal.outbox"), "siem", 10)
        if isinstance(i.item, Finding)
    ]
    records.close()
