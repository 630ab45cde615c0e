"""Each cause on what it is for, on the same with something missing, and on an attack that hides under it."""

from dataclasses import replace

import numpy as np
from tests.unit.watch.backgrounds import T0, Array, stream

from mumetal.core.event import Event, Status
from mumetal.core.finding import Attribution, Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.core.subject import Subject
from mumetal.watch.causes.authorised_recalibration import AuthorisedRecalibration
from mumetal.watch.causes.co_tenant_load import CoTenantLoad
from mumetal.watch.causes.pulse_tube import PulseTube
from mumetal.watch.causes.radiation_burst import RadiationBurst
from mumetal.watch.causes.tls_jump import TlsJump
from mumetal.watch.causes.warm_up import WarmUp

START = T0 + 600 * 10**9
PLATES = ("50k.temperature", "4k.temperature", "still.temperature", "cp.temperature", "mxc.temperature")
LEVELS = np.array([45.0, 3.5, 0.8, 0.1, 0.01])


def finding(name: str, channels: tuple[str, ...], rule: str = "watch.detectors.ewma") -> Finding:
    return Finding(
        subject=Subject.stream("lab", name), rule=rule, title="x", start_ns=START, stop_ns=START + 300 * 10**9, confidence=0.9,
        attribution=tuple(Attribution(channel=c, share=1 / len(channels), method="own-score") for c in channels),
    )  # fmt: skip


def cryostat(rising: Array) -> Series:
    rng = np.random.default_rng(0)
    values = LEVELS * (1 + 0.003 * rng.normal(size=(900, 5)))
    ramp = np.maximum(np.arange(900) - 600, 0)[:, None] / 300
    return stream(values * (1 + ramp * rising), names=PLATES, units=("K",) * 5, name="cryostat")


def event(activity: str, **more: object) -> Event:
    return replace(Event(event_id="e7", device="lab", t_ns=START - 60 * 10**9, activity=activity, actor="ana"), **more)  # type: ignore[arg-type]


def test_announced_warm_up_is_explained_and_points_at_the_announcement() -> None:
    scene = Scene(series=(cryostat(np.full(5, 0.5)),), events=(event("cryostat.maintenance"),))
    verdict = WarmUp().explain(finding("cryostat", PLATES), scene)
    assert verdict.explained
    assert verdict.log_likelihood_ratio > 0
    assert verdict.evidence[0].uri == "event:e7"


def test_warm_up_that_nobody_announced_or_only_of_the_mixing_chamber_is_not() -> None:
    whole, cold = cryostat(np.full(5, 0.5)), cryostat(np.array([0, 0, 0, 0.5, 3.0]))
    announced = (event("cryostat.maintenance"),)
    seen = finding("cryostat", PLATES)
    for scene in (
        Scene(series=(whole,)),
        Scene(series=(whole,), events=(event("cryostat.maintenance", status=Status.FAILURE),)),
        Scene(series=(whole,), events=(event("cryostat.maintenance", t_ns=START - 7_200 * 10**9),)),
        Scene(series=(cold,), events=announced),
    ):
        verdict = WarmUp().explain(seen, scene)
        assert not verdict.explained
        assert verdict.log_likelihood_ratio <= 0
    assert "pulse tube" in WarmUp().explain(seen, Scene(series=(cold,), events=announced)).reason


def calibration(after: float) -> Series:
    values = np.tile([0.02, 0.02, 0.02], (10, 1))
    values[6:, 1] *= after
    return stream(
        values, hz=1 / 100, names=("q0.readout_error", "q1.readout_error", "q2.readout_error"), name="calibration"
    )


def write(**attributes: str) -> Event:
    return event("calibration.write", attributes=tuple(attributes.items()))


def test_recalibration_within_its_declaration_is_explained_and_a_remainder_is_not() -> None:
    seen = finding("calibration", ("q1.readout_error",), "watch.detectors.day_to_day")
    declared = write(change_ticket="CH-7", channels="q1.*", max_relative_change="0.3")
    cause = AuthorisedRecalibration()
    assert cause.explain(seen, Scene(series=(calibration(0.8),), events=(declared,))).explained
    beyond = cause.explain(seen, Scene(series=(calibration(0.4),), events=(declared,)))
    assert not beyond.explained
    assert "remainder" in beyond.reason
    assert "-60%" in beyond.reason
    elsewhere = write(change_ticket="CH-7", channels="q0.*", max_relative_change="0.3")
    assert not cause.explain(seen, Scene(series=(calibration(0.8),), events=(elsewhere,))).explained


