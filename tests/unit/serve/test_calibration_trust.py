"""From a calibration file to an incident: a change that no signed recalibration explains is told, a declared one is not."""

import json
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.trust_keys import ALICE, BOB, CAROL, MALLORY, T0, a_root
from typer.testing import CliRunner

from mumetal.app import wiring
from mumetal.app.replay import replay
from mumetal.app.settings import Settings
from mumetal.connect.settings import StoreSettings
from mumetal.connect.sources import open_source
from mumetal.core.clock import ManualClock, SystemClock
from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.respond.triage import Inventory
from mumetal.serve.cli.app import app
from mumetal.trust.keys import sealed
from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.ledger import opening as ledgers
from mumetal.trust.signing import calibration
from mumetal.trust.signing import root_chain as chain
from mumetal.trust.signing.signed_calibrations import SignedFolder, SignedSetWatcher, signed_folder
from mumetal.watch.settings import WatchSettings

WHERE = ("2026-03-01T08:00:00+00:00", "2026-03-02T08:00:00+00:00")
DONE = calibration.Recalibration(
    device="ibm_test",
    actor="bob",
    ticket="CHG-7",
    channels=("q0.*",),
    max_relative_change=0.2,
    start_ns=1_772_352_000 * 10**9,
    stop_ns=1_772_438_400 * 10**9,
)


def properties(when: str, t1_us: float, t2_us: float = 80.0) -> bytes:
    qubit = [
        {"date": when, "name": "T1", "unit": "us", "value": t1_us},
        {"date": when, "name": "T2", "unit": "us", "value": t2_us},
    ]
    said = {"backend_name": "ibm_test", "backend_version": "1", "last_update_date": when, "gates": [], "general": []}
    return json.dumps({**said, "qubits": [qubit, qubit]}).encode()


