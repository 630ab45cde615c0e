"""Slow tables: calibrations of a chip by the hour or the day, and what its gateway counts.

Day-to-day scatter of ln T1 0.23 to 0.26, of errors 0.22 to 0.29; telegraphs of two-level systems (THREATS, measured there;
Klimov et al. 2018, arXiv 1809.01043).
"""

from collections.abc import Mapping

import numpy as np

from bench.foreign.draws import Draws
from bench.foreign.lab import DrawnLab, LabKind, Sensor, TraceRows
from bench.foreign.labs.life import ordinary
from bench.foreign.noise import Array, blocks, coloured, telegraph


def _table(draws: Draws, frame: TraceRows) -> DrawnLab:
    n, qubits = frame.n, draws.pick((3, 4, 5))
    d = {"unrest": np.ones(n), "power": np.ones(n), "load": ordinary(draws, frame)["load"]}
    d |= {f"{what}{q}": np.zeros(n) for q in range(qubits) for what in ("loss", "lie", "detune", "readout")}
    life_us = [draws.spread(25, 320) for _ in range(qubits)]
    ghz = [draws.within(3.9, 6.4) for _ in range(qubits)]
    rates = [
        sum(
            0.2 * draws.rng.lognormal(0, 1) * (1 + telegraph(draws.rng, n, frame.rows(draws.spread(4e3, 2e6)))) / 2
            for _ in range(4)
        )
        for _ in range(qubits)
    ]
    own = [0.05 * coloured(draws.rng, n, 1.1) for _ in range(qubits)]
    moves = [2e-3 * coloured(draws.rng, n, 1.5) for _ in range(qubits)]  # MHz

    def physics(d: Mapping[str, Array]) -> list[Array]:
        out: list[Array] = []
        for q in range(qubits):
            t1 = life_us[q] / (1 + rates[q] + d[f"loss{q}"]) * np.exp(own[q])
            error = 0.035 * 30 / t1 + 0.02 + 2.0 * np.abs(d[f"detune{q}"]) ** 2
            told = 1 + d[f"lie{q}"]
            out += [
                t1 * told, 1.3 * t1 / (1 + 0.3 * rates[q]) * told, ghz[q] * 1e3 + moves[q] + d[f"detune{q}"],
                (1.1 + 35 / t1 + d[f"readout{q}"]) / told, 8 * error,
            ]  # fmt: skip
        return out

    style = draws.pick(("q{} {}", "Q{:02d}_{}", "qubit[{}].{}"))
    age = draws.pick((1, 1, 2))
    sensors = tuple(
        Sensor(
            heading=style.format(q, what), name=f"q{q}.{name}", unit=unit, relative=relative, noise=noise, step=step, low=low,
            every=age if what != "canary" else 1, freedom=draws.pick((0, 5)), colour=0,
        )
        for q in range(qubits)
        for what, name, unit, relative, noise, step, low in (
            ("T1", "T1", "us", 0.06, 0.0, 0.01, 0.1),
            ("T2e", "T2", "us", 0.07, 0.0, 0.01, 0.1),
            ("freq", "frequency", "MHz", 0.0, 2e-3, 1e-3, 0.0),
            ("ro_err", "readout.error", "%", 0.08, 0.0, 0.01, 0.0),
            ("canary", "canary.error", "%", 0.05, 0.0, 0.001, 0.0),
        )
    )  # fmt: skip
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


def _gateway(draws: Draws, frame: TraceRows) -> DrawnLab:
    d = ordinary(draws, frame)
    for gone in ("tube", "water", "water_flow", "valve", "heat"):
        del d[gone]
    n = frame.n
    d |= {
        name: np.zeros(n)
        for name in ("bytes", "calls", "refused", "polls", "shuttles", "pairs", "transpiles", "jobs", "again", "probes")
    }
    out, jobs, people = draws.spread(2, 60), draws.within(2, 25), draws.within(1, 6)
    office = np.clip(np.sin(2 * np.pi * (frame.t_s / 86_400 - 0.29)), 0.12, 1) * (1 - 0.6 * frame.weekend())
    nightly = (np.abs(frame.t_s % 86_400 - draws.within(3_600, 14_400)) < 1_500).astype(float) * draws.within(2, 6)
    habit = blocks(draws.rng, n, frame.rows(8_000), (0.6, 1.0, 1.5))

    def physics(d: Mapping[str, Array]) -> list[Array]:
        busy = (0.3 + d["load"]) * office * habit * d["power"]
        return [
            out * (busy + nightly * d["power"]) + d["bytes"], 6 * jobs * people * busy + d["calls"], jobs * busy + d["jobs"],
            0.4 * people * busy + d["refused"], 9 * people * busy + d["polls"], 40 + 8 * busy + d["shuttles"],
            12 + 3 * busy + d["pairs"], 1.5 * jobs * busy + d["transpiles"], 350 * busy * (1 + 0.5 * d["load"]) + 20 + 30 * d["jobs"],
            0.02 * jobs * busy + d["again"],
            0.05 * jobs * busy + d["probes"],
        ]  # fmt: skip

    sensors = (
        Sensor(heading="egress (MB)", name="egress", unit="1", relative=0.25, noise=0.3, freedom=4, low=0, step=0.001),
        Sensor(heading="api_calls", name="api.calls", unit="1", relative=0.12, noise=2, low=0, step=1),
        Sensor(heading="jobs_started", name="jobs", unit="1", relative=0.2, noise=0.6, low=0, step=1),
        Sensor(heading="HTTP 401+403", name="api.refused", unit="1", noise=0.7, relative=0.5, low=0, step=1),
        Sensor(heading="GET /jobs/*", name="api.polls", unit="1", relative=0.15, noise=2, low=0, step=1),
        Sensor(heading="shuttles mean", name="shuttles", unit="1", relative=0.06, freedom=5, step=0.1),
        Sensor(heading="pair share %", name="pairs", unit="%", noise=2.0, low=0, high=100, step=0.1),
        Sensor(heading="transpile req", name="transpiles", unit="1", relative=0.2, noise=1, low=0, step=1),
        Sensor(heading="queue_s", name="queue", unit="s", relative=0.2, low=0, step=0.1, freedom=5),
        Sensor(heading="dup ids", name="jobs.repeated", unit="1", noise=0.25, relative=0.5, low=0, step=1),
        Sensor(heading="spectroscopy", name="jobs.spectroscopy", unit="1", noise=0.5, relative=0.4, low=0, step=1),
    )
    return DrawnLab(drives=d, physics=physics, sensors=sensors)


KINDS = (
    LabKind(
        name="chip_table", build=_table, seconds=(900, 3_600), days=(30, 45), source="Klimov 2018, arXiv 1809.01043"
    ),
    LabKind(
        name="chip_days",
        build=_table,
        seconds=(86_000, 87_000),
        days=(260, 420),
        source="Klimov 2018, arXiv 1809.01043",
    ),
    LabKind(name="gateway", build=_gateway, seconds=(60, 300), days=(6, 12)),
)
