"""Labs do as nature does: what stops warms, what is closed flows less, what is scanned comes in turn."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.foreign.draws import Draws, seeds
from bench.foreign.lab import DrawnLab, TraceRows, noise_of, seen
from bench.foreign.labs import LABS
from bench.foreign.noise import Array, coloured, lag, stage, stepped, tailed, telegraph

SEED = next(seeds("tuned"))
FRAME = TraceRows(3_000, 60.0, 0.0)


def made(
    name: str, change: Callable[[dict[str, Array]], None] | None = None, frame: TraceRows = FRAME
) -> tuple[DrawnLab, dict[str, Array]]:
    lab = LABS[name].build(Draws(SEED, "lab"), frame)
    drives = {key: drive.copy() for key, drive in lab.drives.items()}
    if change:
        change(drives)
    return lab, dict(zip((s.name for s in lab.sensors), lab.physics(drives), strict=True))


def stop_tube(d: dict[str, Array]) -> None:
    d["tube"][2_000:2_120] = 0.0


@pytest.mark.parametrize(("lab", "second"), [("dry_fridge", "4k.temperature"), ("nanowire", "stage2.temperature")])
def test_a_cold_head_that_stops_lets_stages_warm_and_cools_them_again(lab: str, second: str) -> None:
    true = made(lab, stop_tube)[1]
    t = true[second]
    assert np.all(np.diff(t[2_001:2_119]) > 0)
    assert 3 < t[2_119] - t[1_999] < 60  # two hours at 10 K an hour, not a furnace
    assert t[2_999] == pytest.approx(t[1_999], rel=0.05)
    high, low = true["compressor.high"], true["compressor.low"]
    assert high[2_050] == pytest.approx(low[2_050], rel=0.1)  # both sides come to one pressure
    assert high[1_999] > 2 * low[1_999]
    assert true["compressor.current"][2_050] < 0.1 * true["compressor.current"][1_999]
    assert true["water.out"][2_050] < true["water.out"][1_999] - 3  # no heat, no warmer water


def test_without_cold_head_no_circulation_and_the_mixture_comes_back_to_its_tank() -> None:
    true = made("dry_fridge", stop_tube)[1]
    assert true["circulation.flow"][2_119] < 0.02 * true["circulation.flow"][1_999]
    assert true["tank.pressure"][2_119] > true["tank.pressure"][1_999] + 400
    assert true["mxc.temperature"][2_119] > 50 * true["mxc.temperature"][1_999]


def test_heat_at_the_mixing_chamber_follows_the_cooling_power_and_warms_nothing_above() -> None:
    def heat(d: dict[str, Array]) -> None:
        d["heat"][1_500:] += 10.0

    calm, hot = made("dry_fridge")[1], made("dry_fridge", heat)[1]
    gained = (hot["mxc.temperature"][2_999] ** 2 - calm["mxc.temperature"][2_999] ** 2) * 1e-6
    power_w = 84 * gained * calm["circulation.flow"][2_999] * 1e-6
    assert power_w == pytest.approx(10e-6, rel=0.1)
    assert np.array_equal(hot["50k.temperature"], calm["50k.temperature"])


def test_a_closed_valve_lets_less_flow_and_less_pressure_at_the_still() -> None:
    def shut(d: dict[str, Array]) -> None:
        d["valve"][1_500:] = 0.6

    calm, less = made("dry_fridge")[1], made("dry_fridge", shut)[1]
    assert less["circulation.flow"][-1] == pytest.approx(0.6 * calm["circulation.flow"][-1], rel=0.02)
    assert less["still.pressure"][-1] < 0.7 * calm["still.pressure"][-1]
    assert less["mxc.temperature"][-1] > calm["mxc.temperature"][-1]


def test_a_bath_boils_down_and_is_filled_before_it_is_dry() -> None:
    lab, true = made("wet_fridge", frame=TraceRows(9_000, 60.0, 0.0))
    level = true["bath.level"]
    assert 3 <= len(lab.life) <= 8
    assert level.min() > 5
    first, last, _, _ = lab.life[0]
    assert level[last - 1] > level[first] + 10
    assert np.all(np.diff(level[last + 1 : lab.life[1][0]]) < 0)


def test_an_oven_spoils_the_vacuum_and_detuned_light_dims_the_ions() -> None:
    def act(d: dict[str, Array]) -> None:
        d["oven"][:] = 0.0
        d["oven"][1_500:] = 2.5
        d["laser"][1_500:] += 8.0

    true = made("ion_trap", act)[1]
    assert true["chamber.pressure"][2_500] > 3 * true["chamber.pressure"][1_400]
    assert true["fluorescence"][2_500] < 0.85 * true["fluorescence"][1_400]


def test_a_ramped_magnet_warms_by_eddy_currents_while_it_ramps() -> None:
    def ramp(d: dict[str, Array]) -> None:
        d["magnet"][:] = 0.3
        d["load"][:] = 0.0
        d["magnet"][1_500:1_530] = np.linspace(0.3, 0.9, 30)
        d["magnet"][1_530:] = 0.9

    true = made("spin_fridge", ramp)[1]
    assert true["mxc.temperature"][1_500:1_560].max() > 1.02 * true["mxc.temperature"][1_499]
    assert true["mxc.temperature"][2_500] == pytest.approx(true["mxc.temperature"][1_499], rel=0.01)


def test_slower_fans_make_boards_hotter_and_power_is_voltage_times_current() -> None:
    def slow(d: dict[str, Array]) -> None:
        d["fans"][1_500:] = 0.5

    assert made("control_rack", slow)[1]["awg1.temperature"][-1] > made("control_rack")[1]["awg1.temperature"][-1] + 3
    true = made("power_rail", frame=TraceRows(2_000, 1e-3, 0.0))[1]
    assert np.allclose(true["core.power"], true["core.voltage"] * true["core.current"])


def test_thermometers_are_scanned_one_after_another_and_converters_have_steps() -> None:
    for seed in seeds("held"):
        draws = Draws(seed, "lab")
        lab = LABS["wet_fridge"].build(draws, FRAME)
        shown = seen(
            lab.sensors,
            np.column_stack(lab.physics(lab.drives)),
            noise_of(lab.sensors, draws, FRAME),
            lab.drives["unrest"],
        )
        break
    scanned = [i for i, s in enumerate(lab.sensors) if s.every > 1]
    assert len(scanned) == 3
    assert np.isfinite(shown[:, scanned]).sum(axis=1).max() == 1  # never two at once
    for i, sensor in enumerate(lab.sensors):
        x = shown[:, i][np.isfinite(shown[:, i])]
        assert x.size == len(range(sensor.phase % sensor.every, FRAME.n, sensor.every))
        if sensor.step and np.isinf(sensor.low):
            assert np.allclose(x / sensor.step, np.round(x / sensor.step), atol=1e-6)
        assert x.min() >= sensor.low
        assert x.max() <= sensor.high


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_coloured_noise_has_its_spectrum(exponent: float) -> None:
    rng = np.random.default_rng(3)
    power = np.mean(
        [np.abs(np.fft.rfft(coloured(rng, 4_096, exponent) * np.hanning(4_096))) ** 2 for _ in range(60)], axis=0
    )
    f = np.fft.rfftfreq(4_096)
    inside = slice(8, 800)
    slope = np.polyfit(np.log(f[inside]), np.log(power[inside]), 1)[0]
    assert -slope == pytest.approx(exponent, abs=0.12)


def test_tails_telegraphs_lags_and_steps() -> None:
    rng = np.random.default_rng(4)
    heavy = tailed(rng, 200_000, 4)
    assert heavy.std() == pytest.approx(1, abs=0.1)
    assert (np.abs(heavy) > 5).mean() > 20 * (np.abs(tailed(rng, 200_000, 0)) > 5).mean()
    assert (np.diff(telegraph(rng, 100_000, 50)) != 0).mean() == pytest.approx(1 / 50, rel=0.1)
    late = lag(np.r_[0.0, np.ones(400)], 100)
    assert late[100] == pytest.approx(1 - np.exp(-1), rel=0.01)
    assert set(stepped(np.linspace(0, 1, 50), 0.25)) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert stepped(np.array([44.4161, 3e-9 + 4e-12]), 1e-3).tolist() == [44.416, 0.0]
    assert stepped(np.array([3e-9 + 4e-12]), 1e-11).tolist() == [3e-9]
    assert np.all(
        np.diff(stage(np.full(500, 295.0) * (np.arange(500) > 0) + 4.0 * (np.arange(500) == 0), 60, 20, 3)) >= 0
    )
