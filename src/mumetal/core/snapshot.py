"""What a device says of itself at one time: its calibration."""

import math
from dataclasses import dataclass

import numpy as np

from mumetal.core import LOCAL, check
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series

MAX_PARAMETERS = 60_000
MAX_AUTHORS = 64
VERIFIED = " (verified)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One calibrated figure.

    Args:
        component: ``"q3"`` for a qubit, ``"cz.3_4"`` for a gate on qubits 3 and 4, ``"general"`` otherwise.
        name: The field's name: ``"T1"``, ``"T2"``, ``"frequency"``, ``"anharmonicity"``, ``"readout_error"``,
            ``"gate_error"``, ``"gate_length"``, …
        value: In SI units (s, Hz, 1); NaN when the source's value is a sentinel.
        unit: SI unit.
        t_ns: When this figure was measured, nanoseconds since 1970 UTC; 0 when the source does not say.
        flag: Why the value is doubtful (``"sentinel: gate_error 1.0"``); empty when it is not.
    """

    component: str
    name: str
    value: float
    unit: str
    t_ns: int = 0
    flag: str = ""

    def __post_init__(self) -> None:
        check.name(self.component, "component")
        check.name(self.name, "parameter")
        check.text(self.flag, "flag", 200)
        if math.isinf(self.value):
            raise BadInputError(f"{self.component}.{self.name} is infinite")
        if self.t_ns:
            check.time_ns(self.t_ns, f"date of {self.component}.{self.name}")

    @property
    def channel(self) -> str:
        """Name of this figure's channel, ``"q3.T1"``."""
        return f"{self.component}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSnapshot:
    """All calibrated figures of one device at one time.

    Args:
        tenant: Who owns the data.
        device: Device name.
        t_ns: When the snapshot was published, nanoseconds since 1970 UTC.
        qubits: Number of qubits.
        coupling: Pairs of coupled qubits, as the device lists them.
        parameters: The figures; each (component, name) once.
        provenance: Where it came from: file, package and version, or URI.
        authors: Who wrote what is new in it, where the source says; empty for what a service publishes. A name that a
            signature proves ends in :data:`VERIFIED`.
        revision: The source's id of this version, such as a commit's; empty when it has none.
    """

    tenant: str = LOCAL
    device: str
    t_ns: int
    qubits: int
    coupling: tuple[tuple[int, int], ...] = ()
    parameters: tuple[Parameter, ...]
    provenance: str = ""
    authors: tuple[str, ...] = ()
    revision: str = ""

    def __post_init__(self) -> None:
        check.name(self.tenant, "tenant")
        check.name(self.device, "device")
        check.time_ns(self.t_ns, "snapshot time")
        check.text(self.provenance, "provenance", 1_000)
        check.text(self.revision, "revision", 200)
        if len(self.authors) > MAX_AUTHORS:
            raise BadInputError(f"a snapshot has at most {MAX_AUTHORS} authors", where=self.provenance)
        for author in self.authors:
            check.text(author, "author", 300)
        if not 0 < self.qubits <= 10_000:
            raise BadInputError(f"a device has 1 to 10000 qubits, not {self.qubits}", where=self.provenance)
        if not 0 < len(self.parameters) <= MAX_PARAMETERS:
            raise BadInputError(
                f"a snapshot has 1 to {MAX_PARAMETERS} figures, not {len(self.parameters)}", where=self.provenance
            )
        if len({p.channel for p in self.parameters}) != len(self.parameters):
            raise BadInputError("a figure is given twice", where=self.provenance)

    def series(self) -> Series:
        """Return the figures as one row of the stream ``"calibration"``; doubtful ones are NaN only if a sentinel."""
        ordered = sorted(self.parameters, key=lambda p: p.channel)
        return Series(
            tenant=self.tenant,
            device=self.device,
            stream="calibration",
            channels=tuple(Channel(name=p.channel, unit=p.unit, provenance=self.provenance) for p in ordered),
            t_ns=np.array([self.t_ns], np.int64),
            values=np.array([[p.value for p in ordered]], np.float64),
        )