def test_recalibration_needs_a_ticket_a_known_actor_and_success() -> None:
    seen = finding("calibration", ("q1.readout_error",), "watch.detectors.day_to_day")
    good = write(change_ticket="CH-7")
    series = (calibration(0.8),)
    for cause, events in (
        (AuthorisedRecalibration(), ()),
        (AuthorisedRecalibration(), (write(channels="q1.*"),)),
        (AuthorisedRecalibration(), (replace(good, actor=""),)),
        (AuthorisedRecalibration(), (replace(good, status=Status.FAILURE),)),
        (AuthorisedRecalibration(frozenset({"ben"})), (good,)),
    ):
        assert not cause.explain(seen, Scene(series=series, events=events)).explained
    assert AuthorisedRecalibration(frozenset({"ana"})).explain(seen, Scene(series=series, events=(good,))).explained
    stolen = finding("calibration", ("q1.frequency",), "watch.detectors.identity")
    assert not AuthorisedRecalibration().explain(stolen, Scene(series=series, events=(good,))).explained


def canaries(factors: tuple[float, ...]) -> Series:
    rng = np.random.default_rng(1)
    values = 0.02 * np.exp(0.05 * rng.normal(size=(900, len(factors))))
    values[600:] *= np.array(factors)
    return stream(values, names=tuple(f"q{i}.canary_error" for i in range(len(factors))))


def test_one_qubit_that_steps_alone_is_a_tls_jump() -> None:
    seen = finding("qubits", ("q1.canary_error",))
    quiet = stream(np.random.default_rng(2).normal(size=(900, 1)), names=("gate_density",), name="queue")
    verdict = TlsJump().explain(seen, Scene(series=(canaries((1, 1.5, 1, 1)), quiet)))
    assert verdict.explained
    assert verdict.log_likelihood_ratio > 0


def test_a_jump_too_far_or_with_company_is_none() -> None:
    seen = finding("qubits", ("q1.canary_error",))
    busy = np.random.default_rng(2).normal(size=(900, 1))
    busy[600:] += 20
    queue = stream(busy, names=("gate_density",), name="queue")
    for series in (
        (canaries((1, 12.0, 1, 1)),),
        (canaries((1, 1.5, 1.4, 1)),),
        (canaries((1, 1.5, 1, 1)), queue),
        (),
    ):
        assert not TlsJump().explain(seen, Scene(series=series)).explained
    shared = finding("qubits", ("q0.canary_error", "q1.canary_error"))
    assert not TlsJump().explain(shared, Scene(series=(canaries((1, 1.5, 1, 1)),))).explained


def test_a_recalibration_moves_no_cryostat_no_clock_and_makes_no_canary_worse() -> None:
    good = write(change_ticket="CH-7")
    warm = Scene(series=(cryostat(np.full(5, 0.1)),), events=(good,))
    cause = AuthorisedRecalibration()
    assert not cause.explain(finding("cryostat", PLATES[:1]), warm).explained
    assert not cause.explain(finding("control", ("awg.timing_residual",)), warm).explained
    worse = cause.explain(
        finding("qubits", ("q1.canary_error",)), Scene(series=(canaries((1, 1.3, 1, 1)),), events=(good,))
    )
    assert not worse.explained
    assert "worse" in worse.reason
    better = Scene(series=(canaries((1, 0.7, 1, 1)),), events=(good,))
    assert cause.explain(finding("qubits", ("q1.canary_error",)), better).explained
    lie = finding("calibration", ("q1.readout_error",), "watch.covert.misreport")
    assert not cause.explain(lie, Scene(series=(calibration(0.8),), events=(good,))).explained


def strike(rows: int, factors: tuple[float, ...]) -> Series:
    values = 0.03 + 0.005 * np.random.default_rng(3).normal(size=(640, len(factors)))
    values[600 : 600 + rows] += 0.05 * np.array(factors)
    return stream(values, names=tuple(f"q{i}.canary_error" for i in range(len(factors))))


def test_a_burst_lifts_all_canaries_for_a_row_and_what_lasts_or_picks_is_none() -> None:
    seen = finding("qubits", ("q0.canary_error", "q1.canary_error"))
    cause = RadiationBurst()
    assert cause.explain(seen, Scene(series=(strike(1, (1, 1, 1, 1, 1)),))).explained
    for series in (strike(20, (1, 1, 1, 1, 1)), strike(1, (3, 0, 0, 3, 0)), strike(1, (0, 0, 0, 0, 0))):
        assert not cause.explain(seen, Scene(series=(series,))).explained
    assert not cause.explain(finding("queue", ("shots.rate",)), Scene(series=(strike(1, (1, 1, 1, 1, 1)),))).explained
    begun = replace(seen, stop_ns=START + 10**9)
    first = strike(1, (1, 1, 1, 1, 1)).rows(0, 601)
    assert "so far" in cause.explain(begun, Scene(series=(first,))).reason


