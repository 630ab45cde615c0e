"""Seeded backgrounds for the watch room's tests."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Channel, Series

Array = NDArray[np.float64]
T0 = 1_760_000_000 * 10**9


def gaussian(rng: np.random.Generator, n: int, c: int) -> Array:
    return rng.normal(size=(n, c))


def heavy(rng: np.random.Generator, n: int, c: int) -> Array:
    return rng.standard_t(4, size=(n, c))


def wandering(rng: np.random.Generator, n: int, c: int) -> Array:
    """First-order autoregression, memory 0.9."""
    steps = rng.normal(size=(n, c))
    out = np.empty_like(steps)
    level = steps[0] / np.sqrt(1 - 0.81)
    for row in range(n):
        level = 0.9 * level + steps[row]
        out[row] = level
    return out


def stream(
    values: Array,
    *,
    hz: float = 1.0,
    names: tuple[str, ...] = (),
    units: tuple[str, ...] = (),
    name: str = "qubits",
    start_ns: int = T0,
) -> Series:
    names = names or tuple(f"q{i}.canary_error" for i in range(values.shape[1]))
    units = units or ("1",) * len(names)
    return Series(
        device="lab",
        stream=name,
        channels=tuple(Channel(name=n, unit=u) for n, u in zip(names, units, strict=True)),
        t_ns=start_ns + (np.arange(values.shape[0]) * 1e9 / hz).astype(np.int64),
        values=values,
    )
