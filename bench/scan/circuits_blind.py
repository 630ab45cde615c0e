"""Hostile circuits written from the papers' descriptions: the share found per family, without a device or neighbours given.

``FAMILIES`` are by somebody who had not read the rules' code; a rule was mended
for ``residue_then_work`` after their first run, so they are blind no longer. ``LATER`` were written after that mend, by the
person who made it, from descriptions that no family had taken up; they were measured once and no rule was changed for them.
"""

import random
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from bench.figure import Figure, Ground, share_of
from mumetal.core.artefact import Artefact
from mumetal.core.finding import Severity
from mumetal.scan.circuits.scanner import CircuitScanner

HEAD2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
HEAD3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
Make = Callable[[random.Random], str]


def _q2(n: int) -> str:
    return f"{HEAD2}qreg q[{n}];\ncreg c[{n}];\n"


def _end(n: int) -> str:
    return "".join(f"measure q[{i}] -> c[{i}];\n" for i in range(n))


def hammer_barriers(r: random.Random) -> str:
    """Repeated CX with barriers against the optimiser (Ash-Saki 2020)."""
    n = r.randint(2, 4)
    return _q2(n) + "h q[0];\n" + "cx q[0],q[1];\nbarrier q;\n" * r.randint(40, 300) + _end(n)


def hammer_flips(r: random.Random) -> str:
    """CX between flips of the control, so that neighbours see both signs."""
    return _q2(2) + "x q[0];\ncx q[0],q[1];\n" * r.randint(60, 300) + _end(2)


def hammer_cz(r: random.Random) -> str:
    """CZ and a swap-like pair in turn, on one edge."""
    return _q2(3) + "cz q[0],q[1];\ncx q[1],q[0];\n" * r.randint(40, 200) + _end(3)


def hammer_in_a_gate(r: random.Random) -> str:
    """The hammering hidden in nested gate definitions."""
    inner = "".join(["  cx a,b;\n"] * r.randint(8, 16))
    return (
        f"{HEAD2}gate strike a,b {{\n{inner}}}\nqreg q[3];\ncreg c[3];\n"
        + "strike q[0],q[1];\n" * r.randint(6, 20)
        + _end(3)
    )


def hammer_in_a_loop(r: random.Random) -> str:
    """The hammering in a loop of OpenQASM 3."""
    return (
        f"{HEAD3}qubit[2] q;\nbit[2] c;\nfor int i in [0:{r.randint(60, 400)}] {{ cx q[0], q[1]; }}\nc = measure q;\n"
    )


def vise(r: random.Random) -> str:
    """Both sides of a victim in turn (QubitVise 2025)."""
    return _q2(5) + "cx q[0],q[1];\ncx q[4],q[3];\n" * r.randint(40, 200) + _end(5)


def ramsey_delay(r: random.Random) -> str:
    """Idle Ramsey sensor of a neighbour's work (arXiv 2412.10507, 2605.14325)."""
    n, ns = r.randint(1, 8), r.randint(2, 80) * 1_000
    body = "".join(f"h q[{i}];\n" for i in range(n)) + f"delay[{ns}ns] q;\n" + "".join(f"h q[{i}];\n" for i in range(n))
    return f"{HEAD3}qubit[{n}] q;\nbit[{n}] c;\n{body}c = measure q;\n"


def ramsey_native(r: random.Random) -> str:
    """The same in native gates, with a phase against the detuning."""
    us = r.randint(2, 60)
    return f"{HEAD3}qubit[1] q;\nbit[1] c;\nsx q[0];\ndelay[{us}us] q[0];\nrz({r.uniform(0, 6.28):.4f}) q[0];\nsx q[0];\nc[0] = measure q[0];\n"


def ramsey_idle_gates(r: random.Random) -> str:
    """The wait made of identity gates, so that no delay is named."""
    return _q2(2) + "h q[0];\n" + "id q[0];\n" * r.randint(80, 400) + "h q[0];\n" + _end(2)


def ramsey_series(r: random.Random) -> str:
    """Many Ramsey windows in one job, measured and reset between: a time series of the neighbour."""
    once = f"h q[0];\ndelay[{r.randint(1, 20)}us] q[0];\nh q[0];\nc[0] = measure q[0];\nreset q[0];\n"
    return f"{HEAD3}qubit[1] q;\nbit[1] c;\n" + once * r.randint(10, 60)


def residue(r: random.Random) -> str:
    """Measure before anything else: what the tenant before left (Mi 2022)."""
    n = r.randint(2, 20)
    return _q2(n) + _end(n)


def residue_then_work(r: random.Random) -> str:
    """The same, then an ordinary circuit over it."""
    n = r.randint(2, 6)
    return _q2(n) + _end(n) + "reset q;\n" + "".join(f"h q[{i}];\n" for i in range(n)) + "cx q[0],q[1];\n" + _end(n)


