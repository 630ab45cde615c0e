"""Is this the device it says it is: the vector of its qubit frequencies."""

import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, shares

WITHIN_HZ = 0.94e6  # largest median |Δf| measured within one device (18 pairs)
BETWEEN_HZ = 11.1e6  # smallest measured between two devices (2,683 pairs)
LIMIT_HZ = float(np.sqrt(WITHIN_HZ * BETWEEN_HZ))
FAR_HZ = 5e6  # a qubit so far off is retuned or another: 6 of 1,030 within one device, 99% between two
RETUNED, SHARE = 2.0, 0.05  # qubits, and share of the chip, that may be retuned between two snapshots
FEWEST = 3  # qubits with a frequency in both snapshots
FREQUENCY = re.compile(r"q(\d+)\.frequency")


class Identity:
    """Median |Δf| between a snapshot and the last one that was accepted as the device's own.

    Fixed-frequency qubits drift by some 20 kHz a year and retuned ones hop by a few hundred kilohertz, while two chips
    of one design scatter by tens of megahertz (2211.07880). The score is the median distance over the limit between
    both, so 1 is the threshold. Where a part of the chip only is another's, the median is blind: then the qubits that moved by
    more than 5 MHz are counted against how many are ever retuned at once.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.identity",
        title="Another device answers under this name",
        reference="Smith et al. 2022, arXiv:2211.07880; distances measured on IBM snapshots 2019–2026",
        techniques=("impair.device_substitution",),
        min_history=1,
        words=Words(
            title="Qubit frequencies are not those of {device}",
            severity=Severity.CRITICAL,
            remedy="Stop sending work, ask the provider which device answered, and run a spectroscopy canary.",
        ),
    )

    saved = ("_columns", "_epoch", "_known", "_held")

    def __init__(self) -> None:
        self._columns: NDArray[np.int64] = np.empty(0, np.int64)
        self._epoch = ""
        self._known = np.empty(0)

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say no: it looks at calibrations, not at live streams."""
        del history
        return False

    def fit(self, history: Series) -> None:
        """Take the newest frequency of each qubit.

        Raises:
            BadInputError: No row at all.
        """
        if len(history) < 1:
            raise BadInputError("identity needs one snapshot", where=f"{history.device}/{history.stream}")
        self._columns = np.array([i for i, n in enumerate(history.names) if FREQUENCY.fullmatch(n)], np.int64)
        self._epoch = history.epoch
        self._known = np.full(self._columns.size, np.nan)
        for row in history.values[:, self._columns]:
            self._known = np.where(_plausible(row), row, self._known)
        self._held = 0.0

    def _distance(self, row: Array) -> Array:
        """Return |Δf| in Hz per frequency channel, NaN where either is unknown."""
        return np.where(_plausible(row), np.abs(row - self._known), np.nan)

    def score(self, chunk: Series) -> Array:
        """Score each snapshot, shape (n,); 1 is the limit, 0 where fewer than three frequencies can be compared.

        Raises:
            BadInputError: Not fitted, or another channel map.
        """
        self._check(chunk)
        scores = np.zeros(len(chunk))
        for index, row in enumerate(chunk.values[:, self._columns]):
            distance = self._distance(row)
            if np.isfinite(distance).sum() >= FEWEST:
                known = distance[np.isfinite(distance)]
                others = float((known > FAR_HZ).sum()) / (RETUNED + SHARE * known.size)
                scores[index] = max(float(np.median(known)) / LIMIT_HZ, others)
            if scores[index] < 1:  # a stranger never becomes the reference by being seen
                self._known = np.where(_plausible(row), row, self._known)
        return scores

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        """Distance of each qubit's frequency in the last row from the reference."""
        self._check(window)
        if len(window) == 0:
            return ()
        names = tuple(window.names[i] for i in self._columns)
        return shares(names, self._distance(window.values[-1, self._columns]), "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest median distance of a substitute's frequencies that is told apart."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "Hz", "compares qubit frequencies only")
        if conditions.channels < FEWEST:
            return blind(self.info, technique, "Hz", "needs three frequencies", "have the provider publish frequencies")
        return Power(
            technique=technique,
            smallest=max(LIMIT_HZ, 3 * conditions.noise),
            bound=3 * conditions.noise * float(np.sqrt(np.pi / 2 / conditions.channels)),
            unit="Hz, median over qubits",
            reason=f"the limit lies between {WITHIN_HZ / 1e6:.2f} MHz within and {BETWEEN_HZ / 1e6:.1f} MHz between devices",
            advice="a substitute that reports stolen frequencies is not seen: run a spectroscopy canary",
        )

    def _check(self, series: Series) -> None:
        where = f"{series.device}/{series.stream}"
        if not self._epoch:
            raise BadInputError("identity is not fitted", where=where, hint="call fit first")
        if series.epoch != self._epoch:
            raise BadInputError(
                "identity was fitted to another channel map", where=where, hint="fit it to the new epoch"
            )


def _plausible(frequency: Array) -> NDArray[np.bool_]:
    """Zero is a sentinel in IBM files; no qubit lies below 10 MHz or above 1 THz."""
    return np.isfinite(frequency) & (frequency > 1e7) & (frequency < 1e12)
