"""The lab: one clock, one seed, real background."""

import dataclasses
import math

import numpy as np
import pytest
from tests.unit.twin.twins import START_NS, channels, events, lab

from mumetal.catalog.calibrations import snapshots
from mumetal.core.errors import BadInputError
from mumetal.core.event import EventClass
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios.schedule import Planned, Schedule, demo_schedule

SECOND = 10**9


def test_the_same_seed_gives_the_same_data_however_the_time_is_cut() -> None:
    schedule = demo_schedule(5)
    whole, parts = lab(schedule=schedule), lab(schedule=schedule)
    once = whole.advance(130.0)
    pieces = [d for step in [0.001, 0.25, 0.2499, 19.5, 30.0, 80.0 - 0.0009] for d in parts.advance(step)]
    assert whole.now_ns == parts.now_ns
    first, second = channels(once), channels(pieces)
    assert first.keys() == second.keys()
    for name, rows in first.items():
        np.testing.assert_allclose(second[name], rows, rtol=1e-9, atol=1e-22, err_msg=name)
    assert events(once) == events(pieces)
    assert whole.truth() == parts.truth()


def test_another_seed_gives_other_data() -> None:
    first, second = channels(lab(1).advance(20.0)), channels(lab(2).advance(20.0))
    assert first.keys() == second.keys()
    same = [n for n in first if np.array_equal(first[n], second[n], equal_nan=True)]
    assert same in ([], ["calibration/anharmonicity", "calibration/gate_length"], same)
    assert {n for n in same if "calibration" not in n and ".shots_after_" not in n} == set()  # as many are always taken


def test_every_stream_has_units_provenance_and_its_rate() -> None:
    data = lab().advance(20.0)
    rates = {"control": 80, "cryostat": 1, "qubits": 1, "queue": 1, "supply": 10}
    for stream, rate in rates.items():
        found = [d for d in data if isinstance(d, Series) and d.stream == stream]
        assert sum(map(len, found)) == 20 * rate
        assert {c.provenance for d in found for c in d.channels} == {"twin"}
        assert {d.device for d in found} == {"twin-a"}
    calibrations = [d for d in data if isinstance(d, DeviceSnapshot)]
    assert [d.t_ns - START_NS for d in calibrations] == [0, 10 * SECOND]
    assert all("twin" in d.provenance and "IBM nairobi" in d.provenance for d in calibrations)


def test_the_background_is_the_real_device() -> None:
    background = snapshots("nairobi")[-1]
    (first,) = [d for d in lab().advance(1.0) if isinstance(d, DeviceSnapshot)]
    real = {p.channel: p.value for p in background.parameters}
    ours = {p.channel: p.value for p in first.parameters}
    assert ours.keys() == real.keys()
    assert first.coupling == background.coupling
    for name, value in ours.items():
        if name.endswith("frequency"):
            assert value == pytest.approx(real[name], abs=10e3)
        elif name.endswith(("T1", "T2", "readout_error")):
            assert abs(math.log(value / real[name])) < 1.6


def test_a_device_that_publishes_no_frequency_has_a_twin_that_publishes_none() -> None:
    twin = Lab(snapshots("aachen"), 1, START_NS, pace=Pace(control_hz=0.0))
    (first,) = [d for d in twin.advance(1.0) if isinstance(d, DeviceSnapshot)]
    assert {p.name for p in snapshots("aachen")[-1].parameters} == {p.name for p in first.parameters}
    assert not any(p.name == "frequency" for p in first.parameters)


def test_canaries_sit_on_connected_healthy_qubits() -> None:
    twin = lab(backend="sherbrooke")
    assert len(twin.canaries) == 8
    for q in twin.canaries:
        assert set(twin.chip.neighbours[q]) & set(twin.canaries)
    rates = np.concatenate([v[:, 1] for n, v in channels(twin.advance(30.0)).items() if n.startswith("qubits/")])
    assert rates.max() < 0.25


def test_honest_people_leave_jobs_calls_logins_and_calibrations() -> None:
    found = events(lab().advance(300.0))
    assert len({e.event_id for e in found}) == len(found)
    assert len({e.actor for e in found if e.activity == "RunJob"}) == 4
    assert any(e.event_class is EventClass.AUTHENTICATION for e in found)
    writes = [e for e in found if e.activity == "calibration.write"]
    assert len(writes) == 30
    assert all(e.attribute("change_ticket") and e.actor == "svc-calibration" for e in writes)
    assert all(e.provenance == "twin" for e in found)
    assert not [e for e in found if e.activity == "config.write"]


def test_streams_can_be_turned_off() -> None:
    pace = Pace(
        control_hz=0,
        cryostat_hz=0,
        qubits_hz=0,
        queue_hz=0,
        supply_hz=0,
        handover_hz=0,
        calibration_s=math.inf,
        people=False,
    )
    assert lab(pace=pace).advance(100.0) == []
    daily = dataclasses.replace(pace, calibration_s=86_400.0)
    assert len(lab(pace=daily).advance(10 * 86_400.0)) == 10


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf, 1e9])
def test_time_only_goes_forward(seconds: float) -> None:
    with pytest.raises(BadInputError):
        lab().advance(seconds)


def test_what_cannot_be_is_refused() -> None:
    twin = lab()
    for name, strength, duration in (
        ("frogs", 1.0, 1.0),
        ("config_edit", 9.0, 1.0),
        ("config_edit", math.nan, 1.0),
        ("config_edit", 0.05, 0.0),
        ("config_edit", 0.05, math.nan),
    ):
        with pytest.raises(BadInputError):
            twin.perturb(name, strength, duration)
    assert twin.truth() == ()
    with pytest.raises(BadInputError):
        Planned(name="config_edit", start_s=-1.0, duration_s=1.0, strength=0.05)
    with pytest.raises(BadInputError):
        Lab([], 1, START_NS)


def test_the_truth_holds_what_was_planned_and_what_was_done_by_hand() -> None:
    plan = Schedule(planned=(Planned(name="warm_up", start_s=3.0, duration_s=4.0, strength=1e-5),))
    twin = lab(schedule=plan)
    twin.advance(2.0)
    assert twin.truth() == ()
    done = twin.perturb("exfiltration.timing_covert_channel", 0.5, 10.0)
    twin.advance(2.0)
    by_hand, planned = twin.truth()
    assert by_hand == done
    assert (done.kind, done.strength) == ("attack", 0.5)
    assert (done.start_ns, done.stop_ns) == (START_NS + 2 * SECOND, START_NS + 12 * SECOND)
    assert (planned.kind, planned.name) == ("innocent", "watch.causes.warm_up")
    assert (planned.start_ns, planned.stop_ns) == (START_NS + 3 * SECOND, START_NS + 7 * SECOND)


def test_effects_that_are_over_are_forgotten_and_lasting_ones_are_not() -> None:
    twin = lab(pace=Pace(control_hz=0.0))
    twin.perturb("tls_jump", 2.0, 5.0)
    twin.perturb("authorised_recalibration", 0.3, 5.0)
    twin.advance(50.0)
    assert len(twin._bench.effects) == 2
    twin.advance(100.0)
    assert [e.lasting for e in twin._bench.effects] == [True]
    assert len(twin.truth()) == 2


def test_a_demonstration_has_several_attacks_and_causes_within_40_s() -> None:
    for seed in range(5):
        twin = lab(seed, schedule=demo_schedule(seed, 60.0))
        twin.advance(60.0)
        assert twin.truth() == ()
        twin.advance(40.0)
        kinds = [t.kind for t in twin.truth()]
        assert kinds.count("attack") >= 4
        assert kinds.count("innocent") >= 3
