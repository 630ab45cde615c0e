"""The ledger says what a store's streams could have shown, is blind where nothing does, and never better than the bound."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, stream

from mumetal.catalog import calibrations
from mumetal.catalog.techniques import techniques
from mumetal.core.series import Series
from mumetal.watch.covert.codes import Codes
from mumetal.watch.power.answers import CANARIES
from mumetal.watch.power.facts import StreamFacts, calibration_facts, stream_facts
from mumetal.watch.power.ledger import Entry, ledger

DEVICE = "lab"


def canaries(noise: float = 0.01, rows: int = 200) -> Series:
    values = 0.03 + noise * np.random.default_rng(0).normal(size=(rows, 2))
    return stream(values, names=("q0.canary_error", "q1.canary_error"), name="qubits")


def facts(*series: Series) -> StreamFacts:
    found = stream_facts(DEVICE, series[0].stream, [[s] for s in series])
    assert found is not None
    return found


def said(*streams: StreamFacts, lasting_s: float = 3_600.0) -> dict[str, list[Entry]]:
    out: dict[str, list[Entry]] = {}
    for entry in ledger(techniques(), streams, (), lasting_s=lasting_s, alerts_per_week=2.0):
        out.setdefault(entry.technique.technique_id, []).append(entry)
    return out


def test_every_technique_has_a_line_and_without_data_all_are_blind_with_advice() -> None:
    entries = said()
    assert set(entries) == {t.technique_id for t in techniques()}
    for lines in entries.values():
        for entry in lines:
            assert entry.power.blind
            assert "blind" in entry.power.reason
            assert entry.power.advice
            assert not entry.detector


def test_a_quieter_canary_sees_smaller_attacks_and_none_beats_the_bound() -> None:
    quiet, loud = (said(facts(canaries(n)))["impair.crosstalk_hammering"][0] for n in (0.005, 0.01))
    assert not quiet.power.blind
    assert quiet.power.smallest == pytest.approx(loud.power.smallest / 2, rel=0.05)
    assert quiet.over_bound >= 1


def test_an_attack_that_lasts_longer_is_caught_smaller_in_timing() -> None:
    rng = np.random.default_rng(1)
    pulses = stream(
        5e-12 * rng.normal(size=(400, 2)), hz=40.0, names=("awg.timing_residual", "awg.reference_residual"),
        units=("s", "s"), name="control",
    )  # fmt: skip
    short, long = (
        said(facts(pulses), lasting_s=s)["exfiltration.timing_covert_channel"][0].power for s in (10.0, 3_600.0)
    )
    assert long.smallest < short.smallest
    assert said(facts(pulses), lasting_s=1.0)["exfiltration.timing_covert_channel"][0].power.blind


def test_a_level_that_wanders_hides_what_the_noise_alone_would_show() -> None:
    still = [replace(canaries(), t_ns=canaries().t_ns + k * 10**12) for k in range(4)]
    wandering = [replace(s, values=s.values + 0.02 * k) for k, s in enumerate(still)]
    a, b = (said(facts(*group))["impair.crosstalk_hammering"][0].power for group in (still, wandering))
    assert b.smallest > 3 * a.smallest
    assert "wanders" in b.reason


def test_a_gap_and_a_frozen_channel_are_counted_as_what_they_are() -> None:
    whole = canaries()
    half = stream_facts(DEVICE, "qubits", [[whole], []])
    assert half is not None
    assert half.coverage == 0.5
    frozen = replace(whole, values=np.full(whole.values.shape, 0.03))
    assert said(facts(frozen))["impair.crosstalk_hammering"][0].power.blind
    assert stream_facts(DEVICE, "qubits", [[whole.rows(0, 3)]]) is None


def test_real_snapshots_answer_substitution_and_misreport() -> None:
    snapshots = calibrations.snapshots("brisbane")
    had = calibration_facts("brisbane", [*snapshots, replace(snapshots[-1], t_ns=snapshots[-1].t_ns + T0 // 10**6)])
    entries = {
        e.technique.technique_id: e for e in ledger(techniques(), (), (had,), lasting_s=3_600.0, alerts_per_week=2.0)
    }
    substitute = entries["impair.device_substitution"]
    assert substitute.detector == "watch.detectors.identity"
    assert 1e5 < substitute.power.smallest < 1e7
    assert entries["impair.calibration_misreport"].power.smallest < 1.0


def upper_tail(n: int, p: float, k: int) -> float:
    """P(X >= k) of a binomial count, summed term by term."""
    choose = [math.lgamma(n + 1) - math.lgamma(j + 1) - math.lgamma(n - j + 1) for j in range(n + 1)]
    return sum(math.exp(choose[j] + j * math.log(p) + (n - j) * math.log1p(-p)) for j in range(k, n + 1))


def test_a_canary_with_its_shots_tells_the_attack_in_an_exact_binomial_test() -> None:
    for canary in CANARIES:
        n = canary.shots(1e-2, 0.9)
        limit = next(k for k in range(int(n * canary.before), n) if upper_tail(n, canary.before, k) <= 1e-2)
        assert upper_tail(n, canary.after, limit) > 0.75, canary.technique
        assert math.isfinite(canary.shots(1e-6, 0.99))


def test_codes_of_ones_own_have_a_line_beside_the_usual_ones_and_see_less_with_no_references() -> None:
    rng = np.random.default_rng(1)
    values = 5e-12 * rng.normal(size=(400, 2))
    names = ("awg.timing_residual", "awg.reference_residual")
    found = {}
    for count in (2, 1):
        pulses = facts(stream(values[:, :count], hz=40.0, names=names[:count], units=("s",) * count, name="control"))
        entries = ledger(
            techniques(), (pulses,), (), lasting_s=3_600.0, alerts_per_week=2.0,
            codes=Codes(names=("implant",), sequences=((1.0, -1.0, 0.0, 1.0, -1.0) * 8,)),
        )  # fmt: skip
        found[count] = [e for e in entries if e.technique.technique_id == "exfiltration.timing_covert_channel"]
    matched = [e for e in found[2] if e.detector == "watch.covert.template"]
    assert ["of your own" in e.power.reason for e in matched] == [False, True]
    assert matched[1].power.smallest < matched[0].power.smallest  # one short code is few phases to look at
    blind_spot = next(e for e in found[1] if e.detector == "watch.covert.timing")
    assert "without reference pulses" in blind_spot.power.reason
    assert blind_spot.power.smallest > 0.14
