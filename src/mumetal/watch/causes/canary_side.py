"""Reported figures that disagree with canaries: did the canaries move, and not what is reported?"""

import math
from dataclasses import replace

import numpy as np

from mumetal.core.finding import Attribution, Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.subject import Subject
from mumetal.watch.causes.common_rise import CANARY
from mumetal.watch.causes.shift import shifts

FIGURES = {"T1": 1.0, "readout_error": -1.0}  # sign of ln that praises the device
PAST = 3  # snapshots that tell what was reported before
PRAISED = 4.0  # standard errors of the mean over figures
SPREAD = 0.05  # of ln of a figure, at least
ONSETS = 5  # snapshots back at which the canaries' move may have begun
BLOCK = 10  # rows averaged: figures disagree with the mean of many rows, long before a single row stands out


def canary_side(finding: Finding, scene: Scene, block: int = BLOCK) -> tuple[Finding, Scene] | str:
    """Return the finding as the canaries alone would raise it, with their stream first; or why that is not possible.

    A disagreement comes from either side. Where what is reported got better, that is a remainder no physics explains;
    where it stayed, the canaries moved, and what moves canaries may explain it. ``block`` rows of canaries are averaged.
    """
    canaries = _canaries(scene)
    if canaries is None:
        return "the canaries around it are not at hand"
    praised = _praised(scene.snapshots, finding.start_ns)
    if praised:
        return f"a remainder is left: {praised}"
    starts = [s.t_ns for s in scene.snapshots if s.t_ns < finding.start_ns][-ONSETS:] or [finding.start_ns]
    best = max(
        (shifts(canaries, start, finding.stop_ns) for start in starts),
        key=lambda moves: sum(abs(m.deviations) for m in moves),
    )
    start_ns = next(s for s in starts if shifts(canaries, s, finding.stop_ns) == best)
    weights = {m.channel: m.deviations**2 for m in best if CANARY.fullmatch(m.channel) and abs(m.deviations) > 1}
    total = sum(weights.values())
    if total <= 0:
        return "the canaries did not move"
    carried = tuple(
        Attribution(channel=c, share=w / total, method="own-score")
        for c, w in sorted(weights.items(), key=lambda pair: -pair[1])
    )
    rest = tuple(s for s in scene.series if s is not canaries)
    canaries = _coarse(canaries, start_ns, finding.stop_ns, block)
    moved = replace(
        finding,
        subject=Subject.stream(finding.device, canaries.stream),
        rule="watch.canaries",
        start_ns=start_ns,
        attribution=carried,
    )
    return moved, replace(scene, series=(canaries, *rest))


def _coarse(series: Series, start_ns: int, stop_ns: int, block: int) -> Series:
    """Return means of blocks of rows, one of which begins at ``start_ns``."""
    first, stop = (int(i) for i in np.searchsorted(series.t_ns, [start_ns, stop_ns]))
    size = max(1, min(block, stop - first))
    lead = first % size
    blocks = (len(series) - lead) // size
    if size == 1 or blocks < 2:
        return series
    kept = series.rows(lead, lead + blocks * size)
    return replace(
        kept,
        t_ns=kept.t_ns[::size],
        seq=kept.seq[::size],
        values=kept.values.reshape(blocks, size, -1).mean(axis=1),
    )


def _canaries(scene: Scene) -> Series | None:
    found = [
        s for s in scene.series if s.stream != "calibration" and sum(bool(CANARY.fullmatch(c)) for c in s.names) >= 2
    ]
    return found[0] if found else None


def _praised(snapshots: tuple[DeviceSnapshot, ...], at_ns: int) -> str:
    """Return by how much what is reported got better, if it did so all over the device; empty otherwise."""
    known = [s for s in snapshots if s.t_ns <= at_ns]
    if len(known) <= PAST:
        return ""
    figures = [{p.channel: p.value for p in s.parameters if p.name in FIGURES and p.value > 0} for s in known]
    shared = sorted(set.intersection(*(set(f) for f in figures)))
    if len(shared) < 4:
        return ""
    sign = np.array([FIGURES[c.rsplit(".", 1)[-1]] for c in shared])
    logs = sign * np.log([[f[c] for c in shared] for f in figures])
    level = np.median(logs[:PAST], axis=0)
    spread = max(SPREAD, 1.4826 * float(np.median(np.abs(np.diff(logs, axis=0)))))
    better = (logs[PAST:] - level).mean(axis=1)
    if float(better.max()) < PRAISED * spread * math.sqrt((1 + 1 / PAST) / len(shared)):
        return ""
    return f"{len(shared)} reported figures got better by {math.expm1(float(better.max())):.0%} on average"
