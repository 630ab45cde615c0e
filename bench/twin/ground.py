"""How fast a ground lives: virtual hours a real second, with the whole stack behind its own address.

One ground a row: its twin's steps are longer, or its streams fewer. An attack falls two hours before the end, and the row
says where the stack's incident begins, seen from the attack's true start.
"""

import json
import time
from argparse import ArgumentParser, Namespace

from bench.figure import Figure, figure_of
from mumetal.core.ports import Ground
from mumetal.serve.ground import PACE, ground_range
from mumetal.twin.lab import Pace

HOURS, QUICK_HOURS = 24.0, 6.0
HOUR_S = 3_600.0
ATTACK_S = 900.0
SPARSE = Pace(
    control_hz=0.2, cryostat_hz=0.1, qubits_hz=0, queue_hz=0, handover_hz=0, supply_hz=0, calibration_s=6 * HOUR_S,
    drift=1.0, people=False,
)  # fmt: skip
ROWS = (("all streams", PACE, 120.0), ("all streams", PACE, 300.0), ("two streams", SPARSE, 120.0))


def told_s(ground: Ground, hours: float) -> float:
    """Live ``hours`` with an attack in them; returns where its incident begins, s after its true start."""
    ground.clock.sleep((hours - 2.0) * HOUR_S)
    attack = ground.twin.perturb("cryostat_sabotage", 0.5, ATTACK_S)
    ground.clock.sleep(2.0 * HOUR_S)
    found = json.loads(ground.client().request("GET", "/api/v1/incidents?limit=1000").body)
    hits = [int(i["start_ns"]) for i in found if attack.start_ns <= int(i["start_ns"]) < attack.stop_ns]
    return (min(hits) - attack.start_ns) / 1e9 if hits else float("nan")


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--hours", type=float, default=HOURS, help="virtual hours of each ground, more than 2")


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the table."""
    hours = min(asked.hours, QUICK_HOURS) if asked.quick else asked.hours
    figures: list[Figure] = []
    print("| ground | step, s | virtual hours | wall, s | processor, s | virtual hours a second | incident after, s |")
    print("|---|---|---|---|---|---|---|")
    for name, pace, step_s in ROWS:
        wall, cpu = time.perf_counter(), time.process_time()
        with ground_range(1, pace=pace, step_s=step_s).open() as ground:
            after = told_s(ground, hours)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"| {name} | {step_s:g} | {hours:g} | {wall:.1f} | {cpu:.1f} | {hours / wall:.2f} | {after:.0f} |",
            flush=True,
        )
        what = f"{name}, a step of {step_s:g} s"
        figures += [
            figure_of("W12", f"virtual hours a real second, {what}", hours / wall, n=1),
            figure_of("W12", f"start of the attack's incident after the attack's, s, {what}", after, n=1),
        ]
    return figures
