"""What a running stack loads as a model: verified on the stack's own ledger, refused aloud, taken up by the watch."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.fakes_ports import T0
from tests.model_files import House, background, pca_model, promises
from tests.people import who
from tests.unit.trust.models.test_lifecycle import GATES, to_active
from tests.watching import watching_of

from mumetal.app import wiring
from mumetal.app.models import live as live_models
from mumetal.app.models import registry as registry_acts
from mumetal.app.models.live import LiveModels
from mumetal.app.models.registry import changing
from mumetal.app.settings import Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core.clock import ManualClock, SystemClock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import Scene
from mumetal.core.series import Channel, Series
from mumetal.formats import canonical
from mumetal.serve.cli.status import status
from mumetal.trust.ledger import opening as ledgers
from mumetal.trust.models import manifest as manifests
from mumetal.trust.models import opening as models
from mumetal.trust.models import report as reports
from mumetal.trust.models import shipped as shipped_models
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.gates import REQUIRED
from mumetal.trust.models.record import State
from mumetal.trust.models.report import GateOutcome, GateReport
from mumetal.trust.packaged_models import PackagedModels
from mumetal.watch.contrastive.adapted import AdaptedEncoder
from mumetal.watch.settings import WatchSettings

S = 10**9
Array = NDArray[np.float64]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models", GATES)


def rows(n: int, start: int, values: Array) -> Series:
    channels = (Channel(name="extra", unit="1"), *(Channel(name=f"c{i}", unit="K") for i in range(4)))
    t_ns = T0 + (start + np.arange(n)) * S
    wide = np.column_stack([np.random.default_rng(start).normal(size=n), values])
    return Series(device="d", stream="s", channels=channels, t_ns=t_ns, values=wide)


def test_an_altered_model_is_left_out_and_named_and_comes_back(house: House, tmp_path: Path) -> None:
    to_active(house, pca_model(background()))
    live = LiveModels(house.desk)
    assert [m.name for m in live.running()] == ["cryo"]
    assert not live.problems
    victim = next((tmp_path / "models" / "objects").glob("*/*"))
    good = victim.read_bytes()
    victim.write_bytes(good + b"\0")
    live.refresh()
    assert not live.running()
    assert live.problems[0].model == "cryo"
    assert "step 4" in live.problems[0].why
    assert live.words.startswith("Degraded: the watch goes on without cryo (")
    victim.write_bytes(good)
    live.refresh()
    assert len(list(live.running())) == 1


def test_the_watch_scores_with_the_active_version_and_takes_up_another(house: House) -> None:
    to_active(house, pca_model(background(seed=1)))
    live = LiveModels(house.desk)
    settings = WatchSettings(learning_rows=600, learning_s=0)
    watch = watching_of(settings, ManualClock(T0 + 2_000 * S), lambda _: Scene(), None, live.running)
    assert not [f for f in watch.observe(rows(700, 0, background(700, seed=3))) if f.rule == "watch.learned"]
    moved = background(100, seed=4)
    moved[40:80] += 2.5 * np.array([1.0, -1.0, 1.0, 1.0])
    found = [f for f in watch.observe(rows(100, 700, moved)) if f.rule == "watch.learned"]
    active = house.registry.record("cryo").in_state(State.ACTIVE)
    assert active is not None
    assert found
    assert found[0].model_version == active.version[:12]
    assert {a.channel for a in found[0].attribution} <= {"c0", "c1", "c2", "c3"}
    second = to_active(house, pca_model(background(seed=2)))
    live.refresh()
    later = [f for f in watch.observe(rows(100, 900, moved)) if f.rule == "watch.learned"]
    former = [f for f in later if f.finding_id in {f.finding_id for f in found}]
    assert all("another version of a model is active" in f.detail for f in former), "what was open is closed"
    assert {f.model_version for f in later if f not in former} == {second[:12]}


def test_a_model_of_other_channels_or_units_does_not_watch(house: House) -> None:
    to_active(house, pca_model(background()))
    live = LiveModels(house.desk)
    data = rows(700, 0, background(700, seed=3))
    other = Series(
        device="d", stream="s", t_ns=data.t_ns, values=data.values,
        channels=tuple(Channel(name=c.name, unit="V") for c in data.channels),
    )  # fmt: skip
    watch = watching_of(
        WatchSettings(learning_rows=600, learning_s=0),
        ManualClock(T0 + 2_000 * S),
        lambda _: Scene(),
        None,
        live.running,
    )
    watch.observe(other)
    far = np.full((5, 4), 1e4)
    assert not [f for f in watch.observe(rows(5, 700, far)) if f.rule == "watch.learned"]


def test_a_first_start_makes_a_registry_on_the_stacks_own_ledger_and_a_broken_one_is_named(tmp_path: Path) -> None:
    clock = SystemClock()
    ledger = ledgers.open_ledger(tmp_path, clock)
    live = LiveModels.open(tmp_path, ledger=ledger, authorizer=wiring.authorizer(), clock=clock)
    assert live.desk is not None
    assert not live.problems
    (tmp_path / "models" / "root.json").write_bytes(b"{}")
    broken = LiveModels.open(tmp_path, ledger=ledger, authorizer=wiring.authorizer(), clock=clock)
    assert broken.desk is None
    assert "the registry cannot be used" in broken.problems[0].why
    ledger.close()


def package(folder: Path, seed: int, name: str = "cryo") -> None:
    """Write what a wheel would ship: a model, what is promised of it, and what its gates said."""
    models_folder = folder / "pretrained"
    models_folder.mkdir(parents=True, exist_ok=True)
    data, promised = pca_model(background(seed=seed)), promises()
    version = manifests.version_of(manifests.manifest_of(name, data, Kind.ONNX, promised))
    said = tuple(GateOutcome(gate=g, passed=True, reason="at the release") for g in sorted(REQUIRED))
    report = GateReport(name=name, version=version, data="0" * 64, t_ns="1", outcomes=said)
    files = {
        f"{name}.onnx": data,
        f"{name}-promises.json": canonical.encode(msgspec.to_builtins(promised)),
        f"{name}-report.json": reports.encode(report),
    }
    for file, body in files.items():
        (models_folder / file).write_bytes(body)
    digests = {file: hashlib.sha256(body).hexdigest() for file, body in files.items()}
    (models_folder / "manifest.json").write_text(json.dumps(digests))


def test_what_the_package_ships_is_active_at_the_first_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "site" / "shipping_package", 1)
    (tmp_path / "site" / "shipping_package" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(shipped_models, "SHIPPED_IN", "shipping_package")
    settings = Settings(store=StoreSettings(directory=str(tmp_path / "store")))
    clock, store = SystemClock(), tmp_path / "store"
    with (
        ledgers.opened(store, clock) as ledger,
        wiring.opened_stores(settings, clock) as stores,
        wiring.build(settings, clock, ledger, stores) as stack,
    ):
        assert [m.name for m in stack.models.running()] == ["cryo"]
        entries = [e for _, e in stack.ledger.entries()]
        assert [(e.actor, e.action, e.outcome) for e in entries] == [
            ("mumetal.release", "model.adopt", ""),
            ("mumetal.release", "model.adopt", "done"),
        ]
    with models.reading(tmp_path / "store") as registry:
        assert registry.load("cryo").data == pca_model(background(seed=1))
    altered = tmp_path / "site" / "shipping_package" / "pretrained" / "cryo.onnx"
    altered.write_bytes(altered.read_bytes() + b"\0")
    with (
        ledgers.opened(store, clock) as ledger,
        wiring.opened_stores(settings, clock) as stores,
        wiring.build(settings, clock, ledger, stores) as stack,
    ):
        assert [m.name for m in stack.models.running()] == ["cryo"]  # the registry's own copy still verifies
        assert "step 2" in stack.models.problems[0].why


def test_status_names_what_does_not_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with changing(tmp_path, make=True) as desk:
        version = desk.lifecycle.register(desk.principal, "cryo", pca_model(background()), promises())
        said = tuple(GateOutcome(gate=g, passed=True, reason="measured") for g in sorted(REQUIRED))
        report = GateReport(name="cryo", version=version, data="0" * 64, t_ns="1", outcomes=said)
        desk.lifecycle.promote(desk.principal, "cryo", version, report)
    for _ in range(2):
        with monkeypatch.context() as other:
            other.setattr(registry_acts, "os_user", lambda: "bob")
            with changing(tmp_path) as desk:
                desk.lifecycle.approve(desk.principal, "cryo", version)
        with changing(tmp_path) as desk:
            desk.lifecycle.promote(desk.principal, "cryo", version)
    assert live_models.looked_up(tmp_path) == []
    victim = next((tmp_path / "models" / "objects").glob("*/*"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    status(store=tmp_path, as_json=True)
    assert "step 4" in json.loads(capsys.readouterr().out)["models"][0]["why"]
    status(store=tmp_path)
    assert "the watch goes on without cryo" in capsys.readouterr().out


def carded(folder: Path, auc: float) -> PackagedModels:
    """Write what `mumetal model train` leaves in a folder, and open it."""
    data = pca_model(background(seed=1))
    card = {
        "model": hashlib.sha256(data).hexdigest(), "bytes": len(data), "purpose": "tells windows apart", "limits": ["twin only"],
        "code": "0.1.0", "seed": 3, "steps": 9, "data": [{"uri": "twin:queue", "digest": "d" * 64, "windows": 5}],
        "held_out": {"auc": auc, "recall": 0.4, "windows": 600, "by_kind": {}}, "power_step": 1.8, "command": "again",
    }  # fmt: skip
    files = {"encoder.onnx": data, "encoder-card.json": json.dumps(card).encode()}
    folder.mkdir()
    for name, body in files.items():
        (folder / name).write_bytes(body)
    (folder / "manifest.json").write_text(json.dumps({n: hashlib.sha256(b).hexdigest() for n, b in files.items()}))
    return PackagedModels(folder)


def test_a_card_becomes_promises_and_a_report_of_what_was_measured(tmp_path: Path, house: House) -> None:
    good = carded(tmp_path / "good", 0.84)
    data = good.load("encoder.onnx").data
    promised, report = shipped_models.papers(good, "encoder", data)
    assert [o.gate.rsplit(".", 1)[-1] for o in report.outcomes] == ["quality", "size"]
    house.lifecycle.adopt(who("mumetal.release"), "encoder", data, promised, report, "mumetal 9")
    active = house.registry.record("encoder").in_state(State.ACTIVE)
    assert active is not None
    assert active.shipped
    assert house.registry.manifest("encoder", active.version).data[0].uri == "twin:queue"
    with pytest.raises(BadInputError, match="other bytes"):
        shipped_models.papers(good, "encoder", data + b"x")
    bad = carded(tmp_path / "bad", 0.55)
    promised, report = shipped_models.papers(bad, "encoder", data)
    with pytest.raises(RejectedError, match=r"step 4.*AUC 0\.550"):
        house.lifecycle.adopt(
            who("mumetal.release"), "other", data, promised, replace(report, "other", promised, data), "x"
        )


def replace(report: GateReport, name: str, promised: manifests.Promises, data: bytes) -> GateReport:
    version = manifests.version_of(manifests.manifest_of(name, data, Kind.ONNX, promised))
    return msgspec.structs.replace(report, name=name, version=version)


def test_an_adapted_encoder_watches_only_while_its_bytes_are_the_registrys_active_version(house: House) -> None:
    data = pca_model(background(seed=1))
    promised, report = promises(), GateReport(
        name="encoder", version="0" * 64, data="0" * 64, t_ns="1",
        outcomes=(GateOutcome(gate="g.one", passed=True, reason="at the release"),),
    )  # fmt: skip
    house.lifecycle.adopt(
        who("mumetal.release"), "encoder", data, promised, replace(report, "encoder", promised, data), "mumetal 9"
    )
    mine = SimpleNamespace(model=SimpleNamespace(digest=hashlib.sha256(data).hexdigest()))
    live = LiveModels(house.desk, (), [cast("AdaptedEncoder", mine)])
    assert live.watching()[-1] is mine
    assert not live.problems
    other = pca_model(background(seed=2))
    house.lifecycle.adopt(
        who("mumetal.release"), "encoder", other, promised, replace(report, "encoder", promised, other), "mumetal 9"
    )
    live.refresh()
    assert mine not in live.watching()
    assert "another version is active" in live.words
    house.lifecycle.roll_back(who("operator"), "encoder", "as before")
    live.refresh()
    assert live.watching()[-1] is mine
    active = house.registry.record("encoder").in_state(State.ACTIVE)
    assert active is not None
    house.lifecycle.retire(who("operator"), "encoder", active.version, "for good")
    live.refresh()
    assert mine not in live.watching()
    assert "no version is active" in live.words
