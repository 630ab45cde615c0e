"""Slow, obvious twins of the fast routines; they must agree."""

import cmath
import itertools
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ewma(x: Array, alpha: float, state: Array) -> Array:
    out = np.empty_like(x)
    level = state.copy()
    for row in range(x.shape[0]):
        level = (1 - alpha) * level + alpha * x[row]
        out[row] = level
    return out


def cusum(x: Array, slack: float, state: tuple[Array, Array], cap: float = math.inf) -> tuple[Array, Array]:
    ups, downs = np.empty_like(x), np.empty_like(x)
    for column in range(x.shape[1]):
        up, down = float(state[0][column]), float(state[1][column])
        for row in range(x.shape[0]):
            value = float(x[row, column])
            if not math.isnan(value):
                up = min(cap, max(0.0, up + value - slack))
                down = min(cap, max(0.0, down - value - slack))
            ups[row, column], downs[row, column] = up, down
    return ups, downs


def location_scale(values: Array) -> tuple[Array, Array]:
    """Median and scaled MAD of columns that neither stand still nor miss values for the most part."""
    locations, scales = [], []
    for column in values.T:
        seen = sorted(v for v in column.tolist() if not math.isnan(v))
        middle = _median(seen)
        locations.append(middle)
        scales.append(1.4826022185056018 * _median(sorted(abs(v - middle) for v in seen)))
    return np.array(locations), np.array(scales)


def _median(ordered: list[float]) -> float:
    n = len(ordered)
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


def ledoit_wolf(x: Array) -> tuple[Array, float]:
    """Ledoit and Wolf 2004, from its definitions: the average distance of single-row covariances from their mean."""
    n, c = x.shape
    centred = x - x.mean(axis=0)
    sample = sum(np.outer(r, r) for r in centred) / n
    mu = np.trace(sample) / c
    d2 = np.sum((sample - mu * np.eye(c)) ** 2) / c
    b2 = sum(np.sum((np.outer(r, r) - sample) ** 2) / c for r in centred) / n**2
    weight = min(float(b2 / d2), 1.0)
    return (1 - weight) * sample + weight * mu * np.eye(c), weight


def power_at(x: list[float], frequency: float) -> float:
    total = sum(v * cmath.exp(-2j * math.pi * frequency * t) for t, v in enumerate(x))
    return abs(total) ** 2 / len(x)


def cluster_maxima(scores: list[float], threshold: float, run: int) -> list[float]:
    out: list[float] = []
    pause = run
    for score in scores:
        if score > threshold:
            if pause >= run or not out:
                out.append(score)
            out[-1] = max(out[-1], score)
            pause = 0
        else:
            pause += 1
    return out


def quadratic_shapley(a: Array, d: Array) -> Array:
    """Shapley values of dᵀAd by the definition, over all orders of arrival of the channels."""
    from itertools import permutations

    c = d.size
    out = np.zeros(c)
    orders = list(permutations(range(c)))
    for order in orders:
        here = np.zeros(c)
        before = 0.0
        for channel in order:
            here[channel] = d[channel]
            after = float(here @ a @ here)
            out[channel] += after - before
            before = after
    return out / len(orders)


def vus_pr(labels: NDArray[np.bool_], scores: Array, buffer: int) -> float:
    """Volume under the range-PR surface, sample by sample and threshold by threshold (Paparrizos et al. 2022)."""
    n = len(labels)
    starts = [i for i in range(n) if labels[i] and (i == 0 or not labels[i - 1])]
    ends = [i + 1 for i in range(n) if labels[i] and (i == n - 1 or not labels[i + 1])]
    order = sorted(scores.tolist(), reverse=True)
    levels = [order[int(k)] for k in np.linspace(0, n - 1, 250).astype(int)]
    areas = []
    for width in range(buffer + 1):
        half = width // 2
        weight = [1.0 if labels[i] else 0.0 for i in range(n)]
        near = [bool(labels[i]) for i in range(n)]
        for a, b in zip(starts, ends, strict=True):
            for d in range(1, half + 1):
                for i in (a - d, b - 1 + d):
                    if 0 <= i < n and not labels[i]:
                        weight[i] = min(1.0, weight[i] + math.sqrt(1 - d / width))
                        near[i] = True
        zones = [i for i in range(n) if near[i] and (i == 0 or not near[i - 1])]
        area, before = 0.0, 0.0
        for level in levels:
            taken = [i for i in range(n) if scores[i] >= level]
            hit = sum(weight[i] for i in taken)
            spill = sum(weight[i] for i in taken if not labels[i])
            found = 0
            for start in zones:
                stop = start
                while stop < n and near[stop]:
                    stop += 1
                found += any(scores[i] >= level for i in range(start, stop))
            recall = min(1.0, hit / (sum(labels) + spill / 2)) * found / len(zones)
            area += (recall - before) * hit / len(taken)
            before = recall
        areas.append(area)
    return sum(areas) / len(areas)


