"""Findings and incidents in the log: ids and classes, never their texts; what is repeated is for debugging."""

import logging
from dataclasses import replace

import pytest

from mumetal.app.logs.incident_log import IncidentLog
from mumetal.core.finding import Finding, Severity
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.logs import FIELDS
from mumetal.core.subject import Subject

T0 = 1_790_000_000 * 10**9
FINDING = Finding(
    subject=Subject.stream("d", "s"), rule="watch.x", title="foreign title", detail="foreign detail", start_ns=T0, stop_ns=T0 + 1,
    confidence=0.91234, severity=Severity.HIGH,
)  # fmt: skip
INCIDENT = Incident(
    incident_id=f"inc-{FINDING.finding_id}", device="d", title="foreign title", severity=Severity.HIGH, likelihood=0.5,
    impact=0.5, start_ns=T0, stop_ns=T0 + 1, findings=(FINDING.finding_id,),
)  # fmt: skip


def test_news_is_information_and_a_repetition_is_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    log = IncidentLog()
    with caplog.at_level(logging.DEBUG, "mumetal.app"):
        log.judged([FINDING], [INCIDENT])
        log.judged([FINDING], [INCIDENT])
        log.incident(replace(INCIDENT, state=IncidentState.RESOLVED))
    assert [(r.msg, r.levelname) for r in caplog.records] == [
        ("finding.raised", "INFO"), ("incident.opened", "INFO"),
        ("finding.raised", "DEBUG"), ("incident.changed", "DEBUG"),
        ("incident.changed", "INFO"),
    ]  # fmt: skip
    said = [getattr(r, FIELDS) for r in caplog.records]
    assert all(fields["incident"] == INCIDENT.incident_id for fields in said)
    assert (said[0]["finding"], said[0]["severity"], said[0]["confidence"]) == (FINDING.finding_id, "high", 0.912)
    assert "foreign" not in str(said)
