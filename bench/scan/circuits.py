"""S8: share of hostile circuits found and of honest circuits flagged, by family."""

import time
from argparse import ArgumentParser, Namespace

import numpy as np

from bench.figure import Figure, share_of
from bench.scan.circuit_families import AMBIGUOUS, HONEST, HOSTILE, Family
from bench.shares import wilson
from mumetal.core.artefact import Artefact
from mumetal.core.finding import Severity
from mumetal.scan.circuits.scanner import CircuitScanner

HELD_OUT_SEED = 20_261_122


def flagged(families: dict[str, Family], seed: int, count: int) -> dict[str, float]:
    """Return per family the share of circuits with a finding of at least medium severity."""
    scanner = CircuitScanner()
    shares: dict[str, float] = {}
    for number, (name, make) in enumerate(families.items()):
        hits = 0
        for case in range(count):
            text = make(np.random.default_rng([seed, number, case]))
            found = scanner.scan(Artefact(uri=f"{name}-{case}.qasm", data=text.encode()))
            hits += any(f.severity >= Severity.MEDIUM for f in found)
        shares[name] = hits / count
    return shares


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--count", type=int, default=50, help="circuits per family")


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the shares by family."""
    per_family = 5 if asked.quick else asked.count
    goals: dict[str, tuple[str, float | None, float | None]] = {
        "hostile": ("≥ .95", 0.95, None),
        "honest": ("≤ .01", None, 0.01),
        "ambiguous": ("", None, None),
    }
    start, figures = time.process_time(), []
    for title, group in (("hostile", HOSTILE), ("honest", HONEST), ("ambiguous", AMBIGUOUS)):
        table = flagged(group, asked.seed, per_family)
        total = per_family * len(table)
        hits = round(per_family * sum(table.values()))
        low, high = wilson(hits, total)
        print(f"{title}: {hits / total:.4f} flagged [{low:.4f}, {high:.4f}], n = {total}")
        for family, part in table.items():
            print(f"  {family:24} {part:.3f}")
        goal, least, most = goals[title]
        figures.append(share_of("S8", f"{title} circuits flagged", hits, total, goal=goal, least=least, most=most))
    print(f"{time.process_time() - start:.1f} CPU-s")
    return figures
