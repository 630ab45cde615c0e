"""Telemetry replay: the sensors' last rows are shown again while something else happens."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Standardised, shares

TECHNIQUE = "evasion.telemetry_replay"
REMEMBERED = 8_192  # different rows that a repeat is looked for among
FIRST = 3  # rows in a row, at one distance, that are a repeat


class Replay(Standardised):
    """Runs of rows that equal, to the last bit, earlier rows at one and the same distance.

    Noise makes two rows of a real sensor differ, so a run of equal rows is a copy. Rows that equal the one just before
    are a held or frozen sensor and say nothing. Where coarse steps make rows coincide by chance, the runs of the history
    set the threshold.
    """

    info = PluginInfo(
        plugin_id="watch.covert.replay",
        title="Repeated stretch of telemetry",
        reference="Mo and Sinopoli 2009, doi:10.1109/ALLERTON.2009.5394956 (replay attacks on control systems)",
        techniques=(TECHNIQUE,),
        min_history=64,
    )

    tail_power = 1.0  # chance runs are geometric: an exponential tail

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn which channels move at all."""
        del seen
        self._moving = np.flatnonzero(z.std(axis=0) > 0)
        self.reset()

    def reset(self) -> None:
        """Forget the rows seen."""
        self._places: OrderedDict[bytes, int] = OrderedDict()
        self._count = 0
        self._previous = b""
        self._distance = 0
        self._run = 0

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,): length of the run of repeated rows, from the third on."""
        out = np.zeros(z.shape[0])
        if self._moving.size == 0:
            return out
        rows = np.ascontiguousarray(z[:, self._moving] + 0.0)  # -0.0 and 0.0 are one value
        here = np.ones(z.shape, bool) if seen is None else seen
        blank: NDArray[np.bool_] = np.logical_not(here[:, self._moving].any(axis=1))
        width = rows.shape[1] * rows.itemsize
        data = rows.tobytes()
        for index in range(rows.shape[0]):
            row = data[index * width : (index + 1) * width]
            if row != self._previous and not blank[index]:
                self._take(row)
            out[index] = max(0, self._run - FIRST + 1)
        return out

    def _take(self, row: bytes) -> None:
        place = self._places.pop(row, -1)
        distance = self._count - place if place >= 0 else 0
        self._run = 0 if distance == 0 else self._run + 1 if distance == self._distance else 1
        self._distance = distance
        self._places[row] = self._count
        self._count += 1
        self._previous = row
        if len(self._places) > REMEMBERED:
            self._places.popitem(last=False)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Every channel that moves carries an even share: a replayed row is replayed as a whole."""
        del z, seen
        weights = np.zeros(len(names))
        weights[self._moving] = 1.0
        return shares(names, weights, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Shortest replay seen, in rows; any test needs one row that equals another."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "rows", "looks for repeated rows only")
        if conditions.noise <= 0:
            why = "needs a sensor that is never exactly still"
            return blind(self.info, technique, "rows", why, "record more digits, or more channels")
        reach = f", {REMEMBERED / conditions.rate_hz:.0f} s," if conditions.rate_hz > 0 else ""
        return Power(
            technique=technique,
            smallest=float(FIRST),
            bound=1.0,
            unit="rows",
            reason=f"{FIRST} rows equal to earlier ones to the last bit, up to {REMEMBERED} rows{reach} back; "
            "a copy with fresh noise laid over it is not seen so",
            advice="lay a known, changing mark over the sensor (a heater pulse nobody else knows of)",
        )
