"""`mumetal bench trust`: one table, or JSON without a number that is none."""

import json
from pathlib import Path

import pytest
from tests.bench.trust.test_updates import folder
from tests.unit.serve.test_firmware_commands import run

from bench.trust import ledger, models, promises


def test_a_table_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "MADE", 100_000)
    assert "T3 needs real images" in run("bench", "trust", "--only", "firmware")
    said = json.loads(run("bench", "trust", "--images", folder(tmp_path), "--only", "firmware", "--quick", "--report"))
    assert said["updates"]["updates"] == {"boot": 1, "gate": 1}
    assert said["updates"]["kinds"]["repacked"]["bare"]["value"] is None
    assert sum(t["accepted"] for t in said["tampering"].values()) == 0
    run("bench", "trust", "--images", tmp_path / "none", code=2)
    run("bench", "trust", "--only", "nothing", code=2)


def test_the_ledger_is_measured_beside_bare_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ledger, "BATCHES", ((1, 5), (50, 100)))
    said = json.loads(run("bench", "trust", "--only", "ledger", "--quick", "--report"))
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
    assert [r["bar"] for r in json.loads(run("bench", "trust", "--only", "models", "--report"))["models"]] == [
        "T5",
        "T6",
        "T7",
    ]


def test_the_figures_of_the_bars_stand_beside_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "MADE", 100_000)
    told = json.loads(run("bench", "firmware", "--json"))
    cost, accepted, refused = told
    assert (cost["id"], cost["goal"], cost["n"]) == ("T1", "≤ 1.5", 15)
    assert cost["low"] <= cost["figure"] <= cost["high"]
    assert (accepted["id"], accepted["figure"], accepted["met"]) == ("T2", 0.0, None), "one family cannot meet the bar"
    assert accepted["low"] == 0.0 < accepted["high"] < 1.0
    assert refused["measure"] == "good installations refused, 1 families"
    assert {one["command"] for one in told} == {"mumetal bench firmware"}
    with_images = json.loads(run("bench", "firmware", "--data", folder(tmp_path), "--quick", "--json"))
    bare = next(f for f in with_images if f["measure"] == "implants found, bare, kinds of the bar")
    assert (bare["id"], bare["ground"]) == ("T3", "injected")
