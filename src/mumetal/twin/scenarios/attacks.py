"""Attacks: what they do to the physics, and the traces they leave. Numbers and sources: the technique cards."""

import numpy as np

from mumetal.core.event import EventClass
from mumetal.twin.devices.chip import Chip
from mumetal.twin.knobs import Effect, Floats, Knob, Replay, during
from mumetal.twin.people import digest
from mumetal.twin.scenarios.spec import Perturbation, Stage
from mumetal.twin.signals.timing import JITTER_S

CANARY_FLIPS = 10  # gates in a canary that a config edit acts on
ZZ_HZ = 50e3
CX_S = 278e-9  # 10 CX at 50 kHz turn P(11) from 0.940 to 0.772


def _timing_covert_channel(stage: Stage) -> Effect:
    def delay(t_s: Floats, value: Floats) -> Floats:
        inside = during(t_s, stage.start_s, stage.stop_s)
        # A bit is drawn for each pulse inside the window only, in order: chunks do not matter.
        bits = np.zeros_like(value)
        rows = inside[:, 0] > 0
        bits[rows, 0] = np.where(stage.rng.random(int(rows.sum())) < 0.5, -1.0, 1.0)
        return value + stage.strength * JITTER_S * bits

    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.PULSE_DELAY: delay})


def _calibration_misreport(stage: Stage) -> Effect:
    def praise(t_s: Floats, value: Floats) -> Floats:
        return value * (1.0 + stage.strength * during(t_s, stage.start_s, stage.stop_s))

    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.REPORTED: praise})


def _config_edit(stage: Stage) -> Effect:
    added = float(np.sin(0.5 * CANARY_FLIPS * stage.strength) ** 2)
    hit = np.zeros(stage.chip.qubits)
    hit[list(stage.canaries[: max(1, len(stage.canaries) // 2)])] = added

    def over_rotate(t_s: Floats, value: Floats) -> Floats:
        return value + (1.0 - value) * hit * during(t_s, stage.start_s, stage.stop_s)

    edit = stage.event(
        stage.start_s,
        "config.write",
        "chem-batch",
        event_class=EventClass.DEVICE_CONFIG_CHANGE,
        address="198.51.100.23",
        attributes=(("path", "pulse_library/x"), ("config_digest", digest("edited", stage.device, stage.start_s))),
    )
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.EXCESS: over_rotate}, events=(edit,))


def _device_substitution(stage: Stage) -> Effect:
    size = stage.chip.qubits
    shift = stage.strength / 0.6745 * stage.rng.standard_normal(size)
    slower = np.exp(np.abs(stage.rng.normal(0.0, 0.35, size)))

    def other_hz(t_s: Floats, value: Floats) -> Floats:
        return value + shift * during(t_s, stage.start_s, stage.stop_s)

    def other_rate(t_s: Floats, value: Floats) -> Floats:
        return value * np.where(during(t_s, stage.start_s, stage.stop_s) > 0, slower, 1.0)

    turns = {Knob.FREQUENCY: other_hz, Knob.RELAXATION: other_rate}
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns=turns)


def _cryostat_sabotage(stage: Stage) -> Effect:
    def throttle(t_s: Floats, value: Floats) -> Floats:
        return value + stage.strength * during(t_s, stage.start_s, stage.stop_s)

    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.COOLING_LOSS: throttle})


def crosstalk(gates: float) -> float:
    """Return the error probability that ``gates`` CX gates put on a neighbour through ZZ coupling, in [0, 1]."""
    return float(np.sin(np.pi * ZZ_HZ * CX_S * gates) ** 2)


def victims_of(chip: Chip, canaries: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return the attacker's qubit that has most canaries beside it, and those canaries."""
    watched = set(canaries)
    reach = [tuple(b for b in chip.neighbours[q] if b in watched) for q in range(chip.qubits)]
    attacker = max(range(chip.qubits), key=lambda q: (len(reach[q]), q not in watched, -q))
    return attacker, reach[attacker] or canaries[:1]


def _crosstalk_hammering(stage: Stage) -> Effect:
    attacker, victims = victims_of(stage.chip, stage.canaries)
    hit = np.zeros(stage.chip.qubits)
    hit[list(victims)] = crosstalk(stage.strength)

    def hammer(t_s: Floats, value: Floats) -> Floats:
        return value + (1.0 - value) * hit * during(t_s, stage.start_s, stage.stop_s)

    def dense(t_s: Floats, value: Floats) -> Floats:
        return value + 0.012 * stage.strength * during(t_s, stage.start_s, stage.stop_s)

    def drawn(t_s: Floats, value: Floats) -> Floats:
        return value + 0.08 * stage.strength * during(t_s, stage.start_s, stage.stop_s)

    jobs = [
        stage.event(
            float(at),
            "RunJob",
            "q-tester-7",
            address="203.0.113.61",
            shots=20_000,
            job=True,
            attributes=(("two_qubit_density", "0.900"), ("qubits", f"{attacker}")),
        )
        for at in np.arange(stage.start_s, stage.stop_s, 3.0)
    ]
    turns = {Knob.EXCESS: hammer, Knob.DENSITY: dense, Knob.RACK_LOAD: drawn}
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns=turns, events=jobs)


def _telemetry_replay(stage: Stage) -> Effect:
    replay = Replay(stream="cryostat", loop_s=stage.strength)
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, replay=replay)


