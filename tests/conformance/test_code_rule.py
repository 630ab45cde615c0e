"""Every listed code rule × every promise of a rule: it finds its bad example, spares its good one, and explains itself."""

import pytest

from mumetal.catalog.techniques import techniques
from mumetal.core.artefact import Artefact
from mumetal.core.finding import Finding
from mumetal.scan.code.rule import CodeRule
from mumetal.scan.code.rules import CODE_RULES
from mumetal.scan.code.scanner import CodeScanner

RULES = [pytest.param(rule, id=rule_id) for rule_id, rule in CODE_RULES]


def findings(text: str, uri: str = "pkg/handler.py") -> list[Finding]:
    return list(CodeScanner().scan(Artefact(uri=uri, data=text.encode())))


@pytest.mark.parametrize("rule", RULES)
def test_the_bad_example_is_found_by_this_rule(rule: CodeRule) -> None:
    assert rule.rule_id in {f.rule for f in findings(rule.bad)}


@pytest.mark.parametrize("rule", RULES)
def test_the_good_example_is_spared_by_every_rule(rule: CodeRule) -> None:
    assert findings(rule.good) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_finding_points_at_its_line_and_column(rule: CodeRule) -> None:
    text = "# a comment\n\n" + rule.bad
    (found, *_) = [f for f in findings(text) if f.rule == rule.rule_id]
    place = found.evidence[0].uri.rsplit("#L", 1)[1]
    line = int(place.split("C")[0])
    assert 3 <= line <= text.count("\n") + 1
    assert found.detail.startswith(f"pkg/handler.py:{line}:")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_explains_itself_and_names_known_techniques(rule: CodeRule) -> None:
    assert len(rule.why) > 20
    assert rule.remedy
    assert "CWE" in rule.reference or "CVE" in rule.reference
    assert set(rule.techniques) <= {t.technique_id for t in techniques()}
    assert any(need in rule.bad.encode() for need in rule.needs)
