"""The twin of one device: its chip, refrigerator, control rack, queue and people, on one clock.

Every stream lives on a fixed grid of the twin's own time, and every signal has random numbers of its own, so however
the time is cut into calls of :meth:`Lab.advance`, the same seed gives the same data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.delivery import Datum
from mumetal.core.errors import BadInputError
from mumetal.core.event import Event, EventClass, Status
from mumetal.core.ports import PluginInfo, Truth
from mumetal.core.series import Channel, Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.twin.devices.canary import Canaries
from mumetal.twin.devices.chip import Chip
from mumetal.twin.devices.handover import Handover
from mumetal.twin.knobs import Bench, Floats
from mumetal.twin.people import CALIBRATOR, People, digest
from mumetal.twin.replay import Recorder
from mumetal.twin.scenarios import find
from mumetal.twin.scenarios.schedule import Planned, Schedule
from mumetal.twin.scenarios.spec import Stage
from mumetal.twin.signals import cryostat
from mumetal.twin.signals.cryostat import Cryostat
from mumetal.twin.signals.load import Activity, QueueLoad
from mumetal.twin.signals.magnetic import Magnetometer
from mumetal.twin.signals.power import RackPower
from mumetal.twin.signals.supply import SUPPLY, Supply
from mumetal.twin.signals.timing import PulseTiming

NS = 10**9
FOREVER_NS = 2**62
CONTROL = (
    ("awg.timing_residual", "s"), ("awg.reference_residual", "s"), ("rack.power", "W"), ("magnetometer", "T"),
)  # fmt: skip
HANDED_OVER = 4  # qubits whose first measurements are counted
QUEUE = (("jobs.rate", "Hz"), ("shots.rate", "Hz"), ("gate.density", "1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast each stream runs; 0 turns one off.

    Args:
        control_hz: Rows of the control stream, 1/s.
        cryostat_hz: Rows of the refrigerator's log, 1/s.
        qubits_hz: Rows of canaries, 1/s.
        queue_hz: Rows of the queue, 1/s.
        handover_hz: Rows of first measurements after a handover, 1/s.
        supply_hz: Rows of the controller's supply, 1/s.
        calibration_s: Time between calibrations, s; infinite turns them off.
        drift: How much faster than real time two-level systems, dephasing, readout and frequencies move.
        canaries: How many qubits have a canary.
        people: Whether people log in and run jobs.
    """

    control_hz: float = 80.0
    cryostat_hz: float = 1.0
    qubits_hz: float = 1.0
    queue_hz: float = 1.0
    handover_hz: float = 1.0
    supply_hz: float = 10.0
    calibration_s: float = 10.0
    drift: float = 60.0
    canaries: int = 8
    people: bool = True


def _at(t_s: float) -> int:
    return round(t_s * NS) if np.isfinite(t_s) else FOREVER_NS


