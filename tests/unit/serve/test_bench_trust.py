"""`mumetal bench trust`: one table, or JSON without a number that is none."""

import json
from pathlib import Path

import pytest
from tests.unit.scan.benchmark.test_updates import folder
from tests.unit.serve.test_firmware_commands import run

from mumetal.serve.cli import bench_trust


def test_a_table_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_trust, "MADE", 100_000)
    assert "T3 needs real images" in run("bench", "trust")
    said = json.loads(run("bench", "trust", "--images", folder(tmp_path), "--quick", "--json"))
    assert said["updates"]["updates"] == {"boot": 1, "gate": 1}
    assert said["updates"]["kinds"]["repacked"]["bare"]["value"] is None
    assert sum(t["accepted"] for t in said["tampering"].values()) == 0
    run("bench", "trust", "--images", tmp_path / "none", code=2)
