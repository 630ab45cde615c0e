"""The code scanner on programs written apart from the rules' examples, on notebooks, and on what is no Python."""

import json

import pytest

from bench.scan.code_cases import CASES
from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.scan.code.scanner import MAX_FINDINGS, CodeScanner


def scan(text: str | bytes, uri: str = "a.py", kind: str = "file") -> list[Finding]:
    data = text.encode() if isinstance(text, str) else text
    return list(CodeScanner().scan(Artefact(uri=uri, kind=kind, data=data)))


@pytest.mark.parametrize(("rule", "program"), CASES)
def test_cases(rule: str, program: str) -> None:
    assert {f.rule for f in scan(program)} == ({rule} if rule else set())


def test_a_job_is_worse_than_a_file() -> None:
    load = "import pickle\ndef handle_job(job):\n    return pickle.loads(job)\n"
    file = "import pickle\ndef read(path):\n    return pickle.load(open(path, 'rb'))\n"
    (job_finding,), (file_finding,) = scan(load), scan(file)
    assert job_finding.severity is Severity.CRITICAL > file_finding.severity
    assert job_finding.confidence > file_finding.confidence


def test_a_notebook_is_read_across_its_cells_and_places_name_the_cell() -> None:
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import os\n", "!ls\n"]},
        {"cell_type": "markdown", "source": "os.chmod('token', 0o644)"},
        {"cell_type": "code", "source": "x = 1\nos.chmod('token', 0o644)\nx?"},
        {"cell_type": "code", "source": "%%bash\nif [ 1 ]; then rm x; fi"},
    ]
    (found,) = scan(json.dumps({"cells": cells, "nbformat": 4}), "lab/run.ipynb")
    assert found.rule == "scan.code.modes"
    assert found.evidence[0].uri.startswith("file:lab/run.ipynb#cell2#L2C1-")


def test_a_cell_artefact_is_python() -> None:
    assert [f.rule for f in scan("import os\nos.umask(0)\n", "run.ipynb#cell0", "cell")] == ["scan.code.modes"]


@pytest.mark.parametrize(
    ("uri", "data", "where"),
    [
        ("a.py", b"import pickle\ndef f(:\n", "a.py:2"),
        ("a.py", b"import pickle\x00", "a.py"),
        ("a.py", b"pickle = " + b"-" * 200_000 + b"1", "a.py"),
        ("a.py", b"pickle = " + b"(" * 500, "a.py:1"),
        ("n.ipynb", b'{"cells": 3', "n.ipynb"),
        ("n.ipynb", b"[" * 5_000, "n.ipynb"),
    ],
)
def test_what_is_no_python_is_refused_with_its_place(uri: str, data: bytes, where: str) -> None:
    with pytest.raises(BadInputError) as caught:
        scan(data, uri)
    assert caught.value.where.startswith(where)


def test_other_files_are_passed_over() -> None:
    assert scan(b"pickle.loads(job)", "notes.txt") == []


def test_a_hostile_file_cannot_fill_a_report() -> None:
    assert len(scan("import os\n" + "os.umask(0)\n" * 2_000)) == MAX_FINDINGS


def test_findings_of_one_rule_in_one_file_have_their_own_ids() -> None:
    found = scan("import os\nos.umask(0)\nos.umask(0)\n")
    assert len({f.finding_id for f in found}) == 2