class Grid:
    """Sample times k·period from time 0 on, exact in nanoseconds."""

    def __init__(self, rate_hz: float) -> None:
        self._period = round(NS / rate_hz) if rate_hz > 0 else 0
        self._next = 0

    @property
    def step_s(self) -> float:
        """Grid step, s; 1 when the grid is off."""
        return self._period / NS if self._period else 1.0

    def until(self, stop_ns: int) -> NDArray[np.int64]:
        """Return the times before ``stop_ns`` (ns since time 0) that were not returned yet."""
        if not self._period:
            return np.empty(0, np.int64)
        count = max(-(-(stop_ns - self._next) // self._period), 0)
        times = self._next + self._period * np.arange(count, dtype=np.int64)
        self._next += self._period * count
        return times


class Lab:
    """A :class:`mumetal.core.ports.Twin` of one device.

    Args:
        snapshots: Real snapshots of one device; the newest is the background.
        seed: Everything random follows from it.
        start_ns: The twin's time 0, nanoseconds since 1970 UTC; taken down to the whole second.
        device: Name it reports under; the background's name when empty.
        schedule: What is going to happen by itself.
        pace: How fast the streams run.
        tunable: Whether the qubits are flux-tunable.

    Raises:
        BadInputError: No snapshot.
    """

    info = PluginInfo(
        plugin_id="twin.lab", title="A quantum cloud on a laptop", reference="THREATS, numbers for the twin"
    )

    def __init__(
        self,
        snapshots: Sequence[DeviceSnapshot],
        seed: int,
        start_ns: int,
        *,
        device: str = "",
        schedule: Schedule | None = None,
        pace: Pace | None = None,
        tunable: bool = False,
    ) -> None:
        if not snapshots:
            raise BadInputError("a twin needs at least one real snapshot", hint="see catalog.calibrations.snapshots")
        self.pace = pace or Pace()
        background = max(snapshots, key=lambda s: s.t_ns)
        self.device = device or background.device
        self.start_ns = start_ns - start_ns % NS
        chip, canary, fridge, field, timing, load, rack, queue, people, self._perturb_rng, first, supply = (
            np.random.default_rng(seed).spawn(12)
        )
        self._bench = Bench()
        self._grids = {
            "cryostat": Grid(self.pace.cryostat_hz),
            "control": Grid(self.pace.control_hz),
            "qubits": Grid(self.pace.qubits_hz),
            "queue": Grid(self.pace.queue_hz),
            "handover": Grid(self.pace.handover_hz),
            "supply": Grid(self.pace.supply_hz),
        }
        self.chip = Chip(background, chip, speed=self.pace.drift, tunable=tunable)
        self.canaries = self.chip.patch(self.pace.canaries)
        self._canary = Canaries(canary, self.chip, self.canaries, self._grids["qubits"].step_s)
        self._handover = Handover(first, self.chip, self.canaries[:HANDED_OVER])
        self._cryostat = Cryostat(fridge, self._grids["cryostat"].step_s)
        self._field = Magnetometer(field, self._grids["control"].step_s)
        self._timing = PulseTiming(timing, self._grids["control"].step_s)
        activity = Activity(load)
        self._rack = RackPower(rack, activity)
        self._supply = Supply(supply)
        self._queue = QueueLoad(queue, activity, self._grids["queue"].step_s)
        self._people = People(people, self.device, self.start_ns)
        self._recorder = Recorder("cryostat")
        self._mxc_t: Floats = np.zeros(1)
        self._mxc_k: Floats = np.full(1, cryostat.REST_K[0])
        self._planned = list((schedule or Schedule()).planned)
        self._truth: list[Truth] = []
        self._pending: list[Event] = []
        self._extra_calibrations: list[float] = []
        self._now_ns = 0
        self._calibrations = 0
        self._next_calibration_s = 0.0 if np.isfinite(self.pace.calibration_s) else np.inf

    @property
    def now_ns(self) -> int:
        """The twin's clock, nanoseconds since 1970 UTC."""
        return self.start_ns + self._now_ns

    def truth(self) -> Sequence[Truth]:
        """Return all perturbations that have begun, in order of their start."""
        return tuple(t for t in self._truth if t.start_ns <= self.now_ns)

    def perturb(self, name: str, strength: float, duration_s: float) -> Truth:
        """Start an attack or an innocent cause now; returns the truth about it.

        Args:
            name: Short name or the truth's name; ``scenarios.PERTURBATIONS`` lists them.
            strength: In the unit that the perturbation declares.
            duration_s: How long it lasts, s.

        Raises:
            BadInputError: There is no such perturbation, or the strength is out of range.
        """
        return self._begin(Planned(name=name, start_s=self._now_ns / NS, duration_s=duration_s, strength=strength))

    def advance(self, seconds: float) -> Sequence[Datum]:
        """Let ``seconds`` (s) pass and return what the sensors and logs say.

        Series, events and snapshots come in order of time up to the length of one stretch (a stretch ends where a
        calibration is published or something planned begins).

        Raises:
            BadInputError: Time cannot stand still or go back.
        """
        if not 0.0 < seconds <= 366 * 86_400.0:
            raise BadInputError(f"time advances by more than 0 s and at most a year, not by {seconds:g} s")
        stop_ns = self._now_ns + round(seconds * NS)
        out: list[Datum] = []
        while self._now_ns < stop_ns:
            while self._planned and _at(self._planned[0].start_s) <= self._now_ns:
                self._begin(self._planned.pop(0))
            if self._next_calibration() <= self._now_ns:
                out += self._calibrate()
            starts = _at(self._planned[0].start_s) if self._planned else stop_ns
            part_ns = min(stop_ns, starts, self._next_calibration())
            out += self._stretch(part_ns)
            self._now_ns = part_ns
            self._bench.forget(part_ns / NS)
        return out

    def _next_calibration(self) -> int:
        return min(_at(self._next_calibration_s), *map(_at, self._extra_calibrations), FOREVER_NS)

    def _begin(self, planned: Planned) -> Truth:
        listed = find(planned.name)
        listed.check(planned.strength, planned.duration_s)
        stage = Stage(
            device=self.device,
            chip=self.chip,
            canaries=self.canaries,
            rng=self._perturb_rng.spawn(1)[0],
            start_ns=self.start_ns,
            start_s=planned.start_s,
            stop_s=planned.start_s + planned.duration_s,
            strength=planned.strength,
        )
        effect = listed.start(stage)
        self._bench.effects.append(effect)
        self._pending += effect.events
        self._extra_calibrations += effect.calibrations_s
        truth = Truth(
            kind=listed.kind,
            name=listed.truth,
            device=self.device,
            start_ns=self.start_ns + _at(stage.start_s),
            stop_ns=self.start_ns + _at(stage.stop_s),
            strength=planned.strength,
        )
        self._truth.append(truth)
        return truth

    def _stretch(self, stop_ns: int) -> list[Datum]:
        out: list[Datum] = []
        if (t := self._grids["cryostat"].until(stop_ns)).size:
            out.append(self._series("cryostat", cryostat.CHANNELS, t, self._fridge_rows(t / NS)))
        if (t := self._grids["control"].until(stop_ns)).size:
            out.append(self._series("control", CONTROL, t, self._control_rows(t / NS)))
        if self.canaries and (t := self._grids["qubits"].until(stop_ns)).size:
            names = tuple((f"q{q}.canary_error", "1") for q in self.canaries)
            temperature = self._mxc_at(t / NS)
            out.append(self._series("qubits", names, t, self._canary.rows(t / NS, temperature, self._bench)))
        if self.canaries and (t := self._grids["handover"].until(stop_ns)).size:
            out.append(self._series("handover", self._handover.channels, t, self._handover.rows(t / NS, self._bench)))
        if (t := self._grids["supply"].until(stop_ns)).size:
            out.append(self._series("supply", SUPPLY, t, self._supply.rows(t / NS, self._bench)))
        if (t := self._grids["queue"].until(stop_ns)).size:
            out.append(self._series("queue", QUEUE, t, self._queue.rows(t / NS, self._bench)))
        return [*out, *self._events(stop_ns)]

    def _fridge_rows(self, t_s: Floats) -> Floats:
        rows = self._cryostat.rows(t_s, self._bench)
        self._mxc_t = np.concatenate([self._mxc_t[-1:], t_s])
        self._mxc_k = np.concatenate([self._mxc_k[-1:], self._cryostat.truly_k])
        return self._recorder.show(t_s, rows, self._bench.effects)

    def _mxc_at(self, t_s: Floats) -> Floats:
        """Return the mixing chamber's true temperature at or before ``t_s`` (n,), K."""
        at: Floats = self._mxc_k[np.maximum(np.searchsorted(self._mxc_t, t_s, side="right") - 1, 0)]
        return at

    def _control_rows(self, t_s: Floats) -> Floats:
        timing = self._timing.residuals(t_s, self._bench)
        return np.hstack([timing, self._rack.watts(t_s, self._bench), self._field.field(t_s, self._bench)])

    def _events(self, stop_ns: int) -> list[Event]:
        stop = self.start_ns + stop_ns
        due = [e for e in self._pending if e.t_ns < stop]
        self._pending = [e for e in self._pending if e.t_ns >= stop]
        due += self._people.until(stop_ns / NS) if self.pace.people else []
        return sorted(due, key=lambda e: (e.t_ns, e.event_id))

    def _calibrate(self) -> list[Datum]:
        """Publish a calibration now; the regular ones also let the slow processes move on and leave an audit event."""
        now_s, t_ns = self._now_ns / NS, self.now_ns
        out: list[Datum] = []
        if _at(self._next_calibration_s) <= self._now_ns:
            self._calibrations += 1
            self._next_calibration_s = self._calibrations * self.pace.calibration_s
            self.chip.settle(now_s)
            if self.pace.people:
                out.append(self._written(t_ns))
        self._extra_calibrations = [c for c in self._extra_calibrations if _at(c) > self._now_ns]
        out.append(self.chip.snapshot(now_s, t_ns, self.device, self._bench))
        return out

    def _written(self, t_ns: int) -> Event:
        identity = digest(self.device, self.start_ns, "calibration", t_ns)
        return Event(
            device=self.device,
            event_id=f"act-{identity[:16]}",
            t_ns=t_ns,
            event_class=EventClass.DEVICE_CONFIG_CHANGE,
            activity="calibration.write",
            actor=CALIBRATOR,
            resource=self.device,
            status=Status.SUCCESS,
            source_ip="10.20.0.5",
            attributes=(("change_ticket", "CHG-DAILY"), ("config_digest", identity)),
            provenance="twin",
        )

    def _series(self, stream: str, named: Sequence[tuple[str, str]], t: NDArray[np.int64], values: Floats) -> Series:
        return Series(
            device=self.device,
            stream=stream,
            channels=tuple(Channel(name=name, unit=unit, provenance="twin") for name, unit in named),
            t_ns=self.start_ns + t,
            values=values,
        )
