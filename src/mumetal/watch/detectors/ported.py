"""Any detector that keeps the port, among those of this room, which share the scale of a stream."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import Detector, PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.watch.detectors.standard import Array, Scale, Standardised

WORST = 1e12  # larger scores are cut: squares of them stay finite


class Ported(Standardised):
    """A detector written to the port alone. One that fails is left out from then on and named; the others go on.

    Args:
        make: Makes the detector.
    """

    tail_power = 1.0  # nothing is known of the unit of its scores, …
    farthest = 4.0  # … nor of their tail

    def __init__(self, make: Callable[[], Detector]) -> None:
        super().__init__()
        self._inner = make()
        self.info = self._inner.info
        self.failed = ""

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Let it learn from the rows as they are.

        Raises:
            BadInputError: It cannot.
        """
        self._scale = scale
        try:
            self._inner.fit(history)
        except Exception as error:  # whatever an outsider's code raises, the stream goes on without it
            raise BadInputError(f"{self.info.plugin_id} cannot learn: {error}"[:500], where=history.stream) from error

    def score(self, chunk: Series) -> Array:
        """Score the rows that follow the last chunk, shape (n,); 0 from the first failure on."""
        self.fitted(chunk)
        if self.failed:
            return np.zeros(len(chunk))
        try:
            found = np.asarray(self._inner.score(chunk), np.float64)
        except Exception as error:  # noqa: BLE001 - as above
            self.failed = f"{self.info.plugin_id} failed and is left out: {error}"[:300]
            return np.zeros(len(chunk))
        if found.shape != (len(chunk),) or not np.isfinite(found).all() or (found < 0).any():
            self.failed = f"{self.info.plugin_id} broke its promise of finite scores ≥ 0, one a row, and is left out"
            return np.zeros(len(chunk))
        return np.minimum(found, WORST)

    def score_rows(self, rows: Series, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score the rows as they are."""
        del z, seen
        return self.score(rows)

    def reset(self) -> None:
        """Hold no state of its own."""

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        """Say which channels carry the score of the window's last row, as the detector does."""
        return self._inner.attribute(window)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Say what the detector says."""
        return self._inner.power(technique, conditions)


class Unmade(Ported):
    """A detector of another package that could not even say whether it watches: it is named where it should have learnt.

    Args:
        plugin_id: Its id.
        why: What it raised.
    """

    def __init__(self, plugin_id: str, why: str) -> None:
        Standardised.__init__(self)
        self.info = PluginInfo(plugin_id=plugin_id, title="A detector that cannot be used")
        self._why = why

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Refuse.

        Raises:
            BadInputError: Always; says why.
        """
        del scale
        raise BadInputError(f"{self.info.plugin_id} cannot be used: {self._why}", where=history.stream)
