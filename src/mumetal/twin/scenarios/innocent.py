"""Innocent causes: what happens to every quantum computer, and what it leaves in the logs."""

import numpy as np

from mumetal.core.event import EventClass
from mumetal.twin.knobs import Effect, Floats, Knob, during
from mumetal.twin.people import CALIBRATOR, digest
from mumetal.twin.scenarios.spec import Perturbation, Stage
from mumetal.twin.signals.radiation import burst

PUBLISH_LEAD_S = 0.2


def _tls_jump(stage: Stage) -> Effect:
    hit = np.zeros(stage.chip.qubits)
    hit[stage.canaries[int(stage.rng.integers(len(stage.canaries)))]] = stage.strength

    def jump(t_s: Floats, value: Floats) -> Floats:
        return value * (1.0 + hit * during(t_s, stage.start_s, stage.stop_s))

    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.RELAXATION: jump})


def _radiation_burst(stage: Stage) -> Effect:
    decay = max((stage.stop_s - stage.start_s) / 5.0, 0.02)

    def strike(t_s: Floats, value: Floats) -> Floats:
        step = 1.0  # a canary row counts over the second that follows it
        return value + burst(t_s, step, stage.start_s, stage.strength, decay)[:, None]

    # The row that starts before the strike counts part of it, hence the earlier start.
    return Effect(start_s=stage.start_s - 1.0, stop_s=stage.stop_s, turns={Knob.EXCESS: strike})


def _pulse_tube(stage: Stage) -> Effect:
    def louder(t_s: Floats, value: Floats) -> Floats:
        return value * (1.0 + (stage.strength - 1.0) * during(t_s, stage.start_s, stage.stop_s))

    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.VIBRATION: louder})


def _warm_up(stage: Stage) -> Effect:
    watts = np.array([stage.strength, 1e3 * stage.strength, 1e4 * stage.strength])

    def heat(t_s: Floats, value: Floats) -> Floats:
        return value + watts * during(t_s, stage.start_s, stage.stop_s)

    ticket = (("change_ticket", f"CHG-{digest(stage.device, stage.start_s)[:6].upper()}"), ("watts", f"{watts[0]:g}"))
    told = stage.event(
        stage.start_s, "cryostat.warm_up", "cryo-operator",
        event_class=EventClass.DEVICE_CONFIG_CHANGE, attributes=ticket,
    )  # fmt: skip
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.HEAT: heat}, events=(told,))


def _authorised_recalibration(stage: Stage) -> Effect:
    factor = np.exp(-stage.strength * np.abs(stage.rng.standard_normal(stage.chip.qubits)))

    def better_readout(t_s: Floats, value: Floats) -> Floats:
        return np.where(t_s[:, None] >= stage.stop_s - PUBLISH_LEAD_S, value * factor, value)

    def drawn(t_s: Floats, value: Floats) -> Floats:
        return value + 4.0 * during(t_s, stage.start_s, stage.stop_s)

    ticket = ("change_ticket", f"CHG-{digest(stage.device, stage.start_s)[:6].upper()}")
    began = stage.event(stage.start_s, "calibration.start", CALIBRATOR, attributes=(ticket,))
    written = stage.event(
        stage.stop_s - PUBLISH_LEAD_S, "calibration.write", CALIBRATOR,
        event_class=EventClass.DEVICE_CONFIG_CHANGE,
        attributes=(ticket, ("config_digest", digest("calibrated", stage.device, stage.stop_s))),
    )  # fmt: skip
    return Effect(
        start_s=stage.start_s,
        stop_s=stage.stop_s,
        turns={Knob.READOUT: better_readout, Knob.RACK_LOAD: drawn},
        events=(began, written),
        calibrations_s=(stage.stop_s,),
        lasting=True,
    )


def _co_tenant_load(stage: Stage) -> Effect:
    extra = stage.strength - 1.0

    def jobs(t_s: Floats, value: Floats) -> Floats:
        inside = during(t_s, stage.start_s, stage.stop_s)
        drawn = np.zeros_like(value)
        rows = inside[:, 0] > 0
        drawn[rows, 0] = stage.rng.poisson(2.0 * extra, int(rows.sum()))
        return value + drawn

    def shots(t_s: Floats, value: Floats) -> Floats:
        return value + 8_000.0 * extra * during(t_s, stage.start_s, stage.stop_s)

    def density(t_s: Floats, value: Floats) -> Floats:
        return value + 0.03 * extra * during(t_s, stage.start_s, stage.stop_s)

    def watts(t_s: Floats, value: Floats) -> Floats:
        return value + 2.5 * extra * during(t_s, stage.start_s, stage.stop_s)

    batch = [
        stage.event(
            float(at), "RunJob", "b.okafor", address="10.20.1.31", shots=8_192, job=True,
            attributes=(("two_qubit_density", "0.300"),),
        )
        for at in np.arange(stage.start_s, stage.stop_s, 2.0)
    ]  # fmt: skip
    turns = {Knob.JOBS: jobs, Knob.SHOTS: shots, Knob.DENSITY: density, Knob.RACK_LOAD: watts}
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns=turns, events=batch)


INNOCENT = (
    Perturbation(
        name="tls_jump", truth="watch.causes.tls_jump", kind="innocent",
        title="A two-level system raises one qubit's relaxation rate by this share", unit="1", low=0.05, high=20.0,
        usual=4.0, moves=("qubits/*", "calibration/T1", "calibration/T2"), start=_tls_jump,
    ),
    Perturbation(
        name="radiation_burst", truth="watch.causes.radiation_burst", kind="innocent",
        title="A particle strikes; all qubits err with this probability at first", unit="1", low=0.01, high=0.9,
        usual=0.6, moves=("qubits/*",), start=_radiation_burst,
    ),
    Perturbation(
        name="pulse_tube", truth="watch.causes.pulse_tube", kind="innocent",
        title="The pulse tube shakes this many times harder", unit="1", low=1.5, high=50.0, usual=8.0,
        moves=("control/magnetometer", "qubits/*"), start=_pulse_tube,
    ),
    Perturbation(
        name="warm_up", truth="watch.causes.warm_up", kind="innocent",
        title="An operator heats the mixing chamber with this power, under a ticket", unit="W", low=1e-7, high=1e-3,
        usual=6e-5, moves=("cryostat/*", "qubits/*", "events/cryostat.warm_up"), start=_warm_up,
    ),
    Perturbation(
        name="authorised_recalibration", truth="watch.causes.authorised_recalibration", kind="innocent",
        title="A recalibration under a ticket lowers readout errors by about this share", unit="1", low=0.01, high=1.0,
        usual=0.3,
        moves=("qubits/*", "handover/*", "control/rack.power", "calibration/*", "events/calibration.start",
               "events/calibration.write"),
        start=_authorised_recalibration,
    ),
    Perturbation(
        name="co_tenant_load", truth="watch.causes.co_tenant_load", kind="innocent",
        title="The queue is this many times busier", unit="1", low=1.2, high=20.0, usual=4.0,
        moves=("queue/*", "control/rack.power", "events/RunJob"), start=_co_tenant_load,
    ),
)  # fmt: skip
