"""What a scan finds, from the command to the incident and its pages: filed once, closed when mended, opened when back."""

import json
import os
import secrets
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.fake_desk import FakeDesk
from tests.web_client import WebClient, token_headers
from typer.testing import CliRunner

from mumetal.access import scopes
from mumetal.access.tokens import token_file
from mumetal.app import running, wiring
from mumetal.app.scans import Scans
from mumetal.app.settings import ServeSettings, Settings
from mumetal.app.stack import Stack
from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores.records.opening import open_records
from mumetal.core import LOCAL
from mumetal.core.clock import SystemClock
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.records import Records
from mumetal.core.sighting import Choice
from mumetal.serve.cli.app import app
from mumetal.serve.session import Session
from mumetal.serve.web import create_app
from mumetal.trust.ledger import opening as ledgers
from mumetal.trust.ledger.reading import LedgerReader

RUN = CliRunner()
ME = scopes.person(LOCAL, "operator")


def token() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))


class Repo:
    """A folder with a leaked token and an unsafe line, and a store outside it."""

    def __init__(self, folder: Path) -> None:
        self.work, self.store, self.token = folder / "work", folder / "store", token()
        (self.work / "src").mkdir(parents=True)
        self.leak, self.load = self.work / "src" / "run.py", self.work / "src" / "load.py"
        self.write()
        self.load.write_text("import pickle\n\ndef handle_job(job):\n    return pickle.loads(job['circuit'])\n")

    def write(self) -> None:
        self.leak.write_text(f'service = QiskitRuntimeService(token="{self.token}")\n')

    def scan(self, *words: str, code: int | None = None) -> str:
        done = RUN.invoke(app, ["scan", *words, "--store", str(self.store), "--target", "lab"])
        if code is not None:
            assert done.exit_code == code, done.output
        return done.output

    def opened(self) -> Records:
        return open_records(self.store)

    def change(self, *words: str) -> None:
        incident = self.incident().incident_id
        assert RUN.invoke(app, ["incident", incident, "--store", str(self.store), *words]).exit_code == 0

    def incident(self) -> Incident:
        kept = self.opened()
        try:
            return next(i for i in kept.incidents(ME) if "token" in i.title.lower() or "ibm" in i.title.lower())
        finally:
            kept.close()


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    made = Repo(tmp_path)
    monkeypatch.chdir(made.work)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "scan-cache"))
    yield made
    for file in made.store.rglob("*"):
        if file.is_file():
            assert made.token.encode() not in file.read_bytes(), f"{file.name} tells the secret"


def test_a_scan_is_filed_once_and_what_is_mended_closes_itself(repo: Repo) -> None:
    assert "new" in repo.scan(code=1)
    kept = repo.opened()
    first = kept.sightings.listed(ME)
    incidents = kept.incidents(ME)
    assert {s.path for s in first} == {"src/run.py", "src/load.py"}
    assert len(incidents) == 2, "one for secrets, one for code"
    assert {s.incident_id for s in first} == {i.incident_id for i in incidents}
    repo.leak.write_text("# a line above\n\n" + repo.leak.read_text())
    assert "new" not in repo.scan(code=1)
    again = kept.sightings.listed(ME)
    assert {s.finding_id for s in again} == {s.finding_id for s in first}
    assert next(s.line for s in again if s.path == "src/run.py") == 3
    moved = next(s for s in again if s.path == "src/run.py")
    assert kept.findings(ME, [moved.finding_id])[0].evidence[0].uri == "file:src/run.py#L3"
    assert len(kept.incidents(ME)) == 2

    repo.leak.write_text("service = QiskitRuntimeService()\n")
    assert "1 closed" in repo.scan(code=1)
    mended = kept.incident(ME, moved.incident_id)
    assert mended.state is IncidentState.RESOLVED
    assert any("no longer found" in e.what and e.actor == "mumetal.scan" for e in mended.timeline)
    assert [s.path for s in kept.sightings.listed(ME)] == ["src/load.py"]

    repo.write()
    assert "1 back again" in repo.scan(code=1)
    assert kept.incident(ME, moved.incident_id).state is IncidentState.OPEN
    assert len(kept.incidents(ME)) == 2
    kept.close()
    ledger = LedgerReader(repo.store / "ledger")
    ledger.verify()
    acts = [e.action for _, e in ledger.entries(0, 1_000)]
    assert acts.count("scan.file") == 8
    assert "incident.page" in acts


def test_what_a_person_said_stays_said_while_the_finding_stands(repo: Repo) -> None:
    repo.scan(code=1)
    repo.change("--state", "resolved", "--owner", "ada", "--label", "benign")
    assert "2 known" in repo.scan(code=1)
    incident = repo.incident()
    assert (incident.state, incident.owner, incident.label) == ("resolved", "ada", "benign")


