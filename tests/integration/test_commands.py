"""The commands, run as a stranger would: real processes, real folders, real pages."""

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.web_client import token_headers
from typer.testing import CliRunner

from mumetal.serve.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorials" / "watch-your-cryostat.md"


def mumetal(*words: str, cwd: Path, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mumetal", *words], cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    done = mumetal("twin", "record", "lab", "--happening", "cryostat_sabotage@4h+30m", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


STORE = ".mumetal"


def attacks_found(url: str, store: Path) -> list[Any]:
    """Return the open incidents that overlap an attack of the demonstration's own truth."""
    raised = [i for i in ask(url, "/api/v1/incidents", store) if i["state"] == "open" and i["severity"] >= 4]
    attacks = [t for t in ask(url, "/api/v1/truth", store) if t["kind"] == "attack"]
    return [
        i
        for i in raised
        if any(
            i["device"] == t["device"] and i["start_ns"] <= t["stop_ns"] and i["stop_ns"] >= t["start_ns"]
            for t in attacks
        )
    ]


def test_a_demonstration_ends_by_itself_and_what_was_done_is_in_the_ledger(tmp_path: Path) -> None:
    done = mumetal("up", "--for", "3s", "--port", "0", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["summary"]["refused"] == 0
    assert said["incidents"]
    assert {i["device"] for i in said["incidents"]} <= {"brisbane", "hanoi", "perth", "sherbrooke"}
    handled_and_verified(tmp_path)


@pytest.mark.full
def test_a_demonstration_finds_an_attack_and_what_was_done_is_in_the_ledger(tmp_path: Path) -> None:
    process, url = start_up(tmp_path)
    try:
        wait_until(lambda: attacks_found(url, tmp_path / STORE))
    finally:
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=400)[0]
    assert process.returncode == 0, output
    handled_and_verified(tmp_path)


def handled_and_verified(folder: Path) -> None:
    """Label an incident of the demonstration, find that in the ledger, then change the ledger and have it refused."""
    verified = mumetal("audit", "verify", "--json", cwd=folder)
    assert verified.returncode == 0
    assert json.loads(verified.stdout)["entries"] >= 2
    shown = mumetal("incidents", cwd=folder)
    assert "incident" in shown.stdout
    chosen = json.loads(mumetal("incidents", "--json", cwd=folder).stdout)[0]["incident_id"]
    changed = mumetal("incident", chosen[:12], "--label", "attack", "--owner", "ana", "--json", cwd=folder)
    assert changed.returncode == 0, changed.stderr
    assert json.loads(changed.stdout)["incident"]["label"] == "attack"
    last = json.loads(mumetal("audit", "show", "--last", "2", "--json", cwd=folder).stdout)
    assert [e["entry"]["outcome"] for e in last] == ["", "done"]
    ledger = next((folder / ".mumetal" / "demo" / "ledger" / "journal").iterdir())
    whole = ledger.read_bytes()
    assert b"label=attack" in whole
    ledger.write_bytes(whole.replace(b"label=attack", b"label=attacK", 1))
    assert mumetal("audit", "verify", cwd=folder).returncode == 4


def test_recorded_data_are_watched_once_and_the_exit_code_says_what_was_found(lab: Path) -> None:
    done = mumetal("watch", "lab", "--json", cwd=lab)
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    truth = json.loads((lab / "lab" / "truth.json").read_text())[0]
    raised = [i for i in said["incidents"] if i["state"] == "open" and i["severity"] >= 4]
    assert any(i["start_ns"] <= truth["stop_ns"] and i["stop_ns"] >= truth["start_ns"] for i in raised)
    early = [i for i in raised if i["stop_ns"] < truth["start_ns"]]
    assert not early
    assert said["quarantined"] == []
    assert {s["device"] for s in said["streams"]} == {"bluefors", "brisbane"}


def test_quiet_data_are_clean(tmp_path: Path) -> None:
    assert mumetal("twin", "record", "lab", "--for", "5h", cwd=tmp_path).returncode == 0
    done = mumetal("watch", "lab/bluefors", "--json", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert done.returncode == 0, said["incidents"]
    assert {s["state"] for s in said["streams"]} == {"watching"}


def test_what_was_too_short_to_be_judged_is_not_clean(tmp_path: Path) -> None:
    rows = (f"2026-11-01T00:{n // 60:02d}:{n % 60:02d}Z,{0.01 + (n > 80)}\n" for n in range(100))
    (tmp_path / "short.csv").write_text("time,mxc.temperature[K]\n" + "".join(rows))
    done = mumetal("watch", "short.csv", "--out", "report.md", cwd=tmp_path)
    assert done.returncode == 3
    assert "Not judged" in done.stderr
    told = "100 rows of 1 streams: 0 incidents that nothing innocent explains, 0 explained, 0 pieces of input refused"
    assert done.stdout == f"{told}; wrote report.md\n"
    assert f"{told}." in (tmp_path / "report.md").read_text()
    again = mumetal("watch", "short.csv", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["rows"] == 100
    assert told in again.stderr
    assert f"{told}." in mumetal("watch", "short.csv", cwd=tmp_path).stdout
    assert "Not judged" in (tmp_path / "report.md").read_text()[:400]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("watch", "nothing"), 2, "there is nothing here"),
        (("watch", "bluefors:nothing"), 3, "nothing"),
        (("up", "--source", "nonsense"), 2, "KIND:PLACE"),
        (("up", "--source", "wrong:place"), 2, "wrong"),
        (("up", "--for", "soon"), 2, "90s"),
        (("up", "--host", "0.0.0.0", "--port", "0"), 4, "TLS"),
        (("up", "--settings", "none.toml"), 2, "none.toml"),
        (("incident", "x"), 2, "mumetal up"),
        (("audit", "verify"), 2, "mumetal up"),
    ],
)
def test_errors_say_what_is_wrong_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, says: str
) -> None:
    done = mumetal(*words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, [*words, "--json"])
    assert told.exit_code == code
    assert json.loads(told.stdout)["message"]


