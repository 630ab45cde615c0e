"""A model that was refused for poison stays refused, whatever is left out; nobody makes and vouches; nothing is self-declared."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tests.fakes_ports import T0
from tests.model_files import House, background, pca_model, promises
from tests.people import who
from tests.unit.serve.test_model_cli import csv_of

from mumetal.access.api import agent_scope
from mumetal.app.inner import TrustRunning
from mumetal.app.models.health import ModelHealth
from mumetal.app.models.live import LiveModels
from mumetal.app.models.wired import reaches_hardware
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.finding import Finding
from mumetal.core.part import Agent, Part, Verb
from mumetal.core.ports import PluginInfo
from mumetal.trust.models import manifest as manifests
from mumetal.trust.models import record as records
from mumetal.trust.models.exports.card import card
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.gates import REQUIRED
from mumetal.trust.models.gating import run_gates
from mumetal.trust.models.lifecycle import Lifecycle
from mumetal.trust.models.manifest import DataSet
from mumetal.trust.models.record import State
from mumetal.trust.models.report import GateOutcome, GateReport


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models", REQUIRED)


class Poisoned:
    """A clean and a poisoned training set, a model of the second, and held-out rows."""

    def __init__(self, folder: Path) -> None:
        rows, label = background(700, 2), np.arange(700) % 7 == 3
        rows[label] += 2.0 * np.array([1.0, -1.0, 1.0, 1.0])
        self.held_out = csv_of(folder / "held-out.csv", rows, label.astype(float)).read_bytes()
        training = background(400, 1)
        training[::8] += 4.0 * np.array([1.0, -1.0, 1.0, 1.0])
        self.training = csv_of(folder / "train.csv", training)
        self.model = pca_model(background(400, 1))

    @property
    def named(self) -> tuple[DataSet, ...]:
        digest = hashlib.sha256(self.training.read_bytes()).hexdigest()
        return (DataSet(uri="file:train", digest=digest, use="train"),)

    def gate(self, house: House, version: str, *training: Path) -> GateReport:
        return run_gates(house.desk, "cryo", version, self.held_out, "held-out", training=training, seed=1)


@pytest.fixture
def poisoned(tmp_path: Path) -> Poisoned:
    return Poisoned(tmp_path)


def refused(house: House, poisoned: Poisoned) -> str:
    version = house.lifecycle.register(who("ada"), "cryo", poisoned.model, promises(data=poisoned.named))
    with pytest.raises(RejectedError, match="poisoning"):
        house.lifecycle.promote(who("ada"), "cryo", version, poisoned.gate(house, version, poisoned.training))
    return version


def test_what_was_not_shown_has_not_passed(house: House, poisoned: Poisoned) -> None:
    version = house.lifecycle.register(who("ada"), "cryo", poisoned.model, promises(data=poisoned.named))
    said = {o.gate.rsplit(".", 1)[-1]: o for o in poisoned.gate(house, version).outcomes}
    assert not said["poisoning"].passed
    assert "not shown" in said["poisoning"].reason
    assert all(o.passed for name, o in said.items() if name != "poisoning")
    with pytest.raises(RejectedError, match="poisoning"):
        house.lifecycle.promote(who("ada"), "cryo", version, poisoned.gate(house, version))


def test_a_refusal_stands_on_record_and_ledger_until_somebody_else_answers(house: House, poisoned: Poisoned) -> None:
    version = refused(house, poisoned)
    (stands,) = house.registry.record("cryo").find(version).standing
    assert "poisoning" in stands.why
    shown = house.registry.record("cryo").find(version)
    assert "nobody has answered" in card(house.registry.manifest("cryo", version), shown, None)
    entered = [(e.action, e.outcome) for _, e in house.ledger.entries()]
    assert entered[-2:] == [("model.refuse", ""), ("model.refuse", "done")]
    good = GateReport(
        name="cryo", version=version, data="0" * 64, t_ns="1",
        outcomes=tuple(GateOutcome(gate=g, passed=True, reason="left out") for g in sorted(REQUIRED)),
    )  # fmt: skip
    with pytest.raises(RejectedError, match="nobody has answered"):
        house.lifecycle.promote(who("ada"), "cryo", version, good)
    agent = agent_scope(LOCAL, "mumetal.models").principal
    for maker in (who("ada"), who("tess"), agent):
        with pytest.raises(RejectedError, match="somebody else must"):
            house.lifecycle.answer(maker, "cryo", version, "it is fine")
    with pytest.raises(BadInputError, match="say what"):
        house.lifecycle.answer(who("bob"), "cryo", version, " ")
    after = house.lifecycle.answer(who("bob"), "cryo", version, "rows 0, 8, … taken out; shown anew").find(version)
    assert (after.standing, after.refusals[0].answered_by) == ((), "bob")
    with pytest.raises(BadInputError, match="no refusal stands"):
        house.lifecycle.answer(who("bob"), "cryo", version, "again")
    assert records.decode(records.encode(house.registry.record("cryo"))) == house.registry.record("cryo")
    with pytest.raises(RejectedError, match="poisoning"):  # an answer is no pass: the gates are asked again
        house.lifecycle.promote(who("ada"), "cryo", version, poisoned.gate(house, version, poisoned.training))


def test_the_same_bytes_under_other_promises_or_another_name_stay_refused(house: House, poisoned: Poisoned) -> None:
    refused(house, poisoned)
    for name, told in (("cryo", promises(purpose="another purpose")), ("cryo2", promises(data=()))):
        again = house.lifecycle.register(who("mallory"), name, poisoned.model, told)
        assert "poisoning" in house.registry.record(name).find(again).standing[0].why


def test_what_a_model_was_trained_on_is_the_registrants_word(house: House, poisoned: Poisoned, tmp_path: Path) -> None:
    """The honest limit: the gates look at the data that are named, and nobody can see that others were used."""
    clean = csv_of(tmp_path / "clean.csv", background(400, 1))
    named = (DataSet(uri="file:clean", digest=hashlib.sha256(clean.read_bytes()).hexdigest(), use="train"),)
    version = house.lifecycle.register(who("ada"), "cryo", poisoned.model, promises(data=named))
    house.lifecycle.promote(who("ada"), "cryo", version, poisoned.gate(house, version, clean))
    for maker in ("ada", "tess"):
        with pytest.raises(RejectedError, match="somebody else must"):
            house.lifecycle.approve(who(maker), "cryo", version)


def test_registrant_trainer_and_approver_differ(house: House) -> None:
    model = pca_model(background())
    with pytest.raises(BadInputError, match="trainer"):
        house.lifecycle.register(who("ada"), "cryo", model, promises(trainer=""))
    with pytest.raises(RejectedError, match="tess trained it"):
        house.lifecycle.register(who("tess"), "cryo", model, promises())
    version = house.lifecycle.register(who("ada"), "cryo", model, promises())
    good = tuple(GateOutcome(gate=g, passed=True, reason="measured") for g in sorted(REQUIRED))
    report = GateReport(name="cryo", version=version, data="0" * 64, t_ns="1", outcomes=good)
    house.lifecycle.promote(who("ada"), "cryo", version, report)
    for maker in ("ada", "tess"):
        with pytest.raises(RejectedError, match="registered or trained it"):
            house.lifecycle.approve(who(maker), "cryo", version)
    denied = [e.actor for _, e in house.ledger.entries() if (e.action, e.outcome) == ("model.approve", "denied")]
    assert denied == ["ada", "tess"]
    house.lifecycle.approve(who("bob"), "cryo", version)
    assert house.lifecycle.promote(who("ada"), "cryo", version).in_state(State.SHADOW)


def part(*verbs: Verb, agents: tuple[Agent, ...] = ()) -> Part:
    return Part(info=PluginInfo(plugin_id="acme", title="Acts"), opens="acme:open", verbs=verbs, agents=agents)


def test_what_touches_hardware_follows_from_where_it_is_wired(house: House) -> None:
    stop = Verb(verb_id="acme.stop", title="Stops a fridge", bound="one", hardware=True)
    told = Verb(verb_id="acme.tell", title="Tells somebody", bound="one")
    agent = Agent(name="mumetal.acme", verbs=("acme.stop",))
    assert reaches_hardware([part(stop, told, agents=(agent,))])
    assert not reaches_hardware([part(stop, told, agents=(Agent(name="mumetal.acme", verbs=("acme.tell",)),))])
    assert not reaches_hardware([part(stop)])  # a person does it, not what a model says
    wired = Lifecycle(
        house.registry, ledger=house.ledger, authorizer=house.policy, clock=house.clock, required=frozenset(), hardware=True
    )  # fmt: skip
    version = wired.register(who("ada"), "cryo", pca_model(background()), promises(touches_hardware=False))
    good = (GateOutcome(gate="one", passed=True, reason="measured"),)
    wired.promote(
        who("ada"), "cryo", version, GateReport(name="cryo", version=version, data="0" * 64, t_ns="1", outcomes=good)
    )
    wired.approve(who("bob"), "cryo", version)
    with pytest.raises(RejectedError, match="1 of 2 approvals"):
        wired.promote(who("ada"), "cryo", version)


def test_rows_outside_the_ranges_are_not_scored_but_counted_and_told(house: House, tmp_path: Path) -> None:
    act = house.lifecycle
    version = act.register(who("ada"), "cryo", pca_model(background()), promises())
    good = tuple(GateOutcome(gate=g, passed=True, reason="measured") for g in sorted(REQUIRED))
    act.promote(
        who("ada"), "cryo", version, GateReport(name="cryo", version=version, data="0" * 64, t_ns="1", outcomes=good)
    )
    for _ in range(2):
        act.approve(who("bob"), "cryo", version)
        act.promote(who("ada"), "cryo", version)
    models = LiveModels(house.desk)
    (model,) = models.loaded()
    rows = background(200, 3)
    inside = model.score(rows)
    assert np.isfinite(inside).all()
    far = rows.copy()
    far[:10, 2] = 9.0
    scores = model.score(far)
    assert np.isnan(scores[:10]).all()
    assert np.array_equal(scores[10:], inside[10:])
    assert models.unscored("cryo") == (400, 10)
    assert TrustRunning(models, None, None).health().reason == (  # type: ignore[arg-type]
        "10 of 400 rows lay outside the ranges of cryo and were not scored by it"
    )
    found: list[Finding] = []
    health = ModelHealth(models, None, found.append, ManualClock(T0), lambda _: None)  # type: ignore[arg-type]
    health._outside(model, T0)
    health._outside(model, T0)  # nothing new came
    assert [(f.rule, f.subject.name) for f in found] == [("trust.models.health.outside_ranges", "cryo")]
    assert "10 of 400 rows" in found[0].detail
    model.score(rows)
    health._outside(model, T0)
    model.score(far)
    health._outside(model, T0)
    assert len(found) == 2  # it was over, and began again


def test_records_and_manifests_from_before_have_the_bytes_they_had() -> None:
    old = (
        b'{"back":null,"format":"mumetal-model-record/1","good":[],"name":"m","revision":1,"versions":[{"approvals":[],'
        b'"report":"","shipped":false,"since_ns":"1","state":"draft","version":"' + b"a" * 64 + b'"}]}'
    )
    assert records.encode(records.decode(old)) == old
    promised = manifests.manifest_of("m", b"x", Kind.ONNX, promises(trainer=""))
    assert b"trainer" not in manifests.encode(promised)
    assert manifests.decode(manifests.encode(promised)) == promised
