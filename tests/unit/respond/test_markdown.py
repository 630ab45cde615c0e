"""The report says what is known, cites it, and is not led by foreign text."""

import re

from tests.unit.respond.test_triage import T0

from mumetal.core.artefact import Evidence
from mumetal.core.finding import CauseVerdict, Finding, Severity
from mumetal.core.incident import Incident
from mumetal.core.subject import Subject
from mumetal.respond.reports import markdown
from mumetal.respond.settings import TriageSettings
from mumetal.respond.triage import Inventory, Triage


def finding(n: int, **changes: object) -> Finding:
    fields: dict[str, object] = {
        "subject": Subject.stream("qpu1", f"s{n}"),
        "rule": "watch.detectors.cusum",
        "title": f"T1 fell {n}",
        "detail": "from 120 µs to 40 µs",
        "remedy": "recalibrate",
        "start_ns": T0 + n,
        "stop_ns": T0 + n + 1,
        "severity": Severity.HIGH,
        "confidence": 0.5,
        "evidence": (Evidence.of_series("qpu1", f"s{n}", T0, T0 + 9),),
    }
    return Finding(**(fields | changes))  # type: ignore[arg-type]


def made(findings: list[Finding]) -> Incident:
    triage = Triage(TriageSettings(), Inventory())
    return triage.add(findings, T0)[0]


def test_every_claim_cites_an_evidence_uri() -> None:
    refused = CauseVerdict(cause="watch.causes.warm_up", explained=False, log_likelihood_ratio=-3, reason="cold")
    found = [finding(n, causes=(refused,)) for n in range(60)] + [finding(99, evidence=())]
    text = markdown.report(made(found), found)
    body = text.split("## What was seen")[1].split("## Timeline")[0]
    claims = [line for line in body.splitlines() if re.match(r"- |\d+\. ", line)]
    assert len(claims) > 50
    assert all(re.search(r"\[`(series|finding):[^`]+`", c) for c in claims)
    assert "11 more" in text


def test_it_is_deterministic_and_ends_in_a_newline() -> None:
    found = [finding(n) for n in range(5)]
    incident = made(found)
    assert markdown.report(incident, found) == markdown.report(incident, found[::-1])
    assert markdown.report(incident, found).endswith("\n")


def test_foreign_text_is_text() -> None:
    nasty = "</td><script>alert(1)</script> [x](javascript:1) ![i](http://e/) | # h\n\n## Forged\n- done `x` \x1b[31m"
    found = [finding(1, title=nasty, detail=nasty, remedy=nasty)]
    text = markdown.report(made(found), found)
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\n## Forged" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "\x1b" not in "".join(markdown.summary([made(found)]))


def test_findings_of_others_stay_out_and_missing_ones_are_counted() -> None:
    found = [finding(n) for n in range(3)]
    incident = made(found)
    foreign = finding(1, tenant="other", title="secret of another tenant")
    text = markdown.report(incident, [found[0], foreign, finding(77, title="not of this incident")])
    assert "secret" not in text
    assert "not of this" not in text
    assert "2 of its 3 findings are not at hand" in text


def test_summary_lines_are_short_and_bounded() -> None:
    incidents = [made([finding(n)]) for n in range(15)]
    lines = markdown.summary(incidents)
    assert len(lines) == 11
    assert lines[0].startswith(" 1. ")
    assert "qpu1" in lines[0]
    assert markdown.summary([]) == []


def test_a_tenant_is_named_where_it_is_not_the_local_one() -> None:
    for tenant, named in (("local", False), ("other", True)):
        found = [finding(1, tenant=tenant)]
        assert (f"| tenant | {tenant} |" in markdown.report(made(found), found)) is named
