"""Every listed scanner × every promise of its port."""

import numpy as np
import pytest

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.ports import Scanner
from mumetal.scan import SCANNERS

IDS = [plugin_id for plugin_id, _ in SCANNERS]
RNG = np.random.default_rng(0)
TEXTS = [
    b"",
    b"\xff\xfe\0",
    b"password = 'Tr0ub4dor%d'\n" % 3,
    b"import pickle\npickle.loads(job.payload)\n",
    b"OPENQASM 3.0;\nqubit q;\nreset q;\n",
    RNG.bytes(3_000),
    b"a" * 100_000,
    b"QISKIT",
    b"{}",
    b"(" * 3_000,
]


@pytest.fixture(params=IDS)
def scanner(request: pytest.FixtureRequest) -> Scanner:
    return SCANNERS.get(request.param)()


def seen(scanner: Scanner, artefact: Artefact) -> list[str]:
    try:
        return [f.finding_id for f in scanner.scan(artefact)]
    except BadInputError:
        return []


@pytest.mark.parametrize("plugin_id", IDS)
def test_the_id_is_the_listed_one(plugin_id: str) -> None:
    info = SCANNERS.get(plugin_id)().info
    assert info.plugin_id == plugin_id
    assert info.title


@pytest.mark.parametrize(
    "name", ["a.py", "a.qasm", "a.ipynb", "a.bin", "requirements.txt", "uv.lock", "a.qpy", "a.json", "x.pem"]
)
def test_any_text_is_scanned_or_refused_and_twice_the_same(scanner: Scanner, name: str) -> None:
    for text in TEXTS:
        artefact = Artefact(uri=name, data=text, facts=(("t_ns", "1700000000000000000"),))
        assert seen(scanner, artefact) == seen(scanner, artefact)


def test_findings_carry_the_artefacts_tenant_time_and_place(scanner: Scanner) -> None:
    for text in TEXTS:
        artefact = Artefact(tenant="lab-7", uri="a.py", data=text, facts=(("t_ns", "1700000000000000000"),))
        try:
            found = list(scanner.scan(artefact))
        except BadInputError:
            continue
        for finding in found:
            assert finding.tenant == "lab-7"
            assert finding.stream
            assert finding.start_ns // 10**9 == 1_700_000_000
            assert finding.evidence
            assert finding.rule.startswith("scan.")