def field(line: float, other: float = 0.0, hz: float = 40.0) -> Series:
    t = np.arange(round(660 * hz)) / hz
    now = (t >= 590) & (t < 630)
    rng = np.random.default_rng(4)
    b = 3e-9 * (1 + line * now) * np.sin(2 * np.pi * 1.4 * t) + 2e-8 * np.sin(2 * np.pi * 10 * t)
    b += other * now * 3e-9 * np.sin(2 * np.pi * 5.3 * t) + 4e-9 * rng.normal(size=t.size)
    return stream(
        np.stack([b, rng.normal(size=t.size)], axis=1),
        hz=hz,
        names=("magnetometer", "rack.power"),
        units=("T", "W"),
        name="control",
    )


def test_a_louder_pulse_tube_is_explained_and_a_line_beside_it_is_a_remainder() -> None:
    seen = replace(finding("control", ("magnetometer",)), stop_ns=START + 20 * 10**9)
    cause = PulseTube()
    assert cause.explain(seen, Scene(series=(field(7),))).explained
    both = cause.explain(seen, Scene(series=(field(7, other=9),)))
    assert not both.explained
    assert "remainder" in both.reason
    assert not cause.explain(seen, Scene(series=(field(0),))).explained
    assert not cause.explain(finding("control", ("awg.timing_residual",)), Scene(series=(field(7),))).explained
    qubits = replace(finding("qubits", ("q0.canary_error",)), stop_ns=START + 20 * 10**9)
    assert cause.explain(qubits, Scene(series=(strike(20, (1, 1, 1, 1, 1)), field(7)))).explained
    assert not cause.explain(qubits, Scene(series=(strike(20, (1, 0, 0, 1, 0)), field(7)))).explained


def queue(times: float, density: float = 0.25) -> Series:
    rng = np.random.default_rng(5)
    values = np.stack(
        [rng.poisson(2.0, 640), 8_000 * np.exp(0.08 * rng.normal(size=640)), rng.normal(0.22, 0.01, 640)], axis=1
    )
    values[600:] *= np.array([times, times, density / 0.22])
    return stream(
        values.astype(np.float64),
        names=("jobs.rate", "shots.rate", "gate.density"),
        units=("Hz", "Hz", "1"),
        name="queue",
    )


def jobs(actor: str, density: str = "0.30") -> tuple[Event, ...]:
    before = tuple(event("RunJob", event_id=f"b{i}", t_ns=START - (60 + i) * 10**9, actor="ben") for i in range(5))
    now = event("RunJob", event_id="n", t_ns=START + 10**9, actor=actor, attributes=(("two_qubit_density", density),))
    return (*before, now)


def test_a_busy_queue_is_explained_by_jobs_of_known_people_and_not_when_a_canary_suffers() -> None:
    seen = replace(finding("queue", ("shots.rate", "gate.density")), stop_ns=START + 20 * 10**9)
    cause = CoTenantLoad()
    good = cause.explain(seen, Scene(series=(queue(4.0),), events=jobs("ben")))
    assert good.explained
    assert good.evidence[0].uri == "event:n"
    for scene in (
        Scene(series=(queue(4.0),), events=jobs("mallory")),
        Scene(series=(queue(4.0),), events=()),
        Scene(series=(queue(1.0, density=0.4),), events=jobs("ben")),
        Scene(series=(queue(4.0, density=0.6),), events=jobs("ben")),
        Scene(series=(queue(4.0),), events=jobs("ben", "0.90")),
        Scene(series=(queue(4.0), strike(20, (3, 0, 0, 3, 0))), events=jobs("ben")),
    ):
        assert not cause.explain(seen, scene).explained
    assert (
        "remainder"
        in cause.explain(seen, Scene(series=(queue(4.0), strike(20, (3, 0, 0, 3, 0))), events=jobs("ben"))).reason
    )


