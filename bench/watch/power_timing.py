"""D8: pulses that the timing detector needs, against the numerically optimal blind test.

Gaussian jitter is drawn block by block where the detector reads blocks: the variance of a block of white Gaussian pulses
whose pieces' means are taken out is a (noncentral) chi-square, the shifts of its bits included, so the draw is exact but for
the clipping at eight standard deviations (a share of 1e-15 of the pulses). Coloured jitter is drawn pulse by pulse. Live rows
take all of the past for calm, and leave out the windows of at most 32,768 pulses below d = 0.2: they see nothing of it there,
and are counted in the level all the same.
"""

import copy
import math

import numpy as np

from bench.figure import Figure, figure_of
from mumetal.core.series import Channel, Series
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.timing import BLOCK, LEARNT_MOST, TimingChannel

T0 = 1_790_000_000 * 10**9
SIGMA_S = 5e-12
PART = 8_192  # blocks drawn at once
ALPHA = 1e-3
ARMS = {"sent": 1.0, "quiet": 1.0, "louder by 1%": 1.01, "louder by 5%": 1.05}


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
    return SIGMA_S * both


def _series(values: np.ndarray, start: int = 0) -> Series:
    names = ("awg.timing_residual", *(f"awg.reference{k}_residual" for k in range(values.shape[1] - 1)))
    t = T0 + (start + np.arange(len(values))) * 10**6
    channels = tuple(Channel(name=n, unit="s") for n in names)
    return Series(device="b", stream="control", channels=channels, t_ns=t, values=values)


