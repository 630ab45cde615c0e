"""The four reports over the real engine: valid, lasting, and never with the secret in them."""

import json
import secrets
import string
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest

from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject
from mumetal.scan.engine import scan_blobs
from mumetal.scan.report import as_json, baseline, junit, sarif, text
from mumetal.scan.report.entry import Entry, Remembering, entries
from mumetal.scan.report.outcome import Outcome, level, ranked
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner

# What SARIF 2.1.0 allows in the objects we write (its schema closes all of them), and what it requires.
ALLOWED = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "columnKind", "results", "invocations"},
    "driver": {"name", "version", "semanticVersion", "rules"},
    "rule": {"id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"},
    "result": {
        "ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "rank", "properties",
    },
    "location": {"physicalLocation", "logicalLocations", "message"},
    "region": {"startLine", "startColumn", "endColumn", "snippet"},
    "invocation": {"executionSuccessful", "toolExecutionNotifications"},
}  # fmt: skip


class Given:
    def __init__(self, *artefacts: Artefact) -> None:
        self.artefacts = artefacts

    def blobs(self) -> Iterator[Artefact]:
        yield from self.artefacts


class LineRule:
    """Flags every line with a word in it, as a rule over code would."""

    info = PluginInfo(plugin_id="scan.line", title="lines")

    def __init__(self, word: bytes) -> None:
        self.word = word

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        for number, line in enumerate(artefact.data.split(b"\n"), 1):
            if self.word in line:
                yield Finding(
                    subject=Subject.path(artefact.uri), rule="scan.line.word", title="A word", start_ns=10**18 + number,
                    stop_ns=10**18 + number, confidence=0.5, severity=Severity.LOW,
                    evidence=(Evidence(uri=f"file:{artefact.uri}#L{number}C1-4"),),
                )  # fmt: skip


def key(n: int = 44) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(n))


@pytest.fixture(scope="module")
def scanner() -> SecretScanner:
    return SecretScanner(SecretConfig(engine="re2"))


def looked(*artefacts: Artefact, by: tuple[Any, ...]) -> list[Entry]:
    source = Remembering(Given(*artefacts))
    return list(entries(scan_blobs(source, by), source))


def code(one: str, two: str, uri: str = "a b/ü.py") -> Artefact:
    body = f'import x\n# é\ts = QiskitRuntimeService(channel="ibm_cloud", token="{one}")\nIONQ_API_KEY = "{two}"\n'
    return Artefact(uri=uri, data=body.encode())


def outcome(found: list[Entry], **more: Any) -> Outcome:
    return Outcome(entries=ranked(found), scanners=("scan.secrets",), artefacts=1, size=10, version="0.1.0", **more)


def test_no_report_tells_a_secret_and_each_is_well_formed(scanner: SecretScanner) -> None:
    one, two = key(), key(32)
    found = looked(code(one, two), by=(scanner,))
    assert len(found) == 2
    said = outcome(found, problems=(Quarantined.of("bad\x1b[2Jname", "no text & <x>", one.encode()),))
    reports = [text.encode(said), text.encode(said, colour=True)]
    reports += [e(said).decode() for e in (sarif.encode, junit.encode, as_json.encode)]
    reports.append(baseline.encode(said.entries).decode())
    for report in reports:
        for secret in (one, two):
            assert secret not in report
            assert secret[:9] not in report
            assert secret.encode().hex() not in report
            assert secret[-8:] not in report
    assert "\x1b[2J" not in reports[0]
    cases = ET.fromstring(reports[3])
    assert cases.attrib["failures"] == "2"
    assert "2 critical" in reports[0] or "critical" in reports[0]


def test_two_secrets_on_one_line_are_both_masked(scanner: SecretScanner) -> None:
    one, two = key(), key()
    line = f'a = QiskitRuntimeService(token="{one}"); b = QiskitRuntimeService(token="{two}")\n'
    for entry in looked(Artefact(uri="x.py", data=line.encode()), by=(scanner,)):
        assert one[:6] not in entry.line
        assert two[:6] not in entry.line
        assert entry.line


def test_a_rule_over_code_shows_its_line_without_long_literals() -> None:
    hidden = key(40)
    found = looked(Artefact(uri="x.py", data=f'run("{hidden}")\n'.encode()), by=(LineRule(b"run"),))
    assert found[0].line.startswith("run(")
    assert hidden[:8] not in found[0].line


def test_sarif_keeps_to_the_standards_names(scanner: SecretScanner) -> None:
    found = looked(code(key(), key(32)), code(key(), key(32), "n.ipynb#cell3"), by=(scanner,))
    log = json.loads(sarif.encode(outcome(found, problems=(Quarantined.of("x y", "gone"),))))
    assert set(log) == ALLOWED["log"]
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    assert set(run) <= ALLOWED["run"]
    driver = run["tool"]["driver"]
    assert set(driver) <= ALLOWED["driver"]
    assert all(set(rule) <= ALLOWED["rule"] for rule in driver["rules"])
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    assert all(set(i) <= ALLOWED["invocation"] for i in run["invocations"])
    assert len(run["results"]) == len(found) == 4
    for result in run["results"]:
        assert set(result) <= ALLOWED["result"]
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        assert 0 <= result["rank"] <= 100
        assert all(isinstance(v, str) for v in result["partialFingerprints"].values())
        for location in result["locations"]:
            assert set(location) <= ALLOWED["location"]
            physical = location["physicalLocation"]
            assert physical["artifactLocation"]["uri"] in {"a%20b/%C3%BC.py", "n.ipynb"}
            region = physical.get("region", {"startLine": 1})
            assert set(region) <= ALLOWED["region"]
            assert region["startLine"] >= 1
            assert region.get("endColumn", 2) > region.get("startColumn", 1) >= 1


