"""How good scores are, against labels of each sample. Larger scores mean more anomalous throughout."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.bool_]
THRESHOLDS = 250


def events(labels: Labels) -> list[tuple[int, int]]:
    """Return the half-open [start, end) runs of true labels, in order."""
    edge = np.diff(np.concatenate([[0], labels.astype(np.int8), [0]]))
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(edge == 1), np.flatnonzero(edge == -1), strict=True)]


def vus_pr(labels: Labels, scores: Array, buffer: int = 100) -> float:
    """Volume under the surface of range precision and recall (Paparrizos et al. 2022, doi:10.14778/3551793.3551830).

    For each width l from 0 to ``buffer`` every event is widened by l/2 on both sides with weights sqrt(1 - d/l), recall
    is multiplied by the share of widened events that are touched, and the area under the curve is averaged over l.

    Args:
        labels: Shape (n,), with at least one event.
        scores: Finite, shape (n,).
        buffer: Largest width in samples, ≥ 0.

    Returns:
        Volume in [0, 1].

    Raises:
        ValueError: Shapes disagree, no event, or a score that is not finite.
    """
    _check(labels, scores)
    n = labels.size
    runs = events(labels)
    order = np.argsort(-scores, kind="stable")
    levels = scores[order][np.linspace(0, n - 1, THRESHOLDS).astype(np.int64)]
    taken = np.searchsorted(-scores[order], -levels, side="right")  # samples at or above each level
    true = np.concatenate([[0], np.cumsum(labels[order])])[taken]
    positives = int(labels.sum())
    areas = []
    for width in range(buffer + 1):
        half = width // 2
        weight, zone = _widened(labels, runs, width)
        widened = np.concatenate([[0.0], np.cumsum(weight[order])])[taken]
        zones = events(zone) if half else runs
        peaks = np.sort([-scores[a:b].max() for a, b in zones])
        touched = np.searchsorted(peaks, -levels, side="right") / len(zones)
        hit = true + widened
        recall = np.minimum(hit / (positives + widened / 2), 1.0) * touched
        areas.append(float(np.sum(np.diff(np.concatenate([[0.0], recall])) * hit / taken)))
    return float(np.mean(areas))


def _widened(labels: Labels, runs: list[tuple[int, int]], width: int) -> tuple[Array, Labels]:
    """Return the weight of each sample outside the events, and where events reach when widened."""
    n, half = labels.size, width // 2
    weight, zone = np.zeros(n), labels.copy()
    fall = np.sqrt(1 - np.arange(1, half + 1) / width) if half else np.empty(0)
    for a, b in runs:
        after, before = min(half, n - b), min(half, a)
        if b < n:
            weight[b : b + after] += fall[: min(after, half)]
        weight[a - before : a] += fall[:before][::-1]
        zone[a - before : b + after] = True
    return np.where(labels, 0.0, np.minimum(weight, 1.0)), zone


def average_precision(labels: Labels, scores: Array) -> float:
    """Return the area under precision and recall of single samples, tied scores taken together, in [0, 1].

    Raises:
        ValueError: Shapes disagree, no event, or a score that is not finite.
    """
    _check(labels, scores)
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), labels.size - 1)
    hit = np.cumsum(labels[order])[last]
    return float(np.sum(np.diff(np.concatenate([[0], hit])) * hit / (last + 1)) / labels.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """How an operator's desk counts alerts.

    Without ``deadline`` a random score touches long events often enough to look good; without ``repage`` an alarm that
    never ends would count once.

    Args:
        tolerance: Samples after an event in which an alert is not false, and by which short events are widened.
        gap: Alerts closer than this are one, samples.
        repage: An alert is counted again after so many samples.
        deadline: An event is caught only within so many samples of its onset.
    """

    tolerance: int = 50
    gap: int = 20
    repage: int = 100
    deadline: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one threshold would have done on one series.

    Args:
        events: Labelled events.
        caught: Events caught in time.
        false_alerts: Alerts outside events.
        ordinary: Samples outside events and their tolerance.
        delays: Samples from onset to first alert, one per caught event.
    """

    events: int
    caught: int
    false_alerts: int
    ordinary: int
    delays: tuple[int, ...]


def outcome(labels: Labels, scores: Array, threshold: float, desk: Desk) -> Outcome:
    """Count what a threshold would have done.

    Raises:
        ValueError: Shapes disagree, no event, or a score that is not finite.
    """
    _check(labels, scores)
    n = labels.size
    above = np.flatnonzero(scores >= threshold)
    alert = np.zeros(n, bool)
    alert[above] = True
    pause = np.diff(above)
    for index in np.flatnonzero((pause > 1) & (pause <= desk.gap)):
        alert[above[index] : above[index + 1]] = True
    excused = np.zeros(n, bool)
    delays = []
    runs = events(labels)
    for a, b in runs:
        end = min(n, b + desk.tolerance)
        excused[a:end] = True
        first = np.flatnonzero(alert[a : min(end, a + desk.deadline)])
        if first.size:
            delays.append(int(first[0]))
    false = sum(-(-(b - a) // desk.repage) for a, b in events(alert & ~excused))
    return Outcome(
        events=len(runs),
        caught=len(delays),
        false_alerts=false,
        ordinary=int((~excused).sum()),
        delays=tuple(delays),
    )


def event_peaks(labels: Labels, scores: Array, desk: Desk) -> Array:
    """Return the largest score within the time in which each event counts as caught, shape (events,)."""
    n = labels.size
    return np.array([scores[a : min(n, b + desk.tolerance, a + desk.deadline)].max() for a, b in events(labels)])


def threshold_for(peaks: Array, recall: float) -> float:
    """Return the highest threshold that catches the share ``recall`` in (0, 1] of events."""
    ordered = np.sort(peaks)[::-1]
    return float(ordered[int(np.ceil(recall * ordered.size)) - 1])


def mean_interval(values: Array, rng: np.random.Generator, draws: int = 2_000) -> tuple[float, float]:
    """Return the 95% percentile bootstrap interval of a mean over series (Efron 1979, doi:10.1214/aos/1176344552)."""
    means = values[rng.integers(0, values.size, (draws, values.size))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def _check(labels: Labels, scores: Array) -> None:
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels have shape {labels.shape} and scores {scores.shape}")
    if not labels.any():
        raise ValueError("no sample is labelled anomalous")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
