"""The board of incidents: what joins what, what pages, and what a person does about it. Pure: time comes in.

Rules, in order:

1. The same finding again is an update of what is known, never a new incident and never a page.
2. A finding joins every open incident it touches (:mod:`~mumetal.respond.triage.adjacency`); several become one.
3. What is in nobody's neighbourhood joins, as long as it is no graver, the unresolved incident that the same channel of the
   same stream began lately (``repeat_s``): a state that ends and comes back is one page. The same rule on
   ``storm_devices`` within ``join_s``, or on two at the same instant, has one cause and is one incident.
4. A resolved incident takes nothing new in. Nor does an acknowledged one take in an unexplained finding graver than
   itself, nor any incident one that begins more than an hour (30 × ``join_s``) after its first: those begin an incident of
   their own, so that an old, known one is no place to hide in. But while something lasts that befell a device as a whole,
   such as its cooling that stopped, what the streams show that it is known from belongs to it. One that somebody has
   acknowledged or labelled takes nothing in for such reasons, nor for being alike.
5. All findings explained: ``EXPLAINED``, shown and not paged. The first unexplained one opens it, and it pages once.
   Informational findings never page, nor does what the alert budget holds back. One resolved while all was explained opens when a finding of it no longer is.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Finding, Severity
from mumetal.core.incident import Incident, IncidentState, Label
from mumetal.respond.settings import TriageSettings
from mumetal.respond.triage.adjacency import Adjacency
from mumetal.respond.triage.alike import Alike
from mumetal.respond.triage.group import Group, Trace
from mumetal.respond.triage.inventory import Inventory
from mumetal.respond.triage.moves import TRIAGE, changed, noted, touched_by_a_person

LONGEST = 30
STANDS = 5  # times ``join_s`` that what goes on is near to from when it began, however early it was last told of
BELONGS = ": belongs to "
MAX_INCIDENTS = 2_000
MAX_TRACES = 100_000
MAX_REMEMBERED = 200_000

PAGES_FROM = Severity.MEDIUM  # less is shown in its place on the list and wakes nobody


class Triage:
    """Findings in, few incidents out.

    Args:
        settings: How far apart findings may be and still join.
        inventory: What runs on which device.
    """

    def __init__(self, settings: TriageSettings, inventory: Inventory) -> None:
        self._alike = Alike(round(settings.join_s * 1e9), round(settings.repeat_s * 1e9), settings.storm_devices)
        join_ns = round(settings.join_s * 1e9)
        self._longest_ns, self._stands_ns = LONGEST * join_ns, STANDS * join_ns
        self._inventory = inventory
        self._near: Adjacency[str] = Adjacency(join_ns)
        self._groups: dict[str, Group] = {}
        self._where: OrderedDict[str, tuple[str, bool]] = OrderedDict()
        self._born = 0
        self._pages: list[Incident] = []

    def add(self, findings: Sequence[Finding], now_ns: int) -> list[Incident]:
        """Take findings in and return the incidents created or changed, each once, as they are now."""
        touched: dict[str, None] = {}
        for finding in sorted(findings, key=lambda f: (f.start_ns, f.finding_id)):
            trace = Trace.of(finding, self._inventory)
            for incident_id in self._take(trace, finding.tenant, now_ns):
                touched[incident_id] = None
        out = [self._settle(self._groups[i], now_ns) for i in touched if i in self._groups]
        self._forget()
        return out

    def pages(self) -> list[Incident]:
        """Return incidents that page since the last call; an incident is returned once in its life."""
        due, self._pages = self._pages, []
        return due

    def incidents(self) -> list[Incident]:
        """Return what is on the board: unexplained first, then by priority, then the newest."""
        order = {IncidentState.EXPLAINED: 1, IncidentState.RESOLVED: 2}
        return sorted(
            (g.incident for g in self._groups.values()),
            key=lambda i: (order.get(i.state, 0), -i.priority, -i.stop_ns, i.incident_id),
        )

    def restore(self, incidents: Sequence[Incident], findings: Sequence[Finding]) -> None:
        """Put kept incidents back after a restart, with those of their findings that are at hand; nothing pages."""
        known = {f.finding_id: f for f in findings}
        # resolved ones first: a finding that moved on to an open incident belongs to that one
        for incident in sorted(incidents, key=lambda i: i.state is not IncidentState.RESOLVED):
            if incident.incident_id in self._groups:
                continue
            group = self._begin(incident)
            group.open_end = incident.state is not IncidentState.RESOLVED
            group.gone = not group.open_end and any(e.actor == TRIAGE and BELONGS in e.what for e in incident.timeline)
            for finding_id in incident.findings:
                finding = known.get(finding_id)
                if finding is None or finding.tenant != incident.tenant:
                    group.absent[finding_id] = None
                    self._remember(finding_id, incident.incident_id, explained=False)
                    continue
                trace = Trace.of(finding, self._inventory)
                group.add(trace)
                self._remember(finding_id, incident.incident_id, explained=trace.explained)
                before = self._alike.again(trace, incident.tenant) or self._alike.widely(trace, incident.tenant)
                if group.open_end and not before:
                    self._alike.begun(trace, incident.tenant, incident.incident_id)
                if group.open_end:
                    for other in self._near.touching(trace.keys, trace.start_ns, self._reach(trace)):
                        if other != incident.incident_id:
                            self._seal(self._groups[other])
                    self._put(group, trace)
        self._forget()

    def change(
        self,
        incident_id: str,
        actor: str,
        now_ns: int,
        *,
        state: IncidentState | None = None,
        owner: str | None = None,
        label: Label | None = None,
        note: str = "",
    ) -> Incident:
        """Do what a person asks; None leaves a field as it is.

        Raises:
            BadInputError: No such incident on the board, the move is not legal, or nothing was asked for.
        """
        group = self._groups.get(incident_id)
        if group is None:
            raise BadInputError("no such incident is on the board", where=incident_id, hint="restore it first")
        if group.gone and state is not None:
            raise BadInputError("this incident was joined into another one", where=incident_id, hint="change that one")
        group.incident = changed(
            group.incident, actor=actor, now_ns=now_ns, state=state, owner=owner, label=label, note=note
        )
        if group.incident.state is IncidentState.RESOLVED:
            self._seal(group)
        return group.incident

    def _take(self, trace: Trace, tenant: str, now_ns: int) -> list[str]:
        home = self._where.get(trace.finding_id)
        if home is not None:
            group = self._groups.get(home[0])
            if group is None:  # left the board: only news when it was explained and no longer is
                if trace.explained or not home[1]:
                    return []
            else:
                return self._update(group, trace, now_ns)
        hosts = self._hosts(trace, trace.start_ns, trace.start_ns)
        elsewhere = [] if hosts else [g for g in self._alike_groups(trace, tenant) if g.open_end]
        hosts = hosts or elsewhere
        again = None if hosts else self._again(trace, tenant)
        if again is not None:
            return self._repeat(again, trace, now_ns)
        fresh = not hosts
        group = hosts[0] if hosts else self._begin(_first(trace, tenant))
        if fresh or elsewhere:
            self._alike.begun(trace, tenant, group.incident.incident_id)
        out = [group.incident.incident_id, *self._join(group, hosts[1:], now_ns)]
        if fresh or group.is_new_kind(trace):
            verb = "begun" if fresh else "joined"
            group.incident = noted(group.incident, now_ns, TRIAGE, f"{verb} by {trace.rule}: {trace.title}")
        group.add(trace)
        self._remember(trace.finding_id, group.incident.incident_id, explained=trace.explained)
        self._put(group, trace)
        return out

    def _alike_groups(self, trace: Trace, tenant: str) -> list[Group]:
        """Return the groups that the same thing began on other devices about now, the one that stays first."""
        found = {self._where_now(i) for i in self._alike.elsewhere(trace, tenant)}
        groups = (self._groups[i] for i in found if i in self._groups)
        return sorted((g for g in groups if g.untouched), key=_seniority)

    def _where_now(self, incident_id: str) -> str:
        """Follow an incident into the one it was joined into."""
        first = next(iter(self._groups[incident_id].traces), "") if incident_id in self._groups else ""
        return self._where[first][0] if first in self._where else incident_id

    def _again(self, trace: Trace, tenant: str) -> Group | None:
        """Return the unresolved group that the same thing in the same place began lately, and that is no less grave."""
        group = self._groups.get(self._where_now(self._alike.again(trace, tenant)))
        if group is None:
            group = self._groups.get(self._where_now(self._alike.widely(trace, tenant)))
            group = group if group is not None and group.untouched else None
        if group is None or group.gone or group.incident.state is IncidentState.RESOLVED:
            return None
        graver = trace.severity > group.incident.severity or group.all_explained != trace.explained
        return None if graver else group

    def _repeat(self, group: Group, trace: Trace, now_ns: int) -> list[str]:
        group.incident = noted(group.incident, now_ns, TRIAGE, f"again, {trace.rule}: {trace.title}")
        group.add(trace)
        self._remember(trace.finding_id, group.incident.incident_id, explained=trace.explained)
        if group.open_end:
            self._put(group, trace)
        return [group.incident.incident_id]

    def _update(self, group: Group, trace: Trace, now_ns: int) -> list[str]:
        known = group.traces.get(trace.finding_id)
        if group.gone or known == trace:
            return []
        if known is not None:
            group.replace(trace)
        elif trace.finding_id in group.absent or (self._where[trace.finding_id][1] and not trace.explained):
            group.absent.pop(trace.finding_id, None)
            group.add(trace)
        else:  # past the listed ones and no news
            return []
        self._remember(trace.finding_id, group.incident.incident_id, explained=trace.explained)
        out = [group.incident.incident_id]
        if group.open_end:
            others = [g for g in self._hosts(trace, group.start_ns, group.last_ns) if g is not group]
            if group.open_end:
                out += self._join(group, others, now_ns)
                self._put(group, trace)
        return out

    def _hosts(self, trace: Trace, start_ns: int, last_ns: int) -> list[Group]:
        """Return the groups a finding joins, the one that stays first; seals those that must not take it.

        Args:
            trace: The finding.
            start_ns: When the first of what is to be joined began.
            last_ns: When the last of it began.
        """
        near = self._near.touching(trace.keys, trace.start_ns, self._reach(trace))
        groups = sorted((self._groups[i] for i in near), key=_seniority)
        hosts: list[Group] = []
        for group in groups:
            if group.holds(trace):
                hosts.append(group)
                continue
            graver = not trace.explained and trace.severity > group.incident.severity
            known = group.incident.state is IncidentState.ACKNOWLEDGED and trace.finding_id not in group.traces
            far = max(last_ns, group.last_ns) - min(start_ns, group.start_ns) > self._longest_ns
            if not far and not (known and graver):
                hosts.append(group)
                start_ns, last_ns = min(start_ns, group.start_ns), max(last_ns, group.last_ns)
            elif not group.hosts_until(trace.start_ns):
                self._seal(group)
        return hosts

    def _join(self, group: Group, others: Iterable[Group], now_ns: int) -> list[str]:
        out = []
        for other in others:
            theirs, ours = other.incident, group.incident
            group.absorb(other)
            for finding_id in other.traces:
                self._remember(finding_id, ours.incident_id, explained=other.traces[finding_id].explained)
            self._near.merge(ours.incident_id, theirs.incident_id)
            other.open_end, other.gone = False, True
            note = f"state {theirs.state} → resolved{BELONGS}{ours.incident_id}"
            other.incident = noted(replace(theirs, state=IncidentState.RESOLVED), now_ns, TRIAGE, note)
            group.incident = replace(
                noted(ours, now_ns, TRIAGE, f"joined by {theirs.incident_id}: {theirs.title}"),
                paged=ours.paged or theirs.paged,
                owner=ours.owner or theirs.owner,
                label=ours.label if ours.label is not Label.UNKNOWN else theirs.label,
            )
            out.append(theirs.incident_id)
        return out

    def _settle(self, group: Group, now_ns: int) -> Incident:
        """Bring the incident up to date, move it between open and explained, and page where it is due."""
        if group.gone:
            return group.incident
        before = group.incident
        incident = group.rendered()
        if incident.state is IncidentState.OPEN and group.all_explained and not touched_by_a_person(incident):
            incident = replace(incident, state=IncidentState.EXPLAINED)
            incident = noted(
                incident, now_ns, TRIAGE, "state open → explained: an innocent cause accounts for all of it"
            )
        elif incident.state is IncidentState.EXPLAINED and group.plain.count:
            incident = replace(incident, state=IncidentState.OPEN)
            incident = noted(incident, now_ns, TRIAGE, "state explained → open: a finding is not accounted for")
        elif incident.state is IncidentState.RESOLVED and not incident.paged and _pages(group):
            incident = replace(incident, state=IncidentState.OPEN)
            incident = noted(
                incident, now_ns, TRIAGE, "state resolved → open: it was resolved as explained, and is not"
            )
        if incident.severity > before.severity and len(before.findings) < len(incident.findings):
            rise = f"severity {before.severity.name.lower()} → {incident.severity.name.lower()}"
            incident = noted(incident, now_ns, TRIAGE, rise)
        if incident.state is IncidentState.OPEN and not incident.paged and _pages(group):
            incident = noted(replace(incident, paged=True), now_ns, TRIAGE, "paged")
            self._pages.append(incident)
        group.incident = incident
        return incident

    def _begin(self, incident: Incident) -> Group:
        self._born += 1
        group = Group(incident=incident, born=self._born)
        self._groups[incident.incident_id] = group
        return group

    def _put(self, group: Group, trace: Trace) -> None:
        self._near.put(group.incident.incident_id, trace.keys, trace.start_ns, self._reach(trace))

    def _reach(self, trace: Trace) -> int:
        """Return until when others are near to a finding: an hour from when it began at most, unless it hosts them."""
        lasts = max(trace.stop_ns, trace.start_ns + self._stands_ns if trace.standing else 0)
        return lasts if trace.hosts else min(lasts, trace.start_ns + self._longest_ns)

    def _seal(self, group: Group) -> None:
        group.open_end = False
        self._near.remove(group.incident.incident_id)

    def _remember(self, finding_id: str, incident_id: str, *, explained: bool) -> None:
        self._where[finding_id] = (incident_id, explained)
        self._where.move_to_end(finding_id)
        if len(self._where) > MAX_REMEMBERED:
            self._where.popitem(last=False)

    def _forget(self) -> None:
        """Let go of the least needed incidents; the store keeps them, and their findings' ids are still known."""
        if len(self._groups) <= MAX_INCIDENTS and len(self._where) <= MAX_TRACES:
            return
        traces = sum(len(g.traces) for g in self._groups.values())
        for group in sorted(self._groups.values(), key=_need):
            if len(self._groups) <= MAX_INCIDENTS and traces <= MAX_TRACES:
                return
            self._seal(group)
            traces -= len(group.traces)
            del self._groups[group.incident.incident_id]


def _first(trace: Trace, tenant: str) -> Incident:
    return Incident(
        tenant=tenant,
        incident_id=f"inc-{trace.finding_id}",
        device=trace.device,
        title=trace.title,
        state=IncidentState.EXPLAINED if trace.explained else IncidentState.OPEN,
        severity=trace.severity,
        likelihood=trace.likelihood,
        impact=trace.impact,
        impact_reason=trace.impact_reason,
        start_ns=trace.start_ns,
        stop_ns=trace.stop_ns,
        findings=(trace.finding_id,),
    )


def _seniority(group: Group) -> tuple[bool, int]:
    return (not group.incident.paged, group.born)


def _need(group: Group) -> tuple[int, int]:
    order = {IncidentState.RESOLVED: 0, IncidentState.EXPLAINED: 1}
    return (order.get(group.incident.state, 2), group.born)


def _pages(group: Group) -> bool:
    return bool(group.plain.count) and group.plain.loudest >= PAGES_FROM
