"""The bench of the scan: peers are named when they are missing, reports are read, shares have their intervals."""

import json
import random
from pathlib import Path

import pytest

from bench.scan import beside_peers, measure, peers
from bench.scan.quantum import FRESH, HONEST, QUANTUM, drawn
from bench.shares import wilson
from mumetal.core.errors import BadInputError


def test_every_peer_that_is_missing_is_named(tmp_path: Path) -> None:
    found, missing = peers.peers(tmp_path)
    assert not found
    assert missing == ["kingfisher-bin", "detect-secrets", "CredSweeper", "trufflehog3", "bandit"]
    with pytest.raises(BadInputError, match="no such folder"):
        peers.peers(tmp_path / "nowhere")


def test_a_peer_in_a_virtual_environment_is_run_and_its_report_read(tmp_path: Path) -> None:
    data, programs = tmp_path / "data", tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (data / "files").mkdir(parents=True)
    labels = [
        {"file": "a.txt", "is_secret": True},
        {"file": "b.txt", "is_secret": True},
        {"file": "c.txt", "is_secret": False},
    ]
    (data / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    program = programs / "detect-secrets"
    program.write_text('#!/bin/sh\necho \'{"results": {"a.txt": [{}, {}], "c.txt": [{}]}}\'\n')
    program.chmod(0o755)
    tools, missing = peers.peers(tmp_path / "venv")
    assert [t.name for t in tools] == ["detect-secrets"]
    assert len(missing) == 4
    rows = {r.what: r for r in measure.labelled(tools, data, lambda _what: None)}
    assert (rows["recall"].value, rows["recall"].n) == (0.5, 2)
    assert (rows["precision"].value, rows["precision"].n) == (0.5, 2)
    program.write_text("#!/bin/sh\necho oops\n")
    with pytest.raises(BadInputError, match="report cannot be read"):
        measure.labelled(tools, data, lambda _what: None)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no labels"):
        measure.labelled([], tmp_path, lambda _what: None)


def test_shares_have_wilson_s_interval() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)


def test_templates_are_filled_afresh_and_whole() -> None:
    rng = random.Random(1)
    for _, template in (*QUANTUM, *FRESH):
        first, second = drawn(template, rng), drawn(template, rng)
        assert first != second
        assert "{a" not in first
    assert all(drawn(t, rng) for t in HONEST)


def test_rows_become_figures_of_their_bars() -> None:
    ours, peer = "mumetal (secrets)", "kingfisher-bin"
    rows = [
        measure.Row(bar="S1", what="recall", tool=ours, value=0.9, low=0.8, high=0.95, n=100),
        measure.Row(bar="S1", what="recall", tool=peer, value=0.9, low=0.8, high=0.95, n=100),
        measure.Row(bar="S2 fresh", what="false", tool=ours, value=0.1, low=0.05, high=0.2, n=50),
        measure.Row(bar="S4", what="tree", tool=ours, value=60.0, low=50, high=70, n=3, unit="MB per CPU-s"),
        measure.Row(bar="S4", what="tree", tool=peer, value=20.0, low=10, high=30, n=3, unit="MB per CPU-s"),
    ]
    told = beside_peers.figures_of(rows)
    assert [(f.id, f.met) for f in told] == [
        ("S1", True), ("S1", None), ("S2", False), ("S4", None), ("S4", None), ("S4", True),
    ]  # fmt: skip
    assert (told[0].low, told[0].high, told[0].n, told[0].ground) == (0.8, 0.95, 100, "real")
    assert (told[3].low, told[3].high) == (None, None), "least and most are no interval"
    assert told[2].ground == "twin"
    assert told[-1].figure == 3.0
