"""How far each channel moved at a finding, against how it behaved before."""

from dataclasses import dataclass

import numpy as np

from mumetal.core.series import Series
from mumetal.numerics.robust import location_scale

FEWEST = 8  # rows before the finding from which an ordinary level is told
WIDEST = 200  # rows before and after that are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One channel's move.

    Args:
        channel: Its name.
        unit: Its unit.
        before: Median before the finding.
        after: Median within it.
        deviations: ``after - before`` over the standard error of both medians together, at least that of 5 rows.
        onset_ns: First row within that lies beyond 5 robust standard deviations; 0 when none does.
    """

    channel: str
    unit: str
    before: float
    after: float
    deviations: float
    onset_ns: int

    @property
    def error(self) -> float:
        """Standard error of the move."""
        return abs((self.after - self.before) / self.deviations) if self.deviations else 0.0

    @property
    def log_ratio(self) -> float:
        """ln(after / before); NaN unless both are positive."""
        if self.before <= 0 or self.after <= 0:
            return float("nan")
        return float(np.log(self.after / self.before))


def shifts(series: Series, start_ns: int, stop_ns: int, ordinary_ns: int | None = None) -> tuple[Shift, ...]:
    """Return the move of each channel observed before ``start_ns`` and from it until ``stop_ns``.

    Rows up to the finding's start are taken as ordinary except the last two, in which it may have begun; with
    ``ordinary_ns``, rows up to that moment, where there are enough.
    """
    first = int(np.searchsorted(series.t_ns, start_ns))
    until = max(first + 1, int(np.searchsorted(series.t_ns, stop_ns)))
    calm = first if ordinary_ns is None else min(first, int(np.searchsorted(series.t_ns, ordinary_ns)))
    calm = calm if calm - 2 >= FEWEST else first
    ordinary = series.rows(max(0, calm - 2 - WIDEST), max(0, calm - 2))
    within = series.rows(first, min(until, first + WIDEST))
    if len(ordinary) < FEWEST or len(within) == 0:
        return ()
    location, scale = location_scale(ordinary.values)
    out = []
    for column, channel in enumerate(series.channels):
        values = within.values[:, column]
        rows = int(np.isfinite(values).sum())
        if rows == 0 or not np.isfinite(ordinary.values[:, column]).any():
            continue
        after = float(np.nanmedian(values))
        error = 1.2533 * scale[column] * np.sqrt(1 / len(ordinary) + 1 / min(rows, 5))
        far = np.flatnonzero(np.abs(values - location[column]) > 5 * scale[column])
        out.append(
            Shift(
                channel=channel.name,
                unit=channel.unit,
                before=float(location[column]),
                after=after,
                deviations=float((after - location[column]) / error),
                onset_ns=int(within.t_ns[far[0]]) if far.size else 0,
            )
        )
    return tuple(out)
