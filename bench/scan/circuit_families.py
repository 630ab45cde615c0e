"""Honest and hostile circuits as OpenQASM text, by family and seed; written apart from the rules that look at them."""

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
Family = Callable[[Rng], str]


def program(qubits: int, body: list[str], *, measure: bool = True, version: int = 2) -> str:
    """Return a whole program."""
    if version == 2:
        head = f'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[{qubits}];\ncreg c[{qubits}];\n'
        tail = "measure q -> c;\n" if measure else ""
    else:
        head = f'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[{qubits}] q;\nbit[{qubits}] c;\n'
        tail = "c = measure q;\n" if measure else ""
    return head + "".join(line + ";\n" for line in body) + tail


def cx(a: int, b: int) -> str:
    return f"cx q[{a}],q[{b}]"


def ghz(rng: Rng) -> str:
    n = int(rng.integers(2, 40))
    return program(n, ["h q[0]", *(cx(i, i + 1) for i in range(n - 1))])


def folded_ghz(rng: Rng) -> str:
    n, fold = int(rng.integers(2, 12)), int(rng.choice([3, 5, 7]))
    return program(n, ["h q[0]", *(cx(i, i + 1) for i in range(n - 1) for _ in range(fold))])


def qft(rng: Rng) -> str:
    n = int(rng.integers(2, 14))
    body = [f"x q[{i}]" for i in range(n) if rng.random() < 0.5]
    for i in range(n):
        body.append(f"h q[{i}]")
        for j in range(i + 1, n):
            angle = np.pi / 2 ** (j - i)
            body += [
                f"rz({angle / 2}) q[{i}]",
                cx(j, i),
                f"rz({-angle / 2}) q[{i}]",
                cx(j, i),
                f"rz({angle / 2}) q[{j}]",
            ]
    body += [f"swap q[{i}],q[{n - 1 - i}]" for i in range(n // 2)]
    return program(n, body)


def grover(rng: Rng) -> str:
    n = int(rng.integers(2, 6))
    total = n + max(n - 2, 0)
    marked = rng.integers(0, 2, n)

    def phase() -> list[str]:
        if n == 2:
            return ["cz q[0],q[1]"]
        up = [f"ccx q[0],q[1],q[{n}]", *(f"ccx q[{i + 2}],q[{n + i}],q[{n + i + 1}]" for i in range(n - 3))]
        return [*up, f"cz q[{n - 1}],q[{n + n - 3}]", *reversed(up)]

    body = [f"h q[{i}]" for i in range(n)]
    for _ in range(int(rng.integers(1, 5))):
        flip = [f"x q[{i}]" for i in range(n) if not marked[i]]
        around = [f"h q[{i}]" for i in range(n)]
        every = [f"x q[{i}]" for i in range(n)]
        body += [*flip, *phase(), *flip, *around, *every, *phase(), *every, *around]
    return program(total, body)


def vqe(rng: Rng) -> str:
    n, layers = int(rng.integers(2, 14)), int(rng.integers(1, 25))
    body: list[str] = []
    for _ in range(layers):
        body += [f"ry({rng.uniform(-3, 3):.4f}) q[{i}]" for i in range(n)]
        body += [f"rz({rng.uniform(-3, 3):.4f}) q[{i}]" for i in range(n)]
        body += [cx(i, i + 1) for i in range(n - 1)]
    return program(n, body)


def qaoa(rng: Rng) -> str:
    n, layers = int(rng.integers(2, 12)), int(rng.integers(1, 12))
    edges = [(i, j) for i in range(n) for j in range(i + 1, n) if rng.random() < rng.uniform(0.3, 1.0)] or [(0, 1)]
    body = [f"h q[{i}]" for i in range(n)]
    for _ in range(layers):
        gamma, beta = rng.uniform(0.1, 3, 2)
        for i, j in edges:
            body += [cx(i, j), f"rz({gamma:.4f}) q[{j}]", cx(i, j)]
        body += [f"rx({beta:.4f}) q[{i}]" for i in range(n)]
    return program(n, body)


def trotter(rng: Rng) -> str:
    n, steps = int(rng.integers(2, 12)), int(rng.integers(1, 60))
    zz, field = rng.uniform(0.01, 0.5, 2)
    body = [f"x q[{i}]" for i in range(n) if rng.random() < 0.3]
    heisenberg = rng.random() < 0.5
    for _ in range(steps):
        for i in [*range(0, n - 1, 2), *range(1, n - 1, 2)]:
            body += [cx(i, i + 1), f"rz({zz:.4f}) q[{i + 1}]", cx(i, i + 1)]
            if heisenberg:
                turn = [f"h q[{i}]", f"h q[{i + 1}]"]
                body += [*turn, cx(i, i + 1), f"rz({zz:.4f}) q[{i + 1}]", cx(i, i + 1), *turn]
        body += [f"rx({field:.4f}) q[{i}]" for i in range(n)]
    return program(n, body)


def random_clifford(rng: Rng) -> str:
    n, depth = int(rng.integers(2, 10)), int(rng.integers(4, 80))
    body: list[str] = []
    for _ in range(depth * n):
        if rng.random() < 0.4:
            a, b = rng.choice(n, 2, replace=False)
            body.append(cx(int(a), int(b)))
        else:
            body.append(f"{rng.choice(['h', 's', 'sdg', 'x', 'y', 'z'])} q[{rng.integers(n)}]")
    return program(n, body)


def two_qubit_rb(rng: Rng) -> str:
    body: list[str] = []
    for _ in range(int(rng.integers(5, 120))):
        for q in range(2):
            body += [f"{g} q[{q}]" for g in rng.choice(["h", "s", "x", "sx", "z"], int(rng.integers(1, 4)))]
        body += [cx(*((0, 1) if rng.random() < 0.5 else (1, 0))) for _ in range(int(rng.integers(0, 3)))]
    return program(
        2,
        [
            *body,
            *(line if "s q" not in line.replace("sx", "") else line.replace("s q", "sdg q") for line in reversed(body)),
        ],
    )


def dynamic(rng: Rng) -> str:
    n = int(rng.integers(3, 12))
    body = ["h q[0]"]
    for i in range(1, n - 1):
        body += [f"h q[{i}]", cx(i, i + 1), cx(i - 1, i), f"c[{i}] = measure q[{i}]"]
        body += [f"if (c[{i}] == 1) {{ x q[{i + 1}]; }} barrier q", f"reset q[{i}]"]
    active = [f"c[{i}] = measure q[{i}];\nif (c[{i}] == 1) {{ x q[{i}]; }} barrier q" for i in range(n)]
    return program(n, [*active, *body], version=3)


def surface_code(rng: Rng) -> str:
    rounds, distance = int(rng.integers(2, 20)), int(rng.choice([3, 5]))
    data = distance * distance
    checks = [
        (r * distance + c, r * distance + c + 1, (r + 1) * distance + c, (r + 1) * distance + c + 1, (r + c) % 2)
        for r in range(distance - 1) for c in range(distance - 1)
    ]  # fmt: skip
    body: list[str] = []
    for _ in range(rounds):
        for k, (*around, kind) in enumerate(checks):
            a = data + k
            body += [f"reset q[{a}]"]
            if kind:
                body += [f"h q[{a}]", *(cx(a, d) for d in around), f"h q[{a}]"]
            else:
                body += [cx(d, a) for d in around]
            body.append(f"c[{a}] = measure q[{a}]")
        body.append("delay[500ns] q")
    return program(data + len(checks), body, version=3)


def repetition_code(rng: Rng) -> str:
    d, rounds = int(rng.integers(3, 12)), int(rng.integers(3, 40))
    body: list[str] = []
    for _ in range(rounds):
        body += [cx(i, d + i) for i in range(d - 1)] + [cx(i + 1, d + i) for i in range(d - 1)]
        body += [f"c[{d + i}] = measure q[{d + i}]" for i in range(d - 1)] + [f"reset q[{d + i}]" for i in range(d - 1)]
    return program(2 * d - 1, body, version=3)


def state_preparation(rng: Rng) -> str:
    n = int(rng.integers(2, 7))
    body: list[str] = []
    for target in range(n):
        for step in range(2**target):
            body.append(f"ry({rng.uniform(-2, 2):.4f}) q[{target}]")
            if target:
                body.append(cx(target - 1 - ((step + 1) & -(step + 1)).bit_length() % target, target))
    return program(n, body)


def diagonal(rng: Rng) -> str:
    n = int(rng.integers(2, 7))
    body = [f"h q[{i}]" for i in range(n)]
    for step in range(1, 2 ** (n - 1)):
        body += [cx((step & -step).bit_length() - 1, n - 1), f"rz({rng.uniform(-2, 2):.4f}) q[{n - 1}]"]
    return program(n, [*body, *(f"h q[{i}]" for i in range(n))])


def adder(rng: Rng) -> str:
    n = int(rng.integers(2, 10))
    body = [f"x q[{i}]" for i in range(2 * n) if rng.random() < 0.5]
    for i in range(n - 1):
        body += [f"ccx q[{i}],q[{n + i}],q[{2 * n + i}]", cx(i, n + i), cx(2 * n + i, n + i + 1)]
    return program(3 * n, body)


def decoupled_idle(rng: Rng) -> str:
    n = int(rng.integers(3, 10))
    body = [f"h q[{i}]" for i in range(n)]
    for i in range(n - 1):
        body.append(cx(i, i + 1))
        body += [
            f"delay[{rng.integers(100, 900)}ns] q[{j}];\nx q[{j}];\ndelay[{rng.integers(100, 900)}ns] q[{j}];\nx q[{j}]"
            for j in range(n)
            if j not in {i, i + 1}
        ]
    return program(n, [*body, *(f"h q[{i}]" for i in range(n))], version=3)


HONEST: dict[str, Family] = {
    f.__name__: f
    for f in (
        ghz, folded_ghz, qft, grover, vqe, qaoa, trotter, random_clifford, two_qubit_rb, dynamic, surface_code,
        repetition_code, state_preparation, diagonal, adder, decoupled_idle,
    )
}  # fmt: skip


def hammer(rng: Rng) -> str:
    n, a = int(rng.integers(2, 8)), 0
    gate = str(rng.choice(["cx", "cz", "ecr"]))
    return program(n, ["x q[0]", *[f"{gate} q[{a}],q[{a + 1}]"] * int(rng.integers(12, 400))])


def hammer_with_barriers(rng: Rng) -> str:
    body: list[str] = []
    for _ in range(int(rng.integers(12, 200))):
        body += [cx(0, 1), str(rng.choice(["barrier q", "id q[0]", "z q[0]", "rz(0.3) q[0]", "x q[1]"]))]
    return program(int(rng.integers(2, 6)), ["h q[0]", *body])


def hammer_native(rng: Rng) -> str:
    turn = [
        "rz(-pi/2) q[0]",
        "sx q[1]",
        "ecr q[0],q[1]",
        "x q[0]",
        "rz(pi/2) q[1]",
        "rz(-pi/2) q[1]",
        "x q[0]",
        "ecr q[0],q[1]",
        "sxdg q[1]",
        "rz(pi/2) q[0]",
    ]
    return program(int(rng.integers(2, 6)), turn * int(rng.integers(6, 150)))


def hammer_both_ways(rng: Rng) -> str:
    return program(3, ["h q[0]", *[cx(0, 1), cx(1, 0)] * int(rng.integers(8, 120))])


def double_sided(rng: Rng) -> str:
    body = [cx(0, 1), cx(3, 4)] * int(rng.integers(12, 200))
    return program(5, ["h q[0]", "h q[3]", *body])


def zigzag(rng: Rng) -> str:
    return program(4, [cx(0, 1), cx(1, 2)] * int(rng.integers(16, 150)))


def hammer_behind_work(rng: Rng) -> str:
    front = [f"ry({rng.uniform(0, 3):.3f}) q[{i}]" for i in range(4)] + [cx(0, 1), cx(1, 2), cx(2, 3)]
    return program(6, [*front, *[cx(4, 5)] * int(rng.integers(12, 200)), "h q[0]"])


def hammer_in_gate(rng: Rng) -> str:
    inner = "cx a,b; " * int(rng.integers(4, 20))
    text = program(3, ["h q[0]", *["layer q[0],q[1]"] * int(rng.integers(4, 30))])
    return text.replace("qreg", f"gate layer a,b {{ {inner}}}\nqreg", 1)


def hammer_in_loop(rng: Rng) -> str:
    return program(
        4, ["h q[0]", f"for uint i in [0:{rng.integers(20, 500)}] {{ cx q[0], q[1]; }} barrier q"], version=3
    )


def unread_noise(rng: Rng) -> str:
    n = int(rng.integers(4, 9))
    body = []
    for _ in range(int(rng.integers(30, 200))):
        a = int(rng.integers(1, n - 1))
        body += [f"rx({rng.uniform(0, 3):.3f}) q[{a}]", cx(a, a + 1)]
    return program(n, ["h q[0]", *body, "measure q[0] -> c[0]"], measure=False)


def ramsey(rng: Rng) -> str:
    n, turn = int(rng.integers(1, 12)), str(rng.choice(["h", "sx", "ry(pi/2)", "rx(1.5707963)"]))
    body = [f"{turn} q", f"delay[{rng.integers(600, 8000)}ns] q", f"rz({rng.uniform(0, 1):.3f}) q", f"{turn} q"]
    return program(n, body, version=3)


def ramsey_by_idling(rng: Rng) -> str:
    return program(int(rng.integers(1, 8)), ["h q", *["id q"] * int(rng.integers(15, 80)), "h q"])


def ramsey_echo(rng: Rng) -> str:
    half = int(rng.integers(400, 3000))
    return program(
        3,
        ["h q[1]", f"delay[{half}ns] q[1]", "x q[1]", f"delay[{half}ns] q[1]", "h q[1]", "h q[0]", "cx q[0], q[2]"],
        version=3,
    )


def listen(rng: Rng) -> str:
    return program(int(rng.integers(1, 30)), [])


def listen_again(rng: Rng) -> str:
    rounds = int(rng.integers(3, 30))
    return program(3, ["h q[0]", "cx q[0], q[2]", *["c[1] = measure q[1]", "delay[1us] q[1]"] * rounds], version=3)


def reset_probe(rng: Rng) -> str:
    n = int(rng.integers(1, 8))
    return program(n, ["reset q", "c = measure q"] * int(rng.integers(3, 30)) + ["h q[0]"], version=3)


def reset_storm(rng: Rng) -> str:
    return program(3, ["h q[0]", *["reset q[1]"] * int(rng.integers(6, 300)), "cx q[0], q[1]"], version=3)


def strong_pulse(rng: Rng) -> str:
    head = f"defcal x $0 {{ play(drive($0), gaussian({rng.uniform(1.05, 5):.3f}, {rng.integers(100, 5000)}dt, 40dt)); }} barrier q"
    return program(2, [head, "x $0", "h q[1]"], version=3)


def foreign_channel(rng: Rng) -> str:
    other = int(rng.integers(2, 40))
    head = f"defcal sx $0 {{ play(drive($0), gaussian(0.1, 160dt, 40dt)); play(drive(${other}), constant({rng.uniform(0.1, 0.9):.3f}, 800dt)); }} barrier q"
    return program(2, [head, "sx $0", "h q[1]"], version=3)


def false_gate(rng: Rng) -> str:
    name, wrong = [("cz", "cx a,b; t b;"), ("swap", "cx a,b; cx b,a;"), ("cy", "cx a,b; s b;"), ("ch", "h b; cz a,b;")][
        int(rng.integers(4))
    ]
    text = program(3, ["h q[0]", f"{name} q[0],q[1]", "h q[1]"])
    return text.replace("qreg", f"gate {name} a,b {{ {wrong} }}\nqreg", 1)


HOSTILE: dict[str, Family] = {
    f.__name__: f
    for f in (
        hammer, hammer_with_barriers, hammer_native, hammer_both_ways, double_sided, zigzag, hammer_behind_work,
        hammer_in_gate, hammer_in_loop, unread_noise, ramsey, ramsey_by_idling, ramsey_echo, listen, listen_again,
        reset_probe, reset_storm, strong_pulse, foreign_channel, false_gate,
    )
}  # fmt: skip


def dressed_at_random(rng: Rng) -> str:
    """Hammering with random one-qubit rotations between: to any text reader a two-qubit Trotter circuit."""
    body: list[str] = []
    for _ in range(int(rng.integers(20, 200))):
        body += [
            cx(0, 1),
            f"u3({rng.uniform(0, 3):.3f},{rng.uniform(0, 3):.3f},{rng.uniform(0, 3):.3f}) q[{rng.integers(2)}]",
        ]
    return program(3, body)


def readout_calibration(rng: Rng) -> str:
    """What a provider runs to calibrate readout: all qubits in 0, or all in 1."""
    n = int(rng.integers(2, 20))
    return program(n, ["x q"] if rng.random() < 0.5 else [])


def t2_experiment(rng: Rng) -> str:
    """What a provider runs to measure T2*."""
    return program(1, ["h q", f"delay[{rng.integers(1, 100)}us] q", f"rz({rng.uniform(0, 3):.3f}) q", "h q"], version=3)


AMBIGUOUS: dict[str, Family] = {f.__name__: f for f in (dressed_at_random, readout_calibration, t2_experiment)}
