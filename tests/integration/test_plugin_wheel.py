"""A capability of another package, as a wheel: installed, it has all that a capability has, and no file is edited."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.plugin_wheel.building import build_wheel, tally_wheel, unpack
from tests.plugin_wheel.running import Place, Up, event, wait_until

from mumetal.access.api import os_user

PEOPLE = ("carol", "dave", os_user())
WHAT = ("--kind", "device", "--name", "qpu1", "--device", "qpu1", "--why", "a new month")
SETTINGS = """
approvals = "house?pin={pin}"
sources = ["audit:audit.jsonl", "tallylog:numbers.txt"]
[watch]
learning_rows = 64
learning_s = 0
[parts.tally]
forbidden = ["firmware.erase"]
flood = 5
"""


class Lab(Place):
    """A lab that has the part, keys of three people, and a stack that runs."""

    def __init__(self, folder: Path, site: Path) -> None:
        super().__init__(folder, site)
        for person in PEOPLE:
            self.run("keys", "new", person, "--name", person, "--plain")
        named = "".join(f'[keys.{p}]\npublic = "{p}.pub"\n' for p in PEOPLE)
        roles = "".join(f"[roles.{r}]\nowners = {json.dumps(PEOPLE)}\nthreshold = 1\n" for r in ("root", "approval"))
        (folder / "plan.toml").write_text(named + roles)
        made = self.run("keys", "root", "plan.toml", "--roots", "house", "--sign", "file:carol", "--json")
        (folder / "mumetal.toml").write_text(SETTINGS.format(pin=json.loads(made)["pin"]))
        self.audit = folder / "audit.jsonl"
        self.audit.write_text(event("e1", "job.run") + event("e2", "job.run") + event("e3", "job.run", "qpu2"))
        quiet = np.random.default_rng(3).normal(100, 1, 400)
        (folder / "numbers.txt").write_text("".join(f"{n:.3f}\n" for n in quiet))

    def happen(self, *events: str) -> None:
        with self.audit.open("a") as file:
            file.writelines(events)

    def counted(self) -> list[tuple[str, str, int]]:
        return [(device, activity, n) for device, activity, n in json.loads(self.run("tally", "--json"))]

    def select(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / ".mumetal" / "incidents.sqlite")) as db:
            return db.execute(statement).fetchall()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return unpack(tally_wheel(folder), folder / "site")


@pytest.fixture(scope="module")
def lab(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"), site)


@pytest.fixture(scope="module")
def up(lab: Lab) -> Iterator[Up]:
    with lab.up() as running:
        wait_until(lambda: sum(n for _, _, n in running.json("/api/v1/tally")) == 3)
        yield running


def test_what_is_installed_is_named_at_the_start_and_by_a_command(lab: Lab, up: Up) -> None:
    named = ("part tally", "detector tally.distance", "cause tally.drill", "source tallylog")
    assert [what for what in named if f"{what} of mumetal_tally 1.0" not in up.said] == []
    log = Path(json.loads((lab.folder / ".mumetal" / "running.json").read_text())["log"])
    assert "plugin.found" in (log if log.is_absolute() else lab.folder / log).read_text()
    listed = json.loads(lab.run("plugins", "--json"))
    assert {f"{p['kind']} {p['plugin_id']}" for p in listed} == set(named)
    assert all(p["allowed"] for p in listed)


def test_its_page_is_in_the_navigation_of_every_page_and_shows_the_counts(up: Up) -> None:
    for path in ("/", "/power", "/quarantine", "/scans", "/firmware", "/models", "/audit"):
        assert '<a href="/tally">Tally</a>' in up.get(path), path
    page = up.get("/tally")
    assert '<a href="/tally" aria-current="page">Tally</a>' in page
    assert "<td>qpu1</td><td>job.run</td><td>2</td>" in page
    assert up.json("/api/v1/tally") == [["qpu1", "job.run", 2], ["qpu2", "job.run", 1]]
    assert "/api/v1/tally" in up.json("/api/v1/openapi.json")["paths"]


def test_its_command_and_its_table(lab: Lab, up: Up) -> None:
    assert lab.run("tally").splitlines() == ["qpu1  job.run  2", "qpu2  job.run  1"]
    assert lab.select("SELECT event_id, device FROM tally_events ORDER BY event_id") == [
        ("e1", "qpu1"), ("e2", "qpu1"), ("e3", "qpu2"),
    ]  # fmt: skip
    assert lab.select("SELECT number FROM mumetal_migrations WHERE prefix = 'tally'") == [(1,)]


def test_a_verb_is_done_once_with_the_approval_of_others_and_taken_back(lab: Lab, up: Up) -> None:
    assert "needs an approval; taken back by tally.restore" in lab.run("act", "verbs").replace(", ", "; ")
    asked = ("act", "run", "tally.reset", *WHAT, "--id", "reset-1")
    assert "demands an approval" in lab.run(*asked, code=4)
    assert "needs" not in lab.run(*asked, "--to-approve", "reset.json")
    approve = ("--action", "tally.reset", "--resource", "qpu1", "--why", "a new month")

    def approved(path: str, who: str) -> tuple[str, str]:
        made = f"{path}.{who}"
        lab.run("keys", "approve", path, *approve, "--sign", f"file:{who}", "--approval", made)
        return "--approval", made

    (lab.folder / "other.json").write_bytes((lab.folder / "reset.json").read_bytes().replace(b"reset-1", b"reset-2"))
    assert "step 4" in lab.run(*asked, *approved("other.json", "carol"), code=4)
    assert "0 of 1" in lab.run(*asked, *approved("reset.json", os_user()), code=4), "who asks does not approve"
    good = approved("reset.json", "carol")
    assert "counts from zero" in lab.run(*asked, *good)
    assert lab.counted() == [("qpu2", "job.run", 1)]
    lab.happen(event("e4", "job.run"))
    wait_until(lambda: ("qpu1", "job.run", 1) in lab.counted())
    assert "done" in lab.run(*asked, *good), "the same act is asked for again"
    assert ("qpu1", "job.run", 1) in lab.counted(), "and is not done again"
    assert "another act has this id" in lab.run(*asked, "--set", "x=y", *good, code=4)
    assert "counts again" in lab.run("act", "undo", "reset-1", "--why", "too early")
    assert ("qpu1", "job.run", 3) in lab.counted()
    assert "undone" in lab.run("act", "list")
    entries = json.loads(lab.run("audit", "show", "--last", "100", "--json"))
    mine = [(e["entry"]["action"], e["entry"]["outcome"]) for e in entries if e["entry"]["action"].startswith("tally.")]
    assert mine == [
        ("tally.reset", ""), ("tally.reset", "done: qpu1 counts from zero"),
        ("tally.restore", ""), ("tally.restore", "done: what was set aside counts again"),
    ]  # fmt: skip
    assert any("signed approval by carol" in e["entry"]["why"] for e in entries)
    lab.run("audit", "verify")
    kinds = [k for (k,) in lab.select("SELECT kind FROM record_log WHERE kind LIKE 'act.%' ORDER BY sequence")]
    assert kinds == ["act.begun", "act.done", "act.begun", "act.done", "act.undone"]


def test_what_its_setting_forbids_becomes_an_incident_which_its_cause_may_explain(lab: Lab, up: Up) -> None:
    lab.happen(event("e5", "firmware.erase", "qpu3"))
    raised = up.incident("firmware.erase on qpu3, which nobody may do")
    assert (raised["state"], raised["severity"]) == ("open", 5)
    assert "no drill was announced" in up.findings(raised)
    lab.happen(event("e6", "drill.announced", "qpu4"), event("e7", "firmware.erase", "qpu4"))
    assert up.incident("firmware.erase on qpu4, which nobody may do")["state"] == "explained"


def test_its_task_and_its_detector_find_something(lab: Lab, up: Up) -> None:
    lab.happen(*(event(f"f{n}", "job.poll", "qpu5") for n in range(6)))
    assert up.incident("6 events on qpu5")["device"] == "qpu5"
    with (lab.folder / "numbers.txt").open("a") as file:
        file.writelines("900000.0\n" for _ in range(40))
    found = up.incident("n of counter miscounts")
    assert found["device"] == "counter"


def test_an_allow_list_keeps_all_of_it_out_and_the_stack_starts(lab: Lab, site: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, site)
    place.run("settings")
    (tmp_path / "strict.toml").write_text(
        'sources = ["audit:audit.jsonl"]\n[plugins]\nallow = []\n[parts.tally]\nforbidden = ["firmware.erase"]\n'
    )
    (tmp_path / "audit.jsonl").write_text(event("e1", "firmware.erase"))
    poisoned = site / "mumetal_tally" / "__init__.py"
    whole = poisoned.read_text()
    poisoned.write_text(whole + "from pathlib import Path\nPath('loaded').touch()\n")
    try:
        with place.up("--settings", "strict.toml") as up:
            assert "part tally of mumetal_tally 1.0 (not allowed)" in up.said
            wait_until(lambda: up.json("/api/v1/overview")["rows_total"] >= 1)
            assert "Tally" not in up.get("/")
        assert "No such command" in place.run("tally", "--settings", "strict.toml", code=2)
        assert "(not allowed)" in place.run("plugins", settings="strict.toml")
        assert not (tmp_path / "loaded").exists(), "nothing of it was even imported"
        assert "no source is called 'tallylog'" in place.run(
            "check", "--source", "tallylog:x", settings="strict.toml", code=2
        )
        place.run("plugins")
        assert (tmp_path / "loaded").exists(), "the trap works"
    finally:
        poisoned.write_text(whole)


def test_recorded_data_are_watched_by_it_too_where_it_is_allowed(site: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, site)
    table = '[parts.tally]\nforbidden = ["firmware.erase"]\nflood = 2\n'
    (tmp_path / "open.toml").write_text(table)
    (tmp_path / "strict.toml").write_text("[plugins]\nallow = []\n" + table)
    told = (
        event("e1", "firmware.erase", at_s=1.76e9),
        *(event(f"e{n}", "job.run", at_s=1.76e9 + n) for n in range(2, 9)),
    )
    (tmp_path / "audit.jsonl").write_text("".join(told))
    said = place.run("watch", "audit.jsonl", settings="open.toml", code=1)
    assert "firmware.erase on qpu1, which nobody may do" in said
    assert "events on qpu1" not in said, "its task is not done: it acts beside the scoring"
    assert "firmware.erase" not in place.run("watch", "audit.jsonl", settings="strict.toml", code=3)


PART = """
from mumetal.core.part import Part
from mumetal.core.ports import PluginInfo
PART = Part(info=PluginInfo(plugin_id={id!r}, title="bad"), {more})
"""
RAISING = """
from mumetal.core.ports import PluginInfo
from mumetal.core.watcher import PlainWatcher
class Raising(PlainWatcher):
    info = PluginInfo(plugin_id="bad.watcher", title="It fails")
    def wants(self, kind, subject):
        return kind == "event"
    def observe(self, data, now_ns):
        raise ValueError("a bug")
