"""Every listed scanner × every promise of the port."""

from collections.abc import Callable

import pytest

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.ports import Scanner
from mumetal.scan import SCANNERS

NAMES = ("a.py", "a.qasm", "a.json", "a.qpy", "requirements.txt", "uv.lock", "n.ipynb", "blob", "x.pem")
BYTES = (
    b"",
    b"\x00",
    b"\xff" * 100,
    b"OPENQASM 3.0;\nqubit q;\nx q;\n",
    b"QISKIT",
    b"{}",
    b"import pickle\n",
    b"a" * 100_000,
)


@pytest.fixture(params=[pytest.param(make, id=plugin_id) for plugin_id, make in SCANNERS])
def scanner(request: pytest.FixtureRequest) -> Scanner:
    make: Callable[[], Scanner] = request.param
    return make()


def test_the_id_is_the_listed_one() -> None:
    for plugin_id, make in SCANNERS:
        assert make().info.plugin_id == plugin_id
        assert make().info.title


def test_any_bytes_give_findings_or_a_refusal_and_twice_the_same(scanner: Scanner) -> None:
    for name in NAMES:
        for data in BYTES:
            artefact = Artefact(tenant="acme", uri=name, data=data)
            answers = []
            for _ in range(2):
                try:
                    answers.append([(f.finding_id, f.tenant, f.rule) for f in scanner.scan(artefact)])
                except BadInputError:
                    answers.append([])
            assert answers[0] == answers[1]
            assert all(tenant == "acme" for _, tenant, _ in answers[0])