def pulse_against(pulse: list[float], reference: list[float]) -> tuple[float, float]:
    """Distance and gain by a search over gains, without linear algebra."""
    total = sum(p * p for p in pulse)

    def left(gain: float) -> float:
        return sum((p - gain * r) ** 2 for p, r in zip(pulse, reference, strict=True))

    low, high = -1e3, 1e3
    for _ in range(200):  # ternary search: the rest is a parabola in the gain
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if left(a) < left(b) else (a, high)
    gain = (low + high) / 2
    return math.sqrt(max(left(gain), 0.0) / total), gain


def welch(x: list[float], rate: float, segment: int) -> list[float]:
    """One-sided power density by a sum over samples for each window and frequency."""
    taper = [0.5 - 0.5 * math.cos(2 * math.pi * (k + 0.5) / segment) for k in range(segment)]
    norm = sum(t * t for t in taper) * rate
    windows = [x[s : s + segment] for s in range(0, len(x) - segment + 1, segment // 2)]
    out = []
    for k in range(segment // 2 + 1):
        power = 0.0
        for w in windows:
            mean = sum(w) / segment
            s = sum(
                (v - mean) * t * cmath.exp(-2j * math.pi * k * i / segment)
                for i, (v, t) in enumerate(zip(w, taper, strict=True))
            )
            power += abs(s) ** 2 / norm
        out.append(power / len(windows) * (1 if k == 0 or 2 * k == segment else 2))
    return out


def confusion(iq: Array, prepared: Array) -> tuple[float, float]:
    """Class confusion by Fisher's line, shot by shot."""
    sides: list[list[tuple[float, float]]] = [[], []]
    for (i, q), p in zip(iq.tolist(), prepared.tolist(), strict=True):
        sides[int(p >= 0.5)].append((i, q))
    means = [(sum(a for a, _ in s) / len(s), sum(b for _, b in s) / len(s)) for s in sides]
    xx = xy = yy = 0.0
    for s, (mi, mq) in zip(sides, means, strict=True):
        for i, q in s:
            xx, xy, yy = xx + (i - mi) ** 2, xy + (i - mi) * (q - mq), yy + (q - mq) ** 2
    det = xx * yy - xy * xy
    di, dq = means[1][0] - means[0][0], means[1][1] - means[0][1]
    wi, wq = (yy * di - xy * dq) / det, (xx * dq - xy * di) / det
    cut = wi * (means[0][0] + means[1][0]) / 2 + wq * (means[0][1] + means[1][1]) / 2
    wrong0 = sum(wi * i + wq * q > cut for i, q in sides[0]) / len(sides[0])
    wrong1 = sum(wi * i + wq * q <= cut for i, q in sides[1]) / len(sides[1])
    return wrong0, wrong1


def last_means(rows: Array, span: int) -> Array:
    return np.array([rows[max(0, k + 1 - span) : k + 1].mean(axis=0) for k in range(len(rows))])


def fisher_leak(x: list[float], e: list[float]) -> float:
    """Fisher's z of a correlation, from its definition, times the root of the rows less three."""
    n = len(x)
    mx, me = sum(x) / n, sum(e) / n
    both = sum((a - mx) * (b - me) for a, b in zip(x, e, strict=True))
    r = both / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - me) ** 2 for b in e))
    return 0.5 * math.log((1 + r) / (1 - r)) * math.sqrt(n - 3)


def welch_t(one: list[float], none: list[float]) -> float:
    """Welch's t of two samples, value by value."""
    means = [sum(s) / len(s) for s in (one, none)]
    errors = [sum((v - m) ** 2 for v in s) / (len(s) - 1) / len(s) for s, m in zip((one, none), means, strict=True)]
    return (means[0] - means[1]) / math.sqrt(sum(errors))


def repeats(x: list[float], y: list[float], longest: int) -> float:
    """One and twice the sum of the products of two series' autocorrelations."""
    total = 1.0
    for k in range(1, longest):
        product = 1.0
        for s in (x, y):
            m = sum(s) / len(s)
            product *= sum((s[i] - m) * (s[i - k] - m) for i in range(k, len(s))) / sum((v - m) ** 2 for v in s)
        total += 2 * product
    return max(1.0, total)


def inclusion(row: Array, covariance: Array, slabs: tuple[float, ...], share: float) -> Array:
    """Probability that each column was changed, by adding up every way to add variances to the columns."""
    columns, total, out = row.size, 0.0, np.zeros(row.size)
    for choice in itertools.product(range(len(slabs) + 2), repeat=columns):  # 0: not changed, 1: changed by nothing, …
        changed = np.array(choice) > 0
        added = np.array([(0.0, 0.0, *slabs)[c] for c in choice])
        wide = covariance + np.diag(added)
        weight = float(np.prod(np.where(changed, share / (len(slabs) + 1), 1 - share)))
        weight *= math.exp(-0.5 * float(row @ np.linalg.solve(wide, row))) / math.sqrt(float(np.linalg.det(wide)))
        total += weight
        out += weight * changed
    return out / total
