"""Series put together and cut."""

from dataclasses import replace

import numpy as np

from mumetal.core.series import Series


def joined(first: Series | None, second: Series) -> Series:
    """Return both in one; ``second`` must follow ``first`` and have the same channel map."""
    if first is None or len(first) == 0:
        return second
    return replace(
        second,
        t_ns=np.concatenate([first.t_ns, second.t_ns]),
        values=np.concatenate([first.values, second.values]),
        seq=np.concatenate([first.seq, second.seq]),
    )


def last(series: Series, rows: int) -> Series:
    """Return the last ``rows`` rows, with their own memory so that nothing large is kept alive."""
    if len(series) <= rows:
        return series
    cut = series.rows(len(series) - rows, len(series))
    return replace(cut, t_ns=cut.t_ns.copy(), values=cut.values.copy(), seq=cut.seq.copy())
