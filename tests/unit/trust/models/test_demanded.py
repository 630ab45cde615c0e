"""A model that can touch hardware goes on only with an approval that others signed, where the lab demands one."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.model_files import House, background, pca_model, promises
from tests.people import who
from tests.trust_keys import ALICE, BOB, CAROL, DAY, a_root, trusted
from tests.unit.trust.models.test_lifecycle import GATES, report

from mumetal.core.errors import RejectedError
from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.keys.root import Role, TrustRoot
from mumetal.trust.models.lifecycle import Lifecycle
from mumetal.trust.models.record import State
from mumetal.trust.signing import approvals
from mumetal.trust.signing.approvals import Approval
from mumetal.trust.signing.demand import ROLE, Demand

MODEL = pca_model(background(seed=1))


class Lab(House):
    """A house with a demand: two of alice, bob and carol; a draft of alice's waits as validated."""

    def __init__(self, folder: Path, *, touches_hardware: bool = True) -> None:
        super().__init__(folder, GATES)
        now = self.clock.now_ns()
        people = ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"))
        keys = tuple(trusted(k, n, created_ns=now - DAY, expires_ns=now + 30 * DAY) for k, n in people)
        ids = tuple(k.public.key_id for k in keys)
        roles = (Role(name="root", keys=ids, threshold=1), Role(name=ROLE, keys=ids, threshold=2))
        self.root: TrustRoot = a_root(keys=keys, roles=roles, issued_ns=now, expires_ns=now + 30 * DAY)
        self.lifecycle = Lifecycle(
            self.registry, ledger=self.ledger, authorizer=self.policy, clock=self.clock, required=GATES,
            demand=Demand(root=lambda _: self.root),
        )  # fmt: skip
        wanted = promises(owner="alice", touches_hardware=touches_hardware)
        self.version = self.lifecycle.register(who("alice"), "cryo", MODEL, wanted)
        self.lifecycle.promote(who("alice"), "cryo", self.version, report(self, self.version))
        self.vouch()

    def vouch(self) -> None:
        for person in ("bob", "carol"):
            self.lifecycle.approve(who(person), "cryo", self.version)

    def approval(self, *people: SoftKey, data: bytes = MODEL, to: str = "shadow", days: int = 1) -> bytes:
        now = self.clock.now_ns()
        said = Approval(
            action=f"model.promote.{to}", resource=f"model:cryo@{self.version}", why="tried",
            start_ns=now - 2 * DAY, stop_ns=now + days * DAY,
        )  # fmt: skip
        return approvals.approve(said, data, people)

    def promote(self, approval: bytes | None = None) -> State:
        return self.lifecycle.promote(who("bob"), "cryo", self.version, approval=approval).find(self.version).state


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "models")


def test_what_is_not_approved_is_refused_and_entered(lab: Lab) -> None:
    refused = {
        "demands an approval": None,
        "1 of 2": lab.approval(BOB),
        r"1 of 2 ": lab.approval(ALICE, BOB),  # alice made it
        "step 4": lab.approval(BOB, CAROL, data=MODEL + b"."),
        "step 5": lab.approval(BOB, CAROL, days=-1),
        "step 3": lab.approval(BOB, CAROL, to="active"),
    }
    for why, envelope in refused.items():
        with pytest.raises(RejectedError, match=why):
            lab.promote(envelope)
    denied = [e for _, e in lab.ledger.entries() if e.outcome == "denied"]
    assert [e.action for e in denied] == ["model.promote"] * len(refused)
    assert lab.registry.record("cryo").find(lab.version).state is State.VALIDATED


def test_a_key_revoked_after_it_signed_counts_no_more(lab: Lab) -> None:
    signed = lab.approval(BOB, CAROL)
    now = lab.clock.now_ns()
    roles = tuple(replace(r, threshold=2) for r in lab.root.roles)
    gone = tuple(replace(k, revoked_ns=now) if k.owner == "bob" else k for k in lab.root.keys)
    lab.root = replace(lab.root, keys=gone, roles=roles)
    with pytest.raises(RejectedError, match="only 1 of 2"):
        lab.promote(signed)


def test_approved_it_goes_on_and_the_names_are_entered_before(lab: Lab) -> None:
    assert lab.promote(lab.approval(BOB, CAROL)) is State.SHADOW
    begun, done = [e for _, e in lab.ledger.entries()][-2:]
    assert (begun.outcome, done.outcome) == ("", "done")
    for name, key in (("bob", BOB), ("carol", CAROL)):
        assert f"{name} (key {key.public.key_id[:16]})" in begun.why
    lab.vouch()
    with pytest.raises(RejectedError, match="step 3"):
        lab.promote(lab.approval(BOB, CAROL))  # the word for shadow is not one for active
    assert lab.promote(lab.approval(BOB, CAROL, to="active")) is State.ACTIVE


def test_what_cannot_touch_hardware_goes_on_as_before(tmp_path: Path) -> None:
    assert Lab(tmp_path / "models", touches_hardware=False).promote() is State.SHADOW
