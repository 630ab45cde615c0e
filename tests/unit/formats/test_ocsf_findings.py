"""Events carry what OCSF 1.9.0-dev requires; read off the schema by hand."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.connect.test_incident_store import T0, a_finding, an_incident

from mumetal.core.errors import BadInputError
from mumetal.core.finding import CauseVerdict, Finding, Severity
from mumetal.core.incident import Incident, IncidentState, Label
from mumetal.core.subject import Subject
from mumetal.formats import ocsf_findings

BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
REQUIRED = {2004: BASE | {"finding_info"}, 2005: BASE | {"finding_info_list", "status_id"}}


def event(noun: Finding | Incident, limit: int = 0) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(ocsf_findings.encode(noun, limit=limit))
    return decoded


@pytest.mark.parametrize("limit", [0, 1_300])
@pytest.mark.parametrize("noun", [a_finding(), an_incident(3), an_incident(4, state=IncidentState.RESOLVED)])
def test_the_required_attributes_are_there_whole_or_shortened(noun: Finding | Incident, limit: int) -> None:
    made = event(noun, limit)
    assert made.keys() >= REQUIRED[made["class_uid"]]
    assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]
    assert made["category_uid"] == 2
    assert {"version", "product"} <= made["metadata"].keys()
    assert "name" in made["metadata"]["product"]
    for info in [made["finding_info"]] if "finding_info" in made else made["finding_info_list"]:
        assert info["uid"]
        assert "analytic" not in info or "type_id" in info["analytic"]
    for proof in made.get("evidences", []):
        assert "data" in proof
    if made["class_uid"] == 2005:
        assert made["metadata"]["profiles"] == ["incident"]
        assert made["assignee"]["name"]
    assert made["time"] < 10**13, "milliseconds"


def test_a_long_finding_is_shortened_to_the_limit_and_says_so() -> None:
    long = replace(a_finding(), detail="ü" * 3_900, techniques=tuple(f"impair.t{n}" for n in range(90)))
    whole, short = event(long), event(long, 3_000)
    assert "is_truncated" not in whole["metadata"]
    assert short["metadata"]["is_truncated"] is True
    assert len(ocsf_findings.encode(long, limit=3_000)) <= 3_000
    with pytest.raises(BadInputError, match="longer than"):
        ocsf_findings.encode(long, limit=100)


def test_explained_is_suppressed_and_no_alert() -> None:
    verdict = CauseVerdict(cause="c", explained=True, log_likelihood_ratio=float("inf"), reason="r")
    made = event(replace(a_finding(), causes=(verdict,)))
    assert (made["status_id"], made["is_alert"]) == (3, False)
    assert made["unmapped"]["causes"][0]["log_likelihood_ratio"] is None
    assert event(a_finding())["is_alert"] is True


@pytest.mark.parametrize("state", list(IncidentState))
@pytest.mark.parametrize("label", list(Label))
def test_every_state_and_label_has_a_place(state: IncidentState, label: Label) -> None:
    made = event(an_incident(1, state=state, label=label))
    assert made["status_id"] in {1, 2, 4, 5}
    assert made["verdict_id"] in {0, 2, 3, 5}
    assert made["unmapped"]["label"] == label.value


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("share", [0.0, 0.34, 0.67, 1.0])
def test_numbers_stay_in_their_enumerations(severity: Severity, share: float) -> None:
    made = event(an_incident(1, severity=severity, likelihood=share, impact=share))
    assert made["severity_id"] == severity
    assert made["confidence_id"] in {1, 2, 3}
    assert 1 <= made["impact_id"] <= 4
    assert 1 <= made["priority_id"] <= 4
    assert 0 <= made["confidence_score"] <= 100


def test_a_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadInputError, match="UTF-8"):
        Finding(subject=Subject.path("a.py"), rule="r", title="\ud800", start_ns=T0, stop_ns=T0, confidence=1)
