"""What a perturbation declares of itself, and what it is handed when it starts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mumetal.core.errors import BadInputError
from mumetal.core.event import Event, EventClass, Status
from mumetal.twin.devices.chip import Chip
from mumetal.twin.knobs import Effect
from mumetal.twin.people import digest

NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where and when a perturbation starts.

    Args:
        device: Device name.
        chip: The chip.
        canaries: Qubits that have a canary.
        rng: Random numbers of this perturbation alone.
        start_ns: The twin's time 0, nanoseconds since 1970 UTC.
        start_s: When it starts, s of the twin's time.
        stop_s: When it stops.
        strength: How strong, in the unit the perturbation declares.
    """

    device: str
    chip: Chip
    canaries: tuple[int, ...]
    rng: np.random.Generator
    start_ns: int
    start_s: float
    stop_s: float
    strength: float

    def event(
        self,
        at_s: float,
        activity: str,
        actor: str,
        *,
        event_class: EventClass = EventClass.API_ACTIVITY,
        address: str = "10.20.0.5",
        shots: int = 0,
        uses_pulse: bool = False,
        job: bool = False,
        attributes: tuple[tuple[str, str], ...] = (),
    ) -> Event:
        """Return an event of this perturbation, dated ``at_s`` (s of the twin's time)."""
        t_ns = self.start_ns + round(at_s * NS)
        identity = digest(self.device, activity, actor, t_ns)
        return Event(
            device=self.device,
            event_id=f"{'job' if job else 'act'}-{identity[:16]}",
            t_ns=t_ns,
            event_class=event_class,
            activity=activity,
            actor=actor,
            resource=self.device,
            status=Status.SUCCESS,
            source_ip=address,
            job_id=f"j{identity[16:28]}" if job else "",
            circuit_digest=digest("circuit", actor) if job else "",
            shots=shots,
            uses_pulse=uses_pulse,
            attributes=attributes,
            provenance="twin",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbation:
    """One thing that can happen to the twin.

    Args:
        name: Short name, such as ``"warm_up"``.
        truth: Technique id of an attack, cause id of an innocent one.
        kind: ``"attack"`` or ``"innocent"``.
        title: What happens, in one line.
        unit: Unit of the strength.
        low: Least strength.
        high: Greatest strength.
        usual: Strength that a demonstration takes.
        moves: What it may move: ``"stream/channel"`` with ``*`` for any, ``"calibration/T1"``, ``"events/activity"``.
        start: Starts it.
    """

    name: str
    truth: str
    kind: str
    title: str
    unit: str
    low: float
    high: float
    usual: float
    moves: tuple[str, ...]
    start: Callable[[Stage], Effect]

    def check(self, strength: float, duration_s: float) -> None:
        """Refuse a strength out of range or a duration that is none.

        Raises:
            BadInputError: Says the range and the unit.
        """
        if not self.low <= strength <= self.high:
            raise BadInputError(
                f"{self.name} has a strength from {self.low:g} to {self.high:g} {self.unit}, not {strength:g}"
            )
        if not 0.0 < duration_s <= 366 * 86_400.0:
            raise BadInputError(f"a duration of {duration_s:g} s is not between 0 and a year")
