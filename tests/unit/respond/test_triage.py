"""What joins, what pages, what a person may do."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from mumetal.core.artefact import Evidence
from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution, CauseVerdict, Finding, Severity
from mumetal.core.incident import IncidentState, Label
from mumetal.core.subject import Subject, SubjectKind
from mumetal.respond.settings import TriageSettings
from mumetal.respond.triage import Inventory, Triage, decode_inventory
from mumetal.respond.triage import board as board_module

T0 = 1_800_000_000 * 10**9
S = 10**9
EXPLAINED = CauseVerdict(
    cause="watch.causes.warm_up", explained=True, log_likelihood_ratio=6.0, reason="the fridge warms up"
)


def finding(
    at_s: float = 0,
    *,
    device: str = "qpu1",
    stream: str = "calibration",
    rule: str = "watch.detectors.cusum",
    severity: Severity = Severity.MEDIUM,
    confidence: float = 0.8,
    causes: tuple[CauseVerdict, ...] = (),
    techniques: tuple[str, ...] = (),
    evidence: tuple[Evidence, ...] = (),
    attribution: tuple[Attribution, ...] = (),
    detail: str = "",
    tenant: str = "local",
    lasts_s: float = 1,
) -> Finding:
    return Finding(
        tenant=tenant,
        subject=Subject.stream(device, stream),
        rule=rule,
        title=f"{rule} saw something",
        detail=detail,
        start_ns=T0 + round(at_s * S),
        stop_ns=T0 + round((at_s + lasts_s) * S),
        severity=severity,
        confidence=confidence,
        causes=causes,
        techniques=techniques,
        evidence=evidence,
        attribution=attribution,
    )


@pytest.fixture
def triage() -> Triage:
    return Triage(TriageSettings(join_s=120), Inventory())


def test_ten_thousand_findings_in_a_minute_are_a_handful_of_incidents_and_pages(triage: Triage) -> None:
    flood = [
        finding(i * 0.006, device=f"qpu{i % 4}", stream=f"s{i % 7}", rule=f"watch.detectors.d{i % 5}")
        for i in range(10_000)
    ]
    for start in range(0, 10_000, 500):
        triage.add(flood[start : start + 500], T0 + 60 * S)
    assert len(triage.incidents()) == 4
    assert len(triage.pages()) == 4
    assert triage.pages() == []
    assert sum("2499 more findings" in i.title for i in triage.incidents()) == 4
    assert all(len(i.timeline) < 60 for i in triage.incidents())


def test_the_same_finding_again_changes_nothing_and_never_pages_twice(triage: Triage) -> None:
    first = triage.add([finding()], T0)
    assert [i.paged for i in first] == [True]
    assert triage.add([finding()], T0 + S) == []
    update = triage.add([finding(confidence=0.9, lasts_s=5)], T0 + 2 * S)
    assert [i.incident_id for i in update] == [first[0].incident_id]
    assert update[0].likelihood == pytest.approx(0.9)
    assert update[0].stop_ns == T0 + 5 * S
    assert len(triage.pages()) == 1


def test_far_apart_in_time_or_on_other_devices_or_tenants_stay_apart(triage: Triage) -> None:
    triage.add([finding(0), finding(200, stream="cryostat"), finding(9, device="qpu2"), finding(0, tenant="other")], T0)
    assert len(triage.incidents()) == 4
    assert {i.tenant for i in triage.incidents()} == {"local", "other"}


@pytest.mark.parametrize("shared", [{"techniques": ("impair.x",)}, {"causes": (EXPLAINED,)}])
def test_a_shared_technique_or_cause_does_not_join_devices(triage: Triage, shared: dict[str, Any]) -> None:
    triage.add([finding(device="a", **shared), finding(9, device="b", **shared)], T0)
    assert len(triage.incidents()) == 2


def test_shared_evidence_joins_devices(triage: Triage) -> None:
    a = finding(device="a", evidence=(Evidence(uri="event:7"),))
    b = finding(9, device="b", evidence=(Evidence(uri="event:7"),))
    triage.add([a], T0)
    triage.add([b], T0)
    (incident,) = triage.incidents()
    assert set(incident.findings) == {a.finding_id, b.finding_id}
    assert "2 devices" in incident.title


def test_a_finding_between_two_incidents_makes_them_one_that_does_not_page_again(triage: Triage) -> None:
    triage.add([finding(0)], T0)
    triage.add([finding(200, stream="cryostat")], T0)
    assert len(triage.pages()) == 2
    changed = triage.add([finding(100, stream="power")], T0)
    states = {i.state for i in changed}
    assert states == {IncidentState.OPEN, IncidentState.RESOLVED}
    (left,) = [i for i in changed if i.state is IncidentState.OPEN]
    assert len(left.findings) == 3
    (gone,) = [i for i in changed if i.state is IncidentState.RESOLVED]
    assert gone.timeline[-1].what == f"state open → resolved: belongs to {left.incident_id}"
    again = Triage(TriageSettings(join_s=120), Inventory())
    again.restore(triage.incidents(), [])
    for board in (triage, again):
        with pytest.raises(BadInputError, match="joined into another"):
            board.change(gone.incident_id, "alice", T0, state=IncidentState.OPEN)
    assert triage.pages() == []


def test_explained_is_shown_never_paged_and_an_unexplained_one_opens_and_pages_once(triage: Triage) -> None:
    (shown,) = triage.add([finding(causes=(EXPLAINED,), severity=Severity.CRITICAL)], T0)
    assert shown.state is IncidentState.EXPLAINED
    assert shown.likelihood < 0.01
    assert triage.pages() == []
    (opened,) = triage.add([finding(10, rule="watch.detectors.t2q", severity=Severity.MEDIUM)], T0)
    assert opened.incident_id == shown.incident_id
    assert opened.state is IncidentState.OPEN
    assert opened.severity is Severity.MEDIUM, "an explained finding does not lend its severity"
    assert [p.incident_id for p in triage.pages()] == [shown.incident_id]
    triage.add([finding(20, rule="watch.detectors.t2q")], T0)
    assert triage.pages() == []


def test_a_finding_that_becomes_explained_closes_the_alarm_and_back_again_does_not_page_again(triage: Triage) -> None:
    triage.add([finding()], T0)
    (calm,) = triage.add([finding(causes=(EXPLAINED,))], T0)
    assert calm.state is IncidentState.EXPLAINED
    (again,) = triage.add([finding()], T0)
    assert again.state is IncidentState.OPEN
    assert len(triage.pages()) == 1


def test_one_resolved_as_explained_opens_and_pages_when_it_is_not_explained_after_all(triage: Triage) -> None:
    (shown,) = triage.add([finding(causes=(EXPLAINED,))], T0)
    triage.change(shown.incident_id, "alice", T0, state=IncidentState.RESOLVED)
    assert triage.add([finding(causes=(EXPLAINED,), confidence=0.5)], T0)[0].state is IncidentState.RESOLVED
    (opened,) = triage.add([finding()], T0)
    assert opened.state is IncidentState.OPEN
    assert len(triage.pages()) == 1
    triage.change(shown.incident_id, "alice", T0, state=IncidentState.RESOLVED)
    assert triage.add([finding(confidence=0.9)], T0)[0].state is IncidentState.RESOLVED
    assert triage.pages() == []


def test_a_restart_with_merged_incidents_sends_updates_to_the_one_that_is_open(triage: Triage) -> None:
    seen = [finding(0), finding(200), finding(100)]
    for one in seen:
        triage.add([one], T0)
    again = Triage(TriageSettings(join_s=120), Inventory())
    again.restore(triage.incidents(), seen)
    (updated,) = again.add([finding(200, confidence=0.95)], T0)
    assert updated.state is IncidentState.OPEN
    assert len(updated.findings) == 3


def test_informational_findings_are_shown_and_do_not_page(triage: Triage) -> None:
    (shown,) = triage.add([finding(severity=Severity.INFORMATIONAL)], T0)
    assert shown.state is IncidentState.OPEN
    assert triage.pages() == []


def test_a_resolved_incident_takes_nothing_in(triage: Triage) -> None:
    (first,) = triage.add([finding()], T0)
    triage.change(first.incident_id, "alice", T0, state=IncidentState.RESOLVED)
    (second,) = triage.add([finding(5)], T0)
    assert second.incident_id != first.incident_id


def test_an_acknowledged_incident_is_no_place_to_hide_in(triage: Triage) -> None:
    (first,) = triage.add([finding(severity=Severity.MEDIUM)], T0)
    triage.change(first.incident_id, "alice", T0, state=IncidentState.ACKNOWLEDGED)
    (same,) = triage.add([finding(5, severity=Severity.MEDIUM)], T0)
    assert same.incident_id == first.incident_id
    (graver,) = triage.add([finding(9, severity=Severity.HIGH)], T0)
    assert graver.incident_id != first.incident_id
    assert len(triage.pages()) == 2


def test_a_fault_that_comes_back_for_hours_is_one_incident_and_one_page_until_the_repeat_is_news(
    triage: Triage,
) -> None:
    for minute in range(0, 720, 10):
        triage.add([finding(minute * 60)], T0 + minute * 60 * S)
    assert [round((i.start_ns - T0) / S / 60) for i in triage.incidents()] == [510, 0]
    assert len(triage.pages()) == 2


def test_what_comes_back_is_news_elsewhere_and_when_it_is_graver(triage: Triage) -> None:
    (first,) = triage.add([finding(0)], T0)
    (same,) = triage.add([finding(600)], T0)
    assert same.incident_id == first.incident_id
    assert any(e.what.startswith("again, ") for e in same.timeline)
    carried = (Attribution(channel="other", share=1.0, method="own-score"),)
    assert triage.add([finding(1_200, attribution=carried)], T0)[0].incident_id != first.incident_id
    assert triage.add([finding(1_800, severity=Severity.HIGH)], T0)[0].incident_id != first.incident_id
    assert triage.add([finding(2_400, device="qpu2")], T0)[0].incident_id != first.incident_id


def test_what_comes_back_after_a_restart_is_no_news_either(triage: Triage) -> None:
    triage.add([finding(0)], T0)
    again = Triage(TriageSettings(join_s=120), Inventory())
    again.restore(triage.incidents(), [finding(0)])
    (same,) = again.add([finding(600)], T0)
    assert same.incident_id == triage.incidents()[0].incident_id
    assert again.pages() == []


def test_what_befalls_a_device_takes_in_what_its_streams_show_while_it_lasts(triage: Triage) -> None:
    rests = tuple(Evidence.of_series("qpu1", s, T0, T0 + 9_000 * S, note="x") for s in ("plates", "valves"))
    whole = replace(
        finding(lasts_s=9_000, severity=Severity.HIGH, evidence=rests),
        subject=Subject(kind=SubjectKind.DEVICE, name="qpu1", device="qpu1"),
    )
    triage.add([finding(-30, stream="plates"), whole], T0)
    assert len(triage.pages()) == 1
    triage.add([finding(8_000, stream="valves", severity=Severity.HIGH)], T0 + 8_000 * S)
    assert triage.pages() == []
    triage.add([finding(8_000, stream="pulses"), finding(9_500, stream="valves", rule="r")], T0 + 9_500 * S)
    assert len(triage.pages()) == 2


def test_what_a_person_acknowledged_or_labelled_takes_nothing_in_for_being_alike(triage: Triage) -> None:
    for n in range(2):
        lead = (Attribution(channel=f"c{n}", share=1.0, method="own-score"),)
        triage.add([finding(n * 700, attribution=lead)], T0 + n * 700 * S)
    for incident in triage.incidents():
        triage.change(incident.incident_id, "ana", T0, state=IncidentState.ACKNOWLEDGED, label=Label.BENIGN)
    assert len(triage.pages()) == 2
    lead = (Attribution(channel="c9", share=1.0, method="own-score"),)
    triage.add([finding(14_400, attribution=lead)], T0 + 14_400 * S)
    triage.add([finding(1, device="qpu2", attribution=lead)], T0 + 14_400 * S)
    assert len(triage.pages()) == 2


def test_a_gap_that_ends_where_much_begins_parts_nothing(triage: Triage) -> None:
    day = 86_400
    for n in range(4):
        gap = finding(0, stream=f"s{n}", rule="gap", severity=Severity.LOW, lasts_s=3 * day)
        triage.add([gap, finding(3 * day, stream=f"s{n}", rule="new")], T0 + 3 * day * S)
    open_ones = [i for i in triage.incidents() if i.state is IncidentState.OPEN]
    assert sorted(len(i.findings) for i in open_ones) == [4, 4]
    assert len(triage.pages()) == 1


def test_the_same_rule_on_ever_more_channels_of_a_stream_is_news_twice(triage: Triage) -> None:
    for n in range(8):
        lead = (Attribution(channel=f"c{n}", share=1.0, method="own-score"),)
        triage.add([finding(n * 700, attribution=lead)], T0 + n * 700 * S)
    assert len(triage.pages()) == 2


def test_what_was_resolved_and_comes_back_is_news(triage: Triage) -> None:
    (first,) = triage.add([finding(0)], T0)
    triage.pages()
    triage.change(first.incident_id, "alice", T0, state=IncidentState.RESOLVED)
    (anew,) = triage.add([finding(3_000)], T0)
    assert anew.incident_id != first.incident_id
    assert [i.incident_id for i in triage.pages()] == [anew.incident_id]


def test_what_is_explained_is_not_taken_in_by_what_is_not(triage: Triage) -> None:
    triage.add([finding(0)], T0)
    (shown,) = triage.add([finding(600, causes=(EXPLAINED,))], T0)
    assert shown.state is IncidentState.EXPLAINED


def test_what_was_explained_does_not_take_in_what_is_not(triage: Triage) -> None:
    (first,) = triage.add([finding(0, causes=(EXPLAINED,))], T0)
    (second,) = triage.add([finding(600)], T0)
    assert second.incident_id != first.incident_id
    assert [i.incident_id for i in triage.pages()] == [second.incident_id]


@pytest.mark.parametrize("apart_s", [0.0, 0.05])
def test_a_storm_over_many_devices_is_one_incident_and_one_page(triage: Triage, apart_s: float) -> None:
    for device in range(300):
        triage.add([finding(device * apart_s, device=f"rack{device}", confidence=0.9)], T0)
    (storm,) = [i for i in triage.incidents() if i.state is IncidentState.OPEN]
    assert "300 devices" in storm.title
    assert len(triage.pages()) == 1
    other = finding(5, device="rack7", rule="watch.covert.replay", stream="other", severity=Severity.CRITICAL)
    triage.add([other], T0)
    assert {i.severity for i in triage.incidents() if i.state is IncidentState.OPEN} == {Severity.CRITICAL}


def test_the_same_on_three_devices_within_the_join_time_is_one_incident(triage: Triage) -> None:
    for at_s, device in ((0, "a"), (40, "b")):
        triage.add([finding(at_s, device=device)], T0)
    assert len(triage.incidents()) == 2
    triage.add([finding(80, device="c")], T0)
    (one,) = [i for i in triage.incidents() if i.state is IncidentState.OPEN]
    assert len(one.findings) == 3
    triage.add([finding(100, device="d", causes=(EXPLAINED,))], T0)
    assert len([i for i in triage.incidents() if i.state is not IncidentState.RESOLVED]) == 2


def test_streams_add_up_and_repeats_in_one_stream_do_not(triage: Triage) -> None:
    (one,) = triage.add([finding(i, confidence=0.6) for i in range(50)], T0)
    assert one.likelihood == pytest.approx(0.6)
    (two,) = triage.add([finding(60, stream="cryostat", confidence=0.6)], T0)
    assert two.likelihood == pytest.approx(1 - 0.4 * 0.4**0.5)
    (all_,) = triage.add([finding(61, stream=f"x{i}", confidence=1.0) for i in range(90)], T0)
    assert all_.likelihood == 0.99


def test_a_person_moves_owns_labels_and_notes(triage: Triage) -> None:
    (first,) = triage.add([finding()], T0)
    after = triage.change(
        first.incident_id,
        "alice",
        T0 + S,
        state=IncidentState.ACKNOWLEDGED,
        owner="bob",
        label=Label.FAULT,
        note="pump",
    )
    assert (after.state, after.owner, after.label) == (IncidentState.ACKNOWLEDGED, "bob", Label.FAULT)
    assert after.timeline[-1].actor == "alice"
    assert after.timeline[-1].what == "state open → acknowledged; owner bob; label fault; note: pump"
    triage.change(first.incident_id, "alice", T0, state=IncidentState.RESOLVED)
    with pytest.raises(BadInputError, match="cannot go from resolved to acknowledged"):
        triage.change(first.incident_id, "alice", T0, state=IncidentState.ACKNOWLEDGED)
    with pytest.raises(BadInputError, match="nothing to change"):
        triage.change(first.incident_id, "alice", T0)
    with pytest.raises(BadInputError, match="under the name of triage"):
        triage.change(first.incident_id, "triage", T0, note="x")
    with pytest.raises(BadInputError, match="no such incident"):
        triage.change("inc-none", "alice", T0, note="x")


def test_what_a_person_opened_is_not_explained_away(triage: Triage) -> None:
    (shown,) = triage.add([finding(causes=(EXPLAINED,))], T0)
    triage.change(shown.incident_id, "alice", T0, state=IncidentState.OPEN)
    (still,) = triage.add([finding(5, causes=(EXPLAINED,))], T0)
    assert still.state is IncidentState.OPEN
    assert triage.pages() == []


def test_after_a_restart_known_findings_neither_page_nor_begin_again(triage: Triage) -> None:
    seen = [finding(i, stream=f"s{i}") for i in range(5)]
    kept = triage.add(seen, T0)
    fresh = Triage(TriageSettings(join_s=120), Inventory())
    fresh.restore(kept, seen[:3])
    assert fresh.add(seen[:3], T0) == []
    (again,) = fresh.add([*seen, finding(30)], T0)
    assert again.incident_id == kept[0].incident_id
    assert set(again.findings) == {f.finding_id for f in [*seen, finding(30)]}
    assert fresh.pages() == []


def test_memory_is_bounded_and_resolved_ones_leave_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MAX_INCIDENTS", 20)
    triage = Triage(TriageSettings(join_s=1), Inventory())
    (gone,) = triage.add([finding(0)], T0)
    (stays,) = triage.add([finding(10, stream="stays")], T0)
    triage.change(gone.incident_id, "alice", T0, state=IncidentState.RESOLVED)
    for i in range(19):
        triage.add([finding(100 + 10 * i, stream=f"s{i}")], T0)
    assert len(triage.incidents()) == 20
    assert gone.incident_id not in {i.incident_id for i in triage.incidents()}
    assert stays.incident_id in {i.incident_id for i in triage.incidents()}
    triage.pages()
    assert triage.add([finding(0)], T0) == [], "a finding of an incident that left does not page again"
    assert triage.pages() == []


def test_rank_is_likelihood_times_impact_by_criticality() -> None:
    inventory = decode_inventory(
        b'[devices.vital]\nworkloads=[{name="drug search",criticality=1.0,depth=500,qubits=20}]\n'
        b'[devices.toy]\nworkloads=[{name="course",criticality=0.05}]\n'
    )
    triage = Triage(TriageSettings(join_s=120), inventory)
    fell = {"attribution": (Attribution(channel="q3.T1", share=1.0, method="own-score"),), "confidence": 0.9}
    triage.add([finding(device="toy", **fell), finding(9, device="vital", **fell)], T0)  # type: ignore[arg-type]
    first, second = triage.incidents()
    assert (first.device, second.device) == ("vital", "toy")
    assert first.impact_reason.startswith("Drug search (criticality 1) would lose")


@pytest.mark.parametrize(
    "text",
    [
        b"[devices.x]\nworkloads=[{name='a',criticality=1.5}]",
        b"[devices.x]\ncolour=1",
        b"not toml",
        b"\xff\xfe",
        b"a" * 1_000_001,
        b"x=" + b"[" * 50_000,
    ],
)
def test_a_bad_inventory_is_refused_with_its_place(text: bytes) -> None:
    with pytest.raises(BadInputError, match=r"inv\.toml"):
        decode_inventory(text, "inv.toml")


def test_incidents_are_plain_values_that_survive_json(triage: Triage) -> None:
    (incident,) = triage.add([finding()], T0)
    assert msgspec.json.decode(msgspec.json.encode(incident), type=type(incident)) == incident
