"""An approval counts for one act, on one thing, on just these bytes, for a while, by enough people who may."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.trust_keys import ALICE, BOB, CAROL, DAY, MALLORY, T0, a_root, trusted
from typer.testing import CliRunner

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import dsse
from mumetal.serve.cli.app import app
from mumetal.trust.keys import sealed
from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.signing import approvals
from mumetal.trust.signing import root_chain as chain
from mumetal.trust.signing.approvals import Approval
from mumetal.trust.signing.envelopes import add_signature

DATA = b"manifest"
WHAT = Approval(action="model.promote", resource="model:cryo@1f", why="gates passed", start_ns=T0, stop_ns=T0 + DAY)


def check(envelope: bytes, data: bytes = DATA, now_ns: int = T0, **changes: object) -> None:
    wanted: dict[str, object] = {"action": WHAT.action, "resource": WHAT.resource, "root": a_root(), "role": "release"}
    approvals.verify(envelope, data, now_ns=now_ns, **{**wanted, **changes})  # type: ignore[arg-type]


def signed(*signers: SoftKey) -> bytes:
    return approvals.approve(WHAT, DATA, signers)


def test_two_of_three_one_after_the_other() -> None:
    first = signed(ALICE)
    with pytest.raises(RejectedError, match="step 6: 1 of 2"):
        check(first)
    both = dsse.encode(add_signature(dsse.decode(first), CAROL))
    check(both)
    check(both, now_ns=T0 + DAY - 1)
    assert approvals.approvers(both, a_root(), "release", T0) == ("alice", "carol")
    assert approvals.approvers(signed(ALICE, MALLORY), a_root(), "release", T0) == ("alice",)
    with pytest.raises(RejectedError, match="1 of 2"):
        check(signed(ALICE, MALLORY))


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"action": "model.retire"}, "step 3"),
        ({"resource": "model:cryo@2a"}, "step 3"),
        ({"data": b"Manifest"}, "step 4"),
        ({"now_ns": T0 + DAY}, "step 5"),
        ({"now_ns": T0 - 1}, "step 5"),
        ({"role": "none"}, "step 3"),
        ({"not_by": ("alice",)}, "step 6"),
        ({"not_by": ("alice", "bob")}, "step 1"),
    ],
)
def test_it_counts_for_nothing_else(changes: dict[str, object], step: str) -> None:
    check(signed(ALICE, BOB))
    with pytest.raises(RejectedError, match=step):
        check(signed(ALICE, BOB), **changes)  # type: ignore[arg-type]


def test_who_made_it_may_sign_and_does_not_count() -> None:
    check(signed(ALICE, BOB, CAROL), not_by=("alice",))


def test_a_revoked_approver_does_not_count() -> None:
    stolen = trusted(BOB, "bob", revoked_ns=T0 - 1, revoked_why="laptop stolen")
    root = a_root(keys=(trusted(ALICE, "alice"), stolen, trusted(CAROL, "carol")))
    with pytest.raises(RejectedError, match="laptop stolen"):
        check(signed(ALICE, BOB), root=root)
    assert approvals.approvers(signed(ALICE, BOB), root, "release", T0) == ("alice",)
    check(signed(ALICE, BOB, CAROL), root=root)


def test_what_is_no_approval_is_refused() -> None:
    with pytest.raises(RejectedError, match="cannot be read"):
        check(b"{")
    damaged = json.loads(signed(ALICE, BOB))
    damaged["payload"] = damaged["payload"][:-4] + "AAAA"
    with pytest.raises(RejectedError, match="step"):
        check(json.dumps(damaged).encode())
    for changes in ({"why": ""}, {"resource": ""}, {"stop_ns": T0}, {"action": "a b"}):
        with pytest.raises(BadInputError):
            replace(WHAT, **changes)


def test_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mumetal.core.clock.time.time_ns", lambda: T0)

    def run(*words: object, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["keys", *map(str, words)])
        assert done.exit_code == code, done.output
        return str(done.output)

    for name, key in (("alice", ALICE), ("bob", BOB)):
        sealed.write(tmp_path / name, sealed.plain(key, created_ns=T0))
    root = chain.sign_root(a_root(), [ALICE, BOB])
    (tmp_path / "1.root.json").write_bytes(root)
    file = tmp_path / "manifest.json"
    file.write_bytes(DATA)
    act = ("--action", "model.promote", "--resource", "model:cryo@1f")
    trust = ("--role", "release", "--roots", tmp_path, "--pin", chain.digest(root))
    run("approve", file, *act, "--why", "gates passed", "--sign", f"file:{tmp_path / 'alice'}")
    assert "1 of 2" in run("approved", file, *act, *trust, code=4)
    run("countersign", tmp_path / "manifest.json.approval", "--sign", f"file:{tmp_path / 'bob'}")
    assert "approved by alice, bob" in run("approved", file, *act, *trust)
    run("approved", file, *act, *trust, "--not-by", "bob", code=4)
    file.write_bytes(b"other")
    assert "step 4" in run("approved", file, *act, *trust, code=4)
