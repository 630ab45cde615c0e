"""What a person may do to an incident, and how it is written down."""

from dataclasses import replace

from mumetal.core import check
from mumetal.core.errors import BadInputError
from mumetal.core.incident import Incident, IncidentState, Label, TimelineEntry

TRIAGE = "triage"
MAX_TIMELINE = 500
KEEP_FIRST = 50

LEGAL: dict[IncidentState, frozenset[IncidentState]] = {
    IncidentState.OPEN: frozenset({IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED}),
    IncidentState.ACKNOWLEDGED: frozenset({IncidentState.OPEN, IncidentState.RESOLVED}),
    IncidentState.EXPLAINED: frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED}),
    IncidentState.RESOLVED: frozenset({IncidentState.OPEN}),
}


def noted(incident: Incident, t_ns: int, actor: str, what: str) -> Incident:
    """Return the incident with one more timeline entry; of more than 500 the first 50 and the newest stay."""
    timeline = (*incident.timeline, TimelineEntry(t_ns=t_ns, actor=actor, what=what[:1_000]))
    if len(timeline) > MAX_TIMELINE:
        timeline = timeline[:KEEP_FIRST] + timeline[KEEP_FIRST - MAX_TIMELINE :]
    return replace(incident, timeline=timeline)


def touched_by_a_person(incident: Incident) -> bool:
    """Whether somebody else than triage has moved it; then triage no longer moves it to ``EXPLAINED``."""
    return any(e.actor != TRIAGE and e.what.startswith("state ") for e in incident.timeline)


def changed(
    incident: Incident,
    *,
    actor: str,
    now_ns: int,
    state: IncidentState | None = None,
    owner: str | None = None,
    label: Label | None = None,
    note: str = "",
) -> Incident:
    """Return the incident as a person changed it; None leaves a field, and one entry tells all that changed.

    Raises:
        BadInputError: The move is not legal, the actor is nobody or triage itself, or nothing was asked for.
    """
    check.name(actor, "actor")
    check.text(note, "note", 800)
    if actor == TRIAGE:
        raise BadInputError("a person cannot act under the name of triage", where=incident.incident_id)
    said: list[str] = []
    if state is not None and state is not incident.state:
        if state not in LEGAL[incident.state]:
            legal = ", ".join(sorted(LEGAL[incident.state]))
            raise BadInputError(
                f"an incident cannot go from {incident.state} to {state}",
                where=incident.incident_id,
                hint=f"from here it can go to: {legal}",
            )
        said.append(f"state {incident.state} → {state}")
    if owner is not None and owner != incident.owner:
        check.text(owner, "owner", 100)
        said.append(f"owner {owner}" if owner else "owner removed")
    if label is not None and label is not incident.label:
        said.append(f"label {label}")
    if note:
        said.append(f"note: {note}")
    if not said:
        if state is None and owner is None and label is None:
            raise BadInputError("nothing to change", where=incident.incident_id)
        return incident
    after = replace(
        incident,
        state=incident.state if state is None else state,
        owner=incident.owner if owner is None else owner,
        label=incident.label if label is None else label,
    )
    return noted(after, now_ns, actor, "; ".join(said))
