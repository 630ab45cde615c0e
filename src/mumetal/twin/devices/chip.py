"""A chip whose background is a real device's calibration."""

import math

import numpy as np

from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.twin.knobs import Bench, Floats, Knob
from mumetal.twin.signals.dephasing import Dephasing
from mumetal.twin.signals.frequency import Frequency
from mumetal.twin.signals.readout import Readout
from mumetal.twin.signals.relaxation import Relaxation

MEASUREMENT_LN = 0.08  # noise of one T1 or T2 fit, σ of ln
FREQUENCY_NOISE_HZ = 1e3
READOUT_SHOTS = 5_000
GATE_LN = 0.12
FALLBACK = {"T1": 100e-6, "T2": 80e-6, "readout_error": 0.02, "frequency": 5e9}
UNITS = {"T1": "s", "T2": "s", "frequency": "Hz", "readout_error": "1"}


def column(snapshot: DeviceSnapshot, name: str) -> Floats:
    """Return one figure of all qubits, shape (Q,); qubits without it get the device's median."""
    given = {p.component: p.value for p in snapshot.parameters if p.name == name and math.isfinite(p.value)}
    values = np.array([given.get(f"q{q}", np.nan) for q in range(snapshot.qubits)])
    usable = values[np.isfinite(values) & (values > 0)]
    middle = float(np.median(usable)) if usable.size else FALLBACK[name]
    return np.where(np.isfinite(values) & (values > 0), values, middle)


class Chip:
    """Coherence, frequencies and readout of one device over time.

    Args:
        background: The real snapshot it starts from.
        rng: Its own random numbers.
        speed: How much faster than real time the slow processes run.
        tunable: Whether its qubits are flux-tunable.
    """

    def __init__(
        self, background: DeviceSnapshot, rng: np.random.Generator, *, speed: float = 1.0, tunable: bool = False
    ) -> None:
        relax, dephase, read, tune, self._fit = rng.spawn(5)
        t1, t2 = column(background, "T1"), column(background, "T2")
        self.background = background
        self.qubits = background.qubits
        self._published = {p.name for p in background.parameters}
        self.relaxation = Relaxation(relax, t1, speed)
        self._dephasing = Dephasing(dephase, t1, t2, speed)
        self._readout = Readout(read, column(background, "readout_error"), speed)
        self._frequency = Frequency(tune, column(background, "frequency"), tunable=tunable, speed=speed)
        self.neighbours = tuple(
            tuple(sorted({b if a == q else a for a, b in background.coupling if q in (a, b)}))
            for q in range(self.qubits)
        )
        self.settle(0.0)

    def patch(self, size: int) -> tuple[int, ...]:
        """Return up to ``size`` connected qubits that read and hold well, for canaries, in order of their number.

        A qubit is taken when its readout error is at most 0.08 and its T1 at least a third of the median; a device
        without such qubits gives its first ones.
        """
        t1, error = column(self.background, "T1"), column(self.background, "readout_error")
        good = {q for q in range(self.qubits) if error[q] <= 0.08 and t1[q] >= np.median(t1) / 3.0}
        best: list[int] = []
        for first in sorted(good):
            found, seen = [first], {first}
            for q in found:
                fresh = [b for b in self.neighbours[q] if b in good and b not in seen]
                seen.update(fresh)
                found += fresh
            best = max(best, found[:size], key=len)
            if len(best) == size:
                break
        return tuple(sorted(best)) or tuple(range(self.qubits))[:size]

    def settle(self, t_s: float) -> None:
        """Let the slow processes come to ``t_s`` (s); called on a grid that no perturbation changes."""
        self._phi = self._dephasing.rate(t_s)
        self.readout_error = self._readout.error(t_s)
        self._hz = self._frequency.at(t_s)
        self._noise = self._fit.standard_normal((5, max(self.qubits, 1)))
        self._gate_noise = GATE_LN * self._fit.standard_normal(len(self.background.parameters))

    def snapshot(self, t_s: float, t_ns: int, device: str, bench: Bench) -> DeviceSnapshot:
        """Return what a calibration at ``t_s`` reports, every figure dated ``t_ns``."""
        at = np.array([t_s])
        gamma = bench.turn(Knob.RELAXATION, at, self.relaxation.rate(at))[0]
        praise = float(bench.turn(Knob.REPORTED, at, np.ones((1, 1)))[0, 0])
        error = bench.turn(Knob.READOUT, at, self.readout_error[None, :])[0]
        hz = bench.turn(Knob.FREQUENCY, at, self._hz[None, :])[0]
        t1 = 1.0 / gamma * np.exp(MEASUREMENT_LN * self._noise[0])
        # Published T2 above twice T1 is real in 1.6 % of qubits: two noisy fits.
        t2 = 1.0 / (0.5 * gamma + self._phi) * np.exp(MEASUREMENT_LN * self._noise[1])
        counted = np.sqrt(np.maximum(error * (1.0 - error), 0.0) / READOUT_SHOTS)
        figures = {
            "T1": t1 * praise,
            "T2": t2 * praise,
            "frequency": hz + FREQUENCY_NOISE_HZ * self._noise[3],
            "readout_error": np.clip(error + counted * self._noise[2], 1.0 / READOUT_SHOTS, 0.5) / praise,
        }
        parameters = [
            Parameter(component=f"q{q}", name=name, value=float(values[q]), unit=UNITS[name], t_ns=t_ns)
            for q in range(self.qubits)
            for name, values in figures.items()
            if name in self._published  # newer devices publish no frequencies, and so does their twin
        ]
        parameters += self._unmoved(t_ns, praise)
        return DeviceSnapshot(
            device=device,
            t_ns=t_ns,
            qubits=self.qubits,
            coupling=self.background.coupling,
            parameters=tuple(parameters),
            provenance=f"twin, background {self.background.provenance}"[:1_000],
        )

    def _unmoved(self, t_ns: int, praise: float) -> list[Parameter]:
        out: list[Parameter] = []
        for index, p in enumerate(self.background.parameters):
            if p.name in UNITS:
                continue
            value = p.value
            if p.name == "gate_error" and math.isfinite(value):
                value = min(value * math.exp(self._gate_noise[index]) / praise, 0.5)
            out.append(Parameter(component=p.component, name=p.name, value=value, unit=p.unit, t_ns=t_ns, flag=p.flag))
        return out
