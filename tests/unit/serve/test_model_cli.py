"""``mumetal model`` from registration to rollback, with real keys, a real ledger and real ONNX files."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.model_files import background, pca_model
from typer.testing import CliRunner

from mumetal.access.api import os_user
from mumetal.app.models import registry
from mumetal.serve.cli.app import app

CHANNELS = ["c0", "c1", "c2", "c3"]


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["model", *(str(a) for a in arguments)])


def csv_of(path: Path, rows: np.ndarray[Any, np.dtype[np.float64]], labels: Any = None) -> Path:
    columns = rows if labels is None else np.column_stack([rows, labels])
    header = ",".join(CHANNELS + ([] if labels is None else ["anomalous"]))
    np.savetxt(path, columns, delimiter=",", header=header, comments="", fmt="%.9g")
    return path


def promise(path: Path, training: Path, **extra: Any) -> Path:
    body = {
        "owner": "ada",
        "trainer": "tess",
        "purpose": "scores a cryostat",
        "touches_hardware": False,
        "code": "abc123",
        "seeds": [1],
        "data": [{"uri": "file:train", "digest": hashlib.sha256(training.read_bytes()).hexdigest(), "use": "train"}],
        "inputs": [{"channel": c, "unit": "K", "lowest": -8.0, "highest": 8.0} for c in CHANNELS],
        **extra,
    }
    path.write_text(json.dumps(body))
    return path


class Bench:
    """A folder with data, a model and what is promised of it."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self.store.mkdir()
        self.folder = folder
        rows, label = background(700, 2), np.arange(700) % 7 == 3
        rows[label] += 2.0 * np.array([1.0, -1.0, 1.0, 1.0])
        self.held_out = csv_of(folder / "held-out.csv", rows, label.astype(float))
        self.training = csv_of(folder / "train.csv", background(400, 1))
        self.promises = promise(folder / "promises.json", self.training)

    def model(self, seed: int) -> Path:
        path = self.folder / f"m{seed}.onnx"
        path.write_bytes(pca_model(background(400, seed)))
        return path

    def register(self, seed: int) -> str:
        done = run("register", "cryo", self.model(seed), "--promises", self.promises, "--store", self.store, "--json")
        assert done.exit_code == 0, done.output
        return str(json.loads(done.output)["version"])

    def act(self, *arguments: object, who: str = "") -> Any:
        with patch.object(registry, "os_user", lambda: who or os_user()):
            return run(*arguments, "--store", self.store)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_from_draft_to_active_and_back(bench: Bench) -> None:
    assert "No model is registered" in bench.act("list").output
    for seed in (1, 4):
        version = bench.register(seed)[:12]
        gated = bench.act("promote", "cryo", version, "--held-out", bench.held_out, "--training", bench.training)
        assert gated.exit_code == 0, gated.output
        assert gated.output.count("passed ") == 7
        for state in ("shadow", "active"):
            early = bench.act("promote", "cryo", version)
            assert early.exit_code == 4, early.output
            assert bench.act("approve", "cryo", version).exit_code == 4  # who registered it
            assert bench.act("approve", "cryo", version, who="bob").exit_code == 0
            assert f"is {state}" in bench.act("promote", "cryo", version).output
    shown = bench.act("show", "cryo")
    assert "approved active" in shown.output
    assert "active since" in shown.output
    back = bench.act("rollback", "cryo", "--why", "canary failed")
    assert back.exit_code == 0, back.output
    assert "active again" in back.output
    assert "2 versions   active" in bench.act("list").output
    again = bench.act("undo", "cryo", "--why", "it was right")
    assert "active again" in again.output
    assert bench.act("undo", "cryo").exit_code == 2
    assert bench.act("verify").output == "2 versions checked, 0 models do not hold.\n"
    assert bench.act("verify", "--json").exit_code == 0


