"""Recorded data take the live path: what other parts' watchers find is barred, and nothing of a part acts."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from tests.unit.watch.backgrounds import T0, Array, gaussian, stream
from typer.testing import CliRunner

from mumetal.access.api import agent_scope
from mumetal.app import wiring
from mumetal.app.parts import own_parts
from mumetal.app.replay import Replayed, replay
from mumetal.app.settings import Settings
from mumetal.catalog.calibrations import snapshots
from mumetal.core.acts import Acts
from mumetal.core.clock import SystemClock
from mumetal.core.delivery import Datum, Delivery
from mumetal.core.event import Event
from mumetal.core.finding import Finding, Severity
from mumetal.core.part import House, Idle, Part, Task
from mumetal.core.ports import DatumKind, Observed, PluginInfo, Request, Watcher
from mumetal.core.series import Series
from mumetal.core.subject import Subject
from mumetal.core.watcher import PlainWatcher
from mumetal.respond.api import Inventory
from mumetal.serve.cli.app import app
from mumetal.serve.cli.watch.once import as_markdown
from mumetal.trust.api import opened_ledger
from mumetal.watch.settings import WatchSettings

S = 10**9
HERE = "tests.unit.app.test_replay"
SETTINGS = Settings(watch=WatchSettings(learning_rows=4_000, learning_s=0.0))
QUIET, TAUGHT, AGAIN, END = 1_000, 6_000, 13_000, 14_000


class Recording:
    """A source of what was recorded."""

    info = PluginInfo(plugin_id="test.recording", title="A recording")
    name = "recording"

    def __init__(self, *data: Datum, tenant: str = "local") -> None:
        self._data, self._tenant = data, tenant

    def poll(self, cursor: str, limit: int) -> Delivery:
        del cursor, limit
        return Delivery(source=f"recording-{self._tenant}", tenant=self._tenant, data=self._data, cursor="end")

    def close(self) -> None:
        pass


class Knowing(PlainWatcher):
    """Knows what nobody else sees: that the rows from QUIET to TAUGHT are not what they seem."""

    info = PluginInfo(plugin_id="guest.knowing", title="It knows")
    has_causes = False
    times: ClassVar[list[int]] = []

    def __init__(self, house: House) -> None:
        self._house = house

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        del subject
        return kind == "series"

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        self.times.append(now_ns)
        return Observed(findings=tuple(f for d in data if isinstance(d, Series) for f in self._of(d)))

    @staticmethod
    def _of(rows: Series) -> list[Finding]:
        start, stop = T0 + QUIET * S, T0 + TAUGHT * S
        inside = rows.t_ns[(rows.t_ns >= start) & (rows.t_ns < stop)]
        if not len(inside):
            return []
        return [
            Finding(
                tenant=rows.tenant, subject=Subject.stream(rows.device, rows.stream), rule="guest.knows", title="not so",
                identity=str(inside[0]), start_ns=int(inside[0]), stop_ns=int(inside[-1]), confidence=1.0,
                severity=Severity.HIGH,
            )
        ]  # fmt: skip


class Acting(Idle):
    """Keeps what is asked of it."""

    asked: ClassVar[list[str]] = []

    def __init__(self, house: House) -> None:
        self._house = house

    def start(self) -> None:
        self.asked.append("start")

    def stop(self, within_s: float) -> None:
        del within_s
        self.asked.append("stop")

    def run(self, task_id: str) -> Sequence[Finding]:
        self.asked.append(task_id)
        return ()

    def follow(self, record: object) -> None:
        self.asked.append("follow")


def knowing(house: House) -> Sequence[Watcher]:
    return (Knowing(house),)


def reporting(house: House) -> Sequence[Watcher]:
    class Reporting(Knowing):
        """Tells what it knows beside what it returns."""

        def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
            for finding in super().observe(data, now_ns).findings:
                house.report(finding)
            return Observed()

    return (Reporting(house),)


def guest(watchers: str = "", opens: str = "", tasks: tuple[Task, ...] = ()) -> Part:
    return Part(
        info=PluginInfo(plugin_id="guest", title="A guest"),
        watchers=f"{HERE}:{watchers}" if watchers else "",
        opens=f"{HERE}:{opens}" if opens else "",
        tasks=tasks,
    )


def attacked() -> Array:
    """Return rows that are shifted while the stream would learn, and once more at the end."""
    rows = gaussian(np.random.default_rng(4), END, 2)
    rows[QUIET:TAUGHT] += 5.0
    rows[AGAIN:] += 5.0
    return rows


def look(folder: Path, *data: Datum, parts: Sequence[Part] = (), settings: Settings = SETTINGS) -> Replayed:
    folder.mkdir(exist_ok=True)
    chosen = (*own_parts(), *parts)
    return replay(settings, Inventory(), [Recording(*data)], folder, lambda *_: None, chosen)


def at_the_end(done: Replayed) -> list[str]:
    return [f.rule for f in done.findings if f.start_ns >= T0 + (AGAIN - 10) * S]


@pytest.mark.parametrize("how", ["knowing", "reporting"])
def test_an_attack_that_another_watcher_sees_is_not_learnt_from(tmp_path: Path, how: str) -> None:
    rows = stream(attacked())
    taught = look(tmp_path / "taught", rows)
    assert not at_the_end(taught), "who was taught by the attack takes it for ordinary"
    told = look(tmp_path / "told", rows, parts=[guest(how)])
    assert "guest.knows" in {f.rule for f in told.findings}
    assert [r for r in at_the_end(told) if r.startswith("watch.detectors.")]


def test_a_part_is_opened_and_closed_and_does_nothing_meanwhile(tmp_path: Path) -> None:
    Acting.asked.clear()
    part = guest("knowing", "Acting", (Task(task_id="guest.task", every_s=0.001),))
    done = look(tmp_path / "s", stream(attacked()[:2_500]), parts=[part])
    assert [f.rule for f in done.findings if f.rule == "guest.knows"]
    assert Acting.asked == ["stop"]


def test_what_nobody_allows_is_no_setting_either(tmp_path: Path) -> None:
    (tmp_path / "mumetal.toml").write_text("[parts.stranger]\nx = 1\n")
    chosen = wiring.load(tmp_path / "mumetal.toml", wiring.Overrides())
    with pytest.raises(Exception, match="there is no part 'stranger'"):
        look(tmp_path / "s", stream(attacked()[:100]), settings=chosen)


def test_the_recordings_of_all_tenants_pass_in_one_order_of_time(tmp_path: Path) -> None:
    Knowing.times.clear()
    first, second = (
        stream(attacked()[:5_000]),
        replace(stream(attacked()[:5_000], start_ns=T0 + S // 2), tenant="other"),
    )
    sources = [Recording(first), Recording(second, tenant="other")]
    replay(SETTINGS, Inventory(), sources, tmp_path, lambda *_: None, [*own_parts(), guest("knowing")])
    assert len(Knowing.times) == 18
    assert sorted(Knowing.times) == Knowing.times


def test_a_second_look_at_a_store_keeps_what_a_person_said(tmp_path: Path) -> None:
    job = Event(event_id="e", t_ns=T0 + 10, device="lab", activity="job.run")
    first = look(tmp_path / "s", stream(attacked()[:2_500]), job, parts=[guest("knowing")])
    (incident,) = [
        i for i in first.incidents if any(f.finding_id in i.findings for f in first.findings if f.rule == "guest.knows")
    ]
    said = CliRunner().invoke(
        app, ["incident", incident.incident_id, "--store", str(tmp_path / "s"), "--label", "benign", "--json"]
    )
    assert said.exit_code == 0, said.output
    again = look(tmp_path / "s", parts=[guest("knowing")])
    (kept,) = [i for i in again.incidents if i.incident_id == incident.incident_id]
    assert kept.label is not None
    assert json.loads(said.stdout)["incident"]["label"] == kept.label.value
    assert len(again.incidents) == len(first.incidents)


def entering(house: House) -> Sequence[Watcher]:
    place = Subject.path("recorded")
    who = agent_scope("local", "mumetal.triage").principal
    request = Request(tenant="local", principal=who, action="incident.page", resource=place)
    Acts(house.ledger, house.authorizer, house.clock).deny(request, "a part enters something")
    return ()


def test_nobody_is_paged_of_a_recording_and_what_is_entered_bears_the_real_time(tmp_path: Path) -> None:
    first = look(tmp_path / "s", stream(attacked()[:2_500]), parts=[guest("knowing")])
    (incident,) = [i for i in first.incidents if i.paged]  # a running stack would have paged somebody
    said = CliRunner().invoke(
        app, ["incident", incident.incident_id, "--store", str(tmp_path / "s"), "--label", "benign"]
    )
    assert said.exit_code == 0, said.output
    look(tmp_path / "s", parts=[guest("entering")])
    with opened_ledger(tmp_path / "s", SystemClock()) as ledger:
        entries = [entry for _, entry in ledger.entries()]
    assert [(e.action, e.outcome) for e in entries] == [
        ("incident.change", ""), ("incident.change", "done"), ("incident.page", "denied")
    ]  # fmt: skip
    assert [e.t_ns for e in entries] == sorted(e.t_ns for e in entries)


def test_what_a_watch_found_for_another_tenant_is_told_so_and_can_be_read_after(tmp_path: Path) -> None:
    def asked(*words: str) -> Any:
        said = CliRunner().invoke(app, [*words, "--store", str(tmp_path), "--json"])
        assert said.exit_code == 0, said.output
        return json.loads(said.stdout)

    mine = stream(attacked()[:2_500])
    sources = [Recording(mine), Recording(replace(mine, tenant="other"), tenant="other")]
    done = replay(SETTINGS, Inventory(), sources, tmp_path, lambda *_: None, [*own_parts(), guest("knowing")])
    report = as_markdown(done)
    assert f"- {mine.device}/{mine.stream}: " in report
    assert f"- other: {mine.device}/{mine.stream}: " in report
    assert report.count("| tenant | other |") == len([i for i in done.incidents if i.tenant == "other"]) > 0
    for tenant in ("local", "other"):
        (chosen,) = asked("incidents", "--tenant", tenant)
        shown = asked("incident", chosen["incident_id"], "--tenant", tenant)
        assert {f.get("tenant", "local") for f in shown["findings"]} == {tenant}
    theirs = CliRunner().invoke(
        app, ["incident", chosen["incident_id"], "--tenant", "other", "--label", "benign", "--store", str(tmp_path)]
    )
    assert theirs.exit_code != 0, "this machine's operator decides for the local tenant only"


class Sets(Knowing):
    """Keeps which calibration sets it saw."""

    seen: ClassVar[list[str]] = []

    def wants(self, kind: DatumKind, subject: Subject) -> bool:
        del subject
        return kind == "snapshot"

    def observe(self, data: Sequence[Datum], now_ns: int) -> Observed:
        del now_ns
        self.seen.extend(f"{d.tenant} {d.device}" for d in data)
        return Observed()


def sets(house: House) -> Sequence[Watcher]:
    return (Sets(house),)


def test_a_second_look_sees_devices_that_have_calibration_sets_only(tmp_path: Path) -> None:
    Sets.seen.clear()
    first, second = (
        replace(snapshots("brisbane")[0], device=device, tenant=tenant)
        for device, tenant in (("chip", "local"), ("chop", "other"))
    )
    sources = [Recording(first), Recording(second, tenant="other")]
    parts = (*own_parts(), guest("sets"))
    replay(SETTINGS, Inventory(), sources, tmp_path, lambda *_: None, parts)
    once = sorted(Sets.seen)
    assert once == ["local chip", "other chop"]
    Sets.seen.clear()
    replay(SETTINGS, Inventory(), [], tmp_path, lambda *_: None, parts)
    assert sorted(Sets.seen) == once


def test_what_stood_when_a_recording_ended_does_not_stand_for_ever(tmp_path: Path) -> None:
    rows = attacked()
    rows[QUIET:TAUGHT] -= 5.0
    first = look(tmp_path / "s", stream(rows))
    (stood,) = [f for f in first.findings if f.standing]
    longer = msgspec.structs.replace(SETTINGS, watch=WatchSettings(learning_rows=100_000, learning_s=0.0))
    again = look(tmp_path / "s", settings=longer)
    (ended,) = [f for f in again.findings if f.finding_id == stood.finding_id]
    assert not ended.standing
    assert ended.stop_ns == stood.stop_ns
