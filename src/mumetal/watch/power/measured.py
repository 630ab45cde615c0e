"""How near each detector comes to the best test there can be, as it was measured; docs/reference/benchmarks/power.md says how."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measured efficiency.

    Args:
        detector: Detector id.
        technique: Technique id.
        least: Smallest ratio of samples needed to those the optimal test needs.
        most: Largest ratio measured.
        over: What it was measured over, in words, with the number of runs.
        command: What measures it again.
    """

    detector: str
    technique: str
    least: float
    most: float
    over: str
    command: str

    @property
    def told(self) -> str:
        """One sentence."""
        return f"measured: {self.least:.1f} to {self.most:.1f} times the samples of the optimal test ({self.over})"


MEASURED: tuple[Measured, ...] = ()


def measured_for(detector: str, technique: str) -> Measured | None:
    """Return what was measured of a detector for a technique; None when nothing was."""
    return next((m for m in MEASURED if (m.detector, m.technique) == (detector, technique)), None)
