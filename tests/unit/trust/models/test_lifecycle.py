"""From draft to active and back: permitted, on the ledger, then done; whatever was altered does not load."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.model_files import House, KeyedSeal, background, pca_model, promises
from tests.people import who

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.models import manifest as manifests
from mumetal.trust.models.files.inspect import Kind
from mumetal.trust.models.lifecycle import ACTIONS, settle
from mumetal.trust.models.manifest import DataSet
from mumetal.trust.models.record import State
from mumetal.trust.models.report import GateOutcome, GateReport

GATES = frozenset({"g.one", "g.two"})


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "models", GATES)


def report(
    house: House, version: str, *, passed: bool = True, gates: frozenset[str] = GATES, name: str = "cryo"
) -> GateReport:
    active = house.registry.record(name).in_state(State.ACTIVE)
    return GateReport(
        name=name,
        version=version,
        against=active.version if active else "",
        data="0" * 64,
        t_ns=str(house.clock.now_ns()),
        outcomes=tuple(GateOutcome(gate=g, passed=passed, reason="measured") for g in sorted(gates)),
    )


def to_active(house: House, model: bytes, approvers: tuple[str, ...] = ("bob",), **extra: object) -> str:
    version = house.lifecycle.register(who("ada"), "cryo", model, promises(**extra))
    house.lifecycle.promote(who("ada"), "cryo", version, report(house, version))
    for _ in range(2):
        for approver in approvers:
            house.lifecycle.approve(who(approver), "cryo", version)
        house.lifecycle.promote(who("ada"), "cryo", version)
    return version


def test_the_whole_way_and_back(house: House) -> None:
    first = to_active(house, pca_model(background(seed=1)))
    second = to_active(house, pca_model(background(seed=2)), parents=(first,))
    assert house.registry.load("cryo").data == pca_model(background(seed=2))
    assert {v.version: v.state for v in house.registry.record("cryo").versions} == {
        first: State.RETIRED,
        second: State.ACTIVE,
    }
    house.lifecycle.roll_back(who("bob"), "cryo", "canary failed")
    artefact = house.registry.load("cryo")
    assert artefact.data == pca_model(background(seed=1))
    assert dict(artefact.facts)["version"] == first
    with pytest.raises(BadInputError, match="no earlier version"):
        house.lifecycle.roll_back(who("bob"), "cryo", "again")


def test_a_rollback_can_be_taken_back_once_and_not_after_another_step(house: House) -> None:
    first = to_active(house, pca_model(background(seed=1)))
    second = to_active(house, pca_model(background(seed=2)))
    with pytest.raises(BadInputError, match="no rollback"):
        house.lifecycle.undo(who("bob"), "cryo", "")
    back = house.lifecycle.roll_back(who("bob"), "cryo", "canary failed").back
    assert back is not None
    assert (back.out, back.by, back.why) == (second, "bob", "canary failed")
    again = house.lifecycle.undo(who("bob"), "cryo", "a false alarm")
    assert dict(house.registry.load("cryo").facts)["version"] == second
    assert (again.good, again.back) == ((first,), None)
    house.lifecycle.roll_back(who("bob"), "cryo", "again")
    assert house.lifecycle.retire(who("bob"), "cryo", second, "for good").back is None


def shipped(seed: int) -> tuple[bytes, GateReport]:
    data = pca_model(background(seed=seed))
    version = manifests.version_of(manifests.manifest_of("cryo", data, Kind.ONNX, promises()))
    outcomes = tuple(GateOutcome(gate=g, passed=True, reason="measured") for g in sorted(GATES))
    return data, GateReport(name="cryo", version=version, data="0" * 64, t_ns="1", outcomes=outcomes)


def test_what_is_shipped_is_active_at_first_and_only_a_draft_beside_a_labs_own(house: House) -> None:
    def adopt(seed: int) -> str:
        data, report = shipped(seed)
        return house.lifecycle.adopt(who("mumetal.release"), "cryo", data, promises(), report, "mumetal 9")

    first = adopt(1)
    assert adopt(1) == first
    assert len(house.registry.record("cryo").versions) == 1
    second = adopt(2)
    assert dict(house.registry.load("cryo").facts)["version"] == second
    assert house.registry.record("cryo").good == (first,)
    own = to_active(house, pca_model(background(seed=3)))
    third = adopt(4)
    record = house.registry.record("cryo")
    assert record.find(third).state is State.DRAFT
    assert record.in_state(State.ACTIVE) == record.find(own)
    assert [e.action for _, e in house.ledger.entries()][-1] == "model.adopt"


def test_what_is_shipped_needs_its_own_passed_report(house: House) -> None:
    data, good = shipped(1)
    other, _ = shipped(2)
    refused = tuple(GateOutcome(gate=g, passed=False, reason="no") for g in sorted(GATES))
    for given, report in (
        (other, good),
        (data, GateReport(name="cryo", version=good.version, data="0" * 64, t_ns="1", outcomes=refused)),
    ):
        with pytest.raises(RejectedError, match=r"step [14]"):
            house.lifecycle.adopt(who("mumetal.release"), "cryo", given, promises(), report, "mumetal 9")
    assert house.registry.names() == []


def test_every_act_is_permitted_then_on_the_ledger_then_done(house: House) -> None:
    to_active(house, pca_model(background()))
    entries = [e for _, e in house.ledger.entries()]
    assert [e.action for e in entries[::2]] == [
        "model.register", "model.promote", "model.approve", "model.promote", "model.approve", "model.promote",
    ]  # fmt: skip
    assert all(not e.outcome for e in entries[::2])
    assert all(e.outcome == "done" for e in entries[1::2])
    assert "approved by bob" in entries[-1].why
    assert len(house.policy.asked) == len(entries) // 2


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_not_permitted_leaves_no_trace(house: House, action: str) -> None:
    first = to_active(house, pca_model(background(seed=1)))
    to_active(house, pca_model(background(seed=2)))
    third = house.lifecycle.register(who("ada"), "cryo", pca_model(background(seed=3)), promises())
    house.lifecycle.promote(who("ada"), "cryo", third, report(house, third))
    fourth = house.lifecycle.register(who("ada"), "cryo", pca_model(background(seed=5)), promises())
    fifth = house.lifecycle.register(who("ada"), "cryo", pca_model(background(seed=6)), promises())
    with pytest.raises(RejectedError, match="step 4"):
        house.lifecycle.promote(who("ada"), "cryo", fifth, report(house, fifth, passed=False))
    acts: dict[str, Callable[[], object]] = {
        "model.refuse": lambda: house.lifecycle.promote(
            who("ada"), "cryo", fourth, report(house, fourth, passed=False)
        ),
        "model.answer": lambda: house.lifecycle.answer(who("bob"), "cryo", fifth, "looked at"),
        "model.register": lambda: house.lifecycle.register(
            who("ada"), "cryo", pca_model(background(seed=4)), promises()
        ),
        "model.approve": lambda: house.lifecycle.approve(who("bob"), "cryo", third),
        "model.rollback": lambda: house.lifecycle.roll_back(who("bob"), "cryo", ""),
        "model.undo": lambda: house.lifecycle.undo(who("bob"), "cryo", ""),
        "model.retire": lambda: house.lifecycle.retire(who("bob"), "cryo", first, ""),
        "model.promote": lambda: house.lifecycle.promote(who("ada"), "cryo", fourth, report(house, fourth)),
    }
    assert set(acts) == set(ACTIONS)
    if action == "model.undo":
        house.lifecycle.roll_back(who("bob"), "cryo", "")
    house.policy.denied.add(action)
    before, entries = house.registry.record("cryo"), len(house.ledger.entries())
    with pytest.raises(RejectedError, match="denied"):
        acts[action]()
    assert house.registry.record("cryo") == before
    added = [e for _, e in house.ledger.entries(entries)]
    assert [(e.action, e.outcome) for e in added] == [(action, "denied")]


def test_two_others_must_approve_what_can_touch_hardware(house: House) -> None:
    version = house.lifecycle.register(who("ada"), "cryo", pca_model(background()), promises(touches_hardware=True))
    house.lifecycle.promote(who("ada"), "cryo", version, report(house, version))
    for maker in ("ada", "tess"):
        with pytest.raises(RejectedError, match=f"{maker} registered or trained it"):
            house.lifecycle.approve(who(maker), "cryo", version)
    house.lifecycle.approve(who("bob"), "cryo", version)
    with pytest.raises(RejectedError, match="1 of 2 approvals"):
        house.lifecycle.promote(who("ada"), "cryo", version)
    with pytest.raises(BadInputError, match="approved that already"):
        house.lifecycle.approve(who("bob"), "cryo", version)
    house.lifecycle.approve(who("cyd"), "cryo", version)
    assert house.lifecycle.promote(who("ada"), "cryo", version).in_state(State.SHADOW)


def test_gates_and_approvals_cannot_be_skipped(house: House) -> None:
    version = house.lifecycle.register(who("ada"), "cryo", pca_model(background()), promises())
    promote = house.lifecycle.promote
    with pytest.raises(RejectedError, match="no gate report"):
        promote(who("ada"), "cryo", version)
    with pytest.raises(BadInputError, match="no approval is due"):
        house.lifecycle.approve(who("bob"), "cryo", version)
    with pytest.raises(RejectedError, match=r"step 3: no word from g\.two"):
        promote(who("ada"), "cryo", version, report(house, version, gates=frozenset({"g.one"})))
    with pytest.raises(RejectedError, match=r"step 4: g\.one"):
        promote(who("ada"), "cryo", version, report(house, version, passed=False))
    house.lifecycle.answer(who("bob"), "cryo", version, "the held-out data were swapped; shown anew")
    with pytest.raises(RejectedError, match="step 1"):
        promote(who("ada"), "cryo", version, report(house, "f" * 64))
    stale = report(house, version)
    other = to_active(house, pca_model(background(seed=9)))
    with pytest.raises(RejectedError, match="step 2"):
        promote(who("ada"), "cryo", version, stale)
    promote(who("ada"), "cryo", version, report(house, version))
    with pytest.raises(RejectedError, match="0 of 1 approvals"):
        promote(who("ada"), "cryo", version)
    with pytest.raises(BadInputError, match="nothing follows active"):
        promote(who("ada"), "cryo", other)


def test_altered_bytes_manifest_and_record_do_not_load(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    version = to_active(house, pca_model(background()))
    promised = house.registry.manifest("cryo", version)
    places = {
        folder / "objects" / promised.sha256[:2] / promised.sha256: "step 4",
        folder / "manifests" / f"{version}.sealed": "seal",
        folder / "records" / "cryo.sealed": "seal",
    }
    for path, why in places.items():
        good = path.read_bytes()
        for at in (0, len(good) // 2, len(good) - 1):
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            with pytest.raises(RejectedError, match=why):
                house.registry.load("cryo")
        path.write_bytes(good)
    house.registry.load("cryo")
    linked = next(iter(places))
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RejectedError, match="cannot be read"):
        house.registry.load("cryo")


def test_an_unsigned_or_foreign_seal_is_refused(house: House, tmp_path: Path) -> None:
    version = to_active(house, pca_model(background()))
    path = tmp_path / "models" / "manifests" / f"{version}.sealed"
    payload = manifests.encode(house.registry.manifest("cryo", version))
    for forged in (
        payload,
        KeyedSeal(b"other").close(payload, "application/vnd.mumetal.model-manifest+json"),
        KeyedSeal().close(payload, "application/vnd.mumetal.model-record+json"),
    ):
        path.write_bytes(forged)
        with pytest.raises(RejectedError, match="seal"):
            house.registry.load("cryo")


def test_an_old_record_put_back_is_seen(house: House, tmp_path: Path) -> None:
    path = tmp_path / "models" / "records" / "cryo.sealed"
    to_active(house, pca_model(background(seed=1)))
    old = path.read_bytes()
    to_active(house, pca_model(background(seed=2)))
    path.write_bytes(old)
    with pytest.raises(RejectedError, match="ledger names another state"):
        house.registry.load("cryo")


def test_an_act_fails_whole_when_the_ledger_or_the_disk_does(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    to_active(house, pca_model(background(seed=1)))
    second = to_active(house, pca_model(background(seed=2)))

    def away(entry: LedgerEntry) -> int:
        raise UnavailableError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(house.ledger, "append", away)
        with pytest.raises(UnavailableError):
            house.lifecycle.roll_back(who("bob"), "cryo", "")
    assert dict(house.registry.load("cryo").facts)["version"] == second

    def full(name: str, sealed: bytes) -> None:
        raise UnavailableError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(house.registry, "put_record", full)
        with pytest.raises(UnavailableError, match="no space"):
            house.lifecycle.roll_back(who("bob"), "cryo", "")
    assert house.ledger.entries()[-1][1].outcome == "failed: no space"
    assert dict(house.registry.load("cryo").facts)["version"] == second


@pytest.mark.parametrize("made", [True, False])
def test_a_crash_between_ledger_and_act_is_settled(house: House, monkeypatch: pytest.MonkeyPatch, made: bool) -> None:
    first = to_active(house, pca_model(background(seed=1)))
    second = to_active(house, pca_model(background(seed=2)))
    put = house.registry.put_record

    def crash(name: str, sealed: bytes) -> None:
        if made:
            put(name, sealed)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(house.registry, "put_record", crash)
        with pytest.raises(KeyboardInterrupt):
            house.lifecycle.roll_back(who("bob"), "cryo", "")
    expected = first if made else second
    assert dict(house.registry.load("cryo").facts)["version"] == expected
    assert settle(house.registry, house.ledger, house.clock, house.chronicle) == ["cryo"]
    assert settle(house.registry, house.ledger, house.clock, house.chronicle) == []
    assert house.ledger.entries()[-1][1].outcome.split(":")[0] == ("done" if made else "failed")
    assert dict(house.registry.load("cryo").facts)["version"] == expected


def test_a_condemned_version_is_never_rolled_back_to(house: House) -> None:
    first = to_active(house, pca_model(background(seed=1)))
    to_active(house, pca_model(background(seed=2)))
    house.lifecycle.retire(who("bob"), "cryo", first, "trained on poisoned data")
    with pytest.raises(BadInputError, match="no earlier version"):
        house.lifecycle.roll_back(who("bob"), "cryo", "")
    with pytest.raises(BadInputError, match="retired already"):
        house.lifecycle.retire(who("bob"), "cryo", first, "")


def test_registering(house: House) -> None:
    data = pca_model(background())
    version = house.lifecycle.register(who("ada"), "cryo", data, promises())
    with pytest.raises(BadInputError, match="registered already"):
        house.lifecycle.register(who("ada"), "cryo", data, promises())
    with pytest.raises(BadInputError, match="parent"):
        house.lifecycle.register(who("ada"), "cryo", data, promises(parents=("a" * 64,)))
    other = house.lifecycle.register(
        who("ada"), "cryo", data, promises(data=(DataSet(uri="store:lab", digest="b" * 64, use="train"),))
    )
    assert other != version
    with pytest.raises(BadInputError, match="no version"):
        house.registry.record("cryo").find("")
    with pytest.raises(BadInputError, match="not a model's name"):
        house.lifecycle.register(who("ada"), "../up", data, promises())
    with pytest.raises(BadInputError, match="no version is active"):
        house.registry.load("cryo")
    with pytest.raises(BadInputError, match="no such model"):
        house.registry.load("other")


@pytest.mark.parametrize(
    "text",
    [b"", b"owner = 1", b'owner = "a"\nnope = 2', b"\xff", b"[[", b"{", b'{"owner": "a"}', b"x = 1\n" * 200_000],
)
def test_bad_promises_are_refused(text: bytes) -> None:
    with pytest.raises(BadInputError):
        manifests.decode_promises(text, "m.toml")


def test_promises_from_toml() -> None:
    text = b"""
owner = "ada"
purpose = "scores"
touches_hardware = true
code = "abc"
seeds = [1, 2]
inputs = [{ channel = "mxc", unit = "K", lowest = 0.0, highest = 4.0 }]
data = [{ uri = "store:lab", digest = "%s", use = "train" }]
""" % (b"a" * 64)
    read = manifests.decode_promises(text)
    assert read.touches_hardware
    assert read.data[0].digest == "a" * 64
