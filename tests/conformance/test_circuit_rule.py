"""Every listed circuit rule × every promise: it finds its bad example, nothing is found in its good one."""

import pytest

from mumetal.catalog.techniques import techniques
from mumetal.core.artefact import Artefact
from mumetal.core.finding import Finding
from mumetal.scan.circuits.rule import CircuitRule
from mumetal.scan.circuits.rules import CIRCUIT_RULES
from mumetal.scan.circuits.scanner import CircuitScanner

RULES = [pytest.param(rule, id=rule_id) for rule_id, rule in CIRCUIT_RULES]


def findings(text: str) -> list[Finding]:
    return list(CircuitScanner().scan(Artefact(uri="jobs/a.qasm", data=text.encode())))


@pytest.mark.parametrize("rule", RULES)
def test_the_bad_example_is_found_by_this_rule(rule: CircuitRule) -> None:
    found = [f for f in findings(rule.bad) if f.rule == rule.rule_id]
    assert found
    assert found[0].evidence[0].uri.startswith("file:jobs/a.qasm#L")


@pytest.mark.parametrize("rule", RULES)
def test_the_good_example_is_spared_by_every_rule(rule: CircuitRule) -> None:
    assert findings(rule.good) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_explains_itself_and_names_known_techniques(rule: CircuitRule) -> None:
    assert len(rule.why) > 20
    assert rule.remedy
    assert rule.reference
    assert rule.techniques
    assert set(rule.techniques) <= {t.technique_id for t in techniques()}
