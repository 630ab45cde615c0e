"""One look at a model at run time: its input, its scores, its false alarms, and windows whose answer is known.

A day of rows against the reference the version was validated on. Each of the first three is a test at a level that keeps
all of them together under one false alarm a model-month (:data:`ALARM` a look, one look a day); the canary is exact.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.numerics.drift import DriftTest, drift_test, rate_test
from mumetal.trust.models.gates.trial import Scorer
from mumetal.trust.models.lineage import Probe, reproduce
from mumetal.trust.models.registry import ModelRegistry

Array = NDArray[np.float64]
ALARM = 0.02  # per look, over input drift, score drift and calibration together: 0.6 a month of daily looks
PERMUTATIONS = 999
TAIL = 0.05
FEWEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What one look found.

    Args:
        name: The model.
        version: The version looked at.
        input: Drift of the input's channels.
        score: Drift of the scores.
        calibration_p: Probability of so many, or so few, rows beyond the reference's 95% score by chance.
        alarm_rate: Part of the rows beyond it.
        canary: Why a window with a known answer failed; empty when all held or none was given.
        rows: How many rows were looked at.
        channels: Names of the input's channels.
    """

    name: str
    version: str
    input: DriftTest
    score: DriftTest
    calibration_p: float
    alarm_rate: float
    canary: str = ""
    rows: int = 0
    channels: tuple[str, ...] = field(default=())

    @property
    def input_drifts(self) -> bool:
        """Whether the input is another than the one the version was validated on."""
        return self.input.p <= ALARM / 3

    @property
    def score_drifts(self) -> bool:
        """Whether the scores are distributed otherwise."""
        return self.score.p <= ALARM / 3

    @property
    def miscalibrated(self) -> bool:
        """Whether its thresholds give another rate of alarms than they were set for."""
        return self.calibration_p <= ALARM / 3

    @property
    def ails(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.canary) or self.input_drifts or self.score_drifts or self.miscalibrated


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A version to look at.

    Args:
        name: The model.
        version: Its version.
        channels: Its input's channels.
        scorer: Runs it.
        reference: Ordinary rows it was validated on, in order of time, shape (n, C).
    """

    name: str
    version: str
    channels: tuple[str, ...]
    scorer: Scorer
    reference: Array = field(repr=False)


def look(
    patient: Patient,
    rows: Array,
    *,
    rng: np.random.Generator,
    registry: ModelRegistry | None = None,
    canaries: tuple[Probe, ...] = (),
) -> Checkup:
    """Look at a day of rows, shape (m, C), in order of time.

    Raises:
        BadInputError: Fewer than 64 rows, other columns, or a value that is not finite.
    """
    reference = patient.reference
    if rows.ndim != 2 or reference.ndim != 2 or rows.shape[1] != reference.shape[1]:
        raise BadInputError(f"rows of shape {rows.shape} against a reference of {reference.shape}", where=patient.name)
    if min(len(rows), len(reference)) < FEWEST:
        raise BadInputError(f"a look needs {FEWEST} rows, not {min(len(rows), len(reference))}", where=patient.name)
    if not (np.isfinite(rows).all() and np.isfinite(reference).all()):
        raise BadInputError("a value is not finite", where=patient.name)
    before, now = patient.scorer.score(reference), patient.scorer.score(rows)
    if not (np.isfinite(before).all() and np.isfinite(now).all()):
        raise BadInputError("the model gives scores that are not finite", where=patient.name)
    limit = float(np.quantile(before, 1 - TAIL, method="higher"))
    scored = drift_test(before[:, None], now[:, None], rng=rng, permutations=PERMUTATIONS)
    moved = drift_test(reference, rows, rng=rng, permutations=PERMUTATIONS)
    block = max(scored.block, moved.block)
    p = rate_test(before > limit, now > limit, rng=rng, block=block, permutations=PERMUTATIONS)
    return Checkup(
        name=patient.name,
        version=patient.version,
        input=moved,
        score=scored,
        calibration_p=p,
        alarm_rate=float(np.mean(now > limit)),
        canary=_canary(registry, canaries),
        rows=len(rows),
        channels=patient.channels,
    )


def _canary(registry: ModelRegistry | None, canaries: tuple[Probe, ...]) -> str:
    for number, probe in enumerate(canaries):
        if registry is None:
            raise BadInputError("canaries need the registry they were made with")
        try:
            reproduce(registry, probe, f"canary {number}")
        except RejectedError as error:
            return str(error)[:500]
    return ""
