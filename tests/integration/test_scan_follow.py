"""A job's log, followed as it grows by the real command: split lines, rotation, truncation, a clean end, incidents."""

import os
import secrets
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mumetal.access import scopes
from mumetal.connect.stores.records.opening import open_records
from mumetal.core import LOCAL

ROOT = Path(__file__).resolve().parents[2]


def leak() -> tuple[str, str]:
    token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))
    return token, f'job 7: QiskitRuntimeService(token="{token}")\n'


def wait(what: Callable[[], bool], why: str) -> None:
    for _ in range(1_200):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {why}")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_log_is_followed_until_it_is_told_to_end(
    tmp_path: Path, ending: signal.Signals, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp().parent / "scan-cache"
    log, store, out = tmp_path / "job.log", tmp_path / "store", tmp_path / "out"
    secrets_, lines = zip(*(leak() for _ in range(5)), strict=True)
    log.write_text("job 1 queued\n")
    command = [
        sys.executable,
        "-m",
        "mumetal",
        "scan",
        "--follow",
        str(log),
        "--store",
        str(store),
        "--only",
        "secrets",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"}
    with out.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT, env=env)

        def found(number: int) -> None:
            wait(
                lambda: out.read_bytes().count(b"ibm-quantum.account") == number,
                f"{number} findings:\n{out.read_text()}",
            )

        with log.open("a") as file:
            file.write(lines[0][:30])
            file.flush()
            time.sleep(0.6)
            assert b"ibm-quantum" not in out.read_bytes(), "half a line is no line yet"
            file.write(lines[0][30:])
            file.flush()
            found(1)
            log.rename(tmp_path / "job.log.1")
            file.write(lines[1])  # the writer still holds the old file
            file.flush()
            found(2)
        log.write_text("fresh\n" + lines[2])
        found(3)
        log.write_text("cut\n" + lines[3])  # copytruncate
        found(4)
        with log.open("a") as file:
            file.write("padding so that the new text is longer than what was there before\n" * 3 + lines[0])
        wait(lambda: out.read_bytes().count(b"ibm-quantum.account") == 5, "the first one again")
        with log.open("a") as file:
            file.write(lines[4].rstrip("\n"))  # the last line has no end
        time.sleep(0.6)
        process.send_signal(ending)
        assert process.wait(timeout=60) == 1, out.read_text()
    said = out.read_text()
    assert said.count("ibm-quantum.account") == 6, "the last line too"
    assert "Traceback" not in said
    assert said.count("read again from its start") == 2
    kept, me = open_records(store), scopes.person(LOCAL, "operator")
    seen = kept.sightings.listed(me)
    incidents = kept.incidents(me)
    kept.close()
    assert len(seen) == 5, "the one that came twice is one"
    assert {s.mode for s in seen} == {"stream"}
    assert {s.target for s in seen} == {"job.log"}
    assert len(incidents) == 1, "one job, one incident"
    assert incidents[0].paged
    for kept_file in (out, *store.rglob("*")):
        if kept_file.is_file():
            assert not any(s.encode() in kept_file.read_bytes() for s in secrets_), f"{kept_file.name} tells a secret"
