"""The root, its rotation, and the inventory."""

from dataclasses import replace

import pytest
from tests.trust_keys import ALICE, BOB, CAROL, DAY, MALLORY, T0, YEAR, a_root, soft, trusted

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.keys import inventory
from mumetal.trust.keys import root as roots
from mumetal.trust.keys.root import Role, TrustRoot
from mumetal.trust.signing import root_chain as chain

FIRST = chain.sign_root(a_root(), [ALICE, BOB])
DAVE = soft("dave")


def successor(version: int = 2) -> TrustRoot:
    """Alice hands over to dave."""
    keys = (trusted(DAVE, "dave"), trusted(BOB, "bob"), trusted(CAROL, "carol"))
    return a_root(version=version, keys=keys, issued_ns=T0 + DAY, expires_ns=T0 + 2 * YEAR)


def load(*later: bytes, now_ns: int = T0 + 2 * DAY) -> TrustRoot:
    return chain.load([FIRST, *later], pinned=chain.digest(FIRST), now_ns=now_ns)


def test_a_root_survives_the_wire() -> None:
    assert roots.decode(roots.encode(a_root())) == a_root()
    assert load() == a_root()


def test_a_rotation_needs_the_old_and_the_new() -> None:
    good = chain.sign_root(successor(), [DAVE, BOB, CAROL])
    assert load(good).version == 2
    third = chain.sign_root(successor(3), [DAVE, BOB])
    assert load(good, third).version == 3
    with pytest.raises(RejectedError, match="step 2"):
        load(chain.sign_root(successor(), [DAVE, BOB]))
    keys = (trusted(DAVE, "dave"), trusted(MALLORY, "m"), trusted(CAROL, "carol"))
    unasked = replace(successor(), keys=keys, roles=a_root(keys=keys).roles)
    with pytest.raises(RejectedError, match="step 3"):
        load(chain.sign_root(unasked, [ALICE, BOB, CAROL]))


def test_links_that_do_not_follow_are_refused() -> None:
    good = chain.sign_root(successor(), [DAVE, BOB, CAROL])
    with pytest.raises(RejectedError, match="step 1"):
        load(good, good)
    with pytest.raises(RejectedError, match="step 1"):
        load(chain.sign_root(successor(3), [DAVE, BOB, CAROL]))
    with pytest.raises(RejectedError, match="step 4"):
        load(chain.sign_root(replace(successor(), issued_ns=T0 - DAY // 2), [DAVE, BOB, CAROL]))
    with pytest.raises(RejectedError, match="pinned"):
        chain.load([good], pinned=chain.digest(FIRST), now_ns=T0)
    with pytest.raises(RejectedError, match="version 1"):
        chain.load([good], pinned=chain.digest(good), now_ns=T0)
    with pytest.raises(RejectedError, match="expired"):
        load(now_ns=T0 + YEAR)
    with pytest.raises(BadInputError):
        chain.load([], pinned="", now_ns=T0)


def test_an_expired_link_still_leads_on() -> None:
    keys = tuple(replace(k, expires_ns=T0 + 4 * YEAR) for k in successor().keys)
    later = replace(successor(), issued_ns=T0 + 3 * YEAR, expires_ns=T0 + 4 * YEAR, keys=keys)
    assert load(chain.sign_root(later, [DAVE, BOB, CAROL]), now_ns=T0 + 3 * YEAR + DAY).version == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": ()},
        {"roles": (Role(name="release", keys=(), threshold=1),)},
        {"roles": (Role(name="root", keys=(ALICE.public.key_id,), threshold=2),)},
        {"roles": (Role(name="root", keys=(MALLORY.public.key_id,), threshold=1),)},
        {"keys": ()},
        {"keys": (trusted(ALICE, "a"), trusted(ALICE, "b"))},
        {"version": 0},
        {"expires_ns": T0},
    ],
)
def test_a_root_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        replace(a_root(), **changes)  # type: ignore[arg-type]


def test_revoking_below_the_threshold_is_refused() -> None:
    keys = (
        trusted(ALICE, "alice", revoked_ns=T0),
        trusted(BOB, "bob", revoked_ns=T0),
        trusted(CAROL, "carol"),
    )
    with pytest.raises(BadInputError, match="threshold of 2"):
        a_root(keys=keys)


def test_the_inventory_puts_what_ails_first() -> None:
    keys = (
        trusted(ALICE, "alice"),
        trusted(BOB, "bob", expires_ns=T0 + 10 * DAY),
        trusted(CAROL, "carol", revoked_ns=T0, revoked_why="left"),
    )
    root = a_root(keys=keys)
    lines = inventory.keys(root, T0 + DAY)
    assert [(k.owner, k.state) for k in lines] == [
        ("bob", "expires soon"),
        ("carol", "revoked: left"),
        ("alice", "good"),
    ]
    assert lines[0].age_days == pytest.approx(2)
    assert lines[0].left_days == pytest.approx(9)
    assert lines[0].roles == ("calibration", "release", "root")
    later = inventory.roles(root, T0 + 20 * DAY)
    assert {(r.owners, r.threshold) for r in later} == {(1, 2)}
