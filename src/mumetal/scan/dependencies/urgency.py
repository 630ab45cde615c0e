"""In what order to update: CISA's SSVC tree, then exposure times the workloads touched.

CISA, Stakeholder-Specific Vulnerability Categorization Guide (2022): exploitation, automatable, technical impact and
mission decide between track, track closely, attend and act.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from mumetal.catalog.cves import Weakness
from mumetal.core.check import fraction

Mission = Literal["low", "medium", "high"]


class Decision(IntEnum):
    """What to do, later to sooner."""

    TRACK = 0
    TRACK_CLOSELY = 1
    ATTEND = 2
    ACT = 3


T, C, A, X = Decision.TRACK, Decision.TRACK_CLOSELY, Decision.ATTEND, Decision.ACT
TREE: dict[tuple[str, str, str], tuple[Decision, Decision, Decision]] = {
    ("none", "no", "partial"): (T, T, T), ("none", "no", "total"): (T, T, C),
    ("none", "yes", "partial"): (T, T, A), ("none", "yes", "total"): (T, T, A),
    ("poc", "no", "partial"): (T, T, C), ("poc", "no", "total"): (T, C, A),
    ("poc", "yes", "partial"): (T, T, A), ("poc", "yes", "total"): (T, C, A),
    ("active", "no", "partial"): (T, T, A), ("active", "no", "total"): (T, A, X),
    ("active", "yes", "partial"): (A, A, X), ("active", "yes", "total"): (A, X, X),
}  # fmt: skip
SEVERITY_WEIGHT = {"low": 0.25, "medium": 0.5, "high": 0.75, "critical": 1.0}
WORDS = {T: "track", C: "track closely", A: "attend", X: "act now"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgency:
    """How soon.

    Args:
        decision: SSVC's answer.
        score: Severity × exposure × workloads touched, in [0, 1]; orders equal decisions.
    """

    decision: Decision
    score: float

    def __post_init__(self) -> None:
        fraction(self.score, "score")

    @property
    def words(self) -> str:
        """The decision in words."""
        return WORDS[self.decision]


def urgency(weakness: Weakness, *, exposure: float, criticality: float) -> Urgency:
    """Rank one weakness.

    Args:
        weakness: What is known of it.
        exposure: How far the component stands open to others, in [0, 1].
        criticality: How critical the workloads that use it are, in [0, 1]; a third each is low, medium, high.
    """
    mission = min(int(criticality * 3), 2)
    decision = TREE[weakness.exploitation, weakness.automatable, weakness.impact][mission]
    return Urgency(decision=decision, score=SEVERITY_WEIGHT[weakness.severity] * exposure * criticality)
