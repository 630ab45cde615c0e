"""A rollout goes one, a tenth, all; stops at the first drift and puts every touched board back."""

from pathlib import Path
from typing import Any

import pytest
from tests.people import allowed, who
from tests.trust_keys import counting
from tests.unit.trust.firmware.makers import IMAGE, NOW, envelope, root

from mumetal.core.clock import ManualClock
from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.core.ports import Decision, LedgerEntry, Request
from mumetal.trust.firmware.floors import CONFIRMED, Floors
from mumetal.trust.firmware.rollout import INSTALL, RESTORE, ROLLOUT, Outcome, Plan, Report, Rollout, stages
from mumetal.trust.ledger.local import open_local

FLEET = {f"rack{i}": "zcu111" for i in range(25)}
OLD = b"old image"


class Shelf:
    """Boards as a dictionary, some of which fail when written or lie when read."""

    def __init__(self) -> None:
        self.images = dict.fromkeys(FLEET, OLD)
        self.broken: set[str] = set()
        self.lying: set[str] = set()

    def read(self, device: str) -> bytes:
        return b"half" if device in self.lying and self.images[device] != OLD else self.images[device]

    def write(self, device: str, data: bytes) -> None:
        if device in self.broken:
            self.images[device] = data[:3]
            self.broken.discard(device)
            raise UnavailableError("the link went down", where=device)
        self.images[device] = data


class Policy:
    """Permits everything but the listed actions."""

    def __init__(self, *denied: str) -> None:
        self.denied = denied

    def authorize(self, request: Request) -> Decision:
        if request.action in self.denied:
            raise RejectedError("denied")
        return allowed(request)


class Bench:
    """A rollout with everything around it."""

    def __init__(self, folder: Path, drifted: dict[str, str] | None = None, policy: Policy | None = None) -> None:
        self.shelf = Shelf()
        self.ledger = open_local(folder / "ledger", clock=ManualClock(NOW), entropy=counting())
        self.floors = Floors(folder / "floors.json")
        self.clock = ManualClock(NOW)
        self.looked: list[str] = []
        self.drifted = drifted or {}
        self.rollout = Rollout(
            boards=self.shelf, drifted=self.look, authorizer=policy or Policy(), ledger=self.ledger,
            floors=self.floors, root=root(), clock=self.clock,
        )  # fmt: skip

    def look(self, device: str) -> str:
        self.looked.append(device)
        return self.drifted.get(device, "")

    def run(self, signed: bytes | None = None) -> Report:
        plan = Plan(
            devices=FLEET, envelope=signed or envelope(), data=IMAGE, soak_s=60, look_s=20, principal=who("ann")
        )
        return self.rollout.run(plan)

    def entries(self) -> list[LedgerEntry]:
        return [e for _, e in self.ledger.entries(0, 10_000)]


def test_stages_are_one_a_tenth_and_the_rest() -> None:
    assert [len(s) for s in stages(list(FLEET))] == [1, 2, 22]
    assert [len(s) for s in stages(["a"])] == [1]
    assert [len(s) for s in stages(["a", "b"])] == [1, 1]


