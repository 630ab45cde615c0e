"""What a scan found becomes incidents like everything else, and what is mended closes by itself.

Rules, in order:

1. A finding is recognised by its fingerprint within its repository, or within its target where none is known: the same
   one again is seen again, never a new incident. What was filed before repositories were known belongs to the first in
   which it is found again.
2. New findings of one scan belong together by kind (secrets, code, …): a first scan of a large repository is a handful of
   incidents, not one per line.
3. What a scan looked for where it was, and did not find, is closed with the reason; an incident whose findings are all
   closed is resolved. A scan of a part, one that could not read the file or left it out, and one that read nothing at
   all or does not know its repository close nothing there.
4. What a person said of an incident stays said, as long as its findings stand. A finding that was gone and is back opens
   its incident again.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from mumetal.access.api import agent_scope
from mumetal.app.desk import Change
from mumetal.app.pipeline.judge import Judge, Rooms
from mumetal.core.acts import Acts
from mumetal.core.artefact import Evidence
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.core.identity import Scope
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.ports import Request
from mumetal.core.sighting import Sighting
from mumetal.core.subject import Subject
from mumetal.scan.api import ScanReport, ToldFinding, left_out_by, reaches

SCAN_AGENT = "mumetal.scan"
NOTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What came of filing a scan.

    Args:
        new: Findings not seen before.
        known: Findings seen before that still stand.
        closed: Findings that are gone.
        back: Findings that were gone and are there again.
        incidents: Incidents made or changed.
    """

    new: int = 0
    known: int = 0
    closed: int = 0
    back: int = 0
    incidents: tuple[str, ...] = ()


