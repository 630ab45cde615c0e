"""Operating modes of a device, learnt without labels: the few kinds of ordinary window its own history holds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError

Array = NDArray[np.float64]
ROUNDS = 12
MOST = 3_000  # windows that modes are learnt from


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Directions that ordinary windows' descriptions cluster around.

    Spherical k-means: Dhillon and Modha 2001, doi:10.1023/A:1007612920971.

    Args:
        prototypes: Unit vectors, shape (m, k), m ≥ 1.
    """

    prototypes: Array

    def __post_init__(self) -> None:
        if self.prototypes.ndim != 2 or not len(self.prototypes) or not np.isfinite(self.prototypes).all():
            raise BadInputError(f"prototypes have shape {self.prototypes.shape} or are not finite")

    def distance(self, described: Array) -> Array:
        """Return the chord from each unit vector (n, k) to the nearest prototype, shape (n,), in [0, 2]."""
        return np.asarray(np.sqrt(np.maximum(2 - 2 * (described @ self.prototypes.T).max(axis=1), 0.0)))


def learn_modes(described: Array, most: int = 8) -> Modes:
    """Cluster unit vectors (n, k), n ≥ 1, started from the farthest ones, so that rare modes have their own.

    Args:
        described: Descriptions of ordinary windows.
        most: Modes at most, ≥ 1.
    """
    few = described[:: max(1, len(described) // MOST)]
    chosen = [0]
    nearest = few @ few[0]
    while len(chosen) < min(most, len(few)):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, few @ few[chosen[-1]])
    prototypes = few[chosen]
    for _ in range(ROUNDS):
        of = (few @ prototypes.T).argmax(axis=1)
        sums = np.stack(
            [few[of == m].sum(axis=0) if (of == m).any() else prototypes[m] for m in range(len(prototypes))]
        )
        prototypes = sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-9)
    return Modes(prototypes=prototypes)