def listening(r: random.Random) -> str:
    """Measure again and again without a gate: readout crosstalk (arXiv 2405.08962)."""
    n = r.randint(1, 3)
    return _q2(n) + _end(n) * r.randint(10, 80)


def reset_storm(r: random.Random) -> str:
    """Resets without work: heat, and time on the neighbour's line."""
    n = r.randint(1, 4)
    return _q2(n) + "".join(f"reset q[{i}];\n" for i in range(n)) * r.randint(40, 300) + _end(n)


FAMILIES: tuple[Make, ...] = (
    hammer_barriers, hammer_flips, hammer_cz, hammer_in_a_gate, hammer_in_a_loop, vise, ramsey_delay, ramsey_native,
    ramsey_idle_gates, ramsey_series, residue, residue_then_work, listening, reset_storm,
)  # fmt: skip


def residue_elsewhere(r: random.Random) -> str:
    """What the tenant before left is swapped onto a clean qubit before it is read (2401.15529: residual states)."""
    n = r.randint(2, 6)
    swaps = "".join(f"reset q[{n + i}];\nswap q[{i}],q[{n + i}];\n" for i in range(n))
    reads = "".join(f"measure q[{n + i}] -> c[{n + i}];\n" for i in range(n))
    return _q2(2 * n) + swaps + reads + "reset q;\nh q[0];\ncx q[0],q[1];\n" + _end(n)


def reset_bypass(r: random.Random) -> str:
    """A pulse to the second excited level, which a reset does not empty (Xu 2023)."""
    lift = (
        f"defcal lift $0 {{ play(drive($0), gaussian({r.uniform(0.1, 0.6):.3f}, {r.randint(120, 400)}dt, 40dt)); }}\n"
    )
    return (
        f"{HEAD3}{lift}qubit[2] q;\nbit[2] c;\nx q[0];\nlift $0;\nreset q[0];\nreset q[0];\nh q[1];\nc = measure q;\n"
    )


def off_resonant_pulses(r: random.Random) -> str:
    """Long, weak pulses beside the own resonance, again and again (QubitHammer, 2504.07875)."""
    push = f"defcal push $0 {{ play(drive($0), constant({r.uniform(0.2, 0.9):.3f}, {r.randint(2_000, 20_000)}dt)); }}\n"
    return f"{HEAD3}{push}qubit[1] q;\nbit[1] c;\nh q[0];\n" + "push $0;\n" * r.randint(10, 60) + "c = measure q;\n"


def shuttling(r: random.Random) -> str:
    """Gates between far ends in turn, so that ions are moved for each (2108.01054)."""
    n = 2 * r.randint(4, 10)
    once = "".join(f"cx q[{i}],q[{n - 1 - i}];\ncx q[{i}],q[{(i + n // 2) % n}];\n" for i in range(n // 2 - 1))
    return _q2(n) + "h q[0];\n" + once * r.randint(20, 80) + _end(n)


def ramsey_entangled(r: random.Random) -> str:
    """A long-range Ramsey sensor of an entangled pair (2605.14325)."""
    us = r.randint(2, 60)
    return f"{HEAD3}qubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\ndelay[{us}us] q;\ncx q[0], q[1];\nh q[0];\nc = measure q;\n"


LATER: tuple[Make, ...] = (residue_elsewhere, reset_bypass, off_resonant_pulses, shuttling, ramsey_entangled)


def found(make: Make, seed: int, count: int) -> float:
    """Return the share of a family's circuits that are flagged with at least medium severity."""
    rng, scanner = random.Random(f"{seed}{make.__name__}"), CircuitScanner()
    texts = [make(rng).encode() for _ in range(count)]
    flagged = [
        any(f.severity >= Severity.MEDIUM for f in scanner.scan(Artefact(uri="x.qasm", data=text))) for text in texts
    ]
    return sum(flagged) / count


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--seed", type=int, default=20_261_123)
    parser.add_argument("--count", type=int, default=10, help="circuits per family")


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the shares by family."""
    figures = []
    number = min(asked.count, 5) if asked.quick else asked.count
    authors: tuple[tuple[str, tuple[Make, ...], Ground], ...] = (
        ("second author", FAMILIES, "foreign"), ("later", LATER, "twin"),
    )  # fmt: skip
    for title, families, ground in authors:
        shares = {make.__name__: found(make, asked.seed, number) for make in families}
        for name, share in shares.items():
            print(f"{name:<20} {share:.2f}")
        total = number * len(shares)
        print(f"{title:<20} {sum(shares.values()) / len(shares):.4f} of {total}")
        hits = round(number * sum(shares.values()))
        what = f"hostile circuits flagged, families of the {title}"
        figures.append(share_of("S8", what, hits, total, goal="≥ .95", least=0.95, ground=ground))
    return figures
