"""The word that a running stack leaves: also that of an older Mumetal, which named no log."""

import os
from pathlib import Path

import msgspec

from mumetal.app import running
from mumetal.app.running import Running


def test_the_log_is_in_it_and_an_older_one_has_none(tmp_path: Path) -> None:
    now = Running(pid=os.getpid(), url="http://127.0.0.1:1", since_ns=5, log=str(tmp_path / "log.jsonl"))
    running.write(tmp_path, now)
    assert running.read(tmp_path) == now
    older = {"pid": os.getpid(), "url": "http://127.0.0.1:1", "since_ns": 5}
    (tmp_path / running.NAME).write_bytes(msgspec.json.encode(older))
    assert running.read(tmp_path) == msgspec.structs.replace(now, log="")
