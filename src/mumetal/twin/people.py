"""The honest users and services of a quantum cloud, and what they leave in its logs."""

import hashlib
from dataclasses import dataclass

import numpy as np

from mumetal.core.event import Event, EventClass, Status

NS = 10**9
CALIBRATOR = "svc-calibration"
EDITOR = "svc-config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One account.

    Args:
        name: Account name.
        address: Where it comes from.
        job_share: Share of all honest jobs.
        shots: Usual repetitions.
        pulse: Share of its jobs that bring their own pulses.
    """

    name: str
    address: str
    job_share: float
    shots: int
    pulse: float = 0.0


PEOPLE = (
    Person(name="ana.ruiz", address="10.20.1.15", job_share=0.34, shots=4_000),
    Person(name="b.okafor", address="10.20.1.31", job_share=0.26, shots=8_192),
    Person(name="chem-batch", address="10.20.4.2", job_share=0.25, shots=1_000),
    Person(name="d.lindqvist", address="10.20.2.77", job_share=0.15, shots=2_000, pulse=0.15),
)
JOB_EVERY_S = 2.5
CALL_EVERY_S = 4.0
LOGIN_EVERY_S = 45.0


def digest(*parts: object) -> str:
    """Return SHA-256 hex of the parts' text."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


class People:
    """Honest traffic in order of time, the same however the time is cut.

    Args:
        rng: Its own random numbers.
        device: Device name.
        start_ns: The twin's time 0, nanoseconds since 1970 UTC.
    """

    def __init__(self, rng: np.random.Generator, device: str, start_ns: int) -> None:
        self._device, self._start = device, start_ns
        self._lanes = dict(zip((JOB_EVERY_S, CALL_EVERY_S, LOGIN_EVERY_S), rng.spawn(3), strict=True))
        self._next = {mean: float(lane.exponential(mean)) for mean, lane in self._lanes.items()}
        self._count = dict.fromkeys(self._lanes, 0)

    def until(self, stop_s: float) -> list[Event]:
        """Return the events before ``stop_s`` (s of the twin's time) that were not returned yet."""
        out: list[Event] = []
        for mean, make in ((JOB_EVERY_S, self._job), (CALL_EVERY_S, self._call), (LOGIN_EVERY_S, self._login)):
            lane = self._lanes[mean]
            while self._next[mean] < stop_s:
                person = PEOPLE[int(lane.choice(len(PEOPLE), p=[p.job_share for p in PEOPLE]))]
                out.append(make(self._start + round(self._next[mean] * NS), self._count[mean], person, lane))
                self._count[mean] += 1
                self._next[mean] += float(lane.exponential(mean))
        return sorted(out, key=lambda e: (e.t_ns, e.event_id))

    def _job(self, t_ns: int, count: int, person: Person, lane: np.random.Generator) -> Event:
        circuit = int(lane.integers(40))
        density = float(np.clip(lane.normal(0.22, 0.04), 0.02, 0.9))
        return Event(
            device=self._device,
            event_id=f"job-{digest(self._device, self._start, count)[:16]}",
            t_ns=t_ns,
            event_class=EventClass.API_ACTIVITY,
            activity="RunJob",
            actor=person.name,
            resource=self._device,
            status=Status.SUCCESS,
            source_ip=person.address,
            job_id=f"j{digest(self._device, self._start, count)[:12]}",
            circuit_digest=digest("circuit", person.name, circuit),
            shots=person.shots,
            uses_pulse=bool(lane.random() < person.pulse),
            attributes=(("two_qubit_density", f"{density:.3f}"),),
            provenance="twin",
        )

    def _call(self, t_ns: int, count: int, person: Person, lane: np.random.Generator) -> Event:
        verb = ("GetJob", "ListJobs", "GetBackendProperties", "GetResults")[int(lane.integers(4))]
        return Event(
            device=self._device,
            event_id=f"api-{digest(self._device, self._start, 'api', count)[:16]}",
            t_ns=t_ns,
            event_class=EventClass.API_ACTIVITY,
            activity=verb,
            actor=person.name,
            resource=self._device,
            status=Status.SUCCESS,
            source_ip=person.address,
            provenance="twin",
        )

    def _login(self, t_ns: int, count: int, person: Person, lane: np.random.Generator) -> Event:
        wrong = bool(lane.random() < 0.06)
        return Event(
            device=self._device,
            event_id=f"login-{digest(self._device, self._start, 'login', count)[:16]}",
            t_ns=t_ns,
            event_class=EventClass.AUTHENTICATION,
            activity="Logon",
            actor=person.name,
            status=Status.FAILURE if wrong else Status.SUCCESS,
            source_ip=person.address,
            provenance="twin",
        )
