"""Logs what the judge did: findings and incidents by id, rule and severity, without their texts."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence

from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.logs import RoomLogger, log_context

REMEMBERED = 10_000  # ids; of an older one the next report counts as the first
_log = RoomLogger("app")


class IncidentLog:
    """Remembers what was logged: a repeated finding and an unchanged incident are debug lines."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, Hashable] = OrderedDict()

    def judged(self, findings: Sequence[Finding], incidents: Sequence[Incident]) -> None:
        """Log what was raised, and which incidents were opened or changed by it."""
        home = {finding: incident.incident_id for incident in incidents for finding in incident.findings}
        for finding in findings:
            tell = _log.info if self._changed(finding.finding_id, finding.explained) else _log.debug
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
        """Log that an incident was opened or changed, when its state, severity, label or owner is another than before."""
        opened = incident.incident_id not in self._states
        state = (incident.state, incident.severity, incident.label, incident.paged, bool(incident.owner))
        tell = _log.info if self._changed(incident.incident_id, state) else _log.debug
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

    def _changed(self, logged_id: str, state: Hashable) -> bool:
        before = self._states.pop(logged_id, None)
        self._states[logged_id] = state
        if len(self._states) > REMEMBERED:
            self._states.popitem(last=False)
        return before != state
