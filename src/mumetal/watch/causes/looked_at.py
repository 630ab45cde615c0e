"""What a finding rests on: some detectors look at a window that began long before the row at which they speak."""

from dataclasses import replace

import numpy as np

from mumetal.core.finding import Finding
from mumetal.core.ports import Scene

ROWS = {"readout_correlation": 32, "spectral": 512}  # of the window, by the last part of the rule's name


def looked_at(finding: Finding, scene: Scene) -> Finding:
    """Return a finding from the first row of its stream that its detector looked at; others as they are."""
    rows = ROWS.get(finding.rule.rsplit(".", 1)[-1], 0)
    if not rows or not scene.series or not len(scene.series[0]):
        return finding
    t_ns = scene.series[0].t_ns
    first = int(np.searchsorted(t_ns, finding.start_ns))
    return replace(finding, start_ns=min(finding.start_ns, int(t_ns[max(0, first - rows)])))
