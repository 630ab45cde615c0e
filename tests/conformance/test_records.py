"""Records: every implementation × every promise, and every method called as another tenant."""

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
from sqlalchemy import Connection
from tests.fakes_records import FakeRecords
from tests.old_records import a_sighting
from tests.unit.connect.test_incident_store import T0, a_finding, an_incident

from mumetal.access import scopes
from mumetal.connect.stores.records import log_rows
from mumetal.connect.stores.records.log_rows import LogRows
from mumetal.connect.stores.records.opening import open_records
from mumetal.core import records as port
from mumetal.core.act import Act, ActRecord, ActState
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.finding import Finding
from mumetal.core.identity import PrincipalKind, Scope
from mumetal.core.incident import Incident, IncidentState, Label, LabelGiven
from mumetal.core.operation import Asset, Job, JobState, OperatingMode, OperatingState
from mumetal.core.record import LOG_ONLY, MAX_BODY, RecordKind
from mumetal.core.records import Records
from mumetal.core.sighting import Choice, Sighting
from mumetal.core.subject import Subject, SubjectKind

ALICE, MALLORY = scopes.person("victim", "alice"), scopes.person("mallory", "mallory")
WHOLE = scopes.whole_stack("mumetal.tests")
FINDING, INCIDENT = a_finding(tenant="victim"), an_incident(tenant="victim", label=Label.FAULT)
SIGHTING = a_sighting("victim")
STATE = OperatingState(tenant="victim", device="qpu1", mode=OperatingMode.READY, entered_ns=T0)
JOB = Job(tenant="victim", job_id="j1", device="qpu1", state=JobState.QUEUED, submitted_ns=T0, t_ns=T0)
ACT = ActRecord(
    tenant="victim",
    act_id="a1",
    t_ns=T0,
    act=Act(
        tenant="victim",
        act_id="a1",
        verb="queue.pause",
        subject=Subject(kind=SubjectKind.DEVICE, name="qpu1", device="qpu1"),
        principal=ALICE.principal,
        why="incident i1",
    ),
    state=ActState.BEGUN,
)
ASSET = Asset(tenant="victim", asset_id="board:1", kind="board", title="AWG", first_ns=T0, last_ns=T0)


