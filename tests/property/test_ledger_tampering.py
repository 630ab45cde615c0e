"""Whatever one changes in a ledger's file, it is found; the tail's end needs the witness, and gets it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mumetal.core.errors import RejectedError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.ledger import ChainedFileLedger, Head

T0 = 1_800_000_000 * 10**9
COUNT = 6


def entry(n: int) -> LedgerEntry:
    return LedgerEntry(
        tenant="local", t_ns=T0 + n, actor="alice", action="incident.change", subject=f"inc-{n}", why='é "\\ \n{} ' * n
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, Head]:
    path = tmp_path_factory.mktemp("ledger") / "ledger"
    ledger = ChainedFileLedger(path)
    for n in range(COUNT):
        ledger.append(entry(n))
    head = ledger.head
    ledger.close()
    return path, path.read_bytes(), head


def found(path: Path, data: bytes, head: Head | None = None) -> bool:
    path.write_bytes(data)
    try:
        ledger = ChainedFileLedger(path)
    except RejectedError:
        return True
    try:
        ledger.verify(head)
    except RejectedError:
        return True
    finally:
        ledger.close()
    return False


def test_every_single_byte_change_is_found(original: tuple[Path, bytes, Head]) -> None:
    path, data, _ = original
    missed = [at for at in range(len(data)) if not found(path, data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])]
    assert missed == []


@given(at=st.integers(0, 10**6), value=st.integers(0, 255))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_byte_to_any_other(original: tuple[Path, bytes, Head], at: int, value: int) -> None:
    path, data, _ = original
    at %= len(data)
    if data[at] != value:
        assert found(path, data[:at] + bytes([value]) + data[at + 1 :])


@given(order=st.lists(st.integers(0, COUNT - 1), max_size=COUNT + 2))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_removed_repeated_or_reordered(original: tuple[Path, bytes, Head], order: list[int]) -> None:
    path, data, head = original
    lines = data.splitlines(keepends=True)
    changed = b"".join(lines[i] for i in order)
    if order == list(range(len(order))):  # a shorter but whole ledger: only a witness can tell
        assert found(path, changed, head) == (len(order) < COUNT)
    else:
        assert found(path, changed)


@given(cut=st.integers(1, 10**6))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cut_tail_is_found_by_the_witness(original: tuple[Path, bytes, Head], cut: int) -> None:
    path, data, head = original
    kept = data[: cut % len(data)]
    if kept != data[:-1]:  # only the last newline is gone: nothing is lost
        assert found(path, kept, head)
    else:
        assert not found(path, kept, head)


def test_a_ledger_written_anew_is_found_by_the_witness(original: tuple[Path, bytes, Head], tmp_path: Path) -> None:
    _, _, head = original
    forged = ChainedFileLedger(tmp_path / "forged")
    for n in range(COUNT):
        forged.append(entry(n + 100))
    forged.verify()
    with pytest.raises(RejectedError, match="witnessed"):
        forged.verify(head)
    with pytest.raises(RejectedError, match="witnessed"):
        forged.verify(Head(count=0, digest="1" * 64))
    forged.verify(Head(count=0, digest="0" * 64))
    forged.close()