class Filing:
    """Takes reports of scans in, one at a time.

    Args:
        rooms: Stores, ledger, authorizer, clock.
        judge: Makes incidents of findings, and changes them.
    """

    def __init__(self, rooms: Rooms, judge: Judge) -> None:
        self._rooms = rooms
        self._judge = judge
        self._acts = Acts(rooms.ledger, rooms.authorizer, rooms.clock)
        self._lock = threading.Lock()

    def file(self, report: ScanReport, caller: Scope) -> Filed:
        """Take a report in: permitted, written to the ledger, then done; the outcome is a second entry.

        Raises:
            RejectedError: The caller may not.
            BadInputError: The report names no target, or a finding in it is impossible.
        """
        if not report.target or not report.t_ns:
            raise BadInputError("the report does not say what was scanned", hint="make it with this version's mumetal")
        rooms = self._rooms
        tenant, who = caller.one_tenant(), caller.principal
        request = Request(
            tenant=tenant, principal=who, action="scan.file", resource=Subject.path(report.target[:4_096])
        )
        with (
            self._lock,
            self._acts.act(request, f"{len(report.findings)} findings of a scan of {report.mode}") as begun,
        ):
            scope = agent_scope(tenant, SCAN_AGENT, sent_by=who)
            known = self._known(scope, report)
            now_ns = rooms.clock.now_ns()
            found = [_sighting(t, report, tenant, known.get(t.fingerprint)) for t in report.findings]
            findings = {
                s.finding_id: finding_of(s, report) for s in found
            }  # refuses what cannot be, before anything is kept
            filed = self._keep(scope, found, findings, known, _gone(known.values(), report), now_ns)
            begun.said = f"{filed.new} new, {filed.known} known, {filed.closed} closed, {filed.back} back"
        return filed

    def _known(self, scope: Scope, report: ScanReport) -> dict[str, Sighting]:
        rows = self._rooms.incidents.sightings
        known = rows.of_target(scope, report.target, report.mode, report.repository)
        if report.repository:
            told = {t.fingerprint for t in report.findings} | {b.fingerprint for b in report.baselined}
            before = rows.of_target(scope, report.target, report.mode)
            known = {**{mark: seen for mark, seen in before.items() if mark in told}, **known}
        return known

    def _keep(
        self,
        scope: Scope,
        found: Sequence[Sighting],
        findings: dict[str, Finding],
        known: dict[str, Sighting],
        gone: Sequence[tuple[Sighting, str]],
        now_ns: int,
    ) -> Filed:
        rows, store = self._rooms.incidents.sightings, self._rooms.incidents
        fresh = [s for s in found if not s.incident_id]
        moved = [s for s in found if s.incident_id and _differs(s, known[s.fingerprint])]
        back = [s for s in found if s.fingerprint in known and not known[s.fingerprint].stands and s.incident_id]
        closed = [msgspec.structs.replace(s, closed_ns=now_ns, reason=why) for s, why in gone]
        rows.put(scope, [*found, *closed])
        changed: dict[str, None] = {}
        placed = self._placed(scope, fresh, self._judge.take([findings[s.finding_id] for s in fresh]))
        rows.put(scope, placed)
        store.put(scope, [findings[s.finding_id] for s in moved], [])
        changed.update(dict.fromkeys(s.incident_id for s in placed))
        for incident_id, group in _by_incident(back).items():
            self._again(scope, group, incident_id)
            changed[incident_id] = None
        for incident_id, group in _by_incident(closed).items():
            self._mended(scope, group, incident_id)
            changed[incident_id] = None
        return Filed(
            new=len(fresh),
            known=len(found) - len(fresh) - len(back),
            closed=len(closed),
            back=len(back),
            incidents=tuple(i for i in changed if i),
        )

    def _placed(self, scope: Scope, fresh: Sequence[Sighting], incidents: Sequence[Incident]) -> list[Sighting]:
        """Return new sightings with their incident, and older ones whose incident was joined into another."""
        standing = [i for i in incidents if i.state is not IncidentState.RESOLVED]
        home = {finding: i.incident_id for i in standing for finding in i.findings}
        fallback = standing[0].incident_id if standing else ""
        rows = self._rooms.incidents.sightings
        joined = [i for i in incidents if i.state is IncidentState.RESOLVED]
        moved = [s for i in joined for s in rows.of_incident(scope, i.incident_id) if s.finding_id in home]
        return [msgspec.structs.replace(s, incident_id=home.get(s.finding_id, fallback)) for s in (*fresh, *moved)]

    def _again(self, scope: Scope, group: Sequence[Sighting], incident_id: str) -> None:
        said = f"there again: {_places(group)}"
        tenant = group[0].tenant
        resolved = self._rooms.incidents.incident(scope, incident_id).state is IncidentState.RESOLVED
        change = Change(state=IncidentState.OPEN if resolved else None, note=said)
        self._judge.change(agent_scope(tenant, SCAN_AGENT), incident_id, change)

    def _mended(self, scope: Scope, group: Sequence[Sighting], incident_id: str) -> None:
        if not incident_id:
            return
        tenant = group[0].tenant
        incident = self._rooms.incidents.incident(scope, incident_id)
        left = sum(s.stands for s in self._rooms.incidents.sightings.of_incident(scope, incident_id))
        over = not left and incident.state is not IncidentState.RESOLVED
        said = f"{group[0].reason}: {_places(group)}" + (f"; {left} still stand" if left else "")
        change = Change(state=IncidentState.RESOLVED if over else None, note=said[:800])
        self._judge.change(agent_scope(tenant, SCAN_AGENT), incident_id, change)


def _sighting(told: ToldFinding, report: ScanReport, tenant: str, before: Sighting | None) -> Sighting:
    """Return what is kept of a finding; its first time stays."""
    first = before.first_ns if before else report.t_ns
    seen = Sighting(
        tenant=tenant,
        target=before.target if before else report.target,
        repository=report.repository,
        mode=report.mode,
        fingerprint=told.fingerprint,
        finding_id="",
        incident_id=before.incident_id if before else "",
        rule=told.rule,
        title=told.title,
        severity=Severity[told.severity.upper()],
        confidence=told.confidence,
        path=told.path,
        line=told.line,
        excerpt=told.excerpt,
        mark=told.mark,
        digest=told.digest,
        secret=told.secret,
        detail=told.detail,
        remedy=told.remedy,
        techniques=told.techniques,
        identity=before.identity if before else _identity(told, report),
        first_ns=first,
        last_ns=max(first, report.t_ns),
    )
    return msgspec.structs.replace(seen, finding_id=finding_of(seen, report).finding_id)


