"""Every shipped rule finds its own examples, leaves its benign ones alone, and says where it comes from."""

import re

import numpy as np
import pytest

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan.secrets.rule import Rule, digest_of, read_rules, shipped
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner
from mumetal.scan.secrets.templates import fill

RULES = shipped().rules
SCANNER = SecretScanner(SecretConfig(engine="re2"))


def found(text: str) -> list[str]:
    return [h.rule.id for h in SCANNER.hits(Artefact(uri="src/a.txt", data=text.encode()))]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_a_rule_finds_its_examples_with_fresh_fakes(rule: Rule) -> None:
    alone = SecretScanner(SecretConfig(engine="re2", rules=(rule,)))
    for template in rule.match:
        hits = sum(
            bool(alone.hits(Artefact(uri="a.txt", data=fill(template, np.random.default_rng(seed)).encode())))
            for seed in range(5)
        )
        assert hits == 5, template


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_a_rule_leaves_benign_text_alone(rule: Rule) -> None:
    for template in rule.benign:
        assert not found(fill(template, np.random.default_rng(0))), template


def test_every_rule_says_its_evidence() -> None:
    for rule in RULES:
        assert rule.match, rule.id
        assert rule.benign, rule.id
        assert rule.reference.startswith("https://"), rule.id
        assert re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", rule.id), rule.id


def test_at_least_twenty_quantum_vendors_are_covered() -> None:
    names = {"ibm-quantum", "ibm-cloud", "dwave", "ionq", "azure-quantum", "rigetti", "iqm", "quantinuum", "oqc", "pasqal", "xanadu",
             "qbraid", "aqt", "quandela", "bluequbit", "originq", "qctrl", "superstaq", "classiq", "strangeworks", "quantum-inspire",
             "alice-bob", "baidu-quantum", "planqk", "covalent", "orquestra", "quantum-machines", "bluefors"}  # fmt: skip
    assert len(names & {r.id.split(".")[0] for r in RULES}) >= 20


@pytest.mark.parametrize(
    "text",
    [
        b'[[rule]]\nid = "a.b"\ntitle = "t"\nmatch = []\n',
        b'[[rule]]\nid = "a.b"\ntitle = "t"\ntoken = "x"\nname = "y"\nmatch = []\n',
        b'[[rule]]\nid = "a.b"\ntitle = "t"\ntoken = "x"\nmatch = []\nunknown = 1\n',
        b"\xff\xfe",
    ],
)
def test_bad_rule_files_are_refused(text: bytes) -> None:
    with pytest.raises(BadInputError):
        read_rules([("x.toml", text)])


def test_an_id_given_twice_is_refused() -> None:
    text = b'[[rule]]\nid = "a.b"\ntitle = "t"\ntoken = "x"\nmatch = []\n'
    with pytest.raises(BadInputError, match="twice"):
        read_rules([("x.toml", text), ("y.toml", text)])


def test_the_digest_tells_rule_sets_apart() -> None:
    assert digest_of(RULES) != digest_of(RULES[1:])
    assert digest_of(RULES) == digest_of(list(RULES))
