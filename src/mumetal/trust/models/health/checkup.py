"""One look at a model at run time: its input, its scores, its false alarms, and windows whose answer is known.

A day of rows against the reference the version was validated on. Input, scores and rate of alarms are judged together, on
the same permutations of whole blocks of rows, at a level (:data:`ALARM` a look, one look a day) that stays under one false
alarm a model-month; the canary is exact.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.numerics.drift import (
    FEWEST_BLOCKS,
    Blocks,
    DriftTest,
    Moved,
    block_length,
    jointly,
    moved,
    p_values,
    rate_gap,
)
from mumetal.trust.models.gates.trial import Scorer
from mumetal.trust.models.lineage import Probe, reproduce
from mumetal.trust.models.registry import ModelRegistry

Array = NDArray[np.float64]
ALARM = 0.01  # per look, over all that is looked at together: 0.3 a month of daily looks, where blocks are independent
PERMUTATIONS = 499
TAIL = 0.05
NEARLY = 1e-4  # of a canary from another kind of machine
FEWEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What one look found.

    Args:
        name: The model.
        version: The version looked at.
        input: Drift of the input's channels.
        score: Drift of the scores, Kolmogorov-Smirnov.
        input_p: Probability of such an input without a drift; adjusted, as the next two, for all that is looked at.
        score_p: Probability of such scores.
        calibration_p: Probability of so many, or so few, rows beyond the reference's 95% score.
        alarm_rate: Part of the rows beyond it.
        canary: Why a window with a known answer failed, or that scores are not finite; empty when all held.
        rows: How many rows were looked at.
        channels: Names of the input's channels.
    """

    name: str
    version: str
    input: DriftTest
    score: Moved
    input_p: float
    score_p: float
    calibration_p: float
    alarm_rate: float
    canary: str = ""
    rows: int = 0
    channels: tuple[str, ...] = field(default=())

    @property
    def input_drifts(self) -> bool:
        """Whether the input is another than the one the version was validated on."""
        return self.input_p <= ALARM

    @property
    def score_drifts(self) -> bool:
        """Whether the scores are distributed otherwise."""
        return self.score_p <= ALARM

    @property
    def miscalibrated(self) -> bool:
        """Whether its thresholds give another rate of alarms than they were set for."""
        return self.calibration_p <= ALARM

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
    broken = canary_of(registry, canaries)
    if not (np.isfinite(before).all() and np.isfinite(now).all()):
        broken = broken or "it gives scores that are not finite"
        before, now = np.nan_to_num(before), np.nan_to_num(now)
    limit = float(np.quantile(before, 1 - TAIL, method="higher"))
    size = block_length(np.column_stack([reference, before]), len(rows) // FEWEST_BLOCKS)
    blocks = Blocks(len(reference), len(rows), size, PERMUTATIONS, rng)
    drift, values = moved(blocks, blocks.pooled(reference, rows), rng)
    scores = blocks.pooled(before, now)
    ks, psi = blocks.ks(scores[:, None])[:, 0], blocks.psi(scores[:, None])[:, 0]
    values |= {"score.ks": ks, "score.psi": psi, "rate": rate_gap(blocks, scores > limit)}
    p = jointly(values)
    return Checkup(
        name=patient.name,
        version=patient.version,
        input=drift,
        score=Moved(statistic=float(ks[0]), p=float(p_values(ks)[0])),
        input_p=min(p[name] for name in ("psi", "ks", "mmd", "mean")),
        score_p=min(p["score.ks"], p["score.psi"]),
        calibration_p=p["rate"],
        alarm_rate=float(np.mean(now > limit)),
        canary=broken,
        rows=len(rows),
        channels=patient.channels,
    )


def canary_of(registry: ModelRegistry | None, canaries: tuple[Probe, ...]) -> str:
    """Return why a window with a known answer gives another one now; empty when all give theirs.

    Raises:
        BadInputError: There are canaries and no registry.
    """
    for number, probe in enumerate(canaries):
        if registry is None:
            raise BadInputError("canaries need the registry they were made with")
        try:
            reproduce(registry, probe, f"canary {number}", nearly=NEARLY)
        except RejectedError as error:
            return str(error)[:500]
    return ""
