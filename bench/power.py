"""D8 and D9: covert-channel, crosstalk, leakage and misreport detectors against the optimal test."""

import argparse
import math
from functools import partial

import numpy as np

from mumetal.core.series import Channel, Series
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.canary_rise import CanaryRise
from mumetal.watch.covert.misreport import disagreement
from mumetal.watch.covert.power_leakage import PowerLeakage
from mumetal.watch.covert.reset_leakage import ResetLeakage
from mumetal.watch.covert.timing import BLOCK, TimingChannel

T0 = 1_790_000_000 * 10**9


def optimal_pulses(d: float, alpha: float, beta: float) -> float:
    """Pulses that the best blind test of ±dσ in known Gaussian jitter needs, by the normal limit of its log ratio."""
    x = np.linspace(-12, 12, 20_001)
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    shifted = 0.5 * (np.exp(-0.5 * (x - d) ** 2) + np.exp(-0.5 * (x + d) ** 2)) / math.sqrt(2 * math.pi)
    ratio = np.logaddexp(d * x, -d * x) - math.log(2) - d * d / 2
    step = x[1] - x[0]
    m0, m1 = (float((p * ratio).sum() * step) for p in (density, shifted))
    v0, v1 = (float((p * ratio**2).sum() * step) - m * m for p, m in ((density, m0), (shifted, m1)))
    return ((z_upper(alpha) * math.sqrt(v0) + z_upper(beta) * math.sqrt(v1)) / (m1 - m0)) ** 2


def _pulses(rng: np.random.Generator, n: int, d: float, references: int, *, coloured: bool) -> np.ndarray:
    both = rng.standard_normal((n, 1 + references))
    if coloured:  # wander of two jitters over 400 pulses, common to both
        kicks = 2.0 * math.sqrt(2 / 400) * rng.standard_normal(n)
        keep, level = 1 - 1 / 400, np.empty(n)
        decay = keep ** np.arange(256)
        last = 0.0
        for start in range(0, n, 256):
            part = kicks[start : start + 256]
            size = part.size
            level[start : start + size] = decay[:size] * (last * keep + np.cumsum(part / decay[:size]))
            last = level[start + size - 1]
        both += level[:, None]
    both[:, 0] += d * np.where(rng.random(n) < 0.5, -1.0, 1.0)
    return 5e-12 * both


def _series(values: np.ndarray, start: int) -> Series:
    names = (
        "awg.timing_residual",
        *(f"awg.reference{k}_residual" for k in range(values.shape[1] - 1)),
    )
    t = T0 + (start + np.arange(len(values))) * 10**6
    return Series(
        device="b",
        stream="control",
        channels=tuple(Channel(name=n, unit="s") for n in names),
        t_ns=t,
        values=values,
    )


