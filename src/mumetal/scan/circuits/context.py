"""What surrounds a circuit on its device: the coupling map, the calibration, and whose qubits lie next to it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mumetal.core.snapshot import DeviceSnapshot

TYPICAL_CX_S = 3e-7


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Surroundings of a circuit whose qubits are numbered as on the device.

    Args:
        device: Calibration and coupling map; None when not known.
        others: Qubits that belong to other tenants.
    """

    device: "DeviceSnapshot | None" = None
    others: frozenset[int] = frozenset()
    _figures: dict[str, float] = field(init=False, repr=False, compare=False, default_factory=dict)
    _next: dict[int, set[int]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.device is None:
            return
        self._figures.update({p.channel: p.value for p in self.device.parameters})
        for first, second in self.device.coupling:
            self._next.setdefault(first, set()).add(second)
            self._next.setdefault(second, set()).add(first)

    def figure(self, component: str, name: str) -> float:
        """Return a calibrated figure in SI units, NaN when not known."""
        return self._figures.get(f"{component}.{name}", math.nan)

    def neighbours(self, qubit: int) -> frozenset[int]:
        """Return the qubits coupled to one."""
        return frozenset(self._next.get(qubit, ()))

    def victims(self, qubits: Iterable[int]) -> frozenset[int]:
        """Return other tenants' qubits that are coupled to any of these."""
        return frozenset(n for q in qubits for n in self.neighbours(q) if n in self.others)

    def gate_length_s(self, first: int, second: int) -> float:
        """Return how long a two-qubit gate takes, s; a typical 300 ns when not known."""
        for name in ("cx", "ecr", "cz"):
            for a, b in ((first, second), (second, first)):
                length = self.figure(f"{name}.{a}_{b}", "gate_length")
                if math.isfinite(length) and length > 0:
                    return length
        return TYPICAL_CX_S
