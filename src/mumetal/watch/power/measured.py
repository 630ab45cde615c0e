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


CANARY = "canaries of 8 shots, 300 runs; 10 and 5 CX next door"
TIMING = "mumetal bench power --what timing"
SHOTS = "mumetal bench power --what shots"
LEAK = "mumetal bench power --what leak --seeds 1"
MEASURED = (
    Measured(
        detector="watch.covert.timing", technique="exfiltration.timing_covert_channel", least=1.1, most=3.8,
        over="jitter Gaussian and coloured, d from 0.1 to 1, 8 to 120 runs each; up to 2.2 with eight references a pulse",
        command=TIMING,
    ),
    Measured(
        detector="watch.covert.canary_rise", technique="impair.crosstalk_hammering", least=1.1, most=1.8, over=CANARY,
        command=SHOTS,
    ),
    Measured(
        detector="watch.covert.reset_leakage", technique="collection.reset_leakage", least=1.5, most=2.2,
        over="residual of 1%, 400 runs", command=SHOTS,
    ),
    Measured(
        detector="watch.covert.power_leakage", technique="collection.controller_power_trace", least=1.45, most=2.11,
        over="white energies, correlations of 0.5, 0.3 and 0.2 where there was none, 100 runs", command=LEAK,
    ),
    Measured(
        detector="watch.covert.misreport", technique="impair.calibration_misreport", least=1.1, most=1.3,
        over="10% after 360 snapshots, 50 runs, at one false alarm in 1,000 rather than the live limit", command=SHOTS,
    ),
)  # fmt: skip


def measured_for(detector: str, technique: str) -> Measured | None:
    """Return what was measured of a detector for a technique; None when nothing was."""
    return next((m for m in MEASURED if (m.detector, m.technique) == (detector, technique)), None)