def block_features(
    rng: np.random.Generator, blocks: int, d: float, jitter: float, freedom: int, scale: np.ndarray
) -> np.ndarray:
    """Draw what the detector reads of so many blocks of white pulses, shape (b, 3, 1).

    Args:
        rng: Random numbers.
        blocks: How many.
        d: Shift of each bit, in standard deviations of the jitter.
        jitter: Standard deviation of all pulses, in units of the usual.
        freedom: Degrees of freedom of a block's variance.
        scale: What the detector takes the usual to be for data and for each reference, shape (1 + R,).
    """
    piece = BLOCK // (BLOCK - freedom)
    sums = 2 * rng.binomial(piece, 0.5, (blocks, BLOCK // piece)) - piece
    shift = (d / jitter) ** 2 * (BLOCK - (sums**2).sum(axis=1) / piece)
    data = rng.noncentral_chisquare(freedom, shift) if d else rng.chisquare(freedom, blocks)
    others = rng.chisquare(freedom, (blocks, scale.size - 1)) / scale[1:] ** 2
    logs = [np.log(data / scale[0] ** 2 / freedom), np.log(others.mean(axis=1) / freedom)]
    return np.stack([*(x + 2 * math.log(jitter) for x in logs), np.zeros(blocks)], axis=1)[:, :, None]


def timing(runs: int, *, only_fast: bool = False) -> list[Figure]:
    """D8: pulses to 99.9% power at 0.1% false alarm, against the optimal test."""
    print(
        "| jitter | history | references a pulse | d | runs | optimal | optimal with these references | ours (95%) | ratio (95%) | to that with"
        " references | false alarms | with all jitter 1% up | 5% up |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    figures: list[Figure] = []
    shifts = (1.0, 0.7, 0.5) if only_fast else (1.0, 0.7, 0.5, 0.3, 0.2)
    for references in (1, 8):
        figures += [row(d, references, max(8, runs if d >= 0.3 else runs // 2), coloured=False) for d in shifts]
    figures += [row(d, 8, max(8, runs // (4 if d >= 0.5 else 12 if d >= 0.3 else 24)), coloured=True) for d in shifts]
    for references in (1, 8):
        for d in () if only_fast else (0.2, 0.1, 0.05):
            count = max(8, runs // (2 if d > 0.1 else 4 if d > 0.05 else 8))
            figures.append(row(d, references, count, coloured=False, live=True))
    return figures


def row(d: float, references: int, runs: int, *, coloured: bool, live: bool = False, seed: int = 11) -> Figure:
    """Measure, print and return one row.

    Args:
        d: Shift of each bit, in standard deviations of the jitter.
        references: Reference pulses beside each data pulse.
        runs: How many.
        coloured: Whether all pulses wander together.
        live: Whether it is fitted to 40,000 pulses, as the watch does, and has seen eight times the optimum since; otherwise
            it is fitted to eight times the optimum.
        seed: Everything random follows from it.
    """
    best = optimal_pulses(d, ALPHA, ALPHA)
    past = 2 ** math.ceil(math.log2(8 * best))
    grid = np.unique(np.ceil(best * np.geomspace(1.0, 4.0 if d < 0.3 else 8.0, 31) / BLOCK).astype(int))
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in ARMS}
    windows = 0
    for run in range(runs):
        rng = np.random.default_rng([seed, run, int(1e3 * d), coloured, references, live])
        learnt = LEARNT_MOST if live else max(2**15, past)
        detector = TimingChannel()
        history = _series(_pulses(rng, learnt, 0.0, references, coloured=coloured))
        detector.fit(history)
        scale = detector.fitted(history).scale / SIGMA_S
        for _ in range(past // BLOCK // PART if live else 0):
            detector.recall(block_features(rng, PART, 0.0, 1.0, detector.freedom, scale))
        windows = max(windows, detector.scales)
        for arm, jitter in ARMS.items() if d > 0.05 else list(ARMS.items())[:2]:
            size = d if arm == "sent" else 0.0
            watching = copy.deepcopy(detector)
            if coloured:
                rows = jitter * _pulses(rng, int(grid[-1]) * BLOCK, size, references, coloured=True)
                found[arm].append(watching.score(_series(rows, learnt))[grid * BLOCK - 1])
                continue
            judge = watching.remember if live and d < 0.2 else watching.judge
            parts = [min(PART, int(grid[-1]) - at) for at in range(0, int(grid[-1]), PART)]
            scores = [judge(block_features(rng, n, size, jitter, detector.freedom, scale)).max(axis=1) for n in parts]
            found[arm].append(np.concatenate(scores)[grid - 1])
    return _tell(
        d, references, best, grid, {arm: np.array(x) for arm, x in found.items()}, windows, coloured=coloured, live=live
    )


def _tell(
    d: float,
    references: int,
    best: float,
    grid: np.ndarray,
    found: dict[str, np.ndarray],
    windows: int,
    *,
    coloured: bool,
    live: bool,
) -> Figure:
    level = z_upper(ALPHA / windows)
    sent, rng = found["sent"], np.random.default_rng(5)
    ends: list[float] = []
    for draw in range(201):  # the first is the runs as they are, the others resamplings of them
        runs = sent if draw == 0 else sent[rng.integers(0, len(sent), len(sent))]
        enough = np.flatnonzero(runs.mean(axis=0) - z_upper(ALPHA) * runs.std(axis=0, ddof=1) >= level)
        ends.append(float(grid[enough[0]] * BLOCK) if enough.size else math.inf)
    ours, (low, high) = ends[0], np.quantile(ends[1:], (0.025, 0.975), method="nearest")
    shared = best * (1 + 1 / references)  # a variance against one that is measured by so many more pulses
    said = f"{ours:.0f} ({low:.0f} to {high:.0f}) | {ours / best:.2f} ({low / best:.2f} to {high / best:.2f}) | {ours / shared:.2f}"
    if math.isinf(ours):
        most = grid[-1] * BLOCK
        said = f"> {most} | > {most / best:.1f} | –"
    counted = (found[arm] for arm in list(ARMS)[1:])
    alarms = " | ".join(f"{int((x >= level).sum())}/{x.size}" if x.size else "–" for x in counted)
    print(
        f"| {'coloured' if coloured else 'Gaussian'} | {'live' if live else 'all'} | {references} | {d:g} | {len(sent)} | {best:.0f} "
        f"| {shared:.0f} | {said} | {alarms} |", flush=True,
    )  # fmt: skip
    limit = 3.0 if coloured else 2.0
    return figure_of(
        "D8", f"timing channel, {'coloured' if coloured else 'Gaussian'} jitter, {'live' if live else 'all'} history, "
        f"{references} references a pulse, d = {d:g}, pulses over the optimal test's", ours / best,
        span=(float(low / best), float(high / best)), n=len(sent), goal=f"≤ {limit:g}", most=limit,
        met=False if math.isinf(ours) else None,
    )  # fmt: skip
