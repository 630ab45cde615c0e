"""`mumetal bench trust`: one table, or JSON without a number that is none."""

import json
from pathlib import Path

import pytest
from tests.unit.scan.benchmark.test_updates import folder
from tests.unit.serve.test_firmware_commands import run

from mumetal.serve.benchmark import models
from mumetal.serve.cli import bench_trust
from mumetal.trust.benchmark import ledger


def test_a_table_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_trust, "MADE", 100_000)
    assert "T3 needs real images" in run("bench", "trust", "--only", "firmware")
    said = json.loads(run("bench", "trust", "--images", folder(tmp_path), "--only", "firmware", "--quick", "--json"))
    assert said["updates"]["updates"] == {"boot": 1, "gate": 1}
    assert said["updates"]["kinds"]["repacked"]["bare"]["value"] is None
    assert sum(t["accepted"] for t in said["tampering"].values()) == 0
    run("bench", "trust", "--images", tmp_path / "none", code=2)
    run("bench", "trust", "--only", "nothing", code=2)


def test_the_ledger_is_measured_beside_bare_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ledger, "BATCHES", ((1, 5), (50, 100)))
    said = json.loads(run("bench", "trust", "--only", "ledger", "--quick", "--json"))
    assert [a["batch"] for a in said["appends"]] == [1, 50]
    assert said["altered"]["tried"] == said["altered"]["refused"] + said["altered"]["mended"] == 20
    assert said["proofs"]["leaves"] == 20_000
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_what_the_models_bench_finds_is_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for bar in ("t5", "t6", "t7"):
        row = models.Row(bar.upper(), f"what {bar} tried", f"figure {bar}", f"peer {bar}")
        monkeypatch.setattr(models, bar, lambda *_, row=row: iter([row]))
    said = run("bench", "trust", "--only", "models")
    assert "| T6 | what t6 tried | – | figure t6 | peer t6 |" in said
    assert "T3" not in said
    assert [r["bar"] for r in json.loads(run("bench", "trust", "--only", "models", "--json"))["models"]] == [
        "T5",
        "T6",
        "T7",
    ]
