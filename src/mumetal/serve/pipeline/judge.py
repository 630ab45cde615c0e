"""From findings to ranked incidents: grouped, written to the ledger, kept and queued for the sinks in one transaction."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mumetal.connect.stores.incidents import IncidentStore
from mumetal.core.artefact import Evidence
from mumetal.core.clock import Clock
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident
from mumetal.core.ports import Authorizer, Ledger, LedgerEntry, Request, Store
from mumetal.respond.triage import Triage
from mumetal.serve.desk import Change

AGENT = "mumetal.triage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the judge needs of the other rooms; without a ``store`` no finding may point into a stream."""

    store: Store | None
    incidents: IncidentStore
    triage: Triage
    ledger: Ledger
    authorizer: Authorizer
    clock: Clock


class Judge:
    """Turns findings into incidents, one caller at a time.

    A page is an act: it is permitted, written to the ledger, then done, and its outcome is a second entry.

    Args:
        rooms: Stores, triage, ledger and authorizer.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._lock = threading.Lock()

    def take(self, findings: Sequence[Finding]) -> list[Incident]:
        """Group findings, keep them, page what is new and unexplained; returns the incidents that changed."""
        if not findings:
            return []
        rooms = self._rooms
        with self._lock:
            proven = [self._with_digests(f) for f in findings]
            changed = rooms.triage.add(proven, rooms.clock.now_ns())
            pages = rooms.triage.pages()
            for incident in pages:
                self._permit_page(incident)
            rooms.incidents.put(proven, changed)
            for incident in pages:
                self._enter(incident, "incident.page", AGENT, "done")
        return changed

    def change(self, tenant: str, incident_id: str, actor: str, change: Change) -> Incident:
        """Do what a person asks of an incident: permit, ledger, act, outcome.

        Raises:
            RejectedError: The actor may not.
            BadInputError: The tenant has no such incident, or the state cannot follow.
        """
        rooms = self._rooms
        with self._lock:
            before = rooms.incidents.incident(tenant, incident_id)
            permit = rooms.authorizer.authorize(
                Request(tenant=tenant, principal=actor, action="incident.change", resource=incident_id)
            )
            what = ", ".join(
                f"{name}={value}"
                for name, value in (("state", change.state), ("owner", change.owner), ("label", change.label))
                if value is not None
            )
            why = f"{what or 'note'} by policy {permit.policy}@{permit.policy_version}"
            self._enter(before, "incident.change", actor, "", why)
            # a resolved incident is on no board after a restart; one that is there already stays as it is
            rooms.triage.restore([before], rooms.incidents.findings(tenant, before.findings))
            after = rooms.triage.change(
                incident_id,
                actor,
                rooms.clock.now_ns(),
                state=change.state,
                owner=change.owner,
                label=change.label,
                note=change.note,
            )
            rooms.incidents.put([], [after])
            self._enter(after, "incident.change", actor, "done", why)
        return after

    def _permit_page(self, incident: Incident) -> None:
        permit = self._rooms.authorizer.authorize(
            Request(tenant=incident.tenant, principal=AGENT, action="incident.page", resource=incident.incident_id)
        )
        why = f"priority {incident.priority:.3f} by policy {permit.policy}@{permit.policy_version}, findings "
        self._enter(incident, "incident.page", AGENT, "", why + " ".join(incident.findings[:20]))

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

    def _enter(self, incident: Incident, action: str, actor: str, outcome: str, why: str = "") -> None:
        self._rooms.ledger.append(
            LedgerEntry(
                tenant=incident.tenant,
                t_ns=self._rooms.clock.now_ns(),
                actor=actor,
                action=action,
                subject=incident.incident_id,
                why=why or f"{action} of {incident.incident_id}",
                outcome=outcome,
            )
        )
