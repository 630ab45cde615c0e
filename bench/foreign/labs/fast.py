"""Fast streams: pulse times, a power rail, a magnetometer, a phase lock, neighbours' canaries, readout.

Jitter 1 to 10 ps and wander, mains with harmonics, a cold head's line between 1 and 2 Hz; radiation bursts, about one in ten
seconds a chip (McEwen et al. 2022, arXiv 2104.05219, and THREATS).
"""

from collections.abc import Mapping

import numpy as np

from bench.foreign.draws import Draws
from bench.foreign.lab import DrawnLab, Drives, LabKind, Sensor, TraceRows
from bench.foreign.noise import Array, blocks, coloured, lag, telegraph


def lines(draws: Draws, frame: TraceRows, strengths: tuple[float, ...], hertz: float) -> Array:
    """Return a line with harmonics whose frequency wanders a little, as mains and cold heads do."""
    wander = 1 + 2e-4 * coloured(draws.rng, frame.n, 1.5)
    turn = 2 * np.pi * np.cumsum(hertz * wander) * frame.row_s + draws.within(0, 6.28)
    return np.asarray(sum(a * np.sin((i + 1) * turn + i) for i, a in enumerate(strengths)))


def _drives(frame: TraceRows, *names: str) -> Drives:
    return {"unrest": np.ones(frame.n), "power": np.ones(frame.n), **{name: np.zeros(frame.n) for name in names}}


