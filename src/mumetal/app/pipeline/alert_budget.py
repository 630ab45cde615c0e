"""The user's alert budget: shared by everything that may raise an alert, and asked last, after the causes."""

from collections.abc import Sequence
from dataclasses import replace

from mumetal.core.finding import Finding

StreamKey = tuple[str, str, str]  # tenant, device, stream
TOGETHER_NS = 60 * 10**9  # so close in time streams count as in trouble together


class SharedBudget:
    """False alerts a week, shared evenly by everything that may raise one.

    When k streams of a tenant are past k times that share within a minute, each of them may be as common as that: the
    step-up rule of Benjamini and Hochberg (1995) over devices. Where nothing is wrong it raises a false alert no more
    often than the even share does (Simes 1986, doi:10.1093/biomet/73.3.751, also for streams that move together); where
    trouble is on many devices at once, it sees less of it on each.

    Args:
        alerts_per_week: What the user accepts over all devices, 1/week.
        true_per_week: Real events a week on one stream, beforehand; confidences rest on it.
    """

    def __init__(self, alerts_per_week: float, true_per_week: float = 1.0) -> None:
        self.alerts_per_week, self.true_per_week = alerts_per_week, true_per_week
        self.members = 0
        self._suspects: dict[StreamKey, tuple[int, float]] = {}

    def join(self, members: int = 1) -> None:
        """Count further detectors in."""
        self.members += members

    def leave(self, members: int = 1) -> None:
        """Count detectors out."""
        self.members = max(0, self.members - members)

    @property
    def share(self) -> float:
        """Alerts a week that one family of a stream's detectors may raise falsely; two are taken to run even where fewer do."""
        return self.alerts_per_week / max(2, self.members)

    def suspect(self, stream: StreamKey, t_ns: int, per_week: float) -> None:
        """Note that ordinary data of a stream would do what it did at ``t_ns`` so often a week."""
        self._suspects[stream] = (t_ns, per_week)

    def together(self, stream: StreamKey, t_ns: int) -> int:
        """Return how many shares each of a stream's detectors has at ``t_ns``, ≥ 1."""
        tenant = stream[0]
        self._suspects = {s: f for s, f in self._suspects.items() if s[0] != tenant or t_ns - f[0] <= TOGETHER_NS}
        rates = sorted(rate for s, (_, rate) in self._suspects.items() if s[0] == tenant)
        return max((k for k, rate in enumerate(rates, 1) if rate <= k * self.share), default=1)

    def admit(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return findings of what keeps no share by itself, held back where ordinary data do as much too often.

        A finding that says nothing of how often that is stays as it is: a rule is broken or not.
        """
        return [self._held(f) for f in findings]

    def _held(self, finding: Finding) -> Finding:
        rate = finding.false_per_week
        if rate is None or rate <= self.share:
            return finding
        why = (
            f"ordinary data would do as much {rate:.3g} times a week, {self.share:.3g} is its share of the alert budget"
        )
        return replace(finding, held=why)
