"""The demonstration: a twin on a real calibration background, alive behind the same doors as a lab."""

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mumetal.catalog import calibrations
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.ports import Truth
from mumetal.twin.demo import backfill, run
from mumetal.twin.doors import LabWriter
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import PERTURBATIONS, find
from mumetal.twin.scenarios.schedule import Planned, Schedule

MARK = "this-is-a-mumetal-demo"
NOTICE = (
    "Demonstration: a twin on real IBM calibration figures; faults and attacks are acted, so that you see what would be said. "
    "Connect your own data with `mumetal up --source KIND:PLACE`."
)
SLACK_S = 30.0
PAST_S = 1_500.0  # long enough to learn what is ordinary before anything happens
AFTERWARDS_S = 200.0
APART_S = 180.0  # so far apart that triage takes two happenings on one device for two
LENGTH_S = 7_200.0
PACE = Pace(control_hz=40.0)
FLEET: tuple[tuple[str, tuple[tuple[str, float, float], ...]], ...] = (
    ("brisbane", (("timing_covert_channel", 22.0, 40.0),)),
    ("hanoi", (("cryostat_sabotage", 14.0, 40.0),)),
    ("perth", (("warm_up", 16.0, 25.0),)),
    ("sherbrooke", (("crosstalk_hammering", 30.0, 30.0),)),
)


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

    alone = [
        t for t in innocent if not any(a.device == t.device and _overlaps(a, t.start_ns, t.stop_ns) for a in attacks)
    ]
    return Score(
        attacks=len(attacks),
        found=sum(seen(t) for t in attacks),
        innocent=len(innocent),
        paged=sum(seen(t) for t in alone),
    )


def opening(seed: int, place: int) -> Schedule:
    """Return what happens in one lab, counted from the start of the run: first what :data:`FLEET` says, then something new every three to four minutes.

    Args:
        seed: Makes the plan.
        place: The lab's place in the fleet.
    """
    rng = np.random.default_rng([seed, place])
    planned = [
        Planned(name=name, start_s=PAST_S + at, duration_s=lasting, strength=find(name).usual)
        for name, at, lasting in FLEET[place][1]
    ]
    names = [name for name, _ in PERTURBATIONS if name != "radiation_burst"]
    at = AFTERWARDS_S + place * APART_S / len(FLEET)
    while at < LENGTH_S:
        name = str(rng.choice(names))
        planned.append(Planned(name=name, start_s=PAST_S + at, duration_s=15.0, strength=find(name).usual))
        at += float(rng.uniform(APART_S, 1.3 * APART_S))
    return Schedule(planned=tuple(planned))


class Demonstration:
    """Twins that live beside the stack and speak through its doors until stopped.

    Args:
        base: Folder in which it makes one of its own, for its data and the twins' files.
        seed: Seed of everything that happens.
        clock: Time.
    """

    def __init__(self, base: Path, seed: int, clock: Clock) -> None:
        self._clock = clock
        self._stop = clock.flag()
        self._threads: list[threading.Thread] = []
        self.folder = folder = fresh_folder(base)
        start_ns = clock.now_ns() - round(PAST_S * 1e9)
        self._labs = [
            Lab(calibrations.snapshots(backend), seed + place, start_ns, schedule=opening(seed, place), pace=PACE)
            for place, (backend, _) in enumerate(FLEET)
        ]
        self._places = [folder / "labs" / lab.device for lab in self._labs]
        sources: list[str] = []
        for lab, place in zip(self._labs, self._places, strict=True):
            LabWriter(place).close()
            sources += [
                f"bluefors:{place / 'bluefors'}?device={lab.device}",
                f"ibm:{place / 'calibrations'}?device={lab.device}",
                f"audit:{place / 'audit.jsonl'}",
            ]
        self.sources = tuple(sources)

    def truth(self) -> Sequence[Truth]:
        """Return what the twins have really done so far, in order of time."""
        return sorted((t for lab in self._labs for t in lab.truth()), key=lambda t: t.start_ns)

    def start(self, push_url: str, push_token: str) -> None:
        """Write the quiet past, then go on living in real time."""
        for lab, place in zip(self._labs, self._places, strict=True):
            thread = self._clock.thread(
                partial(self._live, lab, LabWriter(place, push_url, push_token=push_token)), f"twin {lab.device}"
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the twins; calling it again does nothing."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _live(self, lab: Lab, writer: LabWriter) -> None:
        backfill(lab, writer, PAST_S, self._stop.is_set)
        missed_s = (self._clock.now_ns() - lab.now_ns) / 1e9  # what passed while the past was written
        backfill(lab, writer, missed_s, self._stop.is_set)
        run(lab, writer, self._clock, 1.0, self._stop)
        writer.close()
