"""A calibration that somebody changed: joined to the change event, its author named, and paged only without a ticket."""

from collections.abc import Sequence

import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0
from tests.watching import watching_of

from mumetal.core.clock import ManualClock
from mumetal.core.event import Event
from mumetal.core.finding import Finding
from mumetal.core.incident import IncidentState
from mumetal.core.ports import Scene
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.respond.settings import TriageSettings
from mumetal.respond.triage import Inventory, Triage
from mumetal.watch.settings import WatchSettings

DAY = 86_400 * 10**9
TICKET = (("change_ticket", "CHG-42"),)


def snapshot(day: int, rng: np.random.Generator, factor: float = 1.0) -> DeviceSnapshot:
    t_ns = T0 + day * DAY
    parameters = tuple(
        Parameter(component=f"q{q}", name=name, value=level * float(np.exp(0.15 * rng.normal())), unit=unit, t_ns=t_ns)
        for q in range(12)
        for name, unit, level in (("T1", "s", 1e-4), ("readout_error", "1", 0.03 * factor))
    )
    return DeviceSnapshot(device="lab", t_ns=t_ns, qubits=12, parameters=parameters)


def after_a_change(events: Sequence[Event]) -> list[Finding]:
    """Live 30 ordinary days, then one on which all readout errors are half, with ``events`` in the audit trail."""
    rng = np.random.default_rng(21)
    days = [snapshot(day, rng, 0.5 if day == 30 else 1.0) for day in range(31)]
    room = watching_of(
        WatchSettings(stale_hours=1e6),
        ManualClock(T0 + 31 * DAY),
        lambda f: Scene(
            series=(), events=tuple(events), snapshots=tuple(d for d in days if d.t_ns <= f.start_ns)[-10:]
        ),
    )
    found = [f for day in days for f in room.observe(day)]
    assert {f.rule for f in found} == {"watch.detectors.day_to_day"}
    return found


@pytest.mark.parametrize(
    ("actor", "attributes", "state"),
    [
        ("ana.ruiz", TICKET, IncidentState.EXPLAINED),
        ("ana.ruiz", (), IncidentState.OPEN),
        ("", TICKET, IncidentState.OPEN),
    ],
)
def test_the_author_is_named_and_only_a_ticket_keeps_it_from_paging(
    actor: str, attributes: tuple[tuple[str, str], ...], state: IncidentState
) -> None:
    written = Event(
        event_id="act-7", device="lab", t_ns=T0 + 30 * DAY - 10**9, activity="calibration.write", actor=actor,
        attributes=attributes,
    )  # fmt: skip
    found = after_a_change((written,))
    triage = Triage(TriageSettings(), Inventory())
    (incident,) = triage.add(found, T0 + 31 * DAY)
    assert incident.state is state
    assert len(triage.pages()) == (state is not IncidentState.EXPLAINED)
    verdict = next(c for c in found[0].causes if c.cause.endswith("authorised_recalibration"))
    assert verdict.evidence[0].uri == "event:act-7"
    assert actor in verdict.evidence[0].note
    if state is IncidentState.EXPLAINED:
        assert "ana.ruiz recalibrated under ticket CHG-42" in verdict.reason


def test_a_change_that_nobody_wrote_down_is_paged() -> None:
    triage = Triage(TriageSettings(), Inventory())
    triage.add(after_a_change(()), T0 + 31 * DAY)
    assert len(triage.pages()) == 1