def test_heat_moves_no_compressor() -> None:
    values = np.column_stack(
        [cryostat(np.full(5, 0.5)).values, np.full(900, 297.0) + 0.05 * np.random.default_rng(6).normal(size=900)]
    )
    names, units = (*PLATES, "compressor.water_out"), ("K",) * 6
    told = (event("cryostat.warm_up"),)
    plain = stream(values, names=names, units=units, name="cryostat")
    assert WarmUp().explain(finding("cryostat", PLATES), Scene(series=(plain,), events=told)).explained
    values = values + 10 * (np.arange(900)[:, None] >= 600) * (np.arange(6) == 5)
    hidden = WarmUp().explain(
        finding("cryostat", PLATES),
        Scene(series=(stream(values, names=names, units=units, name="cryostat"),), events=told),
    )
    assert not hidden.explained
    assert "remainder" in hidden.reason


def test_a_gauge_that_rises_with_announced_heat_in_other_streams_is_explained_and_one_that_falls_is_not() -> None:
    whole = cryostat(np.full(5, 0.5))
    split = tuple(
        stream(whole.values[:, i : i + 1], names=(f"ch{n}.temperature",), units=("K",), name=f"ch{n}.temperature")
        for n, i in ((1, 0), (2, 1), (5, 2), (6, 4))
    )
    announced = (event("cryostat.warm_up"),)
    for factor, explained in ((2.0, True), (0.5, False)):
        pressure = 5e3 * (1 + 0.002 * np.random.default_rng(3).normal(size=(900, 1)))
        pressure[600:] *= factor
        gauge = stream(pressure, names=("p3.pressure",), units=("Pa",), name="maxigauge")
        seen = finding("maxigauge", ("p3.pressure",))
        verdict = WarmUp().explain(seen, Scene(series=(gauge, *split), events=announced))
        assert verdict.explained is explained, verdict.reason
    assert "fell" in verdict.reason
    assert (
        WarmUp()
        .explain(finding("ch6.temperature", ("ch6.temperature",)), Scene(series=split, events=announced))
        .explained
    )


def test_heat_does_not_make_a_log_repeat_or_stand_still() -> None:
    scene = Scene(series=(cryostat(np.full(5, 0.5)),), events=(event("cryostat.maintenance"),))
    for rule in ("watch.covert.replay", "watch.covert.noisy_replay", "watch.quality.frozen"):
        assert not WarmUp().explain(finding("cryostat", PLATES, rule), scene).explained


def reported(praise: float) -> tuple[DeviceSnapshot, ...]:
    rng = np.random.default_rng(4)
    out = []
    for place in range(9):
        better = praise if place >= 7 else 1.0
        figures = [("T1", "s", 1e-4 * better), ("readout_error", "1", 0.02 / better)]
        parameters = tuple(
            Parameter(component=f"q{q}", name=n, value=v * float(np.exp(0.05 * rng.normal())), unit=u)
            for q in range(4)
            for n, u, v in figures
        )
        t_ns = START + (place - 7) * 60 * 10**9
        out.append(DeviceSnapshot(device="lab", t_ns=t_ns, qubits=4, coupling=(), parameters=parameters))
    return tuple(out)


def test_canaries_that_heat_lifts_explain_why_they_disagree_with_figures_and_praise_does_not() -> None:
    seen = replace(
        finding("calibration", ("q0.readout_error", "q1.readout_error"), "watch.covert.misreport"),
        start_ns=START + 60 * 10**9,
        stop_ns=START + 60 * 10**9 + 1,
    )
    series = (canaries((1.5,) * 4), cryostat(np.full(5, 0.5)))
    announced = (event("cryostat.maintenance"),)
    honest = WarmUp().explain(seen, Scene(series=series, events=announced, snapshots=reported(1.0)))
    assert honest.explained, honest.reason
    praised = WarmUp().explain(seen, Scene(series=series, events=announced, snapshots=reported(1.6)))
    assert not praised.explained
    assert "got better" in praised.reason
    alone = TlsJump().explain(seen, Scene(series=(canaries((1, 1.8, 1, 1)),), snapshots=reported(1.0)))
    assert alone.explained, alone.reason


def test_configuration_written_without_a_ticket_leaves_a_remainder_of_a_jump() -> None:
    seen = finding("qubits", ("q1.canary_error",))
    series = (canaries((1, 1.5, 1, 1)),)
    edited = TlsJump().explain(seen, Scene(series=series, events=(event("config.write"),)))
    assert not edited.explained
    assert edited.evidence[0].uri == "event:e7"
    allowed = event("config.write", attributes=(("change_ticket", "CH-7"),))
    assert TlsJump().explain(seen, Scene(series=series, events=(allowed,))).explained
