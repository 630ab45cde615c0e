"""From the command line: keys, roots, a ledger that is proved, witnessed, exported and found out."""

import json
import shutil
from pathlib import Path

import pytest
from tests.trust_keys import T0, counting
from tests.unit.trust.ledger.books import entries
from typer.testing import CliRunner

from mumetal.core.clock import ManualClock
from mumetal.serve.cli.app import app
from mumetal.trust.ledger.local import open_local

PHRASE = "correct horse battery"


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner(env={"PHRASE": PHRASE}).invoke(app, [str(a) for a in arguments])
    assert done.exit_code == code, done.output
    return str(done.output)


def test_keys_roots_and_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHRASE", PHRASE)
    people = ("alice", "bob", "carol")
    for person in people:
        run("keys", "new", tmp_path / person, "--name", person, "--plain")
    run("keys", "new", tmp_path / "alice", "--name", "alice", "--plain", code=2)
    sealed = json.loads(run("keys", "new", tmp_path / "s", "--name", "s", "--passphrase", "env:PHRASE", "--json"))
    assert sealed["sealed"]
    shown = json.loads(run("keys", "public", f"file:{tmp_path / 's'}?passphrase=env:PHRASE", "--name", "s"))
    assert shown["key_id"] == sealed["key_id"]
    run("keys", "public", f"file:{tmp_path / 's'}", "--name", "s", code=3)

    plan = tmp_path / "plan.toml"
    keys = "".join(f'[keys.{p}]\npublic = "{p}.pub"\n' for p in people)
    roles = '[roles.root]\nowners = ["alice", "bob", "carol"]\nthreshold = 2\n'
    plan.write_text(keys + roles)
    alice, bob = f"file:{tmp_path / 'alice'}", f"file:{tmp_path / 'bob'}"
    roots = ("--roots", tmp_path / "roots")
    first = json.loads(run("keys", "root", plan, *roots, "--sign", alice, "--json"))
    assert not first["complete"]
    run("keys", "list", *roots, "--pin", first["pin"], code=4)
    run("keys", "countersign", first["root"], "--sign", bob)
    assert "good" in run("keys", "list", *roots, "--pin", first["pin"])
    plan.write_text(keys + '[roles.root]\nowners = ["alice", "bob"]\nthreshold = 2\n')
    plan.write_text(plan.read_text().replace('"carol.pub"\n', '"carol.pub"\nrevoked = "laptop stolen"\n'))
    run("keys", "root", plan, *roots, "--sign", alice, code=2)
    second = json.loads(
        run("keys", "root", plan, *roots, "--pin", first["pin"], "--sign", alice, "--sign", bob, "--json")
    )
    assert second["complete"]
    listed = json.loads(run("keys", "list", *roots, "--pin", first["pin"], "--json", code=1))
    assert (listed["version"], listed["keys"][0]["state"]) == (2, "revoked: laptop stolen")
    run("keys", "list", *roots, "--pin", "0" * 64, code=4)


