"""Canaries that rise together: how many, how evenly, for how long, and whether a pair is coupled beside that."""

import re
from dataclasses import dataclass

import numpy as np

from mumetal.core.finding import Finding
from mumetal.core.ports import Scene
from mumetal.core.series import Series
from mumetal.numerics.robust import location_scale

CANARY = re.compile(r"q\d+\..*error.*", re.IGNORECASE)
FEWEST_ROWS = 16
FEWEST_CANARIES = 3
WIDEST = 200  # rows before the finding that are ordinary
ROSE = 4.0  # standard deviations of the mean of all
EVEN = 3.5  # standard deviations by which one canary may exceed the common rise …
COUPLED = 4.0  # standard errors of a pair's correlation that is left without what all canaries do
COUPLING = 0.15  # … and this share of it: qubits feel a common cause alike, not equally


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonRise:
    """How the canaries of a chip rose together.

    Args:
        canaries: How many there are.
        rise: Largest rise of their mean, 1.
        deviations: The same in standard deviations of the ordinary mean.
        longest: Rows in a row in which the mean was up by 4 standard deviations.
        uneven: The canary that exceeds the common rise most, and by how many standard deviations.
    """

    canaries: int
    rise: float
    deviations: float
    longest: int
    uneven: tuple[str, float]

    @property
    def common(self) -> bool:
        """Whether all rose, and none much more than the others."""
        return self.deviations > ROSE and self.uneven[1] < EVEN


def common_rise(series: Series, start_ns: int, stop_ns: int) -> CommonRise | None:
    """Return how the canaries of ``series`` rose within a finding; None when too little is known."""
    columns = [i for i, name in enumerate(series.names) if CANARY.fullmatch(name)]
    first = int(np.searchsorted(series.t_ns, start_ns))
    until = max(first + 1, int(np.searchsorted(series.t_ns, stop_ns)))
    begun = max(0, first - 2)  # it may have begun in the two rows before
    ordinary = series.values[max(0, begun - WIDEST) : begun, columns]
    within = series.values[begun:until, columns]
    if len(columns) < FEWEST_CANARIES or len(ordinary) < FEWEST_ROWS or not np.isfinite(within).any(axis=1).all():
        return None
    location, scale = location_scale(ordinary)
    middle, spread = location_scale(np.nanmean(ordinary, axis=1)[:, None])
    mean = np.nanmean(within, axis=1)
    relative = (mean - middle[0]) / spread[0]
    up = relative > ROSE
    runs = np.diff(np.flatnonzero(np.diff(np.r_[False, up, False].astype(np.int8))))[::2]
    rows = up if up.any() else relative == relative.max()
    # An error added to all shows less where much goes wrong already, and what is larger is counted less exactly.
    gain = np.maximum(1.0 - location, 0.1)
    common = np.maximum(np.nanmedian((within[rows] - location) / gain, axis=1, keepdims=True), 0.0)
    expected = np.clip(location + common * gain, 1e-9, 1 - 1e-9)
    usual = np.clip(location, 1e-9, 1 - 1e-9)
    noise = scale * np.sqrt(np.maximum(expected * (1 - expected) / (usual * (1 - usual)), 1.0))
    far = within[rows] - expected - COUPLING * common * gain
    # Of several rows the mean is judged: one row's counting noise cancels.
    beyond = np.nanmean(far / noise, axis=0) * np.sqrt(min(int(rows.sum()), 5))
    worst = int(np.nanargmax(beyond))
    return CommonRise(
        canaries=len(columns),
        rise=float((mean - middle[0]).max()),
        deviations=float(relative.max()),
        longest=int(runs.max()) if runs.size else 0,
        uneven=(series.names[columns[worst]], float(beyond[worst])),
    )


def coupled_pair(finding: Finding, scene: Scene) -> str:
    """Name the pair that carries a finding of correlated canaries if it moves together beside what all do; else empty.

    Changes from row to row less the median change of all canaries, over the last 200 rows.
    """
    if not finding.rule.endswith(".readout_correlation") or not scene.series:
        return ""
    series = scene.series[0]
    names = [a.channel for a in finding.carriers if a.channel in series.names][:2]
    columns = [i for i, name in enumerate(series.names) if CANARY.fullmatch(name)]
    if len(names) < 2 or len(columns) < FEWEST_CANARIES:
        return ""
    until = int(np.searchsorted(series.t_ns, finding.stop_ns))
    values = series.values[max(0, until - WIDEST) : until, columns]
    steps = np.diff(values, axis=0)
    steps = steps[np.isfinite(steps).all(axis=1)]
    if len(steps) < FEWEST_ROWS:
        return ""
    rest = steps / location_scale(steps)[1]
    rest -= np.median(rest, axis=1, keepdims=True)
    one, two = (np.clip(rest[:, columns.index(series.names.index(n))], -EVEN, EVEN) for n in names)
    together = float(one @ two / np.sqrt((one @ one) * (two @ two) + 1e-300))
    return " and ".join(names) if together * np.sqrt(len(steps) / 1.5) > COUPLED else ""
