"""Durable, torn tails, one writer, failures said aloud."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger import ChainedFileLedger

T0 = 1_800_000_000 * 10**9


def entry(n: int = 0, why: str = "policy local.operator") -> LedgerEntry:
    return LedgerEntry(tenant="local", t_ns=T0 + n, actor="alice", action="incident.change", subject="inc-1", why=why)


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    for start in range(3):
        ledger = ChainedFileLedger(tmp_path / "deep" / "ledger")
        assert ledger.append(entry(start)) == start
        ledger.verify()
        ledger.close()
    assert (tmp_path / "deep" / "ledger").stat().st_mode & 0o077 == 0


def test_a_torn_line_was_never_acknowledged_and_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = ChainedFileLedger(path)
    ledger.append(entry(0))
    ledger.append(entry(1))
    ledger.close()
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in range(1, len(last)):
        path.write_bytes(whole[:-cut])
        opened = ChainedFileLedger(path)
        opened.verify()
        assert opened.append(entry(9)) == (2 if cut == 1 else 1)
        opened.verify()
        opened.close()
    assert (tmp_path / "ledger.torn").exists()


def test_zeros_after_the_end_are_a_torn_write_too(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = ChainedFileLedger(path)
    ledger.append(entry())
    ledger.close()
    path.write_bytes(path.read_bytes() + b"\x00" * 4_096)
    again = ChainedFileLedger(path)
    again.verify()
    assert len(again.entries()) == 1
    again.close()


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    ledger = ChainedFileLedger(tmp_path / "ledger")
    with pytest.raises(UnavailableError, match="another process"):
        ChainedFileLedger(tmp_path / "ledger")
    ledger.close()
    ChainedFileLedger(tmp_path / "ledger").close()


def test_what_cannot_be_written_is_unavailable_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ChainedFileLedger(tmp_path / "ledger")
    ledger.append(entry(0))

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", full)
        with pytest.raises(UnavailableError, match="No space left"):
            ledger.append(entry(1))
    assert ledger.append(entry(2)) == 1
    ledger.verify()
    ledger.close()
    with pytest.raises(UnavailableError):
        ledger.append(entry(3))
    ledger.close()


def test_what_cannot_be_an_entry_is_refused(tmp_path: Path) -> None:
    ledger = ChainedFileLedger(tmp_path / "ledger")
    with pytest.raises(BadInputError):
        ledger.append(entry(why="x" * 2_001))
    with pytest.raises(BadInputError):
        ledger.append(entry(why="\ud800"))
    assert ledger.append(entry(why="\x00\U0001f9ca" * 1_000)) == 0
    ledger.verify()
    assert ledger.entries()[0][1].why == "\x00\U0001f9ca" * 1_000
    ledger.close()


def test_a_change_while_it_is_open_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = ChainedFileLedger(path)
    ledger.append(entry(0))
    ledger.append(entry(1))
    os.truncate(path, len(path.read_bytes().splitlines(keepends=True)[0]))
    with pytest.raises(RejectedError, match="changed under"):
        ledger.verify()
    ledger.close()


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError):
        ChainedFileLedger(tmp_path / "ledger")


CHILD = """
import sys
from pathlib import Path
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger import ChainedFileLedger
ledger = ChainedFileLedger(Path(sys.argv[1]))
n = 0
while True:
    e = LedgerEntry(tenant="local", t_ns=1800000000*10**9, actor="a", action="b", subject=str(n), why="")
    print(ledger.append(e), flush=True)
    n += 1
"""


def test_kill_9_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    acknowledged = -1
    for round_ in range(3):
        with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(7 + 13 * round_):
                acknowledged = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split(b"\n")
            acknowledged = max([acknowledged, *(int(x) for x in rest[:-1] if x)])
        ledger = ChainedFileLedger(path)
        ledger.verify()
        assert ledger.head.count > acknowledged
        ledger.close()
