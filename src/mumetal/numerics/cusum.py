"""Two-sided cumulative sum, continued from chunk to chunk."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PIECE = 256  # rows summed at once: bounds the rounding of the running sum


def _side(increments: Array, state: Array, cap: float) -> Array:
    out = np.empty_like(increments)
    for start in range(0, increments.shape[0], PIECE):
        piece = increments[start : start + PIECE]
        total = np.cumsum(piece, axis=0) + state
        sums = total - np.minimum(np.minimum.accumulate(total, axis=0), 0.0)
        if sums.max(initial=0.0) > cap:  # rare: the reflected form has no upper barrier, so step through this piece
            for row in range(piece.shape[0]):
                state = np.clip(state + piece[row], 0.0, cap)
                sums[row] = state
        out[start : start + PIECE] = sums
        state = sums[-1]
    return out


def cusum(
    x: Array, slack: float, state: tuple[Array, Array], *, cap: float = np.inf
) -> tuple[Array, Array, tuple[Array, Array]]:
    """Return both one-sided sums of each column (Page 1954, doi:10.1093/biomet/41.1-2.100).

    ``up[t] = min(cap, max(0, up[t-1] + x[t] - slack))`` and the same for ``-x``. NaN leaves the sums as they are.

    Args:
        x: Standardised samples, shape (n, C); NaN means not observed.
        slack: Shift that is ignored, in standard deviations, ≥ 0.
        state: ``up`` and ``down`` before the first row, shape (C,) each, in [0, cap].
        cap: Largest value a sum may reach, so that it forgets a past excursion; > 0.

    Returns:
        ``up`` (n, C), ``down`` (n, C) and the state to go on from.

    Raises:
        ValueError: Shapes disagree, or slack or cap is out of range.
    """
    if slack < 0 or not cap > 0:
        raise ValueError(f"slack {slack} must be >= 0 and cap {cap} > 0")
    if x.ndim != 2 or any(s.shape != (x.shape[1],) for s in state):
        raise ValueError(f"samples {x.shape} and states do not fit")
    if x.shape[0] == 0:
        return x.copy(), x.copy(), state
    missing = np.isnan(x)
    up = _side(np.where(missing, 0.0, x - slack), state[0], cap)
    down = _side(np.where(missing, 0.0, -x - slack), state[1], cap)
    return up, down, (up[-1].copy(), down[-1].copy())
