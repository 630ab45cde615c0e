"""The power page and command: every technique is on it, seen or blind, over real stores."""

from pathlib import Path

import msgspec
from tests.fake_desk import FakeDesk
from tests.web_client import WebClient
from typer.testing import CliRunner

from mumetal.app.settings import ServeSettings
from mumetal.catalog.techniques import techniques
from mumetal.serve.cli.app import app
from mumetal.serve.web import create_app


def test_the_page_lists_every_technique_and_says_blind() -> None:
    client = WebClient(create_app(FakeDesk(), ServeSettings(), report=lambda t, i: f"# {t} {i}\n"))
    answer = client.get("/power")
    assert answer.status_code == 200
    for technique in techniques():
        assert technique.title.split("'")[0] in answer.text
    assert "blind" in answer.text
    assert client.get("/power?lasting=0").status_code == 400


def test_the_command_reads_what_a_run_on_recorded_data_has_stored(tmp_path: Path) -> None:
    data = tmp_path / "cryostat.csv"
    rows = "\n".join(
        f"2026-01-01T00:{m:02d}:{s:02d}Z,{4 + 0.001 * ((7 * s + m) % 13)}" for m in range(10) for s in range(60)
    )
    data.write_text(f"time,mxc.temperature [K]\n{rows}\n")
    runner = CliRunner()
    store = tmp_path / "store"
    seen = runner.invoke(app, ["watch", str(data), "--store", str(store)])
    assert seen.exit_code in {0, 1}, seen.output
    said = runner.invoke(app, ["power", "--store", str(store), "--json"])
    assert said.exit_code == 0, said.output
    entries = msgspec.json.decode(said.output)
    assert {e["technique"] for e in entries} == {t.technique_id for t in techniques()}
    cryostat = next(e for e in entries if e["technique"] == "evasion.telemetry_replay")
    assert cryostat["blind"] is False, cryostat
    assert "blind" in runner.invoke(app, ["power", "--store", str(store)]).output.lower()


def test_an_empty_folder_and_a_senseless_length_are_refused(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["power", "--store", str(tmp_path)]).exit_code == 2
    assert runner.invoke(app, ["power", "--store", str(tmp_path), "--lasting", "9000h"]).exit_code == 2
