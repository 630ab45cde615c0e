"""The scanner over requirement and lock files: known weaknesses, most urgent first."""

from collections.abc import Iterator, Mapping, Sequence

from mumetal.catalog.cves import Weakness, weaknesses
from mumetal.core.artefact import Artefact, Evidence
from mumetal.core.check import fraction
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.core.ports import PluginInfo
from mumetal.core.subject import Subject
from mumetal.scan.dependencies.pins import Pin, pins
from mumetal.scan.dependencies.urgency import Urgency, urgency
from mumetal.scan.dependencies.version import version_key, within
from mumetal.scan.place import Place, time_of

SEVERITIES = {"low": Severity.LOW, "medium": Severity.MEDIUM, "high": Severity.HIGH, "critical": Severity.CRITICAL}
GRADE_CONFIDENCE = {"V": 0.95, "O": 0.85, "R": 0.6, "hypothesis": 0.3}
TEST_EXPOSURE = 0.3
RANGE_CONFIDENCE = 0.8


class DependencyScanner:
    """Compares what a project pins with the dated file of known weaknesses.

    Args:
        known: Weaknesses to look for, with their date; the packaged file when omitted.
        exposure: How far the project stands open to others, in [0, 1]: 1 for a service, 0.3 for a notebook.
        criticality: Per package, how critical the workloads that use it are, in [0, 1]; 0.5 when not given.
    """

    info = PluginInfo(
        plugin_id="scan.dependencies",
        title="Known weaknesses of what a project pins",
        reference="PEP 440, PEP 503; CISA SSVC Guide 2022",
        techniques=("execution.malicious_payload",),
    )

    def __init__(
        self,
        known: tuple[str, Sequence[Weakness]] | None = None,
        *,
        exposure: float = 1.0,
        criticality: Mapping[str, float] | None = None,
    ) -> None:
        fraction(exposure, "exposure")
        self._date, entries = known or weaknesses()
        self._exposure = exposure
        self._criticality = dict(criticality or {})
        self._by_package: dict[str, list[Weakness]] = {}
        for weakness in entries:
            for package in weakness.packages:
                self._by_package.setdefault(package, []).append(weakness)

    def scan(self, artefact: Artefact) -> Iterator[Finding]:
        """Yield weaknesses of the versions a file names, most urgent first; other files are passed over.

        Raises:
            BadInputError: The file is not what its name says.
        """
        found: list[tuple[Urgency, Pin, Weakness]] = []
        for pin in pins(artefact.uri, artefact.data):
            for weakness in self._by_package.get(pin.package, ()):
                if _affected(pin, weakness):
                    exposure = self._exposure * (TEST_EXPOSURE if pin.place == "test" else 1.0)
                    critical = self._criticality.get(pin.package, 0.5)
                    found.append((urgency(weakness, exposure=exposure, criticality=critical), pin, weakness))
        found.sort(key=lambda one: (-one[0].decision, -one[0].score, one[1].line, one[2].id))
        for urgent, pin, weakness in found:
            yield self._finding(artefact, urgent, pin, weakness)

    def _finding(self, artefact: Artefact, urgent: Urgency, pin: Pin, weakness: Weakness) -> Finding:
        place = Place(path=artefact.uri, line=pin.line)
        said = f"{pin.package} {pin.version}" if pin.version else f"{pin.package} (only below {pin.below} is allowed)"
        fixed = ", ".join(span.fixed for span in weakness.affected)
        scored = f" {weakness.cvss4_score} {weakness.cvss4}" if weakness.cvss4 else ""
        score = f" CVSS 4.0:{scored} ({weakness.cvss4_by})."
        start = time_of(artefact)
        confidence = GRADE_CONFIDENCE[weakness.grade.value] * (1.0 if pin.version else RANGE_CONFIDENCE)
        return Finding(
            tenant=artefact.tenant,
            subject=Subject.path(artefact.uri),
            rule=f"scan.dependencies.{weakness.id}",
            identity=f"{said} line {pin.line}"[:1_000],
            title=f"{said}: {weakness.title}"[:300],
            detail=(
                f"{artefact.uri}:{pin.line}: {said} is affected by {weakness.id}.{score} SSVC: {urgent.words} "
                f"(exploitation {weakness.exploitation}, automatable {weakness.automatable}, impact {weakness.impact}); "
                f"order {urgent.score:.2f}. Data of {self._date}, grade {weakness.grade.value}. "
                + " ".join(weakness.references)
            )[:4_000],
            remedy=f"Update {pin.package} to {fixed} or newer. Until then: {weakness.workaround}",
            start_ns=start,
            stop_ns=start,
            severity=SEVERITIES[weakness.severity],
            confidence=confidence,
            techniques=self.info.techniques,
            evidence=(Evidence(uri=place.uri, digest=artefact.digest, note="pinned here"),),
            model_version=self._date,
        )


def _affected(pin: Pin, weakness: Weakness) -> bool:
    """Whether the pinned version is affected, or every version that is allowed is older than the fix."""
    try:
        if pin.version:
            return any(within(pin.version, s.introduced, s.fixed) for s in weakness.affected)
        first = weakness.affected[0]
        return bool(pin.below) and version_key(first.introduced) < version_key(pin.below) <= version_key(first.fixed)
    except BadInputError:
        return False