def test_altered_bytes_end_with_four(bench: Bench) -> None:
    version = bench.register(1)
    victim = next((bench.store / "models" / "objects").glob("*/*"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x01")
    checked = bench.act("verify")
    assert checked.exit_code == 4
    assert "step 4" in checked.output
    again = bench.act("promote", "cryo", version, "--held-out", bench.held_out)
    assert again.exit_code == 4


def test_a_key_the_root_does_not_name_cannot_sign(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.register(1)
    monkeypatch.setenv("OTHER", "0123456789abcdef" * 4 + "fedcba9876543210" * 4)
    done = run(
        "register", "cryo", bench.model(2), "--promises", bench.promises, "--store", bench.store, "--key", "env:OTHER"
    )
    assert done.exit_code == 4, done.output
    assert "owners in role" in done.output


def test_what_is_no_model_is_refused(bench: Bench) -> None:
    bad = bench.folder / "m.pkl"
    bad.write_bytes(b"\x80\x04\x95\x00.")
    done = run("register", "cryo", bad, "--promises", bench.promises, "--store", bench.store, "--json")
    assert done.exit_code == 4
    assert "pickle" in json.loads(done.output)["message"]
    missing = run("register", "cryo", bench.folder / "none", "--promises", bench.promises, "--store", bench.store)
    assert missing.exit_code == 2


def test_gates_refuse_and_say_why(bench: Bench) -> None:
    version = bench.register(1)
    other = bench.act("promote", "cryo", version, "--held-out", bench.held_out, "--training", bench.held_out)
    assert other.exit_code == 4
    assert "not the data the model was made from" in other.output
    rows = background(700, 2)
    useless = csv_of(bench.folder / "noise.csv", rows, (np.arange(700) % 7 == 3).astype(float))
    refused = bench.act("promote", "cryo", version, "--held-out", useless)
    assert refused.exit_code == 4
    assert "REFUSED quality" in refused.output
    for text, why in (("c0,c1\n1,2\n", "no single column"), ("c0,c1,c2,c3,anomalous\n1,2,3,x,0\n", ":2")):
        bad = bench.folder / "bad.csv"
        bad.write_text(text)
        done = bench.act("promote", "cryo", version, "--held-out", bad)
        assert done.exit_code == 2
        assert why in done.output


def activate(bench: Bench, seed: int) -> str:
    version = bench.register(seed)[:12]
    shown = ("--held-out", bench.held_out, "--training", bench.training)
    assert bench.act("promote", "cryo", version, *shown).exit_code == 0
    for _ in range(2):
        assert bench.act("approve", "cryo", version, who="bob").exit_code == 0
        assert bench.act("promote", "cryo", version).exit_code == 0
    return version


def test_exports(bench: Bench) -> None:
    version = activate(bench, 1)
    bom, card, folder = bench.folder / "bom.json", bench.folder / "card.md", bench.folder / "mlflow"
    for form, out in (("cyclonedx", bom), ("card", card), ("mlflow", folder)):
        done = bench.act("export", "cryo", version, "--as", form, "--out", out)
        assert done.exit_code == 0, done.output
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom.read_text()) is None
    described = json.loads(bom.read_text())["metadata"]["component"]
    assert described["hashes"][0]["content"] == hashlib.sha256(bench.model(1).read_bytes()).hexdigest()
    assert described["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert "**active**" in card.read_text()
    assert (folder / "model.onnx").read_bytes() == bench.model(1).read_bytes()
    described = json.loads((folder / "MLmodel").read_text())
    assert json.loads(described["signature"]["inputs"])[0]["tensor-spec"]["shape"] == [-1, 4]
    again = bench.act("export", "cryo", version, "--as", "card", "--out", card)
    assert again.exit_code == 2
    assert "exists" in again.output


def test_health_probe_and_fall_back(bench: Bench) -> None:
    first, second = activate(bench, 1), activate(bench, 4)
    reference = csv_of(bench.folder / "reference.csv", background(800, 1))
    today, moved = background(300, 77), background(300, 78)
    moved[:, 3] += 2.0
    csv_of(bench.folder / "today.csv", today)
    csv_of(bench.folder / "moved.csv", moved)
    rows = ("--reference", reference, "--recent")
    canary = bench.folder / "canary.json"
    kept = bench.act("probe", "cryo", "--rows", bench.folder / "today.csv", "--out", canary)
    assert kept.exit_code == 0, kept.output
    assert "bit for bit" in bench.act("reproduce", canary).output
    well = bench.act("health", "cryo", *rows, bench.folder / "today.csv", "--canary", canary)
    assert well.exit_code == 0, well.output
    ill = bench.act("health", "cryo", *rows, bench.folder / "moved.csv", "--json")
    assert ill.exit_code == 1
    assert {f["rule"].rsplit(".", 1)[-1] for f in json.loads(ill.output)["findings"]} >= {"input_drift", "calibration"}
    # the last good version meets the same input and ails as well: nothing is put back
    kept_on = bench.act("health", "cryo", *rows, bench.folder / "moved.csv", "--fall-back", "--json")
    assert json.loads(kept_on.output)["fell_back_to"] == ""
    forged = json.loads(canary.read_text())
    forged["scores"] = base64.b64encode(bytes(8 * 300)).decode()
    forged["scores_sha256"] = hashlib.sha256(bytes(8 * 300)).hexdigest()
    canary.write_text(json.dumps(forged))
    assert bench.act("reproduce", canary).exit_code == 4
    back = bench.act("health", "cryo", *rows, bench.folder / "today.csv", "--canary", canary, "--fall-back", "--json")
    assert back.exit_code == 1
    assert json.loads(back.output)["fell_back_to"].startswith(first)
    assert second not in bench.act("list").output
