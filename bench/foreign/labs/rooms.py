"""A fridge with spin qubits and a magnet, a rack of control electronics, and a helium-recovery plant (all recalled)."""

from collections.abc import Mapping

import numpy as np

from bench.foreign.draws import Draws
from bench.foreign.lab import DrawnLab, LabKind, Sensor, TraceRows
from bench.foreign.labs.life import ordinary
from bench.foreign.noise import Array, blocks, coloured, lag, telegraph


def _spin(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    for gone in ("tube", "water", "water_flow", "valve"):
        del d[gone]
    n = frame.n
    gates = draws.pick((3, 4, 5))
    d["bias"] = np.zeros(n)  # mV on the first gate
    d["magnet"] = lag(blocks(draws.rng, n, frame.rows(draws.within(20_000, 60_000)), (0.4, 0.65, 0.8)), frame.rows(500))
    volts = [draws.within(280, 1_450) for _ in range(gates)]
    plunges = [
        draws.within(0.5, 4) * blocks(draws.rng, n, frame.rows(5_000), (-1.0, 0.0, 0.0, 1.0)) for _ in range(gates)
    ]
    traps = draws.within(0.01, 0.05) * telegraph(draws.rng, n, frame.rows(draws.spread(4_000, 80_000)))
    tesla, base, leak = draws.within(0.05, 0.14), draws.within(18, 60), draws.within(2, 15)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        ramp = np.abs(np.gradient(d["magnet"])) / frame.row_s * 3_600  # A an hour
        eddy = lag(draws_of_eddy * ramp**2, frame.rows(600))
        mixing = lag(
            base * np.sqrt(1 + eddy + 0.2 * d["load"] + d["heat"]) * (1 + 12 * (1 - d["power"])), frame.rows(800)
        )
        applied = [
            v * d["power"] + p + (d["bias"] if i == 0 else 0)
            for i, (v, p) in enumerate(zip(volts, plunges, strict=True))
        ]
        dot = 0.35 + traps + 0.06 * d["bias"] - 0.002 * (mixing - base) / 10
        field = d["magnet"] * tesla * d["power"]
        return [
            *applied,
            d["magnet"] * 10 * d["power"],
            field * 1e4,
            mixing,
            leak + 0.3 * np.abs(d["bias"]),
            dot * d["power"],
            3.9 + 0.02 * eddy,
        ]

    draws_of_eddy = draws.within(0.02, 0.15)
    names = draws.pick((("P1", "P2", "B12", "S1", "S2"), ("gate_A", "gate_B", "gate_C", "gate_D", "gate_E")))
    sensors = (
        *(
            Sensor(heading=f"DAC {g} (mV)", name=f"{g}.voltage", unit="mV", noise=0.02, step=0.01, freedom=5)
            for g in names[:gates]
        ),
        Sensor(heading="PSU_I", name="magnet.current", unit="A", noise=2e-3, step=1e-3),
        Sensor(heading="Hall", name="field", unit="uT", noise=60, step=10, colour=1.2),
        Sensor(
            heading="T mxc", name="mxc.temperature", unit="mK", relative=6e-3, every=draws.pick((1, 2, 4)), freedom=5
        ),
        Sensor(heading="Ileak pA", name="gate.leak", unit="pA", noise=0.4, colour=1.5, share=0.5),
        Sensor(heading="SET I nA", name="sensor.current", unit="nA", noise=6e-3, colour=1.1, share=0.6),
        Sensor(heading="T4K", name="4k.temperature", unit="K", relative=1e-3, step=1e-3),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _rack(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    for gone in ("tube", "water", "water_flow", "valve"):
        del d[gone]
    n = frame.n
    d |= {"skew": np.zeros(n), "fans": np.ones(n), "door": np.zeros(n), "tap": np.zeros(n)}
    age = draws.within(1e-5, 3e-4) * np.arange(n) * frame.row_s / 3_600  # ppb an hour of ageing, small
    wander = draws.within(0.1, 0.5) * coloured(draws.rng, n, 1.7)
    idle, busy = draws.within(180, 420), draws.within(90, 380)
    rail = draws.pick((5.0, 12.0, 48.0))

    def physics(d: Mapping[str, Array]) -> list[Array]:
        watts = (idle + busy * d["load"] + 30 * (d["fans"] - 1)) * d["power"] + d["tap"]
        inlet = d["room"] + lag(3 * d["door"], frame.rows(200))
        hot = lag(inlet + 22 * watts / (idle + busy) / np.maximum(d["fans"], 0.15), frame.rows(700))
        clock = lag(1.5 * (hot - 40) / 10, frame.rows(1_500)) + wander + age
        return [
            watts, rail * d["power"] - 0.12 * watts / (idle + busy) - 0.01 * d["tap"], inlet, hot, hot + 11 * d["load"],
            3_400 * d["fans"] * d["power"], clock, np.cumsum(d["skew"]) * frame.row_s + 2.0 * wander,
            0.15 + 0.02 * d["load"],
        ]  # fmt: skip

    sensors = (
        Sensor(heading="PDU_A/W", name="rack.power", unit="W", noise=3, step=1, freedom=5, day=0.2),
        Sensor(heading=f"V{rail:g}", name="rail.voltage", unit="V", noise=0.004 * rail / 5, step=0.001 * rail / 5),
        Sensor(heading="inlet", name="inlet.temperature", unit="degC", noise=0.06, step=0.1),
        Sensor(heading="AWG1 FPGA", name="awg1.temperature", unit="degC", noise=0.2, step=0.25),
        Sensor(heading="AWG2 FPGA", name="awg2.temperature", unit="degC", noise=0.2, step=0.25),
        Sensor(heading="fan1", name="fan.speed", unit="rpm", noise=25, step=30),
        Sensor(heading="10MHz dev ppb", name="clock.offset", unit="ppb", noise=0.15, colour=1.4, share=0.5),
        Sensor(heading="PPS-host (ms)", name="host.offset", unit="ms", noise=0.12, freedom=4),
        Sensor(heading="PTP jitter", name="clock.jitter", unit="us", noise=0.02, freedom=3.5, low=0),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _helium(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    del d["tube"]
    n = frame.n
    back = lag(blocks(draws.rng, n, frame.rows(6_000), (8.0, 15.0, 22.0, 60.0)), frame.rows(600))  # l/min from the labs
    d["dirt"] = np.zeros(n)  # ppm of air let in
    pump, bag, make = draws.within(110, 180), draws.within(9, 18) * 1e3, draws.within(14, 26)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        level, running, bags, runs = 0.45 * bag, False, np.empty(n), np.empty(n)
        for i, (gas, power, valve) in enumerate(
            zip(back.tolist(), d["power"].tolist(), d["valve"].tolist(), strict=True)
        ):
            running = power > 0.5 and (level > 0.75 * bag or (running and level > 0.3 * bag))
            level = min(bag, max(0.0, level + (gas - pump * running * min(valve, 1.5)) * frame.row_s / 60))
            bags[i], runs[i] = level, float(running)
        run = lag(runs, frame.rows(60))
        hot = lag(d["water"] + 48 * run / np.clip(d["water_flow"], 0.3, 2), frame.rows(500))
        dirt = lag(25 + d["dirt"] + 4 * run, frame.rows(2_000))
        store = 120 + np.cumsum(run * np.clip(d["valve"], 0, 1.5) - 0.23 * d["power"]) * frame.row_s / 86_400 * 30
        dewar = 240 + np.cumsum(make * d["power"] * (1 - dirt / 400) - make * 0.93) * frame.row_s / 86_400
        return [
            bags / bag * 100, run * 145 * np.clip(d["valve"], 0.1, 1.5) + 1.02, hot, pump * run * np.clip(d["valve"], 0, 1.5),
            dirt, np.clip(store, 5, 210), dewar, d["water"], back, d["room"],
        ]  # fmt: skip

    sensors = (
        Sensor(heading="BAG %", name="bag.level", unit="%", noise=0.3, step=0.5, low=0, high=100),
        Sensor(heading="K1 outlet [bar]", name="compressor.outlet", unit="bar", relative=6e-3, noise=0.1, step=0.5),
        Sensor(heading="K1 stage3", name="compressor.temperature", unit="degC", noise=0.3, step=0.1),
        Sensor(heading="K1 flow l/min", name="compressor.flow", unit="l/min", relative=0.02, noise=0.5, low=0),
        Sensor(
            heading="purity N2/ppm", name="gas.air", unit="ppm", relative=0.04, freedom=4, step=1, low=0, high=1_000
        ),
        Sensor(heading="bank 1", name="bank.pressure", unit="bar", noise=0.4, step=0.5),
        Sensor(heading="LHe dewar/l", name="dewar.level", unit="1", noise=0.5, step=0.5),
        Sensor(heading="cooling in", name="water.in", unit="degC", noise=0.1, step=0.1),
        Sensor(heading="return total", name="return.flow", unit="l/min", relative=0.03, low=0),
        Sensor(heading="hall", name="room.temperature", unit="degC", noise=0.1, step=0.5),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


KINDS = (
    LabKind(name="spin_fridge", build=_spin, seconds=(20, 60), days=(4, 5.5)),
    LabKind(name="control_rack", build=_rack, seconds=(10, 60), days=(3.8, 4.6)),
    LabKind(name="helium_plant", build=_helium, seconds=(45, 300), days=(5, 10), splits=("held",)),
)