def _timing(draws: Draws, frame: TraceRows) -> DrawnLab:
    lanes = draws.pick((2, 3, 4))
    d = _drives(frame, *(f"shift{i}" for i in range(lanes)), "skew", "heat")
    sigma = [draws.spread(1, 10) for _ in range(lanes)]
    shared = draws.within(0.2, 1.5) * coloured(draws.rng, frame.n, 1.9)
    hum = lines(draws, frame, (0.15, 0.05), draws.pick((50.0, 60.0)))
    tone = draws.within(0.85, 1.3)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        ways = [(shared + hum + 0.8 * d["heat"]) * (0.7 + 0.2 * i) + d[f"shift{i}"] * sigma[i] for i in range(lanes)]
        return [*ways, 40 * tone + d["heat"]]

    colour = draws.within(0.4, 1.2)
    heading = draws.pick(("dt_{} ps", "edge{} resid", "TDC ch{}"))
    sensors = (
        *(
            Sensor(
                heading=heading.format(i),
                name=f"lane{i}.residual",
                unit="ps",
                noise=s,
                colour=colour,
                share=0.25,
                step=0.05,
            )
            for i, s in enumerate(sigma)
        ),
        Sensor(heading="clk tile °C", name="clock.temperature", unit="degC", noise=0.03, step=0.01, colour=1.5),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _rail(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = _drives(frame, "tap", "key", "sag")
    d["load"] = lag(blocks(draws.rng, frame.n, draws.spread(30, 900), (0.1, 0.35, 0.6, 0.9, 1.0)), 3)
    volts, amps = draws.pick((0.85, 1.8, 3.3, 12.0)), draws.within(3, 22)
    ripple = lines(draws, frame, (0.3, 0.12, 0.05), draws.pick((100.0, 120.0)))
    fan = draws.within(0.1, 0.4) * lines(draws, frame, (1.0,), draws.within(23, 61))

    def physics(d: Mapping[str, Array]) -> list[Array]:
        current = amps * (0.35 + 0.6 * d["load"]) * d["power"] + 0.02 * fan + d["key"] * 0.01 * amps + d["tap"]
        droop = volts * (1 - 0.012 * current / amps + 1e-3 * ripple * 0.3 - d["sag"]) * d["power"]
        return [current, droop, current * droop, 0.4 * current / amps + 0.05 * ripple]

    sensors = (
        Sensor(heading="I_CORE", name="core.current", unit="A", noise=0.008 * amps, freedom=6, step=amps / 2_048),
        Sensor(heading=f"+{volts}V", name="core.voltage", unit="V", noise=8e-4 * volts, step=volts / 4_096, colour=0.8),
        Sensor(heading="P(W)", name="core.power", unit="W", relative=0.01, step=amps * volts / 2_048),
        Sensor(heading="shunt2", name="return.current", unit="A", noise=0.006, step=1e-3),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _field(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = _drives(frame, "coil", "lift", "steel")
    mains = draws.pick((50.0, 60.0, 16.7))  # the last is the railway's, in some countries
    rest = [draws.within(-300, 300) for _ in range(3)]
    hum = [draws.within(2, 25) * lines(draws, frame, (1.0, 0.15, 0.3), mains) for _ in range(3)]
    head = [draws.within(0.3, 4) * lines(draws, frame, (1.0, 0.5, 0.25), draws.within(1.05, 1.95)) for _ in range(3)]
    tram = draws.within(1, 8) * lag(blocks(draws.rng, frame.n, frame.rows(40), (0.0, 0.0, 1.0, -1.0)), frame.rows(3))
    axes = (1.0, draws.within(-0.8, 0.8), draws.within(-0.5, 0.5))

    def physics(d: Mapping[str, Array]) -> list[Array]:
        extra = d["coil"] + d["lift"] + d["steel"] + tram
        return [r + h + p + a * extra for r, h, p, a in zip(rest, hum, head, axes, strict=True)]

    heading = draws.pick(("B{} nT", "FGM_{}", "mag3.{}"))
    sensors = tuple(
        Sensor(
            heading=heading.format(axis),
            name=f"field.{axis}",
            unit="nT",
            noise=0.8,
            colour=1.0,
            share=0.6,
            step=0.05,
            high=7e4,
        )
        for axis in "xyz"
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _lock(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = _drives(frame, "dither", "push", "hop")
    seismic = draws.within(0.5, 2) * coloured(draws.rng, frame.n, 2.0)
    tone = draws.within(0.02, 0.08) * lines(draws, frame, (1.0, 0.4), draws.within(90, 310))
    gain = draws.within(20, 90)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        piezo = 38 + 2.2 * seismic + d["push"] + 6 * d["hop"]
        error = tone + 0.02 * np.gradient(piezo) * gain / 30 + d["dither"]
        return [
            error,
            piezo * d["power"],
            80 + 0.4 * error + 3 * np.gradient(d["hop"]),
            2.4 - 0.3 * error**2 - 0.5 * np.abs(d["hop"]),
        ]

    sensors = (
        Sensor(
            heading="PDH err V", name="lock.error", unit="V", noise=0.03, freedom=5, step=10 / 65_536, low=-5, high=5
        ),
        Sensor(heading="PZT mon", name="piezo.voltage", unit="V", noise=0.02, step=150 / 65_536, low=0, high=150),
        Sensor(heading="beat-MHz", name="beat.frequency", unit="MHz", noise=0.02, colour=0.5, step=0.001),
        Sensor(heading="TRANS", name="cavity.transmission", unit="V", noise=0.02, step=10 / 4_096, low=0, high=10),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _canary(draws: Draws, frame: TraceRows) -> DrawnLab:
    qubits = draws.pick((4, 5, 6))
    d = _drives(frame, *(f"hit{i}" for i in range(qubits)), "gates", "burst", "sensing")
    d["load"] = blocks(draws.rng, frame.n, draws.spread(60, 1_500), (0.0, 0.3, 0.7, 1.0))
    shots = draws.pick((76, 128, 256, 512))
    error = [draws.within(0.8, 6.0) for _ in range(qubits)]
    tls = [1 + 0.12 * telegraph(draws.rng, frame.n, draws.spread(800, 9_000)) for _ in range(qubits)]
    beat = [0.04 * e * lines(draws, frame, (1.0,), min(draws.within(1.05, 1.95), 0.4 / frame.row_s)) for e in error]

    def physics(d: Mapping[str, Array]) -> list[Array]:
        told = [
            np.clip(error[i] * tls[i] * (1 + 0.15 * d["load"]) + beat[i] + d[f"hit{i}"] + d["burst"], 0, 60)
            for i in range(qubits)
        ]
        return [*told, 120 * d["load"] + 15 + d["gates"], 5 + d["sensing"]]

    heading = draws.pick(("canary q{} %", "err[{}]", "P(flip) Q{}"))
    sensors = (
        *(
            Sensor(heading=heading.format(i), name=f"q{i}.canary.error", unit="%", noise=100 * np.sqrt(e * 0.0096 / shots), low=0,
                   step=100 / shots / 8, colour=0)
            for i, e in enumerate(error)
        ),
        Sensor(heading="2q gates/ms", name="gates.density", unit="1", relative=0.08, noise=3, low=0, step=1),
        Sensor(heading="idle jobs", name="jobs.idle", unit="1", noise=1.2, low=0, step=1),
    )  # fmt: skip
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _readout(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = _drives(frame, "memory", "mix", "glitch", "level2", "turn", "burst")
    shots = draws.pick((200, 500, 1_000))
    dark, bright = draws.within(0.6, 2.5), draws.within(94, 98.5)
    apart, angle = draws.within(2.5, 5.0), draws.within(0, 6.28)
    drift = 0.02 * coloured(draws.rng, frame.n, 1.6)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        phase = angle + drift + d["turn"]
        size = apart * (1 - 0.3 * d["glitch"]) * (1 + 0.02 * drift)
        return [
            size * np.cos(phase) + 0.4 * d["glitch"], size * np.sin(phase), dark + 9 * d["glitch"] + d["memory"] + d["burst"],
            bright - 7 * d["glitch"] - d["level2"], 0.3 + 0.7 * d["memory"] + d["mix"], 0.25 + d["level2"] + 0.2 * d["burst"],
        ]  # fmt: skip

    sensors = (
        Sensor(heading="I_bar (mV)", name="cloud.I", unit="mV", noise=1.0 / np.sqrt(shots), colour=0.9, step=1 / 512),
        Sensor(heading="Q_bar (mV)", name="cloud.Q", unit="mV", noise=1.0 / np.sqrt(shots), colour=0.9, step=1 / 512),
        Sensor(
            heading="p(1|0)%",
            name="p10",
            unit="%",
            noise=100 * np.sqrt(0.015 / shots),
            low=0,
            high=100,
            step=100 / shots,
            colour=0,
        ),
        Sensor(
            heading="p(1|1)%",
            name="p11",
            unit="%",
            noise=100 * np.sqrt(0.035 / shots),
            low=0,
            high=100,
            step=100 / shots,
            colour=0,
        ),
        Sensor(heading="first-op excess", name="memory", unit="%", noise=100 * np.sqrt(0.02 / shots), colour=0),
        Sensor(
            heading="leak |2> %",
            name="leakage",
            unit="%",
            noise=100 * np.sqrt(0.004 / shots),
            low=0,
            step=100 / shots,
            colour=0,
        ),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


KINDS = (
    LabKind(name="pulse_timing", build=_timing, seconds=(5e-5, 5e-3), rows=(26_000, 60_000)),
    LabKind(name="power_rail", build=_rail, seconds=(5e-5, 1e-3), rows=(24_000, 60_000)),
    LabKind(name="magnetometer", build=_field, seconds=(5e-4, 8e-3), rows=(24_000, 50_000)),
    LabKind(name="phase_lock", build=_lock, seconds=(5e-4, 2e-3), rows=(20_000, 40_000), splits=("held",)),
    LabKind(
        name="canaries",
        build=_canary,
        seconds=(0.05, 1.0),
        rows=(12_000, 30_000),
        source="McEwen 2022, arXiv 2104.05219",
    ),
    LabKind(name="readout", build=_readout, seconds=(0.01, 0.1), rows=(12_000, 36_000)),
)