def test_a_quiet_rollout_reaches_all_and_raises_the_floors(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    report = bench.run()
    assert report.outcome is Outcome.DONE
    assert set(bench.shelf.images.values()) == {IMAGE}
    assert {bench.floors.of(d) for d in FLEET} == {3}
    assert bench.clock.monotonic_ns() == 3 * 60 * 10**9
    with pytest.raises(RejectedError, match="step 6"):
        bench.run(envelope(security_version=2))


def test_each_act_is_on_the_ledger_before_and_after(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run()
    installs = [e for e in bench.entries() if e.action == "firmware.install"]
    assert [e.outcome for e in installs] == ["", "done"] * len(FLEET)
    assert [e.subject for e in installs[::2]] == list(FLEET)
    bench.ledger.verify()
    assert Floors(tmp_path / "gone.json", bench.entries()).of("rack7") == 3


@pytest.mark.parametrize(("device", "touched"), [("rack0", 1), ("rack2", 3), ("rack20", 25)])
def test_a_drifting_board_stops_it_and_all_touched_go_back(tmp_path: Path, device: str, touched: int) -> None:
    bench = Bench(tmp_path, drifted={device: "readout error 4 sigma up"})
    report = bench.run()
    assert report.outcome is Outcome.ROLLED_BACK
    assert "readout error" in report.reason
    assert len(report.restored) == touched
    assert set(bench.shelf.images.values()) == {OLD}
    assert {bench.floors.of(d) for d in FLEET} == {0}


def test_a_board_that_fails_half_written_goes_back_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.shelf.broken.add("rack1")
    report = bench.run()
    assert report.outcome is Outcome.ROLLED_BACK
    assert report.restored == ("rack0", "rack1")
    assert set(bench.shelf.images.values()) == {OLD}


def test_a_board_that_gives_other_bytes_back_is_not_trusted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.shelf.lying.add("rack0")
    assert "other bytes" in bench.run().reason


def test_a_board_that_cannot_be_restored_is_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path, drifted={"rack0": "x"})
    write = bench.shelf.write

    def only_forward(device: str, data: bytes) -> None:
        if data == OLD:
            raise OSError("the link is gone")
        write(device, data)

    bench.shelf.write = only_forward  # type: ignore[method-assign]
    report = bench.run()
    assert report.outcome is Outcome.STUCK
    assert report.stuck == ("rack0",)


@pytest.mark.parametrize("signed", [envelope(by=(0,)), envelope(board="zcu216"), envelope(expires_ns=NOW)])
def test_a_release_that_does_not_verify_touches_nothing(tmp_path: Path, signed: bytes) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(RejectedError):
        bench.run(signed)
    assert bench.entries() == []
    assert set(bench.shelf.images.values()) == {OLD}


def test_without_a_permit_or_a_ledger_nothing_is_touched(tmp_path: Path) -> None:
    bench = Bench(tmp_path, policy=Policy("firmware.install"))
    with pytest.raises(RejectedError, match="denied"):
        bench.run()
    bench = Bench(tmp_path / "b")
    bench.ledger.close()
    with pytest.raises(UnavailableError):
        bench.run()
    assert set(bench.shelf.images.values()) == {OLD}


@pytest.mark.parametrize("error", [OSError("usb"), ValueError("parse"), UnavailableError("no file \udcff")])
@pytest.mark.parametrize("where", ["write", "read"])
def test_whatever_a_board_raises_every_board_gets_its_image_back(tmp_path: Path, error: Exception, where: str) -> None:
    bench = Bench(tmp_path)
    inner, calls = getattr(bench.shelf, where), iter(range(1_000))

    def once(*args: Any) -> Any:
        if next(calls) == 6:
            raise error
        return inner(*args)

    setattr(bench.shelf, where, once)
    assert bench.run().outcome is Outcome.ROLLED_BACK
    assert set(bench.shelf.images.values()) == {OLD}


def test_a_drift_in_words_that_no_text_can_hold_still_goes_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, drifted={"rack2": "a\udcff"})
    assert bench.run().outcome is Outcome.ROLLED_BACK
    assert set(bench.shelf.images.values()) == {OLD}


@pytest.mark.parametrize("denied", [INSTALL, RESTORE, CONFIRMED, ROLLOUT])
def test_what_would_be_denied_later_is_denied_before_anything_is_touched_or_kept(tmp_path: Path, denied: str) -> None:
    bench = Bench(tmp_path, policy=Policy(denied))
    kept: list[object] = []
    bench.rollout._keep = lambda *what: kept.append(what)
    with pytest.raises(RejectedError):
        bench.run()
    assert set(bench.shelf.images.values()) == {OLD}
    assert not kept
    assert bench.entries()[-1].outcome == "denied"


def test_a_floor_that_does_not_rise_is_told_and_the_boards_are_known(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    def full(device: str, security_version: int) -> None:
        raise UnavailableError("no space")

    bench.floors.rise = full  # type: ignore[method-assign]
    report = bench.run()
    assert (report.outcome, len(report.installed)) == (Outcome.UNCONFIRMED, len(FLEET))
    assert "no space" in report.reason
