"""A chained file of the former kind is carried over whole, or refused and left as it is."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.trust_keys import T0, counting
from tests.unit.trust.ledger.books import entries

from mumetal.core.clock import ManualClock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.formats import canonical
from mumetal.trust.ledger import log
from mumetal.trust.ledger.local import open_local
from mumetal.trust.ledger.log import MerkleLedger


def chained(todo: Sequence[LedgerEntry]) -> bytes:
    lines, previous = b"", "0" * 64
    for index, e in enumerate(todo):
        texts = {n: getattr(e, n) for n in ("tenant", "actor", "action", "subject", "why", "outcome")}
        body = canonical.encode({"index": index, "previous": previous, "t_ns": str(e.t_ns), **texts})
        previous = hashlib.sha256(body).hexdigest()
        lines += body + b" " + previous.encode() + b"\n"
    return lines


def opened(store: Path) -> MerkleLedger:
    return open_local(store / "ledger", clock=ManualClock(T0 + 9), entropy=counting())


@pytest.mark.parametrize("count", [0, 3, 2_300])
def test_entries_keep_their_places_and_the_file_is_named(tmp_path: Path, count: int) -> None:
    data = chained(entries(0, count))
    (tmp_path / "ledger.jsonl").write_bytes(data)
    for _ in "12":  # and only once
        ledger = opened(tmp_path)
        assert [e for _, e in ledger.entries(0, count)] == entries(0, count)
        assert ledger.size == count + 1
        last = ledger.entries(count)[0][1]
        assert (last.action, last.outcome) == ("ledger.carry_over", "done")
        assert last.why == f"{count} entries of the chained file, sha256:{hashlib.sha256(data).hexdigest()}"
        ledger.verify()
        ledger.close()
    assert (tmp_path / "ledger.jsonl").read_bytes() == data


def test_an_end_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    whole = chained(entries(0, 3))
    first_two = len(chained(entries(0, 2)))
    for cut, kept in ((first_two + 50, 2), (len(whole) - 1, 3)):  # within a line; only its newline is gone
        store = tmp_path / str(cut)
        store.mkdir()
        (store / "ledger.jsonl").write_bytes(whole[:cut])
        ledger = opened(store)
        assert [e for _, e in ledger.entries(0, 9)][:-1] == entries(0, kept)
        ledger.close()


@pytest.mark.parametrize("change", ["altered", "removed", "reordered", "noise", "endless"])
def test_one_that_does_not_hold_is_refused_and_nothing_is_carried_over(tmp_path: Path, change: str) -> None:
    lines = chained(entries(0, 5)).splitlines(keepends=True)
    changed = {
        "altered": [*lines[:2], lines[2].replace(b"inc-2", b"inc-7"), *lines[3:]],
        "removed": [*lines[:2], *lines[3:]],
        "reordered": [lines[1], lines[0], *lines[2:]],
        "noise": [*lines[:2], b"\xff\n", *lines[2:]],
        "endless": [*lines, b"x" * 200_000],
    }[change]
    (tmp_path / "ledger.jsonl").write_bytes(b"".join(changed))
    with pytest.raises(RejectedError, match="former"):
        opened(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ledger.jsonl", "ledger.key"]


def test_a_full_disk_carries_nothing_over_and_the_next_start_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(chained(entries(0, 5)))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(log, "write_whole", full)
        with pytest.raises(UnavailableError, match="No space left"):
            opened(tmp_path)
    assert not (tmp_path / "ledger").exists()
    ledger = opened(tmp_path)
    assert ledger.size == 6
    ledger.close()
