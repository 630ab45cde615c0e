"""Cryostats: a dry dilution refrigerator, a wet one, and a Gifford-McMahon cryostat with a nanowire detector.

Cooling power of dilution 84 n T² (Pobell, Matter and Methods at Low Temperatures; recalled), helium boil-off 1.4 l/h of liquid a
watt (recalled), stages that warm at some 10 K an hour once their cold head stops (recalled).
"""

from collections.abc import Mapping

import numpy as np

from bench.foreign.draws import Draws
from bench.foreign.lab import DrawnLab, LabKind, Sensor, TraceRows
from bench.foreign.labs.life import OUTSIDE, earlier_stop, mixed, ordinary, smooth
from bench.foreign.noise import Array, lag, stage


def cold_head(
    d: Mapping[str, Array], frame: TraceRows, base: tuple[float, float], water0: float
) -> tuple[Array, Array, Array]:
    """Return the stages of a closed-cycle cooler, K, and how much it works, 0 to 1.

    The compressor trips when too little water comes; it is weaker when the water is warm.
    """
    fed = smooth(d["water_flow"], 0.35, 0.02)
    works = d["tube"] * d["power"] * fed * (1 - 0.012 * (d["water"] - water0) / np.maximum(d["water_flow"], 0.3))
    on = np.clip((works - 0.3) / 0.15, 0, 1)
    lost = np.maximum(1 - works, -0.2)
    first = stage(on * (base[0] * (1 + 0.5 * lost)) + (1 - on) * OUTSIDE, frame.row_s, 30, 3.5, 0.4)
    second = stage(
        on * (base[1] * (1 + 0.7 * lost) + 0.1 * d["load"] * base[1] * 0.05) + (1 - on) * first, frame.row_s, 22, 3.0
    )
    return first, second, works