def test_without_a_command_it_says_what_to_do_next(tmp_path: Path) -> None:
    done = mumetal(cwd=tmp_path)
    assert done.returncode == 0
    assert "mumetal up" in done.stdout
    assert mumetal("--version", cwd=tmp_path).stdout.startswith("mumetal ")
    assert json.loads(mumetal("--json", cwd=tmp_path).stdout)["running"] is None


def test_check_tells_a_good_source_from_a_bad_one(lab: Path) -> None:
    good = mumetal("check", "--source", "bluefors:lab/bluefors", "--store", "s", "--json", cwd=lab)
    assert good.returncode == 0
    bad = mumetal("check", "--source", "bluefors:elsewhere", "--store", "s", cwd=lab)
    assert bad.returncode == 3
    assert "BAD" in bad.stdout


def test_settings_can_be_saved_and_used(tmp_path: Path) -> None:
    (tmp_path / "mumetal.toml").write_text(mumetal("settings", cwd=tmp_path).stdout.replace("8470", "8471"))
    assert json.loads(mumetal("settings", "--json", cwd=tmp_path).stdout)["serve"]["port"] == 8471


def start_up(cwd: Path, *words: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "mumetal", "up", "--port", "0", *words],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    while line := process.stdout.readline():  # the first start tells of the key it makes before its address
        said += line
        if found := re.search(r"http://[\d.:]+", line):
            return process, found[0]
    pytest.fail(said)


def ask(url: str, path: str, store: Path) -> Any:
    line = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    line.request("GET", path, headers=token_headers(store))
    body = line.getresponse().read()
    line.close()
    return json.loads(body)


def wait_until(what: Any, seconds: float = 400) -> Any:
    for _ in range(round(seconds / 0.25)):
        if said := what():
            return said
        time.sleep(0.25)
    pytest.fail("it did not come about in time")


def test_ones_own_source_is_watched_survives_a_kill_and_ends_cleanly(lab: Path, tmp_path: Path) -> None:
    source = ("--source", f"bluefors:{lab / 'lab' / 'bluefors'}?device=fridge")
    process, url = start_up(tmp_path, *source)
    found = wait_until(lambda: [i for i in ask(url, "/api/v1/incidents", tmp_path / STORE) if i["severity"] >= 4])
    rows = ask(url, "/api/v1/overview", tmp_path / STORE)["rows_total"]
    process.kill()
    process.communicate(timeout=400)
    process, url = start_up(tmp_path, *source)
    try:
        again = ask(url, "/api/v1/incidents", tmp_path / STORE)
        assert found[0]["incident_id"] in {i["incident_id"] for i in again}
        changed = mumetal("incident", found[0]["incident_id"], "--state", "acknowledged", "--json", cwd=tmp_path)
        assert json.loads(changed.stdout)["incident"]["state"] == "acknowledged", changed.stderr
        assert ask(url, "/api/v1/overview", tmp_path / STORE)["rows_total"] < rows, (
            "what was committed is not read again"
        )
        beside = mumetal("up", "--port", "0", *source, cwd=tmp_path)
        assert beside.returncode == 3, "one folder has one owner"
    finally:
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=400)[0]
    assert process.returncode == 0, output
    assert "Ran " in output


def test_the_tutorial_works_as_printed(tmp_path: Path) -> None:
    blocks = re.findall(r"```console\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    commands = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    assert len(commands) >= 4
    known = ""
    for command in commands:
        words = shlex.split(command.replace("ID", known))
        assert words[0] == "mumetal"
        if words[1] == "up":
            words += ["--port", "0"]
        done = mumetal(*words[1:], cwd=tmp_path)
        assert done.returncode in {0, 1}, done.stderr
        expected = next(b.partition(command + "\n")[2] for b in blocks if command in b).split("$ ")[0].strip()
        assert expected in done.stdout
        if words[1] == "up":
            listed = json.loads(mumetal("incidents", "--json", cwd=tmp_path).stdout)
            known = listed[0]["incident_id"]
    assert (tmp_path / "report.md").read_text().startswith("# Mumetal report")