def watchers(house):
    return (Raising(),)
"""
MIGRATING = """
from mumetal.core.migration import Migration
MIGRATIONS = (Migration(prefix="core", number=3, name="x", work=("DROP TABLE incidents",)),)
"""


def beside(site: Path, tmp_path: Path, name: str, files: Mapping[str, str], part_id: str) -> Place:
    """Install a second, bad package beside the good one."""
    paths = {f"bad_package/{path}": text for path, text in {"__init__.py": "", **files}.items()}
    wheel = build_wheel(tmp_path, name, paths, {"mumetal.parts": {part_id: "bad_package.part:PART"}})
    return Place(tmp_path / "place", unpack(wheel, unpack(tally_wheel(tmp_path), tmp_path / "site")))


def test_acts_are_listed_also_when_no_stack_runs(site: Path, tmp_path: Path) -> None:
    lab = Lab(tmp_path, site)
    assert "no stack runs here" in lab.run("act", "list", code=3)
    with lab.up() as up:
        wait_until(lambda: up.json("/api/v1/tally"))
        assert "Nothing was asked for yet" in lab.run("act", "list")
        assert "claimed" not in lab.run("act", "run", "tally.nothing", *WHAT, code=2)
        lab.run("act", "run", "tally.restore", *WHAT, "--id", "back-1", "--set", "act=none")
        running = json.loads(lab.run("act", "list", "--json"))
    assert running[0]["act_id"] == "back-1"
    assert json.loads(lab.run("act", "list", "--json")) == running
    assert "back-1  done" in lab.run("act", "list")
    assert "no stack runs here" in lab.run("act", "verbs", code=3)


@pytest.mark.parametrize(
    ("part_id", "files", "says"),
    [
        ("bad", {"part.py": "raise RuntimeError('a bug')"}, "the part 'bad' of bad 1.0 cannot be loaded: a bug"),
        ("tally", {"part.py": PART.format(id="tally", more="")}, "two parts have the id 'tally'"),
        ("bad", {"part.py": PART.format(id="other", more="")}, "bad 1.0 brings no part of the id 'bad'"),
        (
            "bad",
            {"part.py": PART.format(id="bad", more="tables='bad_package.tables:MIGRATIONS'"), "tables.py": MIGRATING},
            "the part bad gives a migration under the prefix 'core'",
        ),
        (
            "bad",
            {
                "part.py": PART.format(id="bad", more="opens='bad_package.run:opens'"),
                "run.py": "raise OSError('a bug')",
            },
            "the part 'bad' cannot be opened: OSError: a bug",
        ),
    ],
    ids=["raises", "id taken", "other id", "other prefix", "raises when opened"],
)
def test_a_bad_part_is_told_clearly(
    site: Path, tmp_path: Path, part_id: str, files: Mapping[str, str], says: str
) -> None:
    place = beside(site, tmp_path, "bad", files, part_id)
    said = place.run("up", "--for", "1s", "--port", "0", code=2)
    assert says in said
    assert f"Plug-in: part {part_id} of bad 1.0" in said, "it was named before it failed"
    if says.endswith("a bug"):
        assert f"{part_id} " in place.run("plugins"), "the rest of the house still opens"


def test_a_watcher_that_fails_is_left_out_and_told_and_the_rest_goes_on(site: Path, tmp_path: Path) -> None:
    files = {"part.py": PART.format(id="bad", more="watchers='bad_package.watch:watchers'"), "watch.py": RAISING}
    place = beside(site, tmp_path, "bad", files, "bad")
    (place.folder / "mumetal.toml").write_text(
        'sources = ["audit:audit.jsonl"]\n[parts.tally]\nforbidden = ["firmware.erase"]\n'
    )
    (place.folder / "audit.jsonl").write_text(event("e1", "job.run") + event("e2", "firmware.erase"))
    with place.up() as up:
        told = up.incident("It fails: it failed and is left out")
        assert "raised ValueError" in up.findings(told)
        assert up.incident("firmware.erase on qpu1, which nobody may do")["state"] == "open"