def _dry(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    d["still"] = np.full(frame.n, draws.within(6.0, 14.0))  # mW
    base = (draws.within(36, 52), draws.within(2.9, 4.1))
    water0 = float(np.median(d["water"]))
    circulated, leak = draws.within(350, 750), draws.within(2.0, 12.0)  # µmol/s, µW
    charge, amps = draws.within(35, 70), draws.within(10.5, 22.0)
    pressures = (draws.within(270, 330), draws.within(70, 115))
    scan, style = draws.pick((1, 1, 3, 5)), draws.pick(("CH{} {}", "T{}_{}", "temp.{}.{}"))
    five = draws.chance(0.5)  # a cold plate between still and mixing chamber, in half of them

    def physics(d: Mapping[str, Array]) -> list[Array]:
        first, second, works = cold_head(d, frame, base, water0)
        turning = smooth(5.2 - second, 0, 0.25) * d["power"]
        flow = lag(circulated * turning * np.clip(d["valve"], 0.02, 2) * (0.55 + 0.045 * d["still"]), frame.rows(180))
        cools = np.clip(flow / (0.15 * circulated), 0, 1) * turning
        heat = leak * (1 + 0.25 * d["load"]) + d["heat"]
        mixing = lag(mixed(np.sqrt(heat / 84 / np.maximum(flow, 1.0)), second, cools), frame.rows(700))
        still = lag(mixed(0.35 * (d["still"] / np.maximum(flow, 30) * 60) ** 0.35, second, cools), frame.rows(900))
        between = np.sqrt(mixing * still) * 1.1
        out = d["water"] + 6.5 * works / np.maximum(d["water_flow"], 0.2)
        even = 0.62 * pressures[0]
        plates = [first, second, still, *([between] if five else []), mixing * 1e3]
        return [
            *plates,
            0.11 * flow / circulated + 2e-4,
            charge + (1 - cools) * 640 + 0.4 * (d["room"] - 21),
            flow,
            even + (pressures[0] - even) * works + 1.2 * (out - 24),
            even - (even - pressures[1]) * works,
            d["water"],
            out,
            lag(out + 22 * works, frame.rows(900)),
            amps * works + 0.4 * d["power"],
        ]

    plates = ["50K", "4K", "STILL", *(["CP"] if five else []), "MXC"]
    scanned = [
        Sensor(
            heading=style.format(i + 1, plate), name=f"{plate.lower()}.temperature", unit="mK" if plate == "MXC" else "K",
            relative=(2e-4, 4e-4, 1e-3, 3e-3, 6e-3)[min(i, 4)], freedom=draws.pick((0, 4, 6)), every=scan, phase=i,
            low=1.5 if plate == "MXC" else 0.0, step=1e-3 if i < 2 else 0.0,
        )
        for i, plate in enumerate(plates)
    ]  # fmt: skip
    rest = [
        Sensor(heading="P2 STILL mbar", name="still.pressure", unit="mbar", relative=4e-3, step=1e-5, low=0, high=10),
        Sensor(heading="P5 tank mbar", name="tank.pressure", unit="mbar", noise=0.1, step=0.05, high=1_000),
        Sensor(heading="FLOW umol/s", name="circulation.flow", unit="umol/s", noise=2.0, freedom=5, colour=0.8),
        Sensor(heading="cpahp", name="compressor.high", unit="psi", noise=1.1, step=0.1, day=0.2),
        Sensor(heading="cpalp", name="compressor.low", unit="psi", noise=0.6, step=0.1),
        Sensor(heading="cpatempwi", name="water.in", unit="degC", noise=0.05, step=0.1),
        Sensor(heading="cpatempwo", name="water.out", unit="degC", noise=0.05, step=0.1),
        Sensor(heading="cpatempo", name="oil.temperature", unit="degC", noise=0.08, step=0.1),
        Sensor(heading="cpacurr", name="compressor.current", unit="A", noise=0.05, step=0.01),
    ]
    return DrawnLab(drives=d, physics=physics, sensors=tuple(scanned + rest), life=earlier_stop(draws, frame, d))


def _wet(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    del d["tube"], d["water_flow"]
    boil, full = draws.within(0.55, 0.95), draws.within(70, 110)  # l/h, l
    life: list[tuple[int, int, str, str]] = []
    filling = np.zeros(frame.n)
    at = int(frame.rows(draws.within(8, 30) * 3600))
    while at < frame.n:
        end = min(frame.n - 1, at + int(frame.rows(draws.within(2_400, 5_400))))
        filling[at:end] = 1
        life.append((at, end, "helium.transfer", "LHe transfer into main bath"))
        at += int(frame.rows(draws.within(24, 40) * 3600))
    d["fill"] = filling
    pot0, circulated = draws.within(1.25, 1.6), draws.within(90, 250)
    leak = draws.within(1.0, 5.0)
    scan = draws.pick((4, 4, 6))

    def physics(d: Mapping[str, Array]) -> list[Array]:
        use = (boil * (1 + 0.15 * d["load"]) + 0.6 * np.maximum(d["heat"], 0) / 10) * frame.row_s / 3600
        bath, level = np.empty(frame.n), 0.85 * full
        for i, (fill, used) in enumerate(zip(d["fill"].tolist(), use.tolist(), strict=True)):
            level = min(full, max(0.0, level - used + fill * full * 1.2 * frame.row_s / 3600))
            bath[i] = level
        wet = smooth(bath / full, 0.06, 0.01)
        pumped = d["power"] * np.clip(d["valve"], 0.02, 2)
        pot = lag(
            mixed(pot0 * (1.6 - 0.6 * pumped) + 0.15 * d["fill"], 4.25 + 40 * (1 - wet), pumped * wet), frame.rows(400)
        )
        turning = smooth(2.1 - pot, 0, 0.1) * d["power"]
        flow = lag(circulated * turning * np.clip(d["valve"], 0.02, 2), frame.rows(200))
        cools = np.clip(flow / (0.2 * circulated), 0, 1) * turning
        heat = leak * (1 + 0.3 * d["load"]) + d["heat"]
        mixing = lag(mixed(np.sqrt(heat / 84 / np.maximum(flow, 1.0)), pot, cools), frame.rows(900))
        gas = lag(use / frame.row_s * 3600 * 12.5 * (1 + 3 * d["fill"]), frame.rows(300))
        return [
            bath / full * 100,
            pot,
            mixed(0.7 + 0 * pot, pot, cools),
            mixing * 1e3,
            gas,
            1_013 + 4 * d["fill"] + 0.5 * (d["room"] - 21),
            0.09 * flow / circulated,
            (1 - cools) * 500 + 12,
        ]

    sensors = (
        Sensor(heading="He_level_%", name="bath.level", unit="%", noise=0.15, step=0.1, low=0, high=100),
        Sensor(heading="1K pot", name="pot.temperature", unit="K", relative=2e-3, every=scan, phase=0),
        Sensor(heading="still R-bridge", name="still.temperature", unit="K", relative=3e-3, every=scan, phase=1),
        Sensor(heading="MC T", name="mc.temperature", unit="mK", relative=8e-3, every=scan, phase=2, freedom=4),
        Sensor(heading="boiloff l/min", name="bath.boiloff", unit="l/min", relative=0.02, colour=1.2, day=0.3),
        Sensor(heading="bath p", name="bath.pressure", unit="mbar", noise=0.6, step=0.1, colour=1.8, share=0.6),
        Sensor(heading="G1 pirani", name="still.pressure", unit="mbar", relative=0.01, low=1e-3, high=1.0),
        Sensor(heading="G2 dump", name="dump.pressure", unit="mbar", noise=0.8, step=0.5),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors, life=tuple(life))


def _nanowire(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    del d["valve"]
    d["bias"] = np.full(frame.n, draws.within(8.0, 22.0))  # µA
    base, water0 = (draws.within(38, 48), draws.within(2.2, 3.2)), float(np.median(d["water"]))
    dark, critical, amps = draws.spread(20, 400), draws.within(24, 30), draws.within(14, 30)
    light = draws.spread(2e3, 4e4)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        first, second, works = cold_head(d, frame, base, water0)
        chip = lag(second + 0.08 + 0.02 * d["heat"], frame.rows(240))
        edge = critical * np.maximum(1 - (chip / 9.0) ** 2, 0.0)
        near = d["bias"] / np.maximum(edge, 1e-3)
        on = smooth(1.0 - near, 0, 0.02) * d["power"]
        out = d["water"] + 7 * works / np.maximum(d["water_flow"], 0.2)
        return [
            first, second, chip, d["bias"] * d["power"],
            on * dark * np.exp(6 * (np.minimum(near, 1.0) - 0.6)),
            on * (light * d["load"] * smooth(near, 0.45, 0.06) + dark),
            190 + 95 * works, 190 - 110 * works, out, amps * works,
        ]  # fmt: skip

    sensors = (
        Sensor(heading="40K_stage", name="stage1.temperature", unit="K", relative=8e-4, step=0.01),
        Sensor(heading="4K_stage", name="stage2.temperature", unit="K", relative=1e-3, step=0.001),
        Sensor(heading="SNSPD chip", name="chip.temperature", unit="K", relative=1.5e-3, freedom=5),
        Sensor(heading="Ibias[uA]", name="bias.current", unit="uA", noise=0.01, step=0.005),
        Sensor(heading="DCR", name="dark.rate", unit="Hz", relative=0.06, freedom=5, low=0, step=1),
        Sensor(heading="counts ch1", name="light.rate", unit="Hz", relative=0.02, low=0, step=1, day=0.2),
        Sensor(heading="He supply", name="compressor.high", unit="psi", noise=0.9, step=1),
        Sensor(heading="He return", name="compressor.low", unit="psi", noise=0.7, step=1),
        Sensor(heading="H2O out", name="water.out", unit="degC", noise=0.06, step=0.1),
        Sensor(heading="I motor", name="compressor.current", unit="A", noise=0.08, step=0.1),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors, life=earlier_stop(draws, frame, d))


KINDS = (
    LabKind(name="dry_fridge", build=_dry, seconds=(29, 65), days=(4.5, 7)),
    LabKind(name="wet_fridge", build=_wet, seconds=(40, 130), days=(6, 9)),
    LabKind(name="nanowire", build=_nanowire, seconds=(10, 60), days=(4, 5)),
)
