"""The demonstration: a twin on a real calibration background, alive behind the same doors as a lab."""

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mumetal.catalog import calibrations
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.ports import Truth
from mumetal.core.settings import Settings
from mumetal.twin.doors import LabWriter, run
from mumetal.twin.lab import Lab
from mumetal.twin.scenarios.schedule import demo_schedule

MARK = "this-is-a-mumetal-demo"
NOTICE = (
    "Demonstration: a twin on real IBM calibration figures; faults and attacks are acted, so that you see what would be said. "
    "Connect your own data with `mumetal up --source KIND:PLACE`."
)
SLACK_S = 30.0
BACKEND = "brisbane"
PAST_S = 1_200.0  # long enough to learn what is ordinary before anything happens


def fresh_folder(base: Path) -> Path:
    """Return an empty folder for one demonstration; only a folder that carries our mark is ever emptied.

    Raises:
        BadInputError: The folder is there and is not ours.
    """
    folder = base / "demo"
    if folder.exists():
        if not (folder / MARK).exists():
            raise BadInputError(
                "this folder is no demonstration of ours", where=str(folder), hint="name another --store"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("emptied at the start of each `mumetal up` without sources\n")
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the stack made of what the twin really did.

    Args:
        attacks: Attacks so far.
        found: Those that an unexplained incident overlaps.
        innocent: Innocent causes so far.
        paged: Those that paged, with no attack near.
    """

    attacks: int
    found: int
    innocent: int
    paged: int


def _overlaps(truth: Truth, start_ns: int, stop_ns: int) -> bool:
    slack = round(SLACK_S * 1e9)
    return start_ns <= truth.stop_ns + slack and stop_ns >= truth.start_ns - round(5e9)


def score(truth: Sequence[Truth], incidents: Sequence[Incident], findings: Sequence[Finding]) -> Score:
    """Hold findings against the twin's truth, by device and time.

    Args:
        truth: What really happened.
        incidents: All incidents.
        findings: Their findings.
    """
    raised = {f for i in incidents if i.state is not IncidentState.EXPLAINED for f in i.findings}
    pages = [f for f in findings if f.finding_id in raised and not f.explained]
    attacks = [t for t in truth if t.kind == "attack"]
    innocent = [t for t in truth if t.kind != "attack"]

    def seen(t: Truth) -> bool:
        return any(f.device == t.device and _overlaps(t, f.start_ns, f.stop_ns) for f in pages)

    alone = [t for t in innocent if not any(_overlaps(a, t.start_ns, t.stop_ns) for a in attacks)]
    return Score(
        attacks=len(attacks),
        found=sum(seen(t) for t in attacks),
        innocent=len(innocent),
        paged=sum(seen(t) for t in alone),
    )


class Demonstration:
    """A twin that lives beside the stack and speaks through its doors until stopped.

    Args:
        settings: What was set; the demonstration reads its own folders and keeps its data in a folder of its own.
        seed: Seed of everything that happens.
        clock: Time.
    """

    def __init__(self, settings: Settings, seed: int, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._folder = fresh_folder(Path(settings.store.directory))
        lab = self._folder / "lab"
        for name in ("bluefors", "calibration", "audit"):
            (lab / name).mkdir(parents=True)
        self.lab = Lab(
            calibrations.snapshots(BACKEND),
            seed,
            clock.now_ns() - round(PAST_S * 1e9),
            schedule=demo_schedule(seed, start_s=PAST_S + 5.0),
        )
        device = self.lab.device
        replaced = msgspec.structs.replace
        self.settings = replaced(
            settings,
            store=replaced(settings.store, directory=str(self._folder)),
            sources=(
                f"bluefors:{lab / 'bluefors'}?device={device}",
                f"ibm:{lab / 'calibration'}",
                f"audit:{lab / 'audit'}",
            ),
        )

    def truth(self) -> Sequence[Truth]:
        """Return what the twin has really done so far."""
        return self.lab.truth()

    def start(self, push_url: str) -> None:
        """Write the quiet past, then go on living in real time."""
        writer = LabWriter(self._folder / "lab", push_url)
        self._thread = threading.Thread(target=self._live, args=(writer,), name="twin", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the twin; calling it again does nothing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _live(self, writer: LabWriter) -> None:
        run(self.lab, writer, self._clock, stop=self._stop.is_set)