class Lab:
    """A folder of calibrations, a trust root, and a folder of what was signed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.sets, self.signed, self.roots = place / "sets", place / "signed", place / "roots"
        for folder in (self.sets, self.signed, self.roots):
            folder.mkdir()
        data = chain.sign_root(a_root(), [ALICE, BOB])
        (self.roots / "1.root.json").write_bytes(data)
        self.pin = chain.digest(data)
        self.spec = f"{self.signed}?roots={self.roots}&pin={self.pin}"
        (self.sets / "a.json").write_bytes(properties(WHERE[0], 100.0))
        (self.sets / "b.json").write_bytes(properties(WHERE[1], 112.0))

    def watch(self) -> SignedSetWatcher:
        folder = signed_folder(self.spec)
        assert folder is not None
        return SignedSetWatcher(folder, self.before, ManualClock(T0))

    def before(self, _tenant: str, _device: str, limit: int, until_ns: int) -> list[DeviceSnapshot]:
        return [s for s in self.snapshots() if s.t_ns < until_ns][-limit:]

    def snapshots(self) -> list[DeviceSnapshot]:
        found = open_source(f"ibm:{self.sets}").poll("", 10**6).data
        return sorted((d for d in found if isinstance(d, DeviceSnapshot)), key=lambda d: d.t_ns)

    def declare(self, *signers: SoftKey, done: calibration.Recalibration = DONE, name: str = "x") -> None:
        data = calibration.sign_recalibration(done, signers)
        (self.signed / f"{name}.recalibration.json").write_bytes(data)

    def details(self) -> list[str]:
        return [f.detail for f in self.watch().inspect(self.snapshots()[-1])]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_what_is_declared_by_two_signers_is_explained_and_nothing_else(lab: Lab) -> None:
    (first,) = lab.details()
    assert "q0.T1 0.0001 → 0.000112" in first
    assert "q1.T1" in first
    lab.declare(ALICE)
    (alone,) = lab.details()
    assert "Not counted: x.recalibration.json: step 6" in alone
    lab.declare(ALICE, MALLORY)
    assert len(lab.details()) == 1
    lab.declare(ALICE, BOB)
    (half,) = lab.details()
    assert "q0.T1" not in half
    assert "q1.T1" in half
    lab.declare(BOB, CAROL, done=replace(DONE, channels=("q1.*",)), name="y")
    assert lab.details() == []
    (lab.signed / "z.recalibration.json").write_bytes(b"{")
    assert lab.details() == []
    assert lab.watch().inspect(lab.snapshots()[0]) == []  # there is nothing before the first


def test_a_set_that_is_signed_as_it_is_needs_no_declaration(lab: Lab) -> None:
    newest = lab.snapshots()[-1]
    place = lab.signed / f"ibm_test-{newest.t_ns}.set.json"
    place.write_bytes(calibration.sign_set(newest, [ALICE]))
    assert len(lab.details()) == 1
    place.write_bytes(calibration.sign_set(newest, [ALICE, CAROL]))
    assert lab.details() == []
    (lab.sets / "b.json").write_bytes(properties(WHERE[1], 113.0))  # changed after it was signed
    assert len(lab.details()) == 1


def test_a_revoked_signer_or_a_root_that_does_not_hold_explains_nothing(lab: Lab) -> None:
    lab.declare(ALICE, BOB, done=replace(DONE, channels=("*",)))
    assert lab.details() == []
    root = a_root()
    keys = tuple(
        replace(k, revoked_ns=root.issued_ns + 1, revoked_why="laptop stolen") if k.owner == "alice" else k
        for k in root.keys
    )
    second = TrustRoot(version=2, issued_ns=root.issued_ns + 1, expires_ns=root.expires_ns, keys=keys, roles=root.roles)
    (lab.roots / "2.root.json").write_bytes(chain.sign_root(second, [BOB, CAROL]))
    assert len(lab.details()) == 1
    (lab.roots / "1.root.json").write_bytes(b"{}")
    (said,) = lab.details()
    assert "Nothing signed could be read" in said
    (lab.roots / "1.root.json").unlink()
    assert len(lab.details()) == 1


def settings(lab: Lab, store: Path) -> Settings:
    return msgspec.structs.replace(
        Settings(),
        store=StoreSettings(directory=str(store)),
        watch=WatchSettings(learning_rows=64, learning_s=0.0),
        sources=(f"ibm:{lab.sets}",),
        calibrations=lab.spec,
    )


def test_recorded_files_become_an_incident_or_not(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mumetal.app.replay.SystemClock", lambda: ManualClock(T0))

    def raised(store: str) -> list[str]:
        (tmp_path / store).mkdir()
        chosen = settings(lab, tmp_path / store)
        source = open_source(chosen.sources[0])
        done = replay(chosen, Inventory(), [source], tmp_path / store, lambda *_: None)
        return [f.rule for f in done.findings if f.rule == calibration.RULE]

    assert raised("one") == [calibration.RULE]
    lab.declare(ALICE, BOB, done=replace(DONE, channels=("q?.T1",)))
    assert raised("two") == []


def test_of_a_long_recording_every_set_is_held_against_the_one_before_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mumetal.app.replay.SystemClock", lambda: ManualClock(T0))
    for day in range(3, 31):
        (lab.sets / f"c{day}.json").write_bytes(properties(f"2026-03-{day:02d}T08:00:00+00:00", 100.0 + day))
    (tmp_path / "long").mkdir()
    source = open_source(f"ibm:{lab.sets}")
    done = replay(settings(lab, tmp_path / "long"), Inventory(), [source], tmp_path / "long", lambda *_: None)
    assert len([f for f in done.findings if f.rule == calibration.RULE]) == 29


def test_a_running_stack_raises_it_when_the_file_appears(lab: Lab, tmp_path: Path) -> None:
    second = (lab.sets / "b.json").read_bytes()
    (lab.sets / "b.json").unlink()
    store = tmp_path / "store"
    chosen = settings(lab, store)
    clock = SystemClock()
    with (
        ledgers.opened(store, clock) as ledger,
        wiring.opened_stores(chosen, clock) as stores,
        wiring.build(chosen, clock, ledger, stores) as stack,
    ):
        while not stack.store.snapshots("local", "ibm_test"):
            time.sleep(0.05)
        (lab.sets / "b.json").write_bytes(second)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any("signed recalibration" in i.title for i in stack.incidents("local")):
                break
            time.sleep(0.05)
        else:
            pytest.fail("no incident")
        paged = [e for _, e in ledger.entries() if e.action == "incident.page"]
        assert [e.outcome for e in paged] == ["", "done"]


def test_the_setting_is_checked_at_the_start(lab: Lab, tmp_path: Path) -> None:
    assert signed_folder("") is None
    assert signed_folder(lab.spec) == SignedFolder(folder=lab.signed, roots=lab.roots, pin=lab.pin)
    for bad in (str(lab.signed), f"{lab.signed}?pin=1", f"{tmp_path / 'none'}?roots=r&pin=1", "?roots=r&pin=1"):
        with pytest.raises(BadInputError, match=r"(?i)folder"):
            signed_folder(bad)


def test_sign_declare_and_verify_from_the_command_line(lab: Lab, tmp_path: Path) -> None:
    def run(*arguments: object, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["calibration", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return str(done.output)

    keys = []
    for name, key in (("alice", ALICE), ("bob", BOB)):
        sealed.write(tmp_path / name, sealed.plain(key, created_ns=T0))
        keys += ["--sign", f"file:{tmp_path / name}"]
    check = ("verify", f"ibm:{lab.sets}", "--signed", lab.signed, "--roots", lab.roots, "--pin", lab.pin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mumetal.core.clock.time.time_ns", lambda: T0)
        assert "q0.T1 0.0001 → 0.000112" in run(*check, code=1)
        run("declare", "ibm_test", "--channel", "q0.*", "--channel", "q1.*", "--most", "0.2", "--from", "2026-03-01T09:00:00",
            "--until", "2026-03-01T10:00:00", "--actor", "bob", "--ticket", "CHG-7", "--to", lab.signed, *keys)  # fmt: skip
        assert "0 with changes" in run(*check)
        (lab.signed / "ibm_test-CHG-7.recalibration.json").unlink()
        run("sign", f"ibm:{lab.sets}", "--to", lab.signed, *keys)
        said = json.loads(run(*check, "--json"))
        assert (said["sets"], said["signed"], said["findings"]) == (2, 1, [])
        run(*check[:-1], "0" * 64, code=4)
    run("verify", f"ibm:{tmp_path / 'none'}", *check[2:], code=3)