@pytest.fixture(params=["sql", "fake"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    clock = ManualClock(T0)
    opened = (
        FakeRecords(clock, ["siem"]) if request.param == "fake" else open_records(tmp_path, clock=clock, sinks=["siem"])
    )
    yield opened
    opened.close()


def fill(records: Records) -> None:
    """Leave one of everything that a tenant can have."""
    records.put(ALICE, [FINDING], [INCIDENT])
    records.add_user(ALICE, "alice")
    records.sightings.put(ALICE, [SIGHTING])
    records.states.put(ALICE, [STATE])
    records.jobs.put(ALICE, [JOB])
    records.assets.put(ALICE, [ASSET])
    records.acts.put(ALICE, ACT)
    records.log.append(ALICE, RecordKind.DECISION_MADE, "d1", b"{}")
    records.log.advance(ALICE, "reader", 2)
    records.outbox.bury(WHOLE, records.outbox.next(WHOLE, "siem", 1)[0].seq, "refused")


def all_of(records: Records) -> tuple[object, ...]:
    """Return everything that can be read of the victim's."""
    return (
        records.incidents(ALICE),
        records.findings(ALICE, [FINDING.finding_id]),
        records.labels(ALICE),
        records.users(ALICE),
        records.sightings.listed(ALICE, Choice(closed=None)),
        records.states.listed(ALICE, "qpu1"),
        records.jobs.listed(ALICE),
        records.assets.listed(ALICE),
        records.acts.listed(ALICE),
        records.outbox.dead(ALICE, "siem"),
        records.outbox.next(WHOLE, "siem", 100),
        records.log.after(ALICE, 0),
        records.log.cursor(ALICE, "reader"),
        records.tenants(WHOLE),
    )


Call = Callable[[Records, Scope], object]
NOTHING: tuple[object, ...] = ([], {}, (), None, 0, False)

# every read of the port, asked for what is the victim's: what a stranger may be told is nothing, or that it is not there
READS: dict[str, Call] = {
    "Records.incident": lambda r, s: r.incident(s, INCIDENT.incident_id),
    "Records.incidents": lambda r, s: r.incidents(s),
    "Records.open_for": lambda r, s: r.open_for(s),
    "Records.findings": lambda r, s: r.findings(s, [FINDING.finding_id]),
    "Records.labels": lambda r, s: r.labels(s),
    "Records.users": lambda r, s: r.users(s),
    "RecordLog.after": lambda r, s: r.log.after(s, 0),
    "RecordLog.missed": lambda r, s: r.log.missed(s, 0),
    "RecordLog.cursor": lambda r, s: r.log.cursor(s, "reader"),
    "SightingRecords.of_target": lambda r, s: r.sightings.of_target(s, SIGHTING.target, SIGHTING.mode),
    "SightingRecords.get": lambda r, s: r.sightings.get(s, SIGHTING.finding_id),
    "SightingRecords.listed": lambda r, s: r.sightings.listed(s, Choice(closed=None)),
    "SightingRecords.counts": lambda r, s: r.sightings.counts(s, Choice(closed=None)),
    "SightingRecords.targets": lambda r, s: r.sightings.targets(s),
    "SightingRecords.of_incident": lambda r, s: r.sightings.of_incident(s, SIGHTING.incident_id),
    "OutboxRecords.dead": lambda r, s: r.outbox.dead(s, "siem"),
    "StateRecords.at": lambda r, s: r.states.at(s, "qpu1", T0 + 1),
    "StateRecords.listed": lambda r, s: r.states.listed(s, "qpu1"),
    "JobRecords.get": lambda r, s: r.jobs.get(s, JOB.job_id),
    "JobRecords.listed": lambda r, s: r.jobs.listed(s),
    "AssetRecords.get": lambda r, s: r.assets.get(s, ASSET.asset_id),
    "AssetRecords.listed": lambda r, s: r.assets.listed(s),
    "ActRecords.get": lambda r, s: r.acts.get(s, ACT.act_id),
    "ActRecords.listed": lambda r, s: r.acts.listed(s),
}
# every write of what is the victim's: a stranger is refused
WRITES: dict[str, Call] = {
    "Records.put": lambda r, s: r.put(s, [FINDING], [replace(INCIDENT, title="mine now")]),
    "SightingRecords.put": lambda r, s: r.sightings.put(s, [msgspec.structs.replace(SIGHTING, title="mine now")]),
    "StateRecords.put": lambda r, s: r.states.put(s, [replace(STATE, mode=OperatingMode.OFFLINE)]),
    "JobRecords.put": lambda r, s: r.jobs.put(s, [replace(JOB, state=JobState.CANCELLED)]),
    "AssetRecords.put": lambda r, s: r.assets.put(s, [replace(ASSET, gone=True)]),
    "ActRecords.put": lambda r, s: r.acts.put(s, replace(ACT, state=ActState.DONE)),
}
# what only the stack's own agents do
STACKS: dict[str, Call] = {
    "Records.tenants": lambda r, s: r.tenants(s),
    "OutboxRecords.next": lambda r, s: r.outbox.next(s, "siem", 10),
    "OutboxRecords.delivered": lambda r, s: r.outbox.delivered(s, "siem", range(1, 100)),
    "OutboxRecords.bury": lambda r, s: r.outbox.bury(s, 2, "mine now"),
    "OutboxRecords.waiting": lambda r, s: r.outbox.waiting(s, "siem"),
}
# what a tenant does under names of its own choosing, which may be the victim's
OWN: dict[str, Call] = {
    "Records.add_user": lambda r, s: r.add_user(s, "alice"),
    "RecordLog.append": lambda r, s: r.log.append(s, RecordKind.CAMPAIGN_STEP, "d1", b"{}"),
    "RecordLog.advance": lambda r, s: r.log.advance(s, "reader", 5),
}
# a part's own tables are for the part, which opens them once; test_part_tables holds them apart
NOT_ASKED = {"Records.close", "Records.tables", "PartTables.read", "PartTables.write"}


def test_every_method_of_the_port_takes_a_scope_and_is_called_here() -> None:
    ports = [c for _, c in inspect.getmembers(port, inspect.isclass) if Protocol in c.__bases__]
    assert len(ports) == 9
    methods = {
        f"{p.__name__}.{n}": m for p in ports for n, m in inspect.getmembers(p, inspect.isfunction) if n[0] != "_"
    }
    assert set(methods) == {*READS, *WRITES, *STACKS, *OWN, *NOT_ASKED}
    for name, method in methods.items():
        if name not in NOT_ASKED:
            first = list(inspect.signature(method).parameters.values())[1]
            assert (first.name, first.annotation) == ("scope", "Scope"), name


@pytest.mark.parametrize("call", READS)
def test_a_stranger_reads_nothing(records: Records, call: str) -> None:
    fill(records)
    own = READS[call](records, ALICE)
    assert own not in NOTHING or call == "RecordLog.missed", "the test would not notice"
    if call.endswith((".get", ".incident")) and call != "ActRecords.get":
        with pytest.raises(BadInputError) as told:
            READS[call](records, MALLORY)
        assert "victim" not in str(told.value)
    else:
        assert READS[call](records, MALLORY) in NOTHING


@pytest.mark.parametrize("call", WRITES)
def test_a_stranger_changes_nothing(records: Records, call: str) -> None:
    fill(records)
    before = all_of(records)
    with pytest.raises(RejectedError, match="another tenant"):
        WRITES[call](records, MALLORY)
    assert all_of(records) == before
    assert records.log.after(MALLORY, 0) == []
    WRITES[call](records, ALICE)
    assert all_of(records) != before, "the test would not notice"


@pytest.mark.parametrize("call", STACKS)
def test_what_is_the_stacks_no_tenant_does(records: Records, call: str) -> None:
    fill(records)
    before = all_of(records)
    for tenant in (MALLORY, ALICE, scopes.agent("victim", "mumetal.triage")):
        with pytest.raises(RejectedError, match="own agents"):
            STACKS[call](records, tenant)
    assert all_of(records) == before
    STACKS[call](records, WHOLE)


@pytest.mark.parametrize("call", OWN)
def test_the_same_name_is_another_thing_in_another_tenant(records: Records, call: str) -> None:
    fill(records)
    before = all_of(records)
    OWN[call](records, MALLORY)
    assert all_of(records) == before
    assert OWN[call](records, MALLORY) or records.users(MALLORY) == ["alice"] or records.log.cursor(MALLORY, "reader")


OF_THE_LOG = {"RecordLog.after", "RecordLog.missed", "RecordLog.cursor", "RecordLog.advance"}  # which agents follow


@pytest.mark.parametrize("call", sorted({*READS, *WRITES, *OWN} - OF_THE_LOG))
def test_the_whole_stack_opens_no_tenants_records(records: Records, call: str) -> None:
    fill(records)
    before = all_of(records)
    with pytest.raises(RejectedError, match="whole stack"):
        {**READS, **WRITES, **OWN}[call](records, WHOLE)
    assert all_of(records) == before


def test_what_is_kept_comes_back_and_what_is_older_changes_nothing(records: Records) -> None:
    fill(records)
    run = replace(JOB, state=JobState.RUNNING, t_ns=T0 + 5)
    records.jobs.put(ALICE, [run, replace(JOB, job_id="j2", device="qpu2")])
    records.jobs.put(ALICE, [JOB])
    assert records.jobs.get(ALICE, "j1") == run
    assert [j.job_id for j in records.jobs.listed(ALICE)] == ["j1", "j2"]
    assert [j.job_id for j in records.jobs.listed(ALICE, "qpu2")] == ["j2"]
    assert [j.job_id for j in records.jobs.listed(ALICE, state=JobState.RUNNING)] == ["j1"]
    records.assets.put(ALICE, [replace(ASSET, last_ns=T0 + 1, gone=True), ASSET])
    assert records.assets.get(ALICE, "board:1").gone
    assert records.assets.listed(ALICE, "host") == []
    later = replace(STATE, mode=OperatingMode.BUSY, entered_ns=T0 + 10)
    records.states.put(ALICE, [later])
    assert records.states.at(ALICE, "qpu1", T0 - 1) is None
    assert records.states.at(ALICE, "qpu1", T0 + 9) == STATE
    assert records.states.at(ALICE, "qpu1", T0 + 10) == later
    assert records.states.listed(ALICE, "qpu1", T0 + 1) == [later]
    for kind, missing in ((records.jobs, "j9"), (records.assets, "board:9")):
        with pytest.raises(BadInputError):
            kind.get(ALICE, missing)


def test_every_write_leaves_its_record(records: Records) -> None:
    sent = scopes.agent("victim", "mumetal.scan", sent_by=ALICE.principal)
    records.put(sent, [FINDING], [INCIDENT])
    records.sightings.put(sent, [SIGHTING])
    records.states.put(sent, [STATE])
    records.jobs.put(sent, [JOB])
    records.assets.put(sent, [ASSET])
    records.add_user(sent, "bob")
    for state in (ActState.BEGUN, ActState.DONE, ActState.UNDONE):
        records.acts.put(sent, replace(ACT, state=state))
    for kind in sorted(LOG_ONLY):
        records.log.append(sent, kind, "s1", b'{"a":1}', "inc-0")
    log = records.log.after(ALICE, 0)
    nouns = ["finding.raised", "incident.changed", "label.given", "sighting.changed", "state.entered", "job.changed"]
    assert [r.kind for r in log] == [
        *nouns, "asset.changed", "user.added", "act.begun", "act.done", "act.undone", *sorted(LOG_ONLY),
    ]  # fmt: skip
    assert {r.kind for r in log} == set(RecordKind)
    assert [r.sequence for r in log] == list(range(1, len(log) + 1))
    assert {(r.tenant, r.t_ns, r.principal, r.principal_kind, r.on_behalf_of) for r in log} == {
        ("victim", T0, "mumetal.scan", PrincipalKind.AGENT, "alice")
    }
    of = {r.kind: r for r in log}
    assert of[RecordKind.FINDING_RAISED].correlation == INCIDENT.incident_id
    assert of[RecordKind.FINDING_RAISED].read(Finding).finding_id == FINDING.finding_id
    assert of[RecordKind.INCIDENT_CHANGED].read(Incident).label is Label.FAULT
    given = of[RecordKind.LABEL_GIVEN].read(LabelGiven)
    assert (given.label, given.actor, given.basis, given.t_ns) == (Label.FAULT, "mumetal.scan", "agent", T0)
    assert records.labels(ALICE) == [given]
    assert of[RecordKind.SIGHTING_CHANGED].read(Sighting).path == SIGHTING.path
    assert of[RecordKind.STATE_ENTERED].read(OperatingState) == STATE
    assert of[RecordKind.JOB_CHANGED].read(Job) == JOB
    assert of[RecordKind.ASSET_CHANGED].read(Asset) == ASSET
    with pytest.raises(BadInputError):
        of[RecordKind.USER_ADDED].read(Job)


def test_what_is_only_seen_again_is_no_change(records: Records) -> None:
    fill(records)
    before = len(records.log.after(ALICE, 0))
    records.sightings.put(ALICE, [msgspec.structs.replace(SIGHTING, last_ns=T0 + 1)])
    records.add_user(ALICE, "alice")
    assert len(records.log.after(ALICE, 0)) == before
    records.sightings.put(ALICE, [msgspec.structs.replace(SIGHTING, closed_ns=T0 + 2, reason="gone")])
    records.put(ALICE, [], [replace(INCIDENT, state=IncidentState.RESOLVED)])
    assert [r.kind for r in records.log.after(ALICE, before)] == ["sighting.changed", "incident.changed"]


def test_a_record_of_a_noun_comes_with_the_noun_only(records: Records) -> None:
    for kind in set(RecordKind) - LOG_ONLY:
        with pytest.raises(BadInputError):
            records.log.append(ALICE, kind, "x", b"{}")
    with pytest.raises(BadInputError, match="bytes"):
        records.log.append(ALICE, RecordKind.CAMPAIGN_STEP, "x", b"x" * (MAX_BODY + 1))
    assert records.log.after(ALICE, 0) == []


def test_each_reader_has_a_place_of_its_own_and_reads_at_least_once(records: Records) -> None:
    for n in range(10):
        records.log.append(ALICE if n % 2 else MALLORY, RecordKind.CAMPAIGN_STEP, f"a{n}", b"{}")
    assert [r.subject for r in records.log.after(WHOLE, 0)] == [f"a{n}" for n in range(10)]
    assert [r.subject for r in records.log.after(WHOLE, 3, 2)] == ["a3", "a4"]
    assert [r.subject for r in records.log.after(MALLORY, 4)] == ["a4", "a6", "a8"]
    assert records.log.after(WHOLE, 0, kinds=[RecordKind.FORECAST_MADE]) == []
    seen: list[str] = []
    for crash in (True, False, False):
        found = records.log.after(WHOLE, records.log.cursor(WHOLE, "sender"), 6)
        seen += [r.subject for r in found]
        if found and not crash:
            records.log.advance(WHOLE, "sender", found[-1].sequence)
    assert seen == ["a0", "a1", "a2", "a3", "a4", "a5"] * 2 + ["a6", "a7", "a8", "a9"]
    assert records.log.cursor(WHOLE, "trainer") == 0
    assert records.log.cursor(ALICE, "sender") == 0
    records.log.advance(WHOLE, "sender", 3)
    assert records.log.cursor(WHOLE, "sender") == 10, "it never moves back"
    with pytest.raises(BadInputError):
        records.log.advance(WHOLE, "sender", 11)
    for n in range(100):
        records.log.advance(ALICE, f"r{n}", 1)
    with pytest.raises(BadInputError):
        records.log.advance(ALICE, "one-more", 1)


# --- what only a database can show ---


def test_a_place_in_the_log_survives_reopening(tmp_path: Path) -> None:
    first = open_records(tmp_path, clock=ManualClock(T0), sinks=["siem"])
    fill(first)
    before = all_of(first)
    first.close()
    second = open_records(tmp_path, clock=ManualClock(T0), sinks=["siem"])
    assert all_of(second) == before
    assert second.log.cursor(ALICE, "reader") == 2
    second.close()


WRITE_CALLS: dict[str, Callable[[Records], object]] = {
    "put": lambda r: r.put(ALICE, [FINDING], [INCIDENT]),
    "sightings": lambda r: r.sightings.put(ALICE, [SIGHTING]),
    "states": lambda r: r.states.put(ALICE, [STATE]),
    "jobs": lambda r: r.jobs.put(ALICE, [JOB]),
    "assets": lambda r: r.assets.put(ALICE, [ASSET]),
    "acts": lambda r: r.acts.put(ALICE, ACT),
    "users": lambda r: r.add_user(ALICE, "alice"),
    "append": lambda r: r.log.append(ALICE, RecordKind.CAMPAIGN_STEP, "a", b"{}"),
}


@pytest.mark.parametrize("write", WRITE_CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_between_a_write_and_its_record_leaves_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str, when: str
) -> None:
    records = open_records(tmp_path, clock=ManualClock(T0), sinks=["siem"])
    real = LogRows.write

    def broken(self: LogRows, db: Connection, scope: Scope, lines: Any) -> int:
        if when == "after":
            real(self, db, scope, lines)
        raise RuntimeError("pulled")

    monkeypatch.setattr(LogRows, "write", broken)
    empty = all_of(records)
    with pytest.raises(RuntimeError, match="pulled"):
        WRITE_CALLS[write](records)
    assert all_of(records) == empty
    monkeypatch.undo()
    WRITE_CALLS[write](records)
    assert records.log.after(WHOLE, 0)[0].sequence == 1, "a place that was not used is given out again"
    assert all_of(records) != empty
    records.close()


KILLED = """
import os, sys
sys.path[:0] = [sys.argv[2] + "/src", sys.argv[2]]
from tests.conformance.test_records import WRITE_CALLS
from mumetal.connect.stores.records import log_rows
from mumetal.connect.stores.records.opening import open_records
from mumetal.core.clock import ManualClock
real = log_rows.thin
def killed(db, kept):
    real(db, kept)
    os._exit(9)
log_rows.thin = killed
WRITE_CALLS[sys.argv[3]](open_records(sys.argv[1], clock=ManualClock(1_800_000_000 * 10**9), sinks=["siem"]))
"""


@pytest.mark.parametrize("write", ["put", "jobs"])
def test_a_process_killed_before_the_commit_leaves_neither(tmp_path: Path, write: str) -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), root, write], check=False, timeout=60)
    assert done.returncode == 9
    records = open_records(tmp_path, sinks=["siem"])
    assert records.log.after(WHOLE, 0) == []
    assert records.incidents(ALICE) == []
    assert records.jobs.listed(ALICE) == []
    assert records.outbox.waiting(WHOLE, "siem") == 0
    records.close()


