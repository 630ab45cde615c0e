"""W9: the twin's calibrations against real daily statistics, and its speed.

Real: QPROV's daily values of two five-qubit devices, 2020-10-07 to 2020-12-02 (UST-QuAntiL, Apache-2.0), and the packaged
snapshots of several dates. Twin: the same two devices from their packaged snapshots, the same number of days, many
seeds, days missing where the real series misses them. A row passes when the twin's figure lies within the real 95 %
interval (percentile bootstrap over qubits).
"""

import math
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figure import Figure, figure_of
from mumetal.catalog.calibrations import backends, snapshots
from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios.schedule import demo_schedule

START_NS = 1_600_000_000 * 10**9
DAY_S = 86_400.0
DEVICES = ("athens", "valencia")
METRICS = (("T1", "t1"), ("T2", "t2"), ("readout_error", "readout_error"))
SEEDS = 20
MIN_DAYS = 15
DAILY = Pace(
    control_hz=0.0,
    cryostat_hz=0.0,
    qubits_hz=0.0,
    queue_hz=0.0,
    handover_hz=0.0,
    supply_hz=0.0,
    calibration_s=DAY_S,
    drift=1.0,
    people=False,
)
Floats = NDArray[np.float64]


def real_days(folder: Path, device: str, stem: str) -> Floats:
    """Return one metric's daily values, oldest first, shape (days, qubits); NaN where the day has none."""
    rows = (folder / f"ibmq_{device}_{stem}.csv").read_text().splitlines()[2:]
    cells = [line.split(",")[1:] for line in rows if line.strip()]
    return np.array([[float(c) if c != "no data" else math.nan for c in row] for row in cells])[::-1]


def twin_days(device: str, seed: int, days: int) -> dict[str, Floats]:
    """Return the twin's daily values by metric, shape (days, qubits)."""
    lab = Lab(snapshots(device), seed, START_NS, pace=DAILY)
    found = [d for d in lab.advance(days * DAY_S) if isinstance(d, DeviceSnapshot)]
    return {name: np.array([figures(s, name) for s in found]) for name, _ in METRICS}


def figures(snapshot: DeviceSnapshot, name: str) -> list[float]:
    """Return one figure of all qubits, in order."""
    by_qubit = {p.component: p.value for p in snapshot.parameters if p.name == name}
    return [by_qubit.get(f"q{q}", math.nan) for q in range(snapshot.qubits)]


def spread_and_memory(days: Floats) -> tuple[Floats, Floats]:
    """Return σ of ln x and its lag-1 autocorrelation per qubit, over days that are there, each shape (qubits,)."""
    log = np.log(days[np.isfinite(days).all(axis=1)])
    centred = log - log.mean(axis=0)
    return log.std(axis=0, ddof=1), (centred[1:] * centred[:-1]).sum(0) / (centred**2).sum(0)


def interval(values: Floats, rng: np.random.Generator, draws: int = 4_000) -> tuple[float, float, float]:
    """Return the median of ``values`` and its 95 % bootstrap interval."""
    medians = np.median(rng.choice(values, (draws, values.size)), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(np.median(values)), float(low), float(high)


def row(name: str, real: Floats, twin: Floats, rng: np.random.Generator) -> Figure:
    """Print and return one line of the table."""
    (r, low, high), (t, t_low, t_high) = interval(real, rng), interval(twin, rng)
    passed = low <= t <= high
    print(
        f"| {name} | {r:.3f} [{low:.3f}, {high:.3f}] | {t:.3f} [{t_low:.3f}, {t_high:.3f}] | {'yes' if passed else 'NO'} |"
    )
    return figure_of(
        "W9", f"the twin's {name}", t, span=(t_low, t_high), n=int(twin.size), goal=f"within {low:.3f} to {high:.3f}",
        least=low, most=high, ground="real",
    )  # fmt: skip


def daily_rows(folder: Path, rng: np.random.Generator, seeds: int) -> list[Figure]:
    """Print the rows of daily statistics."""
    passed: list[Figure] = []
    twins = {(d, s): twin_days(d, s, len(real_days(folder, d, "t1"))) for d in DEVICES for s in range(seeds)}
    for name, stem in METRICS:
        real: list[tuple[Floats, Floats]] = []
        twin: list[tuple[Floats, Floats]] = []
        for device in DEVICES:
            days = real_days(folder, device, stem)
            there = np.isfinite(days).all(axis=1)
            if there.sum() < MIN_DAYS:
                continue
            real.append(spread_and_memory(days))
            for seed in range(seeds):
                one = twins[device, seed][name][: len(days)].copy()
                one[~there] = math.nan
                twin.append(spread_and_memory(one))
        for index, label in enumerate((f"σ of ln {name}, day to day", f"lag-1 ACF of ln {name}")):
            passed.append(
                row(label, np.concatenate([p[index] for p in real]), np.concatenate([p[index] for p in twin]), rng)
            )
    return passed


def frequencies(snapshot: DeviceSnapshot) -> Floats:
    """Return the qubits' frequencies in Hz, NaN where not given."""
    return np.array(figures(snapshot, "frequency"))


def distance(first: Floats, second: Floats) -> float:
    """Return the median difference of two frequency vectors, MHz, over qubits that both have."""
    n = min(first.size, second.size)
    apart = np.abs(first[:n] - second[:n]) / 1e6
    apart = apart[np.isfinite(apart)]
    return float(np.median(apart)) if apart.size else math.nan


def distances() -> tuple[Floats, Floats, Floats, Floats]:
    """Return real within, real between, twin within, twin between distances, MHz."""
    real = {b: [f for s in snapshots(b) if np.isfinite(f := frequencies(s)).any()] for b in backends()}
    real = {b: f for b, f in real.items() if f}
    within = [distance(f[i], f[i + 1]) for f in real.values() for i in range(len(f) - 1)]
    names = sorted(real)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if real[a][0].size == real[b][0].size]
    between = [distance(real[a][-1], real[b][-1]) for a, b in pairs]
    drifted: dict[str, tuple[Floats, Floats]] = {}
    for seed, name in enumerate(names):
        lab = Lab(snapshots(name), seed, START_NS, pace=DAILY)
        found = [d for d in lab.advance(365 * DAY_S) if isinstance(d, DeviceSnapshot)] if name in LIVED else []
        if found:
            drifted[name] = frequencies(found[0]), frequencies(found[-1])
    twin_within = [distance(a, b) for a, b in drifted.values()]
    lived = sorted(drifted)
    twin_between = [
        distance(drifted[a][1], drifted[b][1])
        for i, a in enumerate(lived)
        for b in lived[i + 1 :]
        if drifted[a][1].size == drifted[b][1].size
    ]
    return np.array(within), np.array(between), np.array(twin_within), np.array(twin_between)


