"""A job's payload as Qiskit Runtime's encoder writes it, taken apart without loading: QPY, arrays, pickles, secrets."""

import base64
import io
import json
import pickle
import secrets
import string
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mumetal.serve.cli.app import app

RUN = CliRunner()


def packed(data: bytes, kind: str = "QuantumCircuit", *, compress: bool = True) -> dict[str, str]:
    return {
        "__type__": kind,
        "__value__": base64.standard_b64encode(zlib.compress(data) if compress else data).decode(),
    }


def qpy(version: int, metadata: dict[str, str]) -> bytes:
    said, name = json.dumps(metadata).encode(), b"bell"
    head = struct.pack("!6sBBBBQ", b"QISKIT", version, 1, 2, 0, 1) + b"pq"
    return head + struct.pack("!H1cHIIQIQI", len(name), b"f", 8, 2, 2, len(said), 0, 0, 0) + name + b"\0" * 8 + said


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "scan-cache"))
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))


def scan(job: object, *words: str) -> dict[str, list[dict[str, str]]]:
    text = job if isinstance(job, bytes) else json.dumps(job).encode()
    done = RUN.invoke(app, ["scan", "--payload", "-", "--json", *words], input=text)
    assert done.exit_code in {0, 1}, done.output
    read: dict[str, list[dict[str, str]]] = json.loads(done.output)
    return read


def rules(told: dict[str, list[dict[str, str]]]) -> set[tuple[str, str]]:
    return {(f["rule"].split(".", 1)[1], f["path"]) for f in told["findings"]}


def test_everything_inside_is_looked_at(token: str) -> None:
    objects = io.BytesIO()
    np.save(objects, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    numbers = io.BytesIO()
    np.save(numbers, np.arange(4.0))
    job = {
        "program_id": "sampler",
        "params": {
            "pubs": [
                [packed(qpy(12, {"note": f"QISKIT_IBM_TOKEN={token}"})), packed(numbers.getvalue(), "ndarray"), 4096],
                [packed(qpy(13, {}), compress=False), packed(objects.getvalue(), "ndarray"), 1],
            ],
            "options": packed(pickle.dumps({"shots": 1}), "to_json", compress=False),
            "qasm": "OPENQASM 3.0;\nqubit q;\n",
        },
    }
    told = scan(job)
    found = rules(told)
    assert ("circuits.old_qpy", "payload#params.pubs[0][0]") in found
    assert any(rule.startswith("secrets.ibm-quantum") and "pubs[0][0]#metadata1" in path for rule, path in found)
    assert ("code.pickled_payload", "payload#params.options") in found
    assert ("code.pickled_payload", "payload#params.pubs[1][1]") in found
    assert not any("pubs[0][1]" in path or "pubs[1][0]" in path for _, path in found), "honest parts stay quiet"
    assert token not in json.dumps(told)


def test_an_honest_job_is_clean(token: str) -> None:
    told = scan({"params": {"pubs": [[packed(qpy(13, {"author": "ada"})), None, 1024]]}})
    assert told["findings"] == []
    assert told["problems"] == []


def test_bombs_and_damage_are_named_and_the_rest_is_read(token: str) -> None:
    bomb = packed(b"\0" * 60_000_000)
    cut = packed(qpy(12, {}))
    cut["__value__"] = cut["__value__"][: len(cut["__value__"]) // 2]
    deep: object = "x"
    for _ in range(500):
        deep = [deep]
    leak = f'QiskitRuntimeService(token="{token}")'
    told = scan({"a": bomb, "b": cut, "c": packed(b"QISKIT\xff"), "d": deep, "e": packed(leak.encode(), "to_json")})
    said = {p["where"]: p["reason"] for p in told["problems"]}
    assert "more than it may" in said["payload#a"]
    assert "payload#c" in said
    assert ("secrets.ibm-quantum.account", "payload#e") in rules(told)


def test_a_payload_in_a_tree_is_taken_apart_too(token: str) -> None:
    Path("job.json").write_text(json.dumps({"p": packed(pickle.dumps({"shots": 1}, 5), compress=False)}))
    told = json.loads(RUN.invoke(app, ["scan", "--json"]).output)
    assert rules(told) == {("code.pickled_payload", "job.json#p")}


def test_what_is_no_file_is_said(token: str) -> None:
    done = RUN.invoke(app, ["scan", "--payload", "nothing.json"])
    assert done.exit_code == 2
    assert RUN.invoke(app, ["scan", "--payload", "-", "--staged"], input=b"{}").exit_code == 2
