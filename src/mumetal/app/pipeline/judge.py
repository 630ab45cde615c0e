"""From findings to ranked incidents: grouped, written to the ledger, kept and queued for the sinks in one transaction."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace

from mumetal.access.api import agent_scope
from mumetal.app.desk import Change
from mumetal.app.logs.incident_log import IncidentLog
from mumetal.core.acts import Acts, Begun
from mumetal.core.artefact import Evidence
from mumetal.core.clock import Clock
from mumetal.core.finding import Finding
from mumetal.core.identity import Principal, Scope
from mumetal.core.incident import Incident
from mumetal.core.logs import RoomLogger, log_context
from mumetal.core.operation import OperatingState
from mumetal.core.ports import Authorizer, Ledger, Request, Store
from mumetal.core.records import Records
from mumetal.core.subject import Subject, SubjectKind
from mumetal.respond.api import Triage

AGENT = "mumetal.triage"
_log = RoomLogger("app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the judge needs of the other rooms; without a ``store`` no finding may point into a stream."""

    store: Store | None
    incidents: Records
    triage: Triage
    ledger: Ledger
    authorizer: Authorizer
    clock: Clock


class Judge:
    """Turns findings into incidents, one caller at a time.

    A page is an act: it is permitted, written to the ledger, then done, and its outcome is a second entry.

    Args:
        rooms: Stores, triage, ledger and authorizer.
        pages: Whether anybody is paged; of what was recorded nobody is.
    """

    def __init__(self, rooms: Rooms, *, pages: bool = True) -> None:
        self._rooms, self._pages = rooms, pages
        self._acts = Acts(rooms.ledger, rooms.authorizer, rooms.clock)
        self._lock = threading.Lock()
        self._told = IncidentLog()
        self.changes = 0  # how often incidents were written

    def take(self, findings: Sequence[Finding]) -> list[Incident]:
        """Group findings, keep them, page what is new and unexplained; returns the incidents that changed."""
        if not findings:
            return []
        rooms = self._rooms
        with self._lock:
            proven = [self._with_digests(f) for f in findings]
            changed = rooms.triage.add(proven, rooms.clock.now_ns())
            due = rooms.triage.pages()
            with ExitStack() as paging:
                for incident in due if self._pages else ():
                    paging.enter_context(self._page(incident))
                for tenant in dict.fromkeys([*(f.tenant for f in proven), *(i.tenant for i in changed)]):
                    mine = [f for f in proven if f.tenant == tenant], [i for i in changed if i.tenant == tenant]
                    rooms.incidents.put(agent_scope(tenant, AGENT), *mine)
            self.changes += 1
            self._told.judged(proven, changed)
        return changed

    def entered(self, states: Sequence[OperatingState]) -> None:
        """Keep what devices do now."""
        for tenant in dict.fromkeys(s.tenant for s in states):
            self._rooms.incidents.states.put(agent_scope(tenant, AGENT), [s for s in states if s.tenant == tenant])
        for state in states:
            _log.info("device.state", tenant=state.tenant, device=state.device, state=str(state.mode))

    def change(self, scope: Scope, incident_id: str, change: Change) -> Incident:
        """Do what a person asks of an incident: permit, ledger, act, outcome.

        Raises:
            RejectedError: They may not.
            BadInputError: The tenant has no such incident, or the state cannot follow.
        """
        rooms = self._rooms
        with self._lock:
            before = rooms.incidents.incident(scope, incident_id)
            request = _about(before, scope.principal, "incident.change")
            with log_context(incident=before.incident_id), self._acts.act(request, change.words()):
                # a resolved incident is on no board after a restart; one that is there already stays as it is
                rooms.triage.restore([before], rooms.incidents.findings(scope, before.findings))
                after = rooms.triage.change(
                    incident_id,
                    scope.principal.name,
                    rooms.clock.now_ns(),
                    state=change.state,
                    owner=change.owner,
                    label=change.label,
                    note=change.note,
                )
                rooms.incidents.put(scope, [], [after])
            self.changes += 1
            self._told.incident(after)
        return after

    def _page(self, incident: Incident) -> AbstractContextManager[Begun]:
        request = _about(incident, agent_scope(incident.tenant, AGENT).principal, "incident.page")
        return self._acts.act(request, f"priority {incident.priority:.3f}, findings {' '.join(incident.findings[:20])}")

    def _with_digests(self, finding: Finding) -> Finding:
        """Pin each pointer into a stream to the bytes as they were committed."""
        return replace(finding, evidence=tuple(self._pin(finding, e) for e in finding.evidence))

    def _pin(self, finding: Finding, evidence: Evidence) -> Evidence:
        if evidence.scheme != "series" or evidence.digest or self._rooms.store is None:
            return evidence
        query = evidence.query
        device, stream = evidence.series_place()
        pinned = self._rooms.store.evidence(finding.tenant, device, stream, int(query["start"]), int(query["stop"]))
        return replace(pinned, note=evidence.note)


def _about(incident: Incident, who: Principal, action: str) -> Request:
    subject = Subject(kind=SubjectKind.INCIDENT, name=incident.incident_id)
    return Request(tenant=incident.tenant, principal=who, action=action, resource=subject)
