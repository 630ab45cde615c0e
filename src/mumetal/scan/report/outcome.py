"""What came of a scan: entries, what could not be read, how much was looked into; and the verdict."""

from collections import Counter
from dataclasses import dataclass

from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity
from mumetal.scan.report.coverage import Coverage
from mumetal.scan.report.entry import Entry

LEVELS = {
    "none": None,
    "info": Severity.INFORMATIONAL,
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
    "critical": Severity.CRITICAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One finished scan.

    Args:
        entries: What was found, worst first.
        known: How many more are in the baseline and not told.
        baselined: Their fingerprints, each with the reason that the baseline gives.
        coverage: What was looked at; None when nobody keeps the findings.
        problems: What could not be read, each with its place.
        scanners: Ids of the scanners that looked.
        artefacts: Artefacts looked into.
        size: Their bytes.
        seconds: Time it took, s.
        version: Mumetal's version.
    """

    entries: tuple[Entry, ...] = ()
    known: int = 0
    baselined: tuple[tuple[str, str], ...] = ()
    coverage: Coverage | None = None
    problems: tuple[Quarantined, ...] = ()
    scanners: tuple[str, ...] = ()
    artefacts: int = 0
    size: int = 0
    seconds: float = 0.0
    version: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many entries of each severity, worst first."""
        found = Counter(e.finding.severity for e in self.entries)
        return {s.name.lower(): found[s] for s in sorted(found, reverse=True)}

    def fails(self, at_least: Severity | None) -> bool:
        """Whether an entry is as severe as ``at_least``; never when that is None."""
        return at_least is not None and any(e.finding.severity >= at_least for e in self.entries)


def ranked(entries: list[Entry]) -> tuple[Entry, ...]:
    """Return entries worst first, then surest, then by place."""
    return tuple(
        sorted(
            entries,
            key=lambda e: (
                -e.finding.severity,
                -e.finding.confidence,
                e.path,
                e.place.line if e.place else 0,
                e.finding.rule,
            ),
        )
    )


def level(name: str) -> Severity | None:
    """Read a severity's name; ``"none"`` is None.

    Raises:
        BadInputError: It is no severity.
    """
    try:
        return LEVELS[name.lower()]
    except KeyError:
        raise BadInputError(f"{name[:40]!r} is no severity", hint="one of " + ", ".join(LEVELS)) from None
