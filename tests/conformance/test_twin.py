"""Every perturbation, run on the twin, keeps the promises of the port :class:`mumetal.core.ports.Twin`."""

import math

import numpy as np
import pytest

from mumetal.catalog.calibrations import snapshots
from mumetal.core.errors import BadInputError
from mumetal.core.event import Event
from mumetal.core.ports import Twin
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import PERTURBATIONS

START_NS = 1_780_000_000 * 10**9
NAMES = [name for name, _ in PERTURBATIONS]


def twin() -> Twin:
    return Lab(snapshots("manila"), 3, START_NS, pace=Pace(control_hz=20.0))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", ["low", "usual", "high"])
def test_time_runs_on_and_every_datum_is_sound(name: str, end: str) -> None:
    one, last = twin(), dict[str, int]()
    one.advance(3.0)
    truth = one.perturb(name, float(getattr(PERTURBATIONS.get(name), end)), 6.0)
    assert truth in one.truth()
    assert truth.stop_ns - truth.start_ns == 6 * 10**9
    ids: set[str] = set()
    now = START_NS + 3 * 10**9
    for step in (0.1, 5.0, 0.9, 12.0):
        data = one.advance(step)
        until = now + round(step * 1e9)
        for datum in data:
            if isinstance(datum, Series):
                assert np.isfinite(datum.values).all()
                assert now <= datum.t_ns[0] <= datum.t_ns[-1] < until
                assert datum.t_ns[0] > last.get(datum.stream, 0)
                last[datum.stream] = int(datum.t_ns[-1])
            elif isinstance(datum, Event):
                assert datum.event_id not in ids
                assert now <= datum.t_ns < until
                ids.add(datum.event_id)
            else:
                assert isinstance(datum, DeviceSnapshot)
                assert now <= datum.t_ns < until
                errors = [p.value for p in datum.parameters if p.name == "readout_error"]
                assert all(0.0 < e <= 0.5 for e in errors)
        now = until


@pytest.mark.parametrize("name", NAMES)
def test_a_strength_out_of_range_is_refused_and_leaves_no_trace(name: str) -> None:
    one, listed = twin(), PERTURBATIONS.get(name)
    for strength in (listed.low * 0.99, listed.high * 1.01, math.nan, -1.0):
        with pytest.raises(BadInputError, match=name):
            one.perturb(name, strength, 1.0)
    assert one.truth() == ()