def test_a_scan_of_a_part_closes_nothing_beside_it(repo: Repo) -> None:
    repo.scan(code=1)
    repo.leak.unlink()
    repo.scan("src/load.py", code=1)
    repo.scan("--only", "code", code=1)
    kept = repo.opened()
    assert len(kept.sightings.listed(ME)) == 2
    repo.scan("src", code=1)
    assert len(kept.sightings.listed(ME)) == 1
    kept.close()


def test_a_baselined_finding_closes_with_its_reason(repo: Repo) -> None:
    repo.scan(code=1)
    assert RUN.invoke(app, ["scan", "--baseline", "known.json", "--write-baseline"]).exit_code == 0
    book = json.loads(Path("known.json").read_text())
    for known in book["known"]:
        known["reason"] = "a test key"
    Path("known.json").write_text(json.dumps(book))
    repo.scan("--baseline", "known.json", code=0)
    kept = repo.opened()
    closed = kept.sightings.listed(ME, Choice(closed=True))
    kept.close()
    assert len(closed) == 2
    assert all("a test key" in s.reason for s in closed)


def test_a_finding_is_opened_again_with_its_digest(repo: Repo) -> None:
    repo.scan(code=1)
    listed = json.loads(RUN.invoke(app, ["scan", "findings", "--store", str(repo.store), "--json"]).output)
    leak = next(s for s in listed if s["path"] == "src/run.py")
    told = RUN.invoke(app, ["scan", "finding", leak["finding_id"][:10], "--store", str(repo.store)])
    assert told.exit_code == 1, told.output
    assert "the bytes are those that were seen" in told.output
    assert "revoke:" in told.output
    assert repo.token not in told.output
    repo.leak.write_text("x = 1\n")
    told = RUN.invoke(app, ["scan", "finding", leak["finding_id"], "--store", str(repo.store)])
    assert "the file changed since" in told.output


def test_a_history_is_recorded_and_opened_again(repo: Repo) -> None:
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", *words], check=True)
    repo.scan("--history", "--only", "secrets", code=1)
    kept = repo.opened()
    seen = kept.sightings.listed(ME)[0]
    kept.close()
    assert seen.mode == "history"
    told = RUN.invoke(app, ["scan", "finding", seen.finding_id, "--store", str(repo.store)]).output
    assert "the bytes are those that were seen" in told


def test_a_running_stack_takes_the_scan_and_shows_it(repo: Repo) -> None:
    settings = Settings(store=StoreSettings(directory=str(repo.store)), serve=ServeSettings(port=0))
    clock = SystemClock()
    with Session(settings, clock, None) as session:
        token = str(token_file(repo.store))
        running.write(
            repo.store, running.Running(pid=os.getpid(), url=session.url, since_ns=clock.now_ns(), token=token)
        )
        repo.scan(code=1)
        known = token_headers(repo.store)
        found = httpx.get(f"{session.url}/api/v1/scans/findings?rule=scan.secrets", headers=known).json()
        assert [s["path"] for s in found] == ["src/run.py"]
        assert [i.state for i in session.stack.incidents(LOCAL)] == [IncidentState.OPEN] * 2
        page = httpx.get(f"{session.url}/scans/{found[0]['finding_id']}", headers=known).text
        assert "Why it matters" in page
        assert "Delete the key" in page
        running.clear(repo.store)


def test_the_pages_list_choose_and_escape(repo: Repo) -> None:
    bad = repo.work / "src" / "<b>x.py"
    bad.write_text(repo.load.read_text())
    repo.scan(code=1)
    settings = Settings(store=StoreSettings(directory=str(repo.store)))
    with ledgers.opened(repo.store, SystemClock()) as ledger, wiring.opened_stores(settings, SystemClock()) as stores:
        shown(wiring.build(settings, SystemClock(), ledger, stores))


def shown(stack: Stack) -> None:
    client = WebClient(create_app(FakeDesk(), ServeSettings(), scans=Scans(filing=stack.filing, rows=stack.sightings)))
    page = client.get("/scans").text
    assert "&lt;b&gt;x.py" in page
    assert "<b>x.py" not in page
    assert "src/run.py" not in client.get("/scans?rule=scan.code").text
    assert "src/run.py" in client.get("/scans?severity=high&path=run").text
    assert client.get("/scans?severity=awful").status_code == 400
    assert client.get("/scans/none").status_code == 404
    assert client.get("/api/v1/scans/findings/none").status_code == 404
    body = b'{"mumetal_scan": 1, "version": "x"}'
    assert (
        client.post("/api/v1/push/scan", content=body, headers={"Content-Type": "application/json"}).status_code == 400
    )
    assert client.post("/api/v1/push/scan", content=body).status_code == 400
    none = WebClient(create_app(FakeDesk(), ServeSettings()))
    assert "mumetal scan . --record" in none.get("/scans").text
