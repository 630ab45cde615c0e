"""Whether a channel behaves as in the minutes before, by comparison with its own past and nothing else."""

import numpy as np

from mumetal.core.finding import Finding
from mumetal.core.series import Series

WINDOW_S = 8.0
FEWEST = 6  # windows before a finding
MARGIN = 2.0  # times the largest that the past has shown


def unmoved(series: Series, channel: str, start_ns: int, stop_ns: int) -> bool:
    """Whether a channel's spread and steps around a finding are no larger than its past shows; False if unknown.

    Windows of 8 s: their variance, and the steps between the means of neighbours, against the largest before.
    """
    step = round(WINDOW_S * 1e9)
    values = series.column(channel)
    seen = np.isfinite(values)
    slot = (series.t_ns[seen] - start_ns) // step
    slots, index = np.unique(slot, return_inverse=True)
    if slots.size == 0:
        return False
    count = np.bincount(index)
    mean = np.bincount(index, values[seen]) / count
    variance = np.bincount(index, (values[seen] - mean[index]) ** 2) / count
    now = (slots >= -1) & (slots <= (stop_ns - start_ns) // step)
    past = slots < -2
    steps = np.abs(np.diff(mean, prepend=mean[0]))
    if int(past.sum()) < FEWEST or not now.any():
        return False
    return bool(variance[now].max() <= MARGIN * variance[past].max() and steps[now].max() <= MARGIN * steps[past].max())


def moved_beside(series: Series, carrying: list[str], own: list[str], finding: Finding) -> list[str]:
    """Return the carrying channels beside ``own`` that did move: a share of noise is no share of a cause."""
    return [
        c
        for c in carrying
        if c not in own and not (c in series.names and unmoved(series, c, finding.start_ns, finding.stop_ns))
    ]