def test_a_ledger_is_proved_witnessed_exported_and_found_out(tmp_path: Path) -> None:
    ledger = open_local(tmp_path / "store" / "ledger", clock=ManualClock(T0), entropy=counting())
    ledger.append_many(entries(0, 700))
    ledger.publish()
    store = ("--store", tmp_path / "store")
    key = tmp_path / "log.pub"
    shutil.copy(tmp_path / "store" / "ledger" / "log.pub", key)
    run("keys", "new", tmp_path / "wk", "--name", "w1", "--plain")
    witness = ("--name", "w1", "--sign", f"file:{tmp_path / 'wk'}", "--key", key)
    assert "700 entries continue" in run("audit", "witness", tmp_path / "w", *witness, *store)
    ledger.append_many(entries(700, 800))
    ledger.close()

    assert "inc-799" in run("audit", "show", *store, "--last", 3)
    with_witness = ("--witnessed", tmp_path / "w", "--witness-key", tmp_path / "wk.pub", "--key", key)
    assert "first 700" in run("audit", "verify", *store, *with_witness)
    assert "No witness" in run("audit", "verify", *store)
    proof = tmp_path / "proof.json"
    proof.write_text(run("audit", "prove", 650, *store))
    assert "inc-650" in run("audit", "check", proof, "--key", key)
    forged = json.loads(proof.read_text())
    forged["index"] = 651
    proof.write_text(json.dumps(forged))
    run("audit", "check", proof, "--key", key, code=4)
    run("audit", "prove", 800, *store, code=3)

    copy = tmp_path / "copy"
    assert json.loads(run("audit", "export", copy, *store, "--json"))["entries"] == 800
    assert "800 entries hold" in run("audit", "verify", "--ledger", copy, *with_witness)
    assert "inc-799" in run("audit", "show", "--ledger", copy)
    bundle = copy / "tile" / "entries" / "001"
    bundle.write_bytes(bundle.read_bytes().replace(b"inc-300", b"inc-333"))
    assert "entries 300 to 300" in run("audit", "verify", "--ledger", copy, *with_witness, code=4)
    facts = json.loads(run("audit", "verify", "--ledger", copy, "--key", key, "--json", code=4))
    assert facts["damages"][0]["start"] == 300
    run("audit", "verify", *store, "--witnessed", tmp_path / "w", code=2)
    run("audit", "verify", "--ledger", tmp_path / "none", code=3)


def test_an_installations_key_is_made_once(tmp_path: Path) -> None:
    first = open_local(tmp_path / "ledger", clock=ManualClock(T0), entropy=counting())
    public = first.public
    first.append(entries(0, 1)[0])
    first.close()
    assert (tmp_path / "ledger.key").stat().st_mode & 0o777 == 0o600
    again = open_local(tmp_path / "ledger", clock=ManualClock(T0), entropy=counting("other"))
    assert again.public == public
    again.verify()
    again.close()


def test_an_older_checkpoint_put_back_and_a_kept_one_that_knows_better(tmp_path: Path) -> None:
    ledger = open_local(tmp_path / "store" / "ledger", clock=ManualClock(T0), entropy=counting())
    ledger.append_many(entries(0, 300))
    ledger.publish()
    folder, store = tmp_path / "store" / "ledger", ("--store", tmp_path / "store")
    shutil.copytree(folder, tmp_path / "older")
    ledger.append_many(entries(300, 320))
    ledger.close()
    shutil.copy(folder / "checkpoint", tmp_path / "kept")
    key = tmp_path / "log.pub"
    shutil.copy(folder / "log.pub", key)
    kept = ("--checkpoint", tmp_path / "kept", "--key", key)
    told = json.loads(run("audit", "verify", *store, *kept, "--json"))
    assert (told["vouched"], told["unproved"], told["verified"]) == (320, 0, True)
    shutil.copy(tmp_path / "older" / "checkpoint", folder / "checkpoint")
    assert "older checkpoint was put back" in run("audit", "verify", *store, *kept, code=4)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "older", folder)
    assert "cut off" in run("audit", "verify", *store, *kept, code=4)
    assert json.loads(run("audit", "verify", *store, "--json"))["unproved"] == 300


def test_the_key_is_replaced_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_local(tmp_path / "store" / "ledger", clock=ManualClock(T0), entropy=counting()).close()
    store = ("--store", tmp_path / "store")
    shutil.copy(tmp_path / "store" / "ledger" / "log.pub", tmp_path / "log.pub")
    told = json.loads(run("audit", "rotate-key", *store, "--json"))
    assert told["key"] != told["former"]
    monkeypatch.setenv("LOG_KEY", "ab" * 32 + "cd" * 32)
    assert "Keep the new log.pub" in run("audit", "rotate-key", "--to", "env:LOG_KEY", *store)
    assert not (tmp_path / "store" / "ledger.key").exists()
    run("audit", "verify", *store, "--key", tmp_path / "log.pub")
    shown = run("audit", "show", *store)
    assert shown.count("ledger.rotate_key") == 4
    assert shown.count("ledger.key_replaced") == 2
    run("audit", "rotate-key", "--store", tmp_path / "nowhere", code=3)