def test_columns_count_characters_not_bytes(scanner: SecretScanner) -> None:
    one = key()
    entry = next(e for e in looked(code(one, key(32)), by=(scanner,)) if e.place and e.place.line == 2)
    line = code(one, "").data.decode().split("\n")[1]
    assert line[entry.columns[0] - 1 : entry.columns[1] - 1] == one
    assert entry.line[slice(*entry.mark)].startswith(one[:4])


def test_fingerprints_last_when_lines_move_and_differ_between_twins() -> None:
    before = looked(Artefact(uri="x.py", data=b"run(1)\nrun(1)\nrun(2)\n"), by=(LineRule(b"run"),))
    after = looked(Artefact(uri="x.py", data=b"# new\n\n  run(1)\n\nrun( 1)\nrun(2)\n"), by=(LineRule(b"run"),))
    assert [e.fingerprint for e in before] == [e.fingerprint for e in after]
    assert len({e.fingerprint for e in before}) == 3
    moved = looked(Artefact(uri="y.py", data=b"run(1)\n"), by=(LineRule(b"run"),))
    assert moved[0].fingerprint != before[0].fingerprint


def test_long_lines_are_cut_around_the_mark() -> None:
    body = b"x" * 3_000 + b" run"
    found = looked(Artefact(uri="x.js", data=body), by=(LineRule(b"run"),))
    assert len(found[0].line) <= 160


def test_a_baseline_is_read_as_written_and_keeps_reasons() -> None:
    found = tuple(looked(Artefact(uri="x.py", data=b"run(1)\nrun(2)\n"), by=(LineRule(b"run"),)))
    first = baseline.decode(baseline.encode(found))
    assert {k.fingerprint for k in first.known} == {e.fingerprint for e in found}
    fingerprint = found[0].fingerprint
    allowed = baseline.Allowed(rule="other.*", reason="a plug-in of ours")
    old = baseline.Baseline(known=(baseline.Known(fingerprint=fingerprint, reason="a test token"),), allow=(allowed,))
    again = baseline.decode(baseline.encode(found, old))
    assert again.reasons(found)[fingerprint] == "a test token"
    assert again.allow == (allowed,)
    for bad in (b"", b"{", b'{"mumetal_baseline": 2}', b"\xff", b"[" * 100_000, b'{"known": [{"x": 1}]}',
                b'{"allow": [{"rule": "*"}]}', b'{"allow": [{"reason": "because"}]}'):  # fmt: skip
        with pytest.raises(BadInputError):
            baseline.decode(bad)


@pytest.mark.parametrize(
    ("allow", "quiet"),
    [
        (baseline.Allowed(rule="scan.secrets.ionq*", reason="made up"), {"ionq"}),
        (baseline.Allowed(rule="secrets.*", reason="made up"), {"ionq", "ibm"}),
        (baseline.Allowed(rule="secrets.*", path="docs/*", reason="made up"), set()),
        (baseline.Allowed(path="a b/*", reason="made up"), {"ionq", "ibm"}),
    ],
)
def test_an_allowance_is_by_rule_path_or_secret(
    scanner: SecretScanner, allow: baseline.Allowed, quiet: set[str]
) -> None:
    found = looked(code(key(), key(32)), by=(scanner,))
    said = baseline.Baseline(allow=(allow,)).reasons(found)
    assert {e.finding.rule.split(".")[2].split("-")[0] for e in found if e.fingerprint in said} == quiet
    mark = next(e.uri.partition(":")[2] for e in found[0].finding.evidence if e.scheme == "fingerprint")
    one = baseline.Baseline(allow=(baseline.Allowed(secret=mark, reason="revoked in May"),)).reasons(found)
    assert one == {found[0].fingerprint: "revoked in May"}


def test_a_comment_with_a_reason_excuses_any_rule() -> None:
    text = b"""run(1)  # mumetal: ignore[line.word] bounded above
run(2)  # mumetal: ignore[line.word]
# mumetal: ignore[scan.line.*] a demonstration
run(3)
run(4)  # mumetal: ignore[scan.code.*] another rule
"""
    found = looked(Artefact(uri="x.py", data=text), by=(LineRule(b"run"),))
    assert [e.excuse for e in found] == ["bounded above", "", "a demonstration", ""]
    assert set(baseline.Baseline().reasons(found).values()) == {"bounded above", "a demonstration"}


def test_the_verdict_follows_the_severity() -> None:
    found = looked(Artefact(uri="x.py", data=b"run\n"), by=(LineRule(b"run"),))
    said = outcome(found)
    assert said.fails(level("low"))
    assert not said.fails(level("medium"))
    assert not said.fails(level("none"))
    with pytest.raises(BadInputError):
        level("terrible")


@pytest.mark.parametrize("around", ["'", '"', "a", "\\", "'a1' "])
def test_of_a_line_without_end_only_what_is_meant_is_shown(around: str) -> None:
    key = "ghp_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(36))
    data = f"{around * 300_000} {key} {around * 300_000}\n".encode()
    source = Remembering(Given(Artefact(uri="site.min.js", data=data)))
    found = list(entries(scan_blobs(source, [SecretScanner(SecretConfig(engine="re2"))]), source))
    assert found
    for entry in found:
        assert len(entry.line) <= 160
        assert entry.line.startswith("…ghp_…")
        assert entry.line[entry.mark[0] : entry.mark[1]] == "ghp_…"
        assert key[4:12] not in entry.line
