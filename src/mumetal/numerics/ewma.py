"""Exponentially weighted moving average by blocks of matrix products, continued from chunk to chunk."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BLOCK = 32


@lru_cache(maxsize=64)
def _kernel(alpha: float) -> tuple[Array, Array]:
    """Weights of a block's inputs on its outputs (BLOCK, BLOCK), and of the state before it (BLOCK,)."""
    lag = np.arange(BLOCK)[:, None] - np.arange(BLOCK)[None, :]
    weights = np.where(lag >= 0, alpha * (1 - alpha) ** np.maximum(lag, 0), 0.0)
    return np.asarray(weights, np.float64), np.asarray((1 - alpha) ** np.arange(1, BLOCK + 1), np.float64)


def _carry(last: Array, decay: float, state: Array) -> Array:
    """Return the state before each block, shape (blocks, C): a first-order recursion over the blocks."""
    out = np.empty_like(last)
    for index, row in enumerate(last):
        out[index] = state
        state = decay * state + row
    return out


def ewma(x: Array, alpha: float, state: Array) -> tuple[Array, Array]:
    """Return ``y[t] = (1 - alpha) y[t-1] + alpha x[t]`` for each column (Roberts 1959, doi:10.1080/00401706.1959.10489860).

    Equal to the sample-by-sample recursion to rounding; splitting ``x`` anywhere and passing the state on gives the same.

    Args:
        x: Finite samples, shape (n, C).
        alpha: Weight of the newest sample, in (0, 1].
        state: ``y`` before the first row, shape (C,).

    Returns:
        ``y``, shape (n, C), and the state to go on from, shape (C,).

    Raises:
        ValueError: Shapes disagree or ``alpha`` is out of range.
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha {alpha} is not in (0, 1]")
    if x.ndim != 2 or state.shape != (x.shape[1],):
        raise ValueError(f"samples {x.shape} and state {state.shape} do not fit")
    n, c = x.shape
    if n == 0:
        return x.copy(), state
    weights, decay = _kernel(alpha)
    out = np.empty((n, c))
    full = n // BLOCK * BLOCK
    if full:
        local = weights @ x[:full].reshape(-1, BLOCK, c)
        before = _carry(local[:, -1], float(decay[-1]), state)
        local += decay[None, :, None] * before[:, None, :]
        out[:full] = local.reshape(full, c)
        state = out[full - 1]
    rest = n - full
    if rest:
        out[full:] = weights[:rest, :rest] @ x[full:] + decay[:rest, None] * state
    return out, out[-1].copy()
