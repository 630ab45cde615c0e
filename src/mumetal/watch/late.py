"""Rows that came out of order are judged by themselves: they disturb nothing, and nothing is learnt from them."""

import numpy as np

from mumetal.core.finding import Finding
from mumetal.core.ports import AlertBudget
from mumetal.core.series import Series
from mumetal.watch.alerts import raised
from mumetal.watch.ensemble import Ensemble
from mumetal.watch.episodes import DWELL, STRONG


def judged_late(ensemble: Ensemble, budget: AlertBudget, rows: Series, ordinary: Series) -> list[Finding]:
    """Return what detectors that start afresh find in rows that came late, at the thresholds in force.

    Args:
        ensemble: What watches the stream; it stays as it is.
        budget: The user's alert budget.
        rows: The rows, in order of time.
        ordinary: Rows that were learnt from.
    """
    probe = ensemble.afresh()
    scores = probe.score(rows)
    regimes = probe.regimes.labels(rows.values)
    levels = probe.levels(budget.share)[regimes]
    out = []
    for family in probe.families:
        columns = [i for i, m in enumerate(probe.members) if m.family == family]
        relative = (scores / levels)[:, columns].max(axis=1)
        past = np.flatnonzero(relative >= 1)
        if past.size < DWELL and (not past.size or relative.max() < STRONG):
            continue
        row = int(relative.argmax())
        member = columns[int((scores[row] / levels[row])[columns].argmax())]
        window = rows.rows(0, row + 1)
        start_ns = int(rows.t_ns[past[0]])
        out.append(
            raised(
                probe, member, scores[row], levels[row], int(regimes[row]), window, start_ns, ordinary, budget.true_per_week
            ).finding
        )  # fmt: skip
    return out