def test_the_log_is_bounded_and_who_was_away_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_rows, "SLACK", 5)
    records = open_records(tmp_path, clock=ManualClock(T0))
    assert isinstance(records.log, LogRows)
    records.log.kept = 20
    for n in range(40):
        records.log.append(ALICE, RecordKind.CAMPAIGN_STEP, f"a{n}", b"{}")
        left = records.log.after(WHOLE, 0)
        assert len(left) <= 25
        assert left[-1].subject == f"a{n}"
    assert records.log.missed(ALICE, 0)
    oldest = left[0].sequence
    assert records.log.missed(ALICE, oldest - 2)
    assert not records.log.missed(ALICE, oldest - 1)
    records.close()


def test_the_longest_nouns_fit_into_a_record(tmp_path: Path) -> None:
    records = open_records(tmp_path, clock=ManualClock(T0))
    worst = "\x01" * 4_000
    finding = replace(
        FINDING,
        title=worst[:300],
        detail=worst,
        remedy=worst,
        subject=Subject.stream(worst[:200], worst[:4_000]),
        techniques=(worst,) * 99,
        model_version=worst,
        attribution=tuple(replace(FINDING.attribution[0], channel=worst, method=worst) for _ in range(99)),
        causes=tuple(replace(FINDING.causes[0], cause=worst, reason=worst[:1_000]) for _ in range(99)),
    )
    entry = replace(INCIDENT.timeline[0], actor=worst, what=worst[:1_000])
    incident = replace(
        INCIDENT,
        title=worst,
        owner=worst,
        device=worst,
        impact_reason=worst,
        findings=tuple(f"{n:024d}" for n in range(9_999)),
        timeline=(entry,) * 99,
    )
    sighting = msgspec.structs.replace(
        SIGHTING,
        title=worst,
        path=worst * 5,
        excerpt=worst,
        reason=worst,
        detail=worst,
        remedy=worst,
        techniques=(worst,) * 99,
    )
    records.put(ALICE, [finding], [incident])
    records.sightings.put(ALICE, [sighting])
    assert records.findings(ALICE, [finding.finding_id]) == [finding]
    assert max(len(r.body) for r in records.log.after(ALICE, 0)) <= MAX_BODY
    records.close()
