"""Work on a store's folder while no stack runs on it."""

from pathlib import Path

from mumetal.app import settings as settings_file
from mumetal.app import wiring
from mumetal.app.desk import Change
from mumetal.app.pipeline import history
from mumetal.app.pipeline.filing import Filed, Filing
from mumetal.app.pipeline.judge import Judge, Rooms
from mumetal.app.settings import Settings
from mumetal.connect.api import open_records, sink_name
from mumetal.core.acts import Acts
from mumetal.core.clock import SystemClock
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident
from mumetal.core.ports import Request
from mumetal.core.subject import Subject, SubjectKind
from mumetal.respond.api import Inventory, Triage, TriageSettings
from mumetal.scan.api import ScanReport
from mumetal.trust.api import open_ledger, opened_ledger


def change_offline(folder: Path, scope: Scope, incident_id: str, change: Change) -> Incident:
    """Change an incident: permitted, written to the ledger, then done.

    Raises:
        RejectedError: They may not.
        BadInputError: No such incident, or the state cannot follow.
    """
    clock = SystemClock()
    kept = open_records(folder)
    try:
        with opened_ledger(folder, clock) as ledger:
            before = kept.incident(scope, incident_id)
            triage = Triage(TriageSettings(), Inventory())
            triage.restore([before], kept.findings(scope, before.findings))
            request = Request(
                tenant=scope.one_tenant(),
                principal=scope.principal,
                action="incident.change",
                resource=Subject(kind=SubjectKind.INCIDENT, name=before.incident_id),
            )
            with Acts(ledger, wiring.authorizer(), clock).act(request, change.words()):
                after = triage.change(
                    incident_id,
                    scope.principal.name,
                    clock.now_ns(),
                    state=change.state,
                    owner=change.owner,
                    label=change.label,
                    note=change.note,
                )
                kept.put(scope, [], [after])
    finally:
        kept.close()
    return after


def file_offline(settings: Settings, report: ScanReport, scope: Scope) -> Filed:
    """File a scan's report in a store's folder, as the running stack would.

    Raises:
        RejectedError: They may not.
        BadInputError: The report cannot be filed.
    """
    folder = settings_file.path_in(settings)
    folder.mkdir(parents=True, exist_ok=True)
    kept = open_records(folder, sinks=[sink_name(spec) for spec in settings.sinks])
    ledger = open_ledger(folder, SystemClock(), key=settings.ledger_key)
    try:
        triage = Triage(settings.triage, wiring.inventory(settings))
        history.restore(triage, kept)
        rooms = Rooms(
            store=None,
            incidents=kept,
            triage=triage,
            ledger=ledger,
            authorizer=wiring.authorizer(),
            clock=SystemClock(),
        )
        return Filing(rooms, Judge(rooms)).file(report, scope)
    finally:
        ledger.close()
        kept.close()
