"""What a gate is given, and what it must do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.ports import PluginInfo
from mumetal.trust.models.manifest import Manifest, Metric
from mumetal.trust.models.report import GateOutcome

Array = NDArray[np.float64]
FEWEST = 50


class Scorer(Protocol):
    """Scores rows; higher is more anomalous."""

    def score(self, rows: Array) -> Array:
        """Score rows, shape (n, C) to (n,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the gates ask for.

    Args:
        auc: Smallest area under the ROC curve.
        auc_loss: Most that may be lost to the active version.
        false_alarm: Rate at which thresholds are set, in (0, 1).
        evasion: Smallest part of what is caught that must stay caught under attack, where there is no active version.
        row_ms: Longest median time of one row, ms.
        size: Most bytes.
        poison_p: Probability of refusing a clean training set.
    """

    auc: float = 0.7
    auc_loss: float = 0.02
    false_alarm: float = 0.05
    evasion: float = 0.5
    row_ms: float = 2.0
    size: int = 2**20
    poison_p: float = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate before the gates.

    Args:
        manifest: What its owner promises.
        size: Bytes of the model.
        candidate: The model.
        active: The version it would replace; None when there is none.
        rows: Held-out rows in order of time, shape (n, C), SI units, finite.
        anomalous: Which of them are, shape (n,), bool.
        training: Rows it was trained on, shape (m, C); None when they were not shown.
        bounds: What is asked for.
        rng: Randomness.
        timer_ns: A clock that never runs backwards, ns.

    Raises:
        BadInputError: Shapes disagree, a value is not finite, or a group has fewer than 50 rows (25 anomalous).
    """

    manifest: Manifest
    size: int
    candidate: Scorer
    active: Scorer | None = None
    rows: Array = field(repr=False)
    anomalous: NDArray[np.bool_] = field(repr=False)
    training: Array | None = field(default=None, repr=False)
    bounds: Bounds = field(default_factory=Bounds)
    rng: np.random.Generator
    timer_ns: Callable[[], int]

    def __post_init__(self) -> None:
        width = len(self.manifest.inputs)
        if self.rows.ndim != 2 or self.rows.shape[1] != width or self.anomalous.shape != (len(self.rows),):
            raise BadInputError(f"held-out rows have shape {self.rows.shape}, not (n, {width}) with a label each")
        if not np.isfinite(self.rows).all():
            raise BadInputError("a held-out value is not finite")
        if np.count_nonzero(~self.anomalous) < 2 * FEWEST or np.count_nonzero(self.anomalous) < FEWEST // 2:
            raise BadInputError("held-out data need 100 ordinary and 25 anomalous rows at least")
        if self.training is not None and (self.training.shape[1:] != (width,) or not np.isfinite(self.training).all()):
            raise BadInputError(f"training rows have shape {self.training.shape}, not (m, {width}), or are not finite")

    @property
    def ordinary_rows(self) -> Array:
        """Held-out rows that are ordinary."""
        return self.rows[~self.anomalous]

    @property
    def anomalous_rows(self) -> Array:
        """Held-out rows that are not."""
        return self.rows[self.anomalous]


class Gate(Protocol):
    """Says whether a version may go on."""

    info: PluginInfo

    def judge(self, trial: Trial) -> GateOutcome:
        """Return its word, with figures either way; never raises for a bad model, only for a bad trial."""
        ...


def outcome(info: PluginInfo, passed: bool, reason: str, **figures: float) -> GateOutcome:
    """Put a gate's word together; a figure that is not finite is left out."""
    kept = tuple(Metric(name=name, value=float(v)) for name, v in figures.items() if np.isfinite(v))
    return GateOutcome(gate=info.plugin_id, passed=bool(passed), reason=reason[:1_000], figures=kept)


def threshold(scorer: Scorer, ordinary: Array, false_alarm: float) -> float:
    """Return the score that ordinary rows exceed at the given rate."""
    return float(np.quantile(scorer.score(ordinary), 1 - false_alarm, method="higher"))
