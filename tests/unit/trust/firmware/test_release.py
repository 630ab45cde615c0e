"""Each step of verification refuses what it is there for, and says so; a good release passes."""

import json
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.trust.firmware.makers import IMAGE, NOW, YEAR, envelope, release, root

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.firmware.floors import CONFIRMED, Floors
from mumetal.trust.firmware.release import decode, verify

GOOD = envelope()


def check(signed: bytes | None = GOOD, data: bytes = IMAGE, board: str = "zcu111", floor: int = 3) -> None:
    verify(signed, data, board=board, floor=floor, root=root(), now_ns=NOW)


def test_a_good_release_passes() -> None:
    check()
    assert decode(GOOD)[0] == release()


def other_payload(change: dict[str, object]) -> bytes:
    """The good envelope with its payload edited and the signatures kept."""
    outer = json.loads(GOOD)
    inner = json.loads(b64decode(outer["payload"]))
    inner["predicate"] |= change
    outer["payload"] = b64encode(json.dumps(inner).encode()).decode()
    return json.dumps(outer).encode()


@pytest.mark.parametrize(
    ("step", "signed", "data", "board", "floor"),
    [
        (1, None, IMAGE, "zcu111", 3),
        (1, b"{}", IMAGE, "zcu111", 3),
        (2, envelope(by=(0,)), IMAGE, "zcu111", 3),
        (2, envelope(by=(0, 3)), IMAGE, "zcu111", 3),
        (2, other_payload({"security_version": 9}), IMAGE, "zcu111", 3),
        (4, GOOD, IMAGE, "zcu216", 3),
        (5, envelope(expires_ns=NOW), IMAGE, "zcu111", 3),
        (6, GOOD, IMAGE, "zcu111", 4),
        (7, GOOD, IMAGE[:-1] + b"\0", "zcu111", 3),
    ],
)
def test_each_step_refuses(step: int, signed: bytes | None, data: bytes, board: str, floor: int) -> None:
    with pytest.raises(RejectedError, match=f"step {step}:"):
        check(signed, data, board, floor)


def test_the_log_is_asked_last() -> None:
    def absent(_: bytes) -> None:
        raise RejectedError("not in the log")

    with pytest.raises(RejectedError, match="step 8: not in the log"):
        verify(GOOD, IMAGE, board="zcu111", floor=0, root=root(), now_ns=NOW, logged=absent)


@settings(max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_altered_envelope_lets_another_image_pass(at: int, change: int) -> None:
    altered = bytearray(GOOD)
    altered[at] ^= change
    with pytest.raises(RejectedError):
        check(bytes(altered), IMAGE + b"implant")


@pytest.mark.parametrize("bad", [{"security_version": 0}, {"board": ""}, {"expires_ns": 5}])
def test_a_release_refuses_bad_fields(bad: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        release(**bad)  # type: ignore[arg-type]


def test_floors_rise_survive_and_never_fall(tmp_path: Path) -> None:
    floors = Floors(tmp_path / "floors.json")
    assert floors.of("rack1") == 0
    floors.rise("rack1", 5)
    with pytest.raises(RejectedError):
        floors.rise("rack1", 4)
    assert Floors(tmp_path / "floors.json").of("rack1") == 5
    (tmp_path / "floors.json").write_bytes(b'{"rack1": "five"}')
    with pytest.raises(BadInputError):
        Floors(tmp_path / "floors.json")


def test_the_ledger_keeps_a_floor_whose_file_was_deleted(tmp_path: Path) -> None:
    def entry(outcome: str, version: int) -> LedgerEntry:
        return LedgerEntry(
            tenant="local", t_ns=NOW, actor="a", action=CONFIRMED, subject="rack1",
            why=f"p 1; release g 2 security_version={version}", outcome=outcome,
        )  # fmt: skip

    entries = [entry("done", 6), entry("", 9), entry("failed: x", 8)]
    assert Floors(tmp_path / "gone.json", entries).of("rack1") == 6


def test_a_key_that_expired_no_longer_counts() -> None:
    with pytest.raises(RejectedError, match="step 2"):
        verify(GOOD, IMAGE, board="zcu111", floor=0, root=root(), now_ns=NOW + 2 * YEAR)
