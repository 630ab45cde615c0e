"""Known weaknesses: which version is affected, in which file, in which order."""

import pytest
from cvss import CVSS4
from hypothesis import given
from hypothesis import strategies as st

from mumetal.catalog.cves import decode, weaknesses
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.scan.dependencies.pins import pins
from mumetal.scan.dependencies.scanner import DependencyScanner
from mumetal.scan.dependencies.urgency import TREE, Decision, urgency
from mumetal.scan.dependencies.version import version_key, within

ORDER = [
    "0.9", "1.0.dev1", "1.0a1", "1.0a2", "1.0b1", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.4.1", "1.4.2", "1.10",
    "2.0.0rc1", "2.0.0rc2", "2.0.0", "1!0.1",
]  # fmt: skip


def scan(uri: str, text: str) -> list[Finding]:
    return list(DependencyScanner().scan(Artefact(uri=uri, data=text.encode())))


def test_versions_are_in_order() -> None:
    assert sorted(set(ORDER), key=version_key) == ORDER
    assert version_key("1.0") == version_key("1.0.0") == version_key("v1.0+cu121")


@given(st.lists(st.integers(0, 999), min_size=1, max_size=5), st.integers(1, 5))
def test_a_larger_part_is_a_later_version(parts: list[int], by: int) -> None:
    later = [*parts[:-1], parts[-1] + by]
    assert version_key(".".join(map(str, parts))) < version_key(".".join(map(str, later)))


@pytest.mark.parametrize(
    ("version", "hit"),
    [("0.17.0", False), ("0.18.0", True), ("1.4.1", True), ("1.4.2", False), ("2.0.0rc1", True), ("2.0.0", False)],
)
def test_the_affected_versions_of_cve_2025_2000(version: str, hit: bool) -> None:
    found = {f.rule for f in scan("requirements.txt", f"qiskit=={version}\n")}
    assert ("scan.dependencies.CVE-2025-2000" in found) is hit


@pytest.mark.parametrize(
    ("uri", "text", "line"),
    [
        ("a/requirements.txt", "numpy\n# x\nqiskit[visualization]==1.2.0 ; python_version > '3.8'\n", 3),
        ("uv.lock", 'version = 1\n[[package]]\nname = "qiskit"\nversion = "1.2.0"\n', 3),
        ("poetry.lock", '[[package]]\nname = "Qiskit"\nversion = "1.2.0"\n', 2),
        ("Pipfile.lock", '{"default": {\n"qiskit": {"version": "==1.2.0"}}}', 2),
        ("environment.yml", "dependencies:\n  - python=3.11\n  - pip:\n    - qiskit==1.2.0\n", 4),
        ("pyproject.toml", '[project]\ndependencies = [\n  "numpy",\n  "qiskit<1.4",\n]\n', 4),
        ("x/qiskit-1.2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: qiskit\nVersion: 1.2.0\n\nqiskit\n", 3),
    ],
)
def test_every_kind_of_file_is_read_with_its_line(uri: str, text: str, line: int) -> None:
    found = {f.rule: f for f in scan(uri, text)}["scan.dependencies.CVE-2025-2000"]
    assert found.evidence[0].uri == f"file:{uri}#L{line}"
    assert found.severity is Severity.CRITICAL
    assert "1.4.2" in found.remedy


@pytest.mark.parametrize(
    "text", ["qiskit>=1.4.2", "qiskit>=1.0", "qiskit", "qiskit>=2.1,<3", "-r other.txt", "qiskit~=2.1"]
)
def test_what_allows_a_mended_version_is_no_finding(text: str) -> None:
    assert scan("requirements.txt", text) == []


@pytest.mark.parametrize("text", ["qiskit~=1.2.0", "qiskit<1.4", "qiskit==1.2.*", "qiskit>=1.0,<=1.3.9"])
def test_what_allows_only_affected_versions_is_one(text: str) -> None:
    assert scan("requirements.txt", text)


def test_the_most_urgent_comes_first_and_tests_count_less() -> None:
    text = "jupyterhub==5.0\nqiskit==1.2.0\nlitellm==1.82.7\n"
    found = scan("requirements.txt", text)
    assert found[0].rule == "scan.dependencies.MAL-litellm-2026-03-24"
    assert found[-1].rule == "scan.dependencies.CVE-2026-40864"
    at_run = DependencyScanner(exposure=1).scan(Artefact(uri="requirements.txt", data=text.encode()))
    in_tests = DependencyScanner(exposure=1).scan(Artefact(uri="requirements-test.txt", data=text.encode()))
    assert "order 0.50" in next(at_run).detail
    assert "order 0.15" in next(in_tests).detail


def test_more_critical_workloads_never_make_it_less_urgent() -> None:
    for weakness in weaknesses()[1]:
        ranks = [urgency(weakness, exposure=1, criticality=c) for c in (0.1, 0.5, 0.9)]
        assert [r.decision for r in ranks] == sorted(r.decision for r in ranks)
    assert len(TREE) == 12
    assert {d for row in TREE.values() for d in row} == set(Decision)


def test_the_packaged_file_is_consistent() -> None:
    date, entries = weaknesses()
    assert len(date) == 10
    assert {"CVE-2025-2000", "CVE-2025-1403"} <= {w.id for w in entries}
    for weakness in entries:
        assert all(version_key(s.introduced) < version_key(s.fixed) for s in weakness.affected)
        assert not any(within(s.fixed, s.introduced, s.fixed) for s in weakness.affected)


def test_a_bad_file_is_refused() -> None:
    entry = weaknesses()[1][0]
    lines = f'[[cve]]\nid = "{entry.id}"\ntitle = "t"\npackages = ["p"]\naffected = [{{introduced="0",fixed="1"}}]\n'
    lines += 'severity = "low"\nexploitation = "none"\nautomatable = "no"\nimpact = "partial"\ngrade = "V"\n'
    lines += 'workaround = "w"\nreferences = ["r"]\n'
    with pytest.raises(BadInputError, match="twice"):
        decode(('dated = "x"\n' + lines * 2).encode())
    for uri in ("uv.lock", "pyproject.toml", "Pipfile.lock"):
        with pytest.raises(BadInputError):
            list(pins(uri, b"\xff\x00{"))


@given(
    st.binary(max_size=200),
    st.sampled_from(["requirements.txt", "uv.lock", "Pipfile.lock", "environment.yml", "PKG-INFO"]),
)
def test_any_bytes(data: bytes, uri: str) -> None:
    try:
        list(DependencyScanner().scan(Artefact(uri=uri, data=data)))
    except BadInputError:
        return


def test_every_cvss_vector_scores_what_it_says_and_names_its_author() -> None:
    for weakness in weaknesses()[1]:
        assert weakness.cvss4_by != "not given", weakness.id
        assert bool(weakness.cvss4) == bool(weakness.cvss4_score), weakness.id
        if weakness.cvss4:
            judged = CVSS4(weakness.cvss4)  # the reference calculator of FIRST's specification
            assert float(judged.base_score) == weakness.cvss4_score, weakness.id
            order = ["low", "medium", "high", "critical"]
            assert abs(order.index(judged.severity.lower()) - order.index(weakness.severity)) <= 1, weakness.id
