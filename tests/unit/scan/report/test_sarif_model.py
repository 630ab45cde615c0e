"""SARIF against the object model that Microsoft generates from the official schema, and fingerprints that last."""

import json
import re
import secrets
import string
from typing import Any

import attr
import sarif_om
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scan.report.test_report import LineRule, code, key, looked, outcome

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.scan.code.scanner import CodeScanner
from mumetal.scan.report import sarif
from mumetal.scan.secrets.scanner import SecretConfig, SecretScanner

SCANNER = SecretScanner(SecretConfig(engine="re2"))
# which class of the model stands at which property; the model's classes give names and what is required, not types
AT = {
    "": sarif_om.SarifLog, "runs": sarif_om.Run, "tool": sarif_om.Tool, "driver": sarif_om.ToolComponent,
    "rules": sarif_om.ReportingDescriptor, "shortDescription": sarif_om.MultiformatMessageString,
    "fullDescription": sarif_om.MultiformatMessageString, "help": sarif_om.MultiformatMessageString,
    "defaultConfiguration": sarif_om.ReportingConfiguration, "results": sarif_om.Result, "message": sarif_om.Message,
    "locations": sarif_om.Location, "physicalLocation": sarif_om.PhysicalLocation, "region": sarif_om.Region,
    "artifactLocation": sarif_om.ArtifactLocation, "snippet": sarif_om.ArtifactContent,
    "logicalLocations": sarif_om.LogicalLocation, "invocations": sarif_om.Invocation,
    "toolExecutionNotifications": sarif_om.Notification,
}  # fmt: skip
BAGS = {"properties", "partialFingerprints"}  # property bags: any name is allowed
ENUMS = {
    "level": {"none", "note", "warning", "error"},
    "columnKind": {"utf16CodeUnits", "unicodeCodePoints"},
}


def check(node: Any, at: str = "", path: str = "$") -> None:
    """Hold a node and all below it to the model: every name known, nothing required missing, enumerations kept."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            check(each, at, f"{path}[{number}]")
        return
    if not isinstance(node, dict):
        assert node in ENUMS.get(at, {node}), f"{path}: {node!r}"
        return
    fields = {f.metadata["schema_property_name"]: f for f in attr.fields(AT[at])}
    assert set(node) <= set(fields), f"{path}: {set(node) - set(fields)} is not in the schema"
    needed = {name for name, f in fields.items() if f.default is attr.NOTHING}
    assert needed <= set(node), f"{path}: {needed - set(node)} is missing"
    for name, value in node.items():
        if name not in BAGS:
            check(value, name, f"{path}.{name}")


def test_the_log_is_what_the_schema_allows() -> None:
    cell = Artefact(uri="n.ipynb#cell3", kind="cell", data=code(key(), key(32)).data, facts=(("cell", "code"),))
    past = Artefact(
        uri="git:0123456789ab:src/x.py",
        kind="blob",
        data=b"import pickle\ndef handle_job(job):\n    pickle.loads(job['x'])\n",
    )
    found = looked(code(key(), key(32)), cell, past, by=(SCANNER, CodeScanner(), LineRule(b"import")))
    log = json.loads(sarif.encode(outcome(found, problems=(Quarantined.of("a\x1bb", "no text"),))))
    check(log)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert len(run["results"]) == len(found) > 6
    assert "sarif-schema-2.1.0.json" in log["$schema"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert 0 <= result["rank"] <= 100
        for place in result["locations"]:
            region = place["physicalLocation"].get("region", {"startLine": 1})
            assert region["startLine"] >= 1
            assert region.get("endColumn", 2) > region.get("startColumn", 1)
            assert re.fullmatch(
                r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+", place["physicalLocation"]["artifactLocation"]["uri"]
            )


def test_an_empty_log_is_allowed_too() -> None:
    check(json.loads(sarif.encode(outcome([]))))


LINES = st.lists(st.sampled_from(["x = 1", "", "# a comment", "    y = 2", "def f(): ...", "run(1)"]), max_size=8)


@settings(max_examples=60)
@given(
    above=LINES,
    between=LINES,
    below=LINES,
    indent=st.sampled_from(["", "  ", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_fingerprints_last_when_lines_move(
    above: list[str], between: list[str], below: list[str], indent: str, end: str
) -> None:
    quiet = [[line for line in part if "run" not in line] for part in (above, between, below)]
    leak = f'IONQ_API_KEY = "{TOKEN}"'
    plain = looked(art(["run(7)", leak, "run(8)", "run(8)"]), by=(SCANNER, LineRule(b"run")))
    moved = looked(
        art([*quiet[0], indent + "run(7)", *quiet[1], leak, "run( 8 )", *quiet[2], "run(8)"], end),
        by=(SCANNER, LineRule(b"run")),
    )
    assert {e.fingerprint for e in moved} == {e.fingerprint for e in plain}
    assert len({e.fingerprint for e in plain}) == 4
    elsewhere = looked(art([leak], uri="b.py"), by=(SCANNER,))
    assert not {e.fingerprint for e in elsewhere} & {e.fingerprint for e in plain}


TOKEN = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def art(lines: list[str], end: str = "\n", uri: str = "a.py") -> Artefact:
    return Artefact(uri=uri, data=end.join([*lines, ""]).encode())
