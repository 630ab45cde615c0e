"""Ions, and neutral atoms in tweezers: lasers, locks, ovens, vacuum.

Ion-pump pressure follows the oven's flux and the room; a laser's frequency drifts and its lock holds it (all recalled; Bruzewicz
et al. 2019, arXiv 1904.04178, and Saffman 2016, arXiv 1605.05207, describe such machines).
"""

from collections.abc import Mapping

import numpy as np

from bench.foreign.draws import Draws
from bench.foreign.lab import DrawnLab, LabKind, Sensor, TraceRows
from bench.foreign.labs.life import ordinary
from bench.foreign.noise import Array, blocks, coloured, lag


def _ion(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    for gone in ("tube", "water_flow", "valve", "water"):
        del d[gone]
    one = np.ones(frame.n)
    d |= {
        "laser": 0 * one,
        "light": one.copy(),
        "magnet": np.full(frame.n, draws.within(0.8, 2.4)),
        "shuttles": 0 * one,
    }
    d["oven"] = draws.within(1.8, 3.2) * (blocks(draws.rng, frame.n, frame.rows(9_000), (0.0, 0.0, 0.0, 1.0)))
    base, radio, counts = draws.spread(1e-11, 6e-11), draws.within(20, 45), draws.within(12, 40)
    drift = draws.within(0.05, 0.4) * coloured(draws.rng, frame.n, 1.8)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        oven = lag(d["oven"] * d["power"], frame.rows(200))
        off = d["laser"] + drift + 0.15 * (d["room"] - 21)
        line = 10.0  # MHz, half of a dipole line's width
        shines = counts * d["light"] * d["power"] / (1 + (off / line) ** 2)
        warm = 1 + 0.02 * (d["room"] - 21)
        trapped = 60 + 0.35 * d["shuttles"]
        return [
            oven,
            base * warm * (1 + 6 * (oven / 2.5) ** 6) * (1 + 30 * (1 - d["power"])) * 1e11,
            off,
            18.0 * d["light"] * d["power"],
            shines,
            radio * d["power"] * (1 + 1e-3 * (d["room"] - 21)),
            d["magnet"] * d["power"],
            d["room"],
            (12 + 18 * d["load"] + d["shuttles"]) * d["power"],
            np.clip(
                2.2 + 0.02 * trapped + 0.9 * (off / line) ** 2 + 40 * np.abs(d["magnet"] - np.median(d["magnet"])),
                0,
                100,
            ),
        ]

    sensors = (
        Sensor(heading="oven I", name="oven.current", unit="A", noise=0.004, step=0.01, low=0),
        Sensor(heading="IGP1 (1e-11 mbar)", name="chamber.pressure", unit="1", relative=0.03, step=0.1, low=0.5),
        Sensor(heading="397 WM [MHz]", name="cooling.offset", unit="MHz", noise=0.25, step=0.1, freedom=4),
        Sensor(heading="397 PD", name="cooling.power", unit="uW", relative=4e-3, colour=1.3, share=0.5),
        Sensor(heading="PMT kcps", name="fluorescence", unit="kHz", relative=0.03, low=0),
        Sensor(heading="RF fwd", name="trap.power", unit="W", relative=1e-3, step=0.01),
        Sensor(heading="coil3", name="field.current", unit="A", noise=2e-4, step=1e-4),
        Sensor(heading="Lab °C", name="room.temperature", unit="degC", noise=0.04, step=0.1),
        Sensor(heading="shuttles/job", name="shuttles", unit="1", relative=0.15, freedom=5, low=0, step=1),
        Sensor(
            heading="err 1q bench %", name="canary.error", unit="%", relative=0.05, every=draws.pick((5, 10)), phase=2
        ),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _atoms(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    for gone in ("tube", "water_flow", "valve"):
        del d[gone]
    one = np.ones(frame.n)
    d |= {
        "laser": 0 * one,
        "light": one.copy(),
        "oven": one.copy(),
        "near": 0 * one,
        "magnet": np.full(frame.n, draws.within(60, 140)),
    }
    sites, tweezer = draws.pick((49, 100, 196)), draws.within(1.2, 4.5)
    drift = draws.within(0.02, 0.15) * coloured(draws.rng, frame.n, 2.0)

    def physics(d: Mapping[str, Array]) -> list[Array]:
        off = d["laser"] + drift
        vapour = lag(3.2 * d["oven"] * np.exp(0.06 * (d["room"] - 21)), frame.rows(1_800))
        light = lag(d["light"] * d["power"] * (1 - 0.004 * (d["room"] - 21)), frame.rows(60))
        cloud = vapour / (1 + (off / 3.0) ** 2) * light
        held = np.clip(0.5 + 0.12 * np.tanh(cloud - 2.2) - 0.05 * (tweezer * (1 - light)) ** 2, 0, 1) * d["power"]
        coil = lag(d["magnet"] * d["power"], frame.rows(20))
        return [
            vapour * 1e-9, light * 24, cloud * 1e7 / 1e6, tweezer * light, held * sites, off, coil,
            d["water"] + 9 * (coil / 100) ** 2,
            21 + 14 * d["load"] * light, np.clip(1.1 + 2.5 * np.maximum(0.52 - held, 0) * 10 + 0.3 * off**2 + d["near"], 0, 100),
        ]  # fmt: skip

    sensors = (
        Sensor(heading="Rb p (Torr)", name="source.pressure", unit="Torr", relative=0.02, step=1e-11),
        Sensor(heading="MOT_PD", name="mot.power", unit="mW", relative=3e-3, colour=1.1, share=0.5, step=0.01),
        Sensor(heading="MOT fluor.", name="mot.size", unit="1", relative=0.05, day=0.25),
        Sensor(heading="852 tweezer W", name="tweezer.power", unit="W", relative=2e-3, freedom=6),
        Sensor(heading="loaded", name="sites.loaded", unit="1", noise=np.sqrt(sites) / 2, step=1, low=0, colour=0),
        Sensor(heading="repump beat MHz", name="repump.offset", unit="MHz", noise=0.05, step=0.01),
        Sensor(heading="quad coil", name="coil.current", unit="A", noise=0.02, step=0.01),
        Sensor(heading="coil water", name="coil.water", unit="degC", noise=0.1, step=0.1),
        Sensor(heading="AOD T", name="aod.temperature", unit="degC", noise=0.08, step=0.05),
        Sensor(heading="CZ err %", name="canary.error", unit="%", relative=0.07, every=7, phase=3),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


KINDS = (
    LabKind(name="ion_trap", build=_ion, seconds=(15, 60), days=(4, 5.5)),
    LabKind(name="tweezers", build=_atoms, seconds=(20, 90), days=(4, 6), splits=("held",)),
)
