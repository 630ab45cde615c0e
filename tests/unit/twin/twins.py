"""What the twin's tests share: a small lab and ways to look at what it said."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mumetal.catalog.calibrations import snapshots
from mumetal.core.delivery import Datum
from mumetal.core.event import Event
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios.schedule import Schedule

START_NS = 1_780_000_000 * 10**9
Floats = NDArray[np.float64]


def lab(seed: int = 1, backend: str = "nairobi", schedule: Schedule | None = None, pace: Pace | None = None) -> Lab:
    return Lab(snapshots(backend), seed, START_NS, device="twin-a", schedule=schedule, pace=pace)


def channels(data: Sequence[Datum]) -> dict[str, Floats]:
    """Join what was said by ``stream/channel`` and ``calibration/figure``; columns of time and value."""
    found: dict[str, list[Floats]] = {}
    for one in data:
        if isinstance(one, Series):
            for column, name in enumerate(one.names):
                found.setdefault(f"{one.stream}/{name}", []).append(np.column_stack([one.t_ns, one.values[:, column]]))
        elif isinstance(one, DeviceSnapshot):
            for name in {p.name for p in one.parameters}:
                values = [p.value for p in one.parameters if p.name == name]
                rows = np.column_stack([np.full(len(values), one.t_ns), values])
                found.setdefault(f"calibration/{name}", []).append(rows)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def events(data: Sequence[Datum]) -> list[Event]:
    return [one for one in data if isinstance(one, Event)]