def _reset_leakage(stage: Stage) -> Effect:
    def leave(t_s: Floats, value: Floats) -> Floats:
        return value + stage.strength * during(t_s, stage.start_s, stage.stop_s)

    probes = [
        stage.event(
            float(at), "RunJob", "q-tester-7", address="203.0.113.61", shots=20_000, job=True,
            attributes=(("two_qubit_density", "0.000"), ("measures_first", "true")),
        )
        for at in np.arange(stage.start_s, stage.stop_s, 3.0)
    ]  # fmt: skip
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.RESIDUAL: leave}, events=probes)


def _readout_crosstalk(stage: Stage) -> Effect:
    coupled = np.zeros(stage.chip.qubits)
    coupled[list(stage.canaries[:2])] = stage.strength

    def together(t_s: Floats, value: Floats) -> Floats:
        inside = during(t_s, stage.start_s, stage.stop_s)[:, 0] > 0
        state = np.zeros(t_s.size)  # the victim's measured state, drawn per row inside the window: chunks do not matter
        state[inside] = np.where(stage.rng.random(int(inside.sum())) < 0.5, -1.0, 1.0)
        return np.clip(value + state[:, None] * coupled, 0.0, 0.5)

    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.READOUT: together})


def _supply_tap(stage: Stage) -> Effect:
    def unfiltered(t_s: Floats, value: Floats) -> Floats:
        return value * (1.0 + (stage.strength - 1.0) * during(t_s, stage.start_s, stage.stop_s))

    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, turns={Knob.LEAK: unfiltered})


def _telemetry_export(stage: Stage) -> Effect:
    calls = [
        stage.event(
            float(at), "ExportTelemetry", "chem-batch", address="198.51.100.77",
            attributes=(("bytes", f"{stage.strength:.0f}"), ("destination", "bucket-eu-7.example")),
        )
        for at in np.arange(stage.start_s, stage.stop_s, 1.0)
    ]  # fmt: skip
    return Effect(start_s=stage.start_s, stop_s=stage.stop_s, events=calls)


ATTACKS = (
    Perturbation(
        name="timing_covert_channel", truth="exfiltration.timing_covert_channel", kind="attack",
        title="Firmware shifts data pulses by ±strength·jitter to send bits", unit="jitter σ", low=0.01, high=5.0,
        usual=1.2, moves=("control/awg.timing_residual",), start=_timing_covert_channel,
    ),
    Perturbation(
        name="calibration_misreport", truth="impair.calibration_misreport", kind="attack",
        title="Published figures are better than the device by this share", unit="1", low=0.01, high=3.0, usual=0.8,
        moves=("calibration/T1", "calibration/T2", "calibration/readout_error", "calibration/gate_error"),
        start=_calibration_misreport,
    ),
    Perturbation(
        name="config_edit", truth="impair.config_edit", kind="attack",
        title="A pulse library is edited so that flips over-rotate", unit="rad", low=0.005, high=0.3, usual=0.06,
        moves=("qubits/*", "events/config.write"), start=_config_edit,
    ),
    Perturbation(
        name="device_substitution", truth="impair.device_substitution", kind="attack",
        title="Another chip answers under this name; its frequencies differ by this median", unit="Hz", low=1e5,
        high=1e9, usual=4e7, moves=("calibration/T1", "calibration/T2", "calibration/frequency", "qubits/*"),
        start=_device_substitution,
    ),
    Perturbation(
        name="cryostat_sabotage", truth="impair.cryostat_sabotage", kind="attack",
        title="The compressor's cooling water is throttled by this share", unit="1", low=0.02, high=1.0, usual=0.6,
        moves=("cryostat/*", "qubits/*"), start=_cryostat_sabotage,
    ),
    Perturbation(
        name="crosstalk_hammering", truth="impair.crosstalk_hammering", kind="attack",
        title="A tenant's circuits play this many CX beside a neighbour", unit="CX", low=1.0, high=60.0, usual=14.0,
        moves=("qubits/*", "queue/gate.density", "control/rack.power", "events/RunJob"), start=_crosstalk_hammering,
    ),
    Perturbation(
        name="telemetry_replay", truth="evasion.telemetry_replay", kind="attack",
        title="The cryostat's log shows its last seconds again and again, this many", unit="s", low=4.0, high=3_600.0,
        usual=8.0, moves=("cryostat/*",), start=_telemetry_replay,
    ),
    Perturbation(
        name="reset_leakage", truth="collection.reset_leakage", kind="attack",
        title="Resets leave this share of the last tenant's state, and a tenant measures first", unit="1", low=1e-4,
        high=0.5, usual=0.02, moves=("handover/*", "events/RunJob"), start=_reset_leakage,
    ),
    Perturbation(
        name="readout_crosstalk", truth="collection.readout_crosstalk", kind="attack",
        title="Two qubits on one readout line change one another's readout error by this", unit="1", low=1e-4, high=0.3,
        usual=0.03, moves=("qubits/*", "handover/*", "calibration/readout_error"), start=_readout_crosstalk,
    ),
    Perturbation(
        name="supply_tap", truth="collection.controller_power_trace", kind="attack",
        title="The supply's filter is bypassed: pulses show this many times as strongly in its power", unit="1", low=1.1,
        high=20.0, usual=5.0, moves=("supply/supply.power",), start=_supply_tap,
    ),
    Perturbation(
        name="telemetry_export", truth="exfiltration.telemetry_export", kind="attack",
        title="An account exports telemetry once a second, this many bytes a call", unit="B", low=1.0, high=1e9,
        usual=4e6, moves=("events/ExportTelemetry",), start=_telemetry_export,
    ),
)  # fmt: skip