def _identity(told: ToldFinding, report: ScanReport) -> str:
    return (
        f"{report.repository}:{told.fingerprint}" if report.repository else ""
    )  # two may have one name and one secret


def finding_of(seen: Sighting, report: ScanReport) -> Finding:
    """Return the finding as the store keeps it; its evidence leads back to the place and to the run that found it.

    Raises:
        BadInputError: A field is none that a finding may have.
    """
    kind = seen.rule.split(".")[1] if seen.rule.count(".") > 1 else seen.rule
    place = f"file:{seen.path}"[:4_000] + (f"#L{seen.line}" if seen.line else "")
    evidence = [Evidence(uri=place, digest=seen.digest, note=seen.excerpt)]
    if seen.secret:
        evidence.append(Evidence(uri=f"fingerprint:{seen.secret}", note="tells this secret from others"))
    run = Evidence(uri=f"scan:{seen.target}/{seen.mode}/{kind}?t={report.t_ns}", note="the scan that found it")
    return Finding(
        tenant=seen.tenant,
        subject=Subject.path(f"{seen.target}/{seen.path}"[:4_096]),
        rule=seen.rule,
        identity=seen.identity or seen.fingerprint,
        title=seen.title,
        detail=seen.detail,
        remedy=seen.remedy,
        start_ns=seen.first_ns,
        stop_ns=seen.first_ns,
        severity=seen.severity,
        confidence=seen.confidence,
        techniques=seen.techniques,
        evidence=(*evidence, run),
        model_version=report.version,
    )


def _gone(known: Iterable[Sighting], report: ScanReport) -> list[tuple[Sighting, str]]:
    """Return what no longer stands, each with the reason; nothing of which nobody can say."""
    if not report.artefacts:
        return []
    found = {t.fingerprint for t in report.findings}
    baselined = {b.fingerprint: b.reason for b in report.baselined}
    unread = tuple("" if p.where in {".", ""} else p.where for p in report.problems)
    whole = report.whole and bool(report.repository) and report.artefacts > 0
    left_out = left_out_by(report.excluded)
    gone = []
    for seen in known:
        if not seen.stands or seen.fingerprint in found:
            continue
        if seen.fingerprint in baselined:
            gone.append((seen, f"excused: {baselined[seen.fingerprint] or 'no reason given'}"))
        elif whole and not left_out(_path(seen)) and _looked_at(seen, report, unread):
            gone.append((seen, "no longer found"))
    return gone


def _looked_at(seen: Sighting, report: ScanReport, unread: tuple[str, ...]) -> bool:
    """Whether this scan would have found it, were it still there."""
    if not any(seen.rule == s or seen.rule.startswith(f"{s}.") for s in report.scanners):
        return False
    if report.mode == "history" and unread:
        return False
    path = _path(seen)
    return reaches(report.scope, path) and not reaches(unread, path)


def _path(seen: Sighting) -> str:
    return seen.path.split(":", 2)[-1] if seen.path.startswith("git:") else seen.path


def _differs(seen: Sighting, before: Sighting) -> bool:
    return (seen.line, seen.severity, seen.title) != (before.line, before.severity, before.title)


def _by_incident(sightings: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    groups: dict[str, list[Sighting]] = {}
    for s in sightings:
        groups.setdefault(s.incident_id, []).append(s)
    return groups


def _places(group: Sequence[Sighting]) -> str:
    shown = ", ".join(f"{s.title[:60]} in {s.path[:80]}" for s in group[:NOTED])
    return (shown + (f" and {len(group) - NOTED} more" if len(group) > NOTED else ""))[:600]
