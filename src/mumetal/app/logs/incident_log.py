"""Tells the log what the judge did: findings and incidents by id, rule and severity, and no word of what they say."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence

from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.logs import RoomLogger, log_context

REMEMBERED = 10_000  # ids; of an older one the next news looks like the first
_log = RoomLogger("app")


class IncidentLog:
    """Knows what was told already: a finding that is said anew and an incident that stays as it was are for debugging."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, Hashable] = OrderedDict()

    def judged(self, findings: Sequence[Finding], incidents: Sequence[Incident]) -> None:
        """Tell what was raised, and which incidents were opened or changed by it."""
        home = {finding: incident.incident_id for incident in incidents for finding in incident.findings}
        for finding in findings:
            tell = _log.info if self._news(finding.finding_id, finding.explained) else _log.debug
            with log_context(incident=home.get(finding.finding_id)):
                tell(
                    "finding.raised",
                    finding=finding.finding_id,
                    rule=finding.rule,
                    severity=finding.severity.name.lower(),
                    confidence=round(finding.confidence, 3),
                    explained=finding.explained,
                    device=finding.device,
                    tenant=finding.tenant,
                )
        for incident in incidents:
            self.incident(incident)

    def incident(self, incident: Incident) -> None:
        """Tell that an incident was opened or changed, when its state, severity, label or owner is another than before."""
        opened = incident.incident_id not in self._told
        state = (incident.state, incident.severity, incident.label, incident.paged, bool(incident.owner))
        tell = _log.info if self._news(incident.incident_id, state) else _log.debug
        with log_context(incident=incident.incident_id):
            tell(
                "incident.opened" if opened else "incident.changed",
                state=incident.state.value,
                severity=incident.severity.name.lower(),
                priority=round(incident.priority, 3),
                label=incident.label.value,
                findings=len(incident.findings),
                paged=incident.paged,
                device=incident.device,
                tenant=incident.tenant,
            )

    def _news(self, told_id: str, state: Hashable) -> bool:
        before = self._told.pop(told_id, None)
        self._told[told_id] = state
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return before != state
