"""A source that can be read again: the incident that it could not is over."""

from mumetal.access.api import agent_scope
from mumetal.app.desk import Change
from mumetal.app.pipeline.judge import Judge
from mumetal.core.errors import UnavailableError
from mumetal.core.incident import IncidentState
from mumetal.core.records import Records

AGENT = "mumetal.sources"
RULE = "serve.source_unavailable"


class Outages:
    """Resolves incidents of nothing but one source's absence.

    Args:
        records: Where they are.
        judge: Changes them.
    """

    def __init__(self, records: Records, judge: Judge) -> None:
        self._records, self._judge = records, judge

    def over(self, source: str, tenant: str) -> bool:
        """Resolve what stands of a source that was read; return whether there was any."""
        scope = agent_scope(tenant, AGENT)
        found = False
        try:
            for incident in self._records.open_for(scope):
                findings = self._records.findings(scope, incident.findings[:100])
                if findings and all(f.rule == RULE and f.subject.name == source[:200] for f in findings):
                    change = Change(state=IncidentState.RESOLVED, note="the source can be read again")
                    self._judge.change(scope, incident.incident_id, change)
                    found = True
        except UnavailableError:  # the records are away for now: it is asked again at the next reading
            return False
        return found
