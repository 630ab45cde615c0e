"""Who said so: events by a named actor, under a ticket, that did not fail."""

from mumetal.core.artefact import Evidence
from mumetal.core.event import Event, Status
from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import Scene

TICKETS = ("change_ticket", "ticket", "change")
WRITES = ("config.write", "calibration.write", "firmware.write")
JUST_BEFORE_NS = 300 * 10**9


def ticket_of(event: Event) -> str:
    """Return the change ticket an event names; empty when it names none."""
    return next((event.attribute(key) for key in TICKETS if event.attribute(key)), "")


def authorised(event: Event, known: frozenset[str] | None = None) -> bool:
    """Whether a named actor (of ``known``, if given) did it under a ticket and did not fail."""
    named = bool(event.actor) and (known is None or event.actor in known)
    return named and bool(ticket_of(event)) and event.status is not Status.FAILURE


def unauthorised_change(scene: Scene, finding: Finding) -> Event | None:
    """Return the newest change that nobody was allowed to make, within five minutes before a finding; None if none."""
    near = [
        e
        for e in scene.events
        if e.activity in WRITES
        and finding.start_ns - JUST_BEFORE_NS <= e.t_ns <= finding.stop_ns
        and e.status is not Status.FAILURE
        and not authorised(e)
    ]
    return near[-1] if near else None


def verdict(
    cause: str, ratio: float, reason: str, *, explained: bool = False, event: Event | None = None
) -> CauseVerdict:
    """Return what a cause says, pointing at the event it rests on; a refusal's ratio is at most 0."""
    evidence = () if event is None else (
        Evidence(uri=f"event:{event.event_id[:1000]}", note=f"{event.activity} by {event.actor}"[:1000]),
    )  # fmt: skip
    return CauseVerdict(
        cause=cause,
        explained=explained,
        log_likelihood_ratio=ratio if explained else min(ratio, 0.0),
        reason=reason[:1000],
        evidence=evidence,
    )
