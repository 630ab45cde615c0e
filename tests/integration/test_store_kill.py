"""A writer killed with SIGKILL at random: every acknowledged value is there, once.

``MUMETAL_KILLS`` sets how often (10 here, what the bench asks for there, 200 in `make test-full`); a full disk is played by ``RLIMIT_FSIZE``.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.stores_data import EVER, series

from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores import LogStore
from mumetal.core.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
WRITER = ROOT / "tests" / "integration" / "store_writer.py"
KILLS = int(os.environ.get("MUMETAL_KILLS", "10"))


def start(*arguments: str) -> "subprocess.Popen[str]":
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return subprocess.Popen(
        [sys.executable, str(WRITER), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def acknowledged(line: str) -> int:
    return int(line.split()[1])


def check(folder: Path, acknowledged: int) -> int:
    """Return how many rows there are; at least those acknowledged, each once, each with its value."""
    store = LogStore(folder, StoreSettings(), SystemClock())
    try:
        rows = 0
        for device in ("a", "b"):
            chunks = list(store.series("local", device, "fast", *EVER))
            found = np.concatenate([c.values for c in chunks]) if chunks else np.empty((0, 12))
            rows = len(found)
            np.testing.assert_array_equal(found, series(0, rows, 12).values)
            assert rows >= acknowledged, f"{acknowledged} rows were acknowledged, {rows} are there"
        ids = [e.event_id for e in store.events("local", *EVER, limit=1_000_000)]
        assert len(ids) == len(set(ids))
        assert int(store.cursor("writer") or "0") == rows
        store.verify()
    finally:
        store.close()
    return rows


@pytest.mark.parametrize("kills", [KILLS, pytest.param(200, marks=pytest.mark.full)])
def test_every_acknowledged_value_is_there_once_after_each_kill(tmp_path: Path, kills: int) -> None:
    rng = np.random.default_rng(7)
    known = 0
    for turn in range(kills):
        folder = tmp_path / f"store{turn // 10}"  # afresh now and then, or reading all of it takes most of the time
        known = known if turn % 10 else 0
        process = start(str(folder), str(int(rng.integers(1, 400))))
        assert process.stdout is not None
        lines = int(rng.integers(1, 40))
        for line in process.stdout:
            known = max(known, acknowledged(line))
            lines -= 1
            if not lines:
                break
        process.kill()
        # A line that was printed is an acknowledgement, whether we had read it before the kill or not.
        for line in process.communicate(timeout=30)[0].splitlines():
            known = max(known, acknowledged(line))
        known = check(folder, known)
    assert known > 0


def test_a_disk_that_fills_up_acknowledges_nothing_it_cannot_keep(tmp_path: Path) -> None:
    process = start(str(tmp_path / "store"), "200", "--limit", str(2_000_000))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3, output
    last = [line for line in output.splitlines() if line.startswith("ack")][-1]
    assert check(tmp_path / "store", acknowledged(last)) == acknowledged(last)


def test_killed_while_compacting(tmp_path: Path) -> None:
    for kill_after in (3, 6, 9):
        process = start(str(tmp_path / "store"), "150", "--maintain")
        assert process.stdout is not None
        known = 0
        for nr, line in enumerate(process.stdout):
            known = max(known, acknowledged(line))
            if nr == kill_after:
                break
        process.kill()
        process.communicate(timeout=30)
        check(tmp_path / "store", known)
