"""Who removes the ledger, the registry, the records or the rows is told of by what is left; a witness refuses the start."""

import json
import os
import shutil
import time
from pathlib import Path

import msgspec
import pytest
from tests.unit.trust.ledger.books import WITNESS
from typer.testing import CliRunner

from mumetal.app.settings import ServeSettings, Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core.clock import SystemClock
from mumetal.core.errors import RejectedError
from mumetal.serve.cli.app import app
from mumetal.serve.session import Session
from mumetal.trust.keys import public as publics
from mumetal.trust.ledger.folder import LedgerFolder
from mumetal.trust.ledger.journal import FRAMES
from mumetal.trust.ledger.local import log_key
from mumetal.trust.ledger.opening import open_ledger
from mumetal.trust.ledger.reading import LedgerReader
from mumetal.trust.ledger.witness import Witness


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == code, done.output
    return str(done.output)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that a stack has run on."""
    place = tmp_path_factory.mktemp("gone") / "store"
    with Session(settings_of(place), SystemClock(), None):
        pass
    return place


@pytest.fixture
def store(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path / "store")
    return tmp_path / "store"


def settings_of(store: Path) -> Settings:
    return Settings(store=StoreSettings(directory=str(store)), serve=ServeSettings(port=0))


def told(session: Session) -> list[str]:
    """Return the rules of what is found, once something is."""
    stop = time.monotonic() + 30
    while not (incidents := session.stack.incidents("local", limit=10)) and time.monotonic() < stop:
        time.sleep(0.1)
    return [f.rule for i in incidents for f in session.stack.findings("local", i.findings)]


@pytest.mark.parametrize(
    ("gone", "word"),
    [
        ("ledger", "the ledger of"),
        ("incidents.sqlite", "records of incidents"),
        ("telemetry", "rows that were read"),
        ("models", "registry of models"),
    ],
)
def test_what_is_gone_is_told_by_the_commands_and_at_the_start(store: Path, gone: str, word: str) -> None:
    run("check", "--store", store)
    run("model", "list", "--store", store)
    place = store / gone
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert word in run("check", "--store", store, code=4)
    assert word in run("model", "list", "--store", store, code=4)
    if gone == "ledger":
        assert word in run("audit", "verify", "--store", store, code=4)
    said: list[str] = []
    with Session(settings_of(store), SystemClock(), None, said.append) as session:
        found = told(session)
    assert any(word in line for line in said)
    assert found == ["serve.store_lost"]
    entries = [e for _, e in LedgerReader(store / "ledger").entries() if e.action == "stack.miss"]
    assert [word in e.why for e in entries] == [True, True]


def test_a_models_record_that_is_gone_is_told(store: Path) -> None:
    names = [r["name"] for r in json.loads(run("model", "list", "--store", store, "--json"))]
    assert names
    (store / "models" / "records" / f"{names[0]}.sealed").unlink()
    assert f"{names[0]}: the ledger knows it" in run("model", "list", "--store", store, code=4)
    assert "its record is gone" in run("model", "verify", "--store", store, code=4)


def test_a_store_that_was_never_begun_is_not_gone(tmp_path: Path) -> None:
    run("check", "--store", tmp_path / "new")
    assert "No model" in run("model", "list", "--store", tmp_path / "new")
    assert "run `mumetal up` first" in run("audit", "verify", "--store", tmp_path / "new", code=2)


def test_a_witness_of_the_settings_refuses_the_start_on_an_older_ledger_or_none(store: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(store / "ledger", older)
    ledger = open_ledger(store, SystemClock())
    entries = [e for _, e in ledger.entries()]
    ledger.append(entries[0])
    ledger.close()
    origin, public = log_key(store / "ledger")
    seen, key = tmp_path / "seen", tmp_path / "w.pub"
    key.write_bytes(publics.encode(WITNESS.public, "w1"))
    observer = Witness(name="w1", signer=WITNESS, folder=seen, origin=origin, log_key=public, clock=SystemClock())
    observer.cosign(LedgerFolder(store / "ledger"))
    settings = msgspec.structs.replace(settings_of(store), witnesses=(f"{seen}?key={key}",))
    file = tmp_path / "m.toml"
    file.write_text(f'witnesses = ["{seen}?key={key}"]\n[store]\ndirectory = "{store}"\n')
    assert json.loads(run("audit", "verify", "--settings", file, "--json"))["vouched"] > 0
    copy = ("audit", "verify", "--ledger", older, "--settings", file, "--json")
    assert json.loads(run(*copy))["vouched"] == 0  # another ledger than the one that the settings' witnesses saw
    run("check", "--settings", file)
    shutil.rmtree(store / "ledger")
    shutil.copytree(older, store / "ledger")
    assert "cut off" in run("audit", "verify", "--settings", file, code=4)
    run("check", "--settings", file, code=4)
    with pytest.raises(RejectedError, match="cut off"):
        Session(settings, SystemClock(), None)
    shutil.rmtree(store / "ledger")
    run("audit", "verify", "--settings", file, code=4)
    with pytest.raises(RejectedError, match="it is gone"):
        Session(settings, SystemClock(), None)
    shutil.rmtree(store)
    run("audit", "verify", "--settings", file, code=4)
    run("check", "--settings", file, code=4)


def test_an_emptied_ledger_is_told_like_one_that_is_gone(store: Path) -> None:
    ledger = store / "ledger"
    whole = store.with_name("whole")
    shutil.copytree(ledger, whole)
    (segment,) = (ledger / "journal").iterdir()
    os.truncate(segment, FRAMES)
    (ledger / "checkpoint").unlink()
    assert "has no checkpoint any more" in run("audit", "verify", "--store", store, code=4)
    assert "the journal was emptied" in run("audit", "verify", "--ledger", ledger, "--key", whole / "log.pub", code=4)
    run("check", "--store", store, code=4)
    with pytest.raises(RejectedError, match="checkpoint is gone"):
        Session(settings_of(store), SystemClock(), None)
    shutil.rmtree(ledger)
    shutil.copytree(whole, ledger)
    (ledger / "journal" / segment.name).unlink()
    assert "the journal is gone" in run("audit", "verify", "--store", store, code=4)
    with pytest.raises(RejectedError, match="the journal is gone"):
        Session(settings_of(store), SystemClock(), None)


def test_a_ledger_of_which_only_an_empty_folder_is_left_is_told_at_the_start(store: Path) -> None:
    shutil.rmtree(store / "ledger")
    (store / "ledger" / "journal").mkdir(parents=True)
    run("audit", "verify", "--store", store, code=4)
    run("check", "--store", store, code=4)
    with Session(settings_of(store), SystemClock(), None) as session:
        assert told(session) == ["serve.store_lost"]


def test_a_pipe_as_a_models_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = run("model", "register", "m", tmp_path / "pipe", "--promises", tmp_path / "p", "--store", tmp_path, code=2)
    assert "no regular file" in said
