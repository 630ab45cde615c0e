"""Power, EM and thermal leakage: found when it grows, not when load, noise, drifts or the lab's own leak are there."""

import math

import numpy as np
import pytest
from tests import naive
from tests.unit.twin.twins import lab
from tests.unit.watch.backgrounds import T0, stream
from tests.watching import watching_of

from mumetal.catalog.techniques import techniques
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.technique import Conditions
from mumetal.numerics.normal import z_upper
from mumetal.twin.knobs import Bench
from mumetal.twin.signals.supply import Supply
from mumetal.watch.covert.leakage_share import Leak, leakage_channels, leaks_in, repeated
from mumetal.watch.covert.power_leakage import PowerLeakage
from mumetal.watch.power.facts import stream_facts
from mumetal.watch.power.ledger import ledger
from mumetal.watch.settings import WatchSettings

NAMES = ("awg.pulse_energy", "rack.power", "em.band0", "mxc.temperature")
UNITS = ("1", "W", "V2", "K")
TRACE = "collection.controller_power_trace"


def rows(
    n: int, seed: int, gain: float = 0.0, *, late: int = 0, busy: float = 1.0, drift: float = 0.0, column: int = 1
) -> Series:
    """White energies; ``gain`` leaks into one column, ``late`` rows late; a common mode drifts through all of them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4))
    values[:, 0] *= busy
    values[:, column] += gain * np.roll(values[:, 0], late)
    values += drift * np.sin(2 * np.pi * np.arange(n) / 1_500 + 1.0)[:, None]
    return stream(values, hz=10.0, names=NAMES, units=UNITS, name="supply")


def fitted(history: Series) -> tuple[PowerLeakage, float]:
    detector = PowerLeakage()
    detector.fit(history)
    return detector, z_upper(1e-4 / (2 * detector.scales))


@pytest.mark.parametrize(("column", "late"), [(1, 0), (2, 0), (3, 8)])
def test_a_leak_is_found_on_its_channel_at_once_or_late(column: int, late: int) -> None:
    detector, level = fitted(rows(4_000, 0))
    leaking = rows(400, 1, 0.5, late=late, column=column)
    assert detector.score(leaking).max() > level + 1
    assert detector.attribute(leaking)[0].channel == NAMES[column]


@pytest.mark.parametrize("ordinary", [0.0, 0.4])
def test_busy_controllers_common_drifts_and_the_labs_own_leak_are_ordinary(ordinary: float) -> None:
    for drift in (0.0, 3.0):
        detector, level = fitted(rows(4_000, 2, ordinary, drift=drift))
        for busy in (1.0, 1.5):
            detector.reset()
            assert detector.score(rows(3_000, 3, ordinary, drift=drift, busy=busy)).max() < level
        detector.reset()
        assert detector.score(rows(800, 4, ordinary + 0.5, drift=drift)).max() > level + 1


def test_a_leak_that_becomes_smaller_is_no_alarm() -> None:
    detector, level = fitted(rows(4_000, 5, 0.6))
    assert detector.score(rows(3_000, 6, 0.0)).max() < level


def flagged(n: int, seed: int, step: float, run: int) -> Series:
    rng = np.random.default_rng(seed)
    busy = np.repeat(rng.random(n // run + 1) < 0.5, run)[:n].astype(float)
    watts = rng.normal(size=n) * (1 + 0.5 * busy) + step * busy + 2 * np.sin(np.arange(n) / 900)
    return stream(np.column_stack([busy, watts]), hz=10.0, names=("job", "rack.power"), units=("1", "W"), name="supply")


@pytest.mark.parametrize("run", [1, 20])
def test_a_flag_is_told_from_the_power_by_welchs_t_and_a_noisier_class_is_not(run: int) -> None:
    detector, level = fitted(flagged(6_000, 7, 0.1, run))
    assert detector.score(flagged(1_500, 8, 0.1, run)).max() < level
    detector.reset()
    assert detector.score(flagged(1_500, 9, 1.1, run)).max() > level + 1


def test_the_statistics_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(10)
    x, e = rng.normal(size=300), rng.normal(size=300)
    e += 0.2 * x
    flag = (rng.random(300) < 0.3).astype(float)
    detector, _ = fitted(rows(600, 11))
    detector._repeats, detector._learnt = np.ones(1), math.inf

    def total(told: np.ndarray) -> np.ndarray:
        sums = (np.ones(300), told, told**2, e, e**2, told * e, told * e**2)
        return np.array([s.sum() for s in sums])[None, :, None]

    assert detector._fisher(total(x))[0, 0] == pytest.approx(naive.fisher_leak(x.tolist(), e.tolist()))
    told = naive.welch_t(e[flag > 0].tolist(), e[flag == 0].tolist())
    assert detector._welch(total(flag))[0, 0] == pytest.approx(told)
    slow = np.convolve(x, np.ones(5), "same")
    late = np.convolve(e, np.ones(4), "same")
    assert repeated(slow, late, 30) == pytest.approx(naive.repeats(slow.tolist(), late.tolist(), 30))


def test_channels_are_known_by_unit_and_name_and_one_side_alone_is_refused() -> None:
    assert leakage_channels(NAMES, UNITS) == ([1, 2, 3], [0])
    assert leakage_channels(("rack.power", "magnetometer"), ("W", "T")) == ([], [])
    assert leakage_channels(("pulse.energy", "x"), ("V2", "1")) == ([], [])
    with pytest.raises(BadInputError, match="no leaking channel"):
        PowerLeakage().fit(stream(np.ones((300, 1)), names=("rack.power",), units=("W",)))


def test_the_share_and_its_bits_are_those_of_the_gaussian_channel() -> None:
    values = rows(20_000, 12, 0.75).values  # signal to noise 0.5625: ρ² = 0.36, ½·log2(1.5625) = 0.322 bits
    power, band, _ = leaks_in(NAMES, UNITS, values)
    assert (power.channel, power.played, power.lag, power.certain) == ("rack.power", "awg.pulse_energy", 0, True)
    assert power.share == pytest.approx(0.36, abs=0.02)
    assert power.bits == pytest.approx(0.322, abs=0.02)
    assert not band.certain
    assert power.attenuation_db == pytest.approx(10 * math.log10(0.5625 / (4**0.001 - 1)), abs=0.5)
    weaker = 0.5625 * 10 ** (-power.attenuation_db / 10)
    after = Leak(channel="a", played="b", lag=0, correlation=math.sqrt(weaker / (1 + weaker)), rows=9, certain=True)
    assert after.bits == pytest.approx(0.001, rel=0.1)
    assert Leak(channel="a", played="b", lag=0, correlation=0.0, rows=9, certain=False).attenuation_db == 0


def test_two_drifts_alone_are_no_certain_leak() -> None:
    certain = 0
    for seed in range(40):
        walk = np.cumsum(np.random.default_rng(seed).normal(size=(1_000, 2)), axis=0)
        certain += leaks_in(("awg.pulse_energy", "rack.power"), ("1", "W"), walk)[0].certain
    assert certain <= 1


def test_the_ledger_says_how_much_leaks_and_what_to_filter() -> None:
    twin = Supply(np.random.default_rng(1))
    values = twin.rows(np.arange(6_000) / 10, Bench())
    names, units = ("awg.pulse_energy", "supply.power"), ("1", "W")
    facts = stream_facts("lab", "supply", [[stream(values, hz=10.0, names=names, units=units, name="supply")]])
    assert facts is not None
    (line,) = [
        e
        for e in ledger(techniques(), [facts], (), lasting_s=3_600, alerts_per_week=2)
        if e.technique.technique_id == TRACE
    ]
    assert not line.power.blind
    assert "bits a row" in line.had
    assert "filter supply.power by" in line.power.advice
    assert line.power.smallest > line.power.bound > 0
    blind = PowerLeakage().power(TRACE, Conditions(samples=10, noise=1.0))
    assert blind.blind


def watched(strength: float | None, seed: int) -> list[Finding]:
    room = watching_of(WatchSettings(learning_s=300.0), ManualClock(T0 + 10**18), lambda _: Scene())
    twin = lab(seed)
    data = list(twin.advance(500.0))
    if strength is not None:
        twin.perturb("supply_tap", strength, 60.0)
    data += twin.advance(100.0)
    return [f for d in data if isinstance(d, Series) and d.stream == "supply" for f in room.observe(d)]


def test_a_bypassed_filter_becomes_a_finding_and_an_ordinary_day_does_not() -> None:
    tapped = [f for f in watched(5.0, 3) if f.rule == "watch.covert.power_leakage"]
    assert tapped
    assert TRACE in tapped[0].techniques
    assert tapped[0].attribution[0].channel == "supply.power"
    assert [f for f in watched(None, 3) if f.rule == "watch.covert.power_leakage"] == []
