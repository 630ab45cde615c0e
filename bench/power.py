"""D8: covert-channel detectors against the optimal test."""

import argparse
import math

import numpy as np

from mumetal.core.series import Channel, Series
from mumetal.numerics.normal import z_upper
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
    names = ("awg.timing_residual", *(f"awg.reference{k}_residual" for k in range(values.shape[1] - 1)))
    t = T0 + (start + np.arange(len(values))) * 10**6
    return Series(
        device="b", stream="control", channels=tuple(Channel(name=n, unit="s") for n in names), t_ns=t, values=values
    )


def timing(runs: int) -> None:
    """D8: pulses to 99.9% power at 0.1% false alarm, against the optimal test."""
    alpha = 1e-3
    print(
        "| jitter | references a pulse | d | optimal | ours | ratio | false alarms measured |\n|---|---|---|---|---|---|---|"
    )
    for coloured, references in ((False, 1), (False, 8), (True, 8)):
        for d in (1.0, 0.7, 0.5, 0.3):
            best = optimal_pulses(d, alpha, alpha)
            history = max(2**15, 2 ** math.ceil(math.log2(8 * best)))
            ends: list[np.ndarray] = []
            nulls: list[np.ndarray] = []
            grid = np.unique((np.ceil(best * np.geomspace(1.0, 8.0, 16) / BLOCK) * BLOCK).astype(int))
            for run in range(runs):
                rng = np.random.default_rng([7, run, int(1e3 * d), coloured])
                detector = TimingChannel()
                detector.fit(_series(_pulses(rng, history, 0.0, references, coloured=coloured), 0))
                for size, kept in ((d, ends), (0.0, nulls)):
                    detector.reset()
                    score = detector.score(
                        _series(_pulses(rng, int(grid[-1]), size, references, coloured=coloured), history)
                    )
                    kept.append(score[grid - 1])
            level = z_upper(alpha / detector.scales)
            scores, quiet = np.array(ends), np.array(nulls)
            low = scores.mean(axis=0) - z_upper(alpha) * scores.std(axis=0, ddof=1)
            enough = np.flatnonzero(low >= level)
            ours = int(grid[enough[0]]) if enough.size else 0
            name = "coloured" if coloured else "Gaussian"
            told = f"{ours} | {ours / best:.1f}" if ours else f"> {grid[-1]} | > {grid[-1] / best:.1f}"
            print(
                f"| {name} | {references} | {d:g} | {best:.0f} | {told} | {int((quiet >= level).sum())}/{quiet.size} |",
                flush=True,
            )


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--what", choices=("timing",), default="timing")
    p.add_argument("--seeds", type=int, default=5)
    a = p.parse_args()
    timing(4 * a.seeds)
