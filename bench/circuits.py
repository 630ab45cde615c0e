"""S8: share of hostile circuits found and of honest circuits flagged, by family. ``python -m bench.circuits [SEED] [N]``."""

import sys
import time

import numpy as np

from bench.circuit_families import AMBIGUOUS, HONEST, HOSTILE, Family
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


def interval(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


if __name__ == "__main__":
    use_seed = int(sys.argv[1]) if len(sys.argv) > 1 else HELD_OUT_SEED
    per_family = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    start = time.process_time()
    for title, group in (("hostile", HOSTILE), ("honest", HONEST), ("ambiguous", AMBIGUOUS)):
        table = flagged(group, use_seed, per_family)
        total = per_family * len(table)
        mean = float(np.mean(list(table.values())))
        low, high = interval(mean, total)
        print(f"{title}: {mean:.4f} flagged [{low:.4f}, {high:.4f}], n = {total}")
        for family, part in table.items():
            print(f"  {family:24} {part:.3f}")
    print(f"{time.process_time() - start:.1f} CPU-s")
