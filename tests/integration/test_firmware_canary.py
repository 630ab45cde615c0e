"""A rollout under the real watch: the canary's twin is observed while it soaks, and its drift stops everything."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.people import who
from tests.unit.trust.firmware.makers import IMAGE, NOW, envelope, root
from tests.watching import watching_of

from mumetal.access.local import LocalOperator
from mumetal.app import wiring
from mumetal.app.firmware.drift import incidents_since
from mumetal.app.pipeline import history
from mumetal.app.pipeline.judge import Judge, Rooms
from mumetal.app.settings import Settings
from mumetal.catalog.calibrations import snapshots
from mumetal.connect.stores.records.opening import open_records
from mumetal.connect.stores.store import LogStore
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock
from mumetal.respond.triage import Inventory, Triage
from mumetal.trust.firmware.fleet import Board, BoardFiles, all_entries
from mumetal.trust.firmware.floors import CONFIRMED, Floors
from mumetal.trust.firmware.rollout import INSTALL, RESTORE, ROLLOUT, Outcome, Plan, Report, Rollout
from mumetal.trust.ledger.local import open_local
from mumetal.twin.lab import Lab, Pace
from mumetal.watch.settings import WatchSettings

S = 10**9
OLD = b"the image that runs"
BOARDS = [f"rack{i}" for i in range(12)]
PACE = Pace(control_hz=40.0, cryostat_hz=1.0, qubits_hz=0.0, queue_hz=0.0, calibration_s=float("inf"), people=False)


class World(ManualClock):
    """Time in which the canary's twin runs: whatever its sensors say while somebody sleeps goes through the watch."""

    def __init__(self, folder: Path) -> None:
        super().__init__(NOW)
        settings = Settings(watch=WatchSettings(learning_s=60.0))
        self.twin = Lab(snapshots("brisbane")[:1], 7, NOW, device=BOARDS[0], pace=PACE)
        self.store = LogStore(folder / "telemetry", settings.store, self)
        self.incidents = open_records(folder, clock=self)
        self.ledger = open_local(folder / "ledger", clock=self, entropy=os.urandom)
        self.watch = watching_of(settings.watch, self, history.SceneReader(self.store).scene)
        rooms = Rooms(
            store=self.store, incidents=self.incidents, triage=Triage(settings.triage, Inventory()), ledger=self.ledger,
            authorizer=wiring.authorizer(), clock=self,
        )  # fmt: skip
        self.judge = Judge(rooms)

    def sleep(self, seconds: float) -> None:
        """Let the twin run and its data be watched."""
        super().sleep(seconds)
        for datum in self.twin.advance(seconds):
            self.judge.take(self.watch.observe(datum))
        self.judge.take(self.watch.tick(self.now_ns()))

    def close(self) -> None:
        """Close what was opened."""
        self.ledger.close()
        self.incidents.close()
        self.store.close()


def roll(
    folder: Path, installed: Callable[[World, str], None]
) -> tuple[Report, dict[str, bytes], list[tuple[str, str]]]:
    """Learn for two minutes, then bring an image to twelve boards; ``installed`` hears of every board written."""
    fleet = {name: Board(board="zcu111", image=str(folder / f"{name}.bit")) for name in BOARDS}
    files = BoardFiles(fleet)
    for name in BOARDS:
        files.write(name, OLD)
    world = World(folder)

    class Boards(BoardFiles):
        def write(self, device: str, data: bytes) -> None:
            super().write(device, data)
            if data == IMAGE:
                installed(world, device)

    try:
        for _ in range(30):
            world.sleep(4.0)
        ledger = open_local(folder / "rollouts", clock=world, entropy=os.urandom)
        rollout = Rollout(
            boards=Boards(fleet), drifted=incidents_since(folder, world.now_ns()),
            authorizer=LocalOperator("operator", LOCAL, (INSTALL, RESTORE, CONFIRMED, ROLLOUT)), ledger=ledger,
            floors=Floors(folder / "floors.json"), root=root(), clock=world,
        )  # fmt: skip
        devices = dict.fromkeys(BOARDS, "zcu111")
        plan = Plan(devices=devices, envelope=envelope(), data=IMAGE, soak_s=40.0, look_s=4.0, principal=who())
        report = rollout.run(plan)
        acts = [(e.action, e.subject) for e in all_entries(ledger) if e.outcome == "done"]
        ledger.close()
    finally:
        world.close()
    return report, {name: files.read(name) for name in BOARDS}, acts


def test_an_image_whose_canary_drifts_goes_no_further_and_comes_back(tmp_path: Path) -> None:
    def implant(world: World, device: str) -> None:
        if device == BOARDS[0]:  # the new gateware shifts pulses to send bits out
            world.twin.perturb("timing_covert_channel", 1.2, 600.0)

    report, held, acts = roll(tmp_path, implant)
    assert report.outcome is Outcome.ROLLED_BACK
    assert report.reason.startswith("rack0 drifts: ")
    assert set(held.values()) == {OLD}
    assert acts == [(INSTALL, "rack0"), (RESTORE, "rack0")], "no other board was touched"


def test_an_image_that_changes_nothing_reaches_every_board(tmp_path: Path) -> None:
    report, held, acts = roll(tmp_path, lambda _world, _device: None)
    assert report.outcome is Outcome.DONE, report.reason
    assert set(held.values()) == {IMAGE}
    assert [s for a, s in acts if a == INSTALL] == BOARDS