LIVED = ("athens", "belem", "bogota", "jakarta", "lagos", "lima", "manila", "nairobi", "oslo", "perth", "quito", "rome",
         "santiago", "valencia", "vigo")  # fmt: skip


def speed_row() -> None:
    """Print how many times faster than real time a full lab runs, and its values per second."""
    for device in ("manila", "sherbrooke"):
        lab = Lab(snapshots(device), 1, START_NS, schedule=demo_schedule(1))
        lab.advance(5.0)
        began = time.process_time()
        lab.advance(600.0)
        took = time.process_time() - began
        print(f"speed, all streams, {device} ({lab.chip.qubits} qubits): {600.0 / took:,.0f} × real time (one core)")


def run(data: Path | None, seeds: int = SEEDS) -> list[Figure]:
    """Print the table and return its rows.

    Args:
        data: Folder that holds ``qprov`` or ``quantum/qprov``; without it only the packaged distances and the speed are measured.
        seeds: Twins per device.
    """
    rng = np.random.default_rng(9)
    print("W9 twin against real (median over qubits [95 % bootstrap])\n")
    print("| figure | real | twin | within |\n|---|---|---|---|")
    passed = daily_rows(_qprov(data), rng, seeds) if data is not None else []
    within, between, twin_within, twin_between = (v[np.isfinite(v)] for v in distances())
    low, high = float(within.min()), float(within.max())
    inside = bool(low <= np.median(twin_within) <= high)
    print(
        f"| frequency distance within a device, MHz (median; range) | {np.median(within):.3f}; {low:.3f}–{high:.3f} "
        f"({within.size} pairs) | {np.median(twin_within):.3f}; {twin_within.min():.3f}–{twin_within.max():.3f} "
        f"({twin_within.size}) | {'yes' if inside else 'NO'} |"
    )
    far = bool(between.min() <= np.median(twin_between) <= between.max() and twin_between.min() > twin_within.max())
    print(
        f"| frequency distance between devices, MHz (median; least) | {np.median(between):.1f}; {between.min():.1f} "
        f"({between.size} pairs) | {np.median(twin_between):.1f}; {twin_between.min():.1f} ({twin_between.size}) "
        f"| {'yes' if far else 'NO'} |"
    )
    passed += [
        figure_of(
            "W9", "the twin's frequency distance within a device, median, MHz", float(np.median(twin_within)),
            n=int(twin_within.size), goal=f"within {low:.3f} to {high:.3f}", met=inside, ground="real",
        ),
        figure_of(
            "W9", "the twin's frequency distance between devices, median, MHz", float(np.median(twin_between)),
            n=int(twin_between.size), goal=f"within {between.min():.1f} to {between.max():.1f}, and apart from within",
            met=far, ground="real",
        ),
    ]  # fmt: skip
    print()
    speed_row()
    within_all = [bool(one.met) for one in passed]
    print(f"\nW9: {'pass' if all(within_all) else 'FAIL'} ({sum(within_all)} of {len(within_all)} rows within)")
    return passed


def _qprov(data: Path) -> Path:
    places = (data / "quantum" / "qprov", data / "qprov", data)
    found = next((p for p in places if p.is_dir() and any(p.glob("ibmq_*_t1.csv"))), None)
    if found is None:
        raise BadInputError("there are no daily calibrations", where=str(data), hint="needs the QPROV tables in qprov/")
    return found


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--seeds", type=int, default=SEEDS, help="twins per device")


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    return run(asked.data, min(asked.seeds, 4) if asked.quick else asked.seeds)
