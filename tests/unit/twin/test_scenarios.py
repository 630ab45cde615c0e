"""Every perturbation moves what it says it moves, and nothing else."""

from fnmatch import fnmatch

import numpy as np
import pytest
from tests.unit.twin.twins import Floats, channels, events, lab

from mumetal.catalog.techniques import technique
from mumetal.core.event import EventClass
from mumetal.twin.scenarios import PERTURBATIONS, find
from mumetal.twin.scenarios.attacks import crosstalk, victims_of
from mumetal.twin.scenarios.schedule import OPENING, demo_schedule
from mumetal.twin.scenarios.spec import Perturbation
from mumetal.twin.signals.timing import JITTER_S

NAMES = [name for name, _ in PERTURBATIONS]
QUIET_S, TOTAL_S = 32.0, 90.0


def with_and_without(
    name: str, strength: float | None = None, duration: float = 30.0
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Run 90 s with the perturbation from 32 s on, and without it, on one seed."""
    found = []
    for active in (True, False):
        twin = lab(7)
        data = list(twin.advance(QUIET_S))
        if active:
            twin.perturb(name, find(name).usual if strength is None else strength, duration)
        data += twin.advance(TOTAL_S - QUIET_S)
        rows = channels(data)
        for event in events(data):
            key = f"events/{event.activity}"
            rows[key] = np.vstack([rows.get(key, np.empty((0, 2))), [event.t_ns, len(event.attributes)]])
        found.append(rows)
    return found[0], found[1]


def moved(with_it: dict[str, Floats], without: dict[str, Floats]) -> set[str]:
    """Return what differs by more than rounding: a calibration cuts the time elsewhere, and sums round otherwise."""
    nothing = np.empty((0, 2))

    def differ(a: Floats, b: Floats) -> bool:
        if a.shape != b.shape or not np.array_equal(a[:, 0], b[:, 0]):
            return True
        return not np.allclose(a[:, 1], b[:, 1], rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(b[:, 1])), equal_nan=True)

    return {n for n in with_it.keys() | without.keys() if differ(with_it.get(n, nothing), without.get(n, nothing))}


@pytest.mark.parametrize("name", NAMES)
def test_it_moves_what_it_says_and_nothing_else(name: str) -> None:
    duration = 0.15 if name == "radiation_burst" else 30.0
    changed = moved(*with_and_without(name, duration=duration))
    said = find(name).moves
    assert {c for c in changed if not any(fnmatch(c, pattern) for pattern in said)} == set()
    assert {pattern for pattern in said if not any(fnmatch(c, pattern) for c in changed)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_moves_before_it_starts(name: str) -> None:
    with_it, without = with_and_without(name, duration=0.15 if name == "radiation_burst" else 30.0)
    start = 1_780_000_000 * 10**9 + QUIET_S * 1e9
    for channel, rows in without.items():
        early = with_it[channel][with_it[channel][:, 0] < start]
        np.testing.assert_array_equal(early, rows[rows[:, 0] < start], err_msg=channel)


@pytest.mark.parametrize("listed", [p for _, p in PERTURBATIONS], ids=NAMES)
def test_its_declaration_holds(listed: Perturbation) -> None:
    assert 0 < listed.low <= listed.usual <= listed.high
    assert listed.unit
    assert find(listed.truth) is listed
    if listed.kind == "attack":
        assert technique(listed.truth).technique_id == listed.truth
    else:
        assert listed.truth == f"watch.causes.{listed.name}"


def inside(rows: Floats, start: float = QUIET_S, stop: float = QUIET_S + 30.0) -> Floats:
    t = (rows[:, 0] - 1_780_000_000 * 10**9) / 1e9
    values: Floats = rows[(t >= start) & (t < stop), 1]
    return values


def test_the_covert_channel_shifts_pulses_by_plus_or_minus_its_strength() -> None:
    with_it, without = with_and_without("timing_covert_channel", 0.5)
    shift = inside(with_it["control/awg.timing_residual"]) - inside(without["control/awg.timing_residual"])
    np.testing.assert_allclose(np.abs(shift), 0.5 * JITTER_S, rtol=1e-6)
    assert abs(np.sign(shift).mean()) < 0.08


def test_a_misreport_praises_the_device_and_leaves_the_canaries() -> None:
    with_it, without = with_and_without("calibration_misreport", 0.5)
    ratio = inside(with_it["calibration/T1"]) / inside(without["calibration/T1"])
    np.testing.assert_allclose(ratio, 1.5)
    np.testing.assert_allclose(
        inside(with_it["calibration/readout_error"]) * 1.5, inside(without["calibration/readout_error"])
    )


def test_a_substituted_device_has_other_frequencies() -> None:
    with_it, without = with_and_without("device_substitution", 4e7)
    apart = np.abs(inside(with_it["calibration/frequency"]) - inside(without["calibration/frequency"]))
    assert 1e7 < np.median(apart) < 1.2e8
    after = slice(-7, None)
    np.testing.assert_allclose(with_it["calibration/frequency"][after], without["calibration/frequency"][after])


def test_sabotage_shows_at_the_compressor_first_and_at_the_mixing_chamber_later() -> None:
    with_it, without = with_and_without("cryostat_sabotage", 0.6)
    rise = {n: with_it[n][:, 1] - without[n][:, 1] for n in with_it if n.startswith("cryostat/")}
    third = int(QUIET_S) + 3
    assert rise["cryostat/compressor.water_out"][third] > 5.0
    assert rise["cryostat/mxc.temperature"][third] < 0.0005
    late = int(QUIET_S) + 29
    assert rise["cryostat/plate4k.temperature"][late] > 1.0
    assert rise["cryostat/mxc.temperature"][late] > 0.002
    assert rise["cryostat/p2.pressure"][late] > 1.0


def test_a_warm_up_leaves_the_compressor_alone_and_has_a_ticket() -> None:
    with_it, without = with_and_without("warm_up")
    changed = moved(with_it, without)
    assert not {c for c in changed if "compressor" in c}
    twin = lab(7)
    twin.perturb("warm_up", 6e-5, 10.0)
    (told,) = [e for e in events(twin.advance(5.0)) if e.activity == "cryostat.warm_up"]
    assert told.attribute("change_ticket").startswith("CHG-")


def test_an_authorised_recalibration_is_told_and_a_config_edit_has_no_ticket() -> None:
    twin = lab(7)
    twin.perturb("authorised_recalibration", 0.3, 4.0)
    twin.perturb("config_edit", 0.06, 4.0)
    found = events(twin.advance(9.0))
    written = [e for e in found if e.activity == "calibration.write" and e.attribute("change_ticket") != "CHG-DAILY"]
    assert [e.actor for e in written] == ["svc-calibration"]
    assert written[0].attribute("config_digest")
    (edit,) = [e for e in found if e.activity == "config.write"]
    assert edit.actor not in {"svc-calibration", "svc-config"}
    assert not edit.attribute("change_ticket")
    assert edit.event_class is EventClass.DEVICE_CONFIG_CHANGE


def test_hammering_hits_the_neighbours_and_only_them() -> None:
    assert 0.940 * (1 - crosstalk(10)) == pytest.approx(0.772, abs=0.003)
    with_it, without = with_and_without("crosstalk_hammering")
    twin = lab(7)
    _, victims = victims_of(twin.chip, twin.canaries)
    hit = {c for c in moved(with_it, without) if c.startswith("qubits/")}
    assert hit == {f"qubits/q{q}.canary_error" for q in victims}
    for channel in hit:
        assert inside(with_it[channel]).mean() > inside(without[channel]).mean() + 0.1


def test_replayed_telemetry_repeats_what_was_and_hides_what_is() -> None:
    twin = lab(7)
    before = channels(twin.advance(QUIET_S))["cryostat/mxc.temperature"][:, 1]
    twin.perturb("telemetry_replay", 8.0, 40.0)
    twin.perturb("cryostat_sabotage", 1.0, 40.0)
    shown = channels(twin.advance(60.0))
    rows = shown["cryostat/mxc.temperature"][:, 1]
    np.testing.assert_array_equal(rows[:40], np.tile(before[-8:], 5))
    assert rows[40:44].mean() > before.max()
    canaries = np.mean([v[20:40, 1].mean() for n, v in shown.items() if n.startswith("qubits/")])
    assert canaries > 0.0


def test_a_plan_is_seeded_and_within_range() -> None:
    assert demo_schedule(1) == demo_schedule(1)
    assert demo_schedule(1) != demo_schedule(2)
    planned = demo_schedule(1, 100.0, 2_000.0).planned
    assert len(planned) > 60
    assert min(p.start_s for p in planned) >= 100.0
    assert {p.name for p in planned} == set(NAMES)
    assert {name for name, _, _ in OPENING} == set(NAMES)