def timing(runs: int) -> None:
    """D8: pulses to 99.9% power at 0.1% false alarm, against the optimal test."""
    alpha = 1e-3
    print(
        "| jitter | references a pulse | d | runs | optimal | optimal with these references | ours | ratio | to that with"
        " references | false alarms | with all jitter 5% up |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for coloured, references in ((False, 1), (False, 8), (True, 8)):
        for d in (1.0, 0.7, 0.5, 0.3, 0.2):
            if d < 0.3 and references == 1:
                continue
            count = runs if d >= 0.5 else max(8, runs // 3) if d >= 0.3 else max(8, runs // 6)
            _timing_row(d, references, count, alpha, coloured=coloured)


def _timing_row(d: float, references: int, runs: int, alpha: float, *, coloured: bool) -> None:
    best = optimal_pulses(d, alpha, alpha)
    history = max(2**15, 2 ** math.ceil(math.log2(8 * best)))
    grid = np.unique((np.ceil(best * np.geomspace(1.0, 8.0, 31) / BLOCK) * BLOCK).astype(int))
    if d < 0.3:
        grid = grid[grid <= 4 * best]
    found: dict[str, list[np.ndarray]] = {"sent": [], "quiet": [], "louder": []}
    for run in range(runs):
        rng = np.random.default_rng([11, run, int(1e3 * d), coloured])
        detector = TimingChannel()
        detector.fit(_series(_pulses(rng, history, 0.0, references, coloured=coloured), 0))
        for name, size, jitter in (
            ("sent", d, 1.0),
            ("quiet", 0.0, 1.0),
            ("louder", 0.0, 1.05),
        ):
            detector.reset()
            rows = jitter * _pulses(rng, int(grid[-1]), size, references, coloured=coloured)
            found[name].append(detector.score(_series(rows, history))[grid - 1])
    level = z_upper(alpha / detector.scales)
    scores, quiet, louder = (np.array(found[name]) for name in ("sent", "quiet", "louder"))
    low = scores.mean(axis=0) - z_upper(alpha) * scores.std(axis=0, ddof=1)
    enough = np.flatnonzero(low >= level)
    shared = best * (1 + 1 / references)  # a variance against one that is measured by so many more pulses
    ours = int(grid[enough[0]]) if enough.size else 0
    said = (
        f"{ours} | {ours / best:.1f} | {ours / shared:.1f}" if ours else f"> {grid[-1]} | > {grid[-1] / best:.1f} | –"
    )
    alarms = " | ".join(f"{int((x >= level).sum())}/{x.size}" for x in (quiet, louder))
    name = "coloured" if coloured else "Gaussian"
    print(
        f"| {name} | {references} | {d:g} | {runs} | {best:.0f} | {shared:.0f} | {said} | {alarms} |",
        flush=True,
    )


def _first_enough(passed: np.ndarray, wanted: float) -> int:
    """Index of the first size from which on the share of runs (runs, sizes) that passed never falls below ``wanted``."""
    short = np.flatnonzero(passed.mean(axis=0) < wanted)
    return int(short[-1]) + 1 if short.size else 0


def _shots_row(
    name: str,
    unit: str,
    best: float,
    sizes: np.ndarray,
    scores: np.ndarray,
    quiet: np.ndarray,
) -> None:
    """Set the level that quiet data pass at one moment in 1,000, and print how many samples 99% of the attacks need.

    Args:
        name: What attacks.
        unit: What is counted.
        best: What the optimal test needs.
        sizes: Samples since the attack began, shape (s,).
        scores: Scores at those sizes, shape (runs, s).
        quiet: Scores of quiet data, any shape.
    """
    rng = np.random.default_rng(5)
    level = float(np.quantile(quiet, 1 - 1e-3))
    ends: list[int] = []
    for draw in range(201):  # the first is the runs as they are, the others resamplings of them
        runs = scores if draw == 0 else scores[rng.integers(0, len(scores), len(scores))]
        at = _first_enough(runs >= level, 0.99)
        ends.append(int(sizes[at]) if at < len(sizes) else 0)
    counts = f"{len(scores)} | {len(quiet)} x {quiet[0].size}"
    if ends[0] == 0:
        print(
            f"| {name} | {best:.0f} {unit} | > {sizes[-1]} | > {sizes[-1] / best:.1f} | {counts} |",
            flush=True,
        )
        return
    low, high = np.quantile([e or sizes[-1] for e in ends[1:]], (0.025, 0.975))
    print(
        f"| {name} | {best:.0f} {unit} | {ends[0]} ({low:.0f} to {high:.0f}) | {ends[0] / best:.2f} "
        f"({low / best:.2f} to {high / best:.2f}) | {counts} |", flush=True,
    )  # fmt: skip


def optimal_shots(before: float, after: float) -> int:
    """Shots of the test of one known proportion at 99% power and 0.1% false alarm."""
    a = z_upper(1e-3) * math.sqrt(before * (1 - before))
    b = z_upper(1e-2) * math.sqrt(after * (1 - after))
    return math.ceil(((a + b) / (after - before)) ** 2)


def _counted(detector_of: object, names: tuple[str, ...], draw: object, runs: int) -> np.ndarray:
    out = []
    for run in range(runs):
        rng = np.random.default_rng([13, run])
        history, rows = draw(rng)  # type: ignore[operator]
        detector = detector_of()  # type: ignore[operator]
        channels = tuple(Channel(name=n, unit="1") for n in names)
        t = T0 + np.arange(len(history) + len(rows)) * 10**9
        detector.fit(
            Series(
                device="b",
                stream="s",
                channels=channels,
                t_ns=t[: len(history)],
                values=history,
            )
        )
        score = detector.score(
            Series(
                device="b",
                stream="s",
                channels=channels,
                t_ns=t[len(history) :],
                values=rows,
            )
        )
        out.append(score)
    return np.array(out)


def shots(runs: int) -> None:
    """D9: calibration misreport, crosstalk and reset leakage, shots or days to 99% power at 0.1% false alarm."""
    print("| attack | optimal | ours (95%) | ratio (95%) | runs | quiet runs |\n|---|---|---|---|---|---|")
    quiet_runs = 2 * runs
    _crosstalk_rows(runs, quiet_runs)
    _reset_row(runs, quiet_runs)
    _misreport_row(runs, quiet_runs)


def _crosstalk_rows(runs: int, quiet_runs: int) -> None:
    for gates, after in ((10, 0.228), (5, 0.102)):  # half the angle, a quarter of the effect
        best, per = optimal_shots(0.06, after), 8
        sizes = np.unique((np.geomspace(best, 4 * best, 25) // per + 1).astype(int) * per)

        rows = int(sizes[-1]) // per
        loud, calm = (
            _counted(
                CanaryRise,
                ("q0.canary_error",),
                partial(_canary, p=p, per=per, rows=rows),
                count,
            )
            for p, count in ((after, runs), (0.06, quiet_runs))
        )
        _shots_row(
            f"crosstalk, {gates} CX: P 0.06 to {after:.3f}",
            "shots",
            best,
            sizes,
            loud[:, sizes // per - 1],
            calm,
        )


def _canary(rng: np.random.Generator, *, p: float, per: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.binomial(per, 0.06, (1_024, 1)) / per, rng.binomial(per, p, (rows, 1)) / per


def _reset_row(runs: int, quiet_runs: int) -> None:
    error, residual, per = 0.01, 0.01, 256
    best = optimal_shots(error, error + residual)
    sizes = np.unique((np.geomspace(best, 4 * best, 25) // per + 1).astype(int) * per)
    names = (
        "q0.shots_after_0",
        "q0.ones_after_0",
        "q0.shots_after_1",
        "q0.ones_after_1",
    )

    def draw(rng: np.random.Generator, r: float) -> tuple[np.ndarray, np.ndarray]:
        def counts(n: int, share: float) -> np.ndarray:
            full = np.full(n, float(per))
            return np.stack(
                [full, rng.binomial(per, error, n), full, rng.binomial(per, share, n)],
                axis=1,
            )

        return counts(1_024, error), counts(int(sizes[-1]) // per, error + r)

    loud = _counted(ResetLeakage, names, lambda g: draw(g, residual), runs)
    calm = _counted(ResetLeakage, names, lambda g: draw(g, 0.0), quiet_runs)
    _shots_row(
        "reset leakage 1%, readout error 1%",
        "shots after 1",
        best,
        sizes,
        loud[:, sizes // per - 1],
        calm,
    )


def _misreport_row(runs: int, quiet_runs: int) -> None:
    """10% praise at σ 0.25 of ln of a figure against its canary; 8 qubits, a snapshot a day."""
    sigma, praise, qubits, past = 0.25, math.log(1.1), 8, 360
    best = ((z_upper(1e-3) + z_upper(1e-2)) * sigma / praise) ** 2
    days = np.unique(np.geomspace(best / qubits, 4 * best / qubits, 12).astype(int))

    def run(size: float, count: int) -> np.ndarray:
        out = []
        for k in range(count):
            rng = np.random.default_rng([17, k, int(1e3 * size)])
            ratio = sigma * rng.standard_normal((past + int(days[-1]), qubits))
            ratio[past:] -= size
            out.append([disagreement(ratio[: past + int(n)])[0] for n in days])
        return np.array(out)

    _shots_row(
        "misreport 10%, σ 0.25",
        "qubit-days",
        best,
        days * qubits,
        run(praise, runs),
        run(0.0, quiet_runs),
    )


def leak(runs: int) -> None:
    """A leak of the pulse energy into the rack's power that was not there: rows to 99.9% power at 0.1% false alarm.

    White Gaussian energies, one leaking channel, no leak in the history of 8,192 rows. The optimal test knows the
    channel, the lag and the sign, and begins with the attack: Fisher's z on all rows since. Ours is the first of 25
    lengths at which mean - 3.09 standard deviations of the score over the runs passes the level that quiet moments pass
    once in 1,000.
    """
    print(
        "| correlation | optimal | ours | ratio | runs | quiet runs x moments | found at ours |\n|---|---|---|---|---|---|---|"
    )
    for rho in (0.5, 0.3, 0.2):
        best = ((z_upper(1e-3) + z_upper(1e-3)) / math.atanh(rho)) ** 2 + 3
        sizes = np.unique(np.geomspace(best, 6 * best, 25).astype(int))
        sizes = sizes[sizes <= 2_048]
        gain = rho / math.sqrt(1 - rho**2)
        loud, calm = (
            _leak_scores(g, int(sizes[-1]), count, seed) for g, count, seed in ((gain, runs, 19), (0.0, 2 * runs, 23))
        )
        level = float(np.quantile(calm, 1 - 1e-3))
        at = loud[:, sizes - 1]
        enough = np.flatnonzero(at.mean(axis=0) - z_upper(1e-3) * at.std(axis=0, ddof=1) >= level)
        said = "> " + str(sizes[-1]) + " | – | "
        share = float((at[:, -1] >= level).mean())
        if enough.size:
            ours = int(sizes[enough[0]])
            said, share = f"{ours} | {ours / best:.2f} | ", float((at[:, enough[0]] >= level).mean())
        print(f"| {rho:g} | {best:.0f} rows | {said}{runs} | {2 * runs} x {calm.shape[1]} | {share:.1%} |", flush=True)


def _leak_scores(gain: float, rows: int, runs: int, seed: int) -> np.ndarray:
    """Scores of runs that each learn anew, over the rows since the attack, shape (runs, rows)."""
    out = []
    for run in range(runs):
        values = np.random.default_rng([seed, run]).standard_normal((8_192 + rows, 2))
        values[8_192:, 1] += gain * values[8_192:, 0]
        t = T0 + np.arange(len(values)) * 10**8
        channels = (Channel(name="awg.pulse_energy", unit="1"), Channel(name="rack.power", unit="W"))
        whole = Series(device="b", stream="supply", channels=channels, t_ns=t, values=values)
        detector = PowerLeakage()
        detector.fit(whole.rows(0, 8_192))
        detector.score(whole.rows(8_192 - 2_048, 8_192))  # live, windows reach back before the attack
        out.append(detector.score(whole.rows(8_192, len(whole))))
    return np.array(out)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--what", choices=("timing", "shots", "leak"), default="timing")
    p.add_argument("--seeds", type=int, default=5)
    a = p.parse_args()
    {
        "timing": partial(timing, 12 * a.seeds),
        "shots": partial(shots, 100 * a.seeds),
        "leak": partial(leak, 100 * a.seeds),
    }[a.what]()
