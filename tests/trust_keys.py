"""Keys, people and roots for the tests of `trust`; the seeds are counted out, so that a failure repeats."""

import hashlib
from collections.abc import Callable, Sequence

from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.keys.root import ROOT, Role, TrustedKey, TrustRoot

T0 = 1_800_000_000 * 10**9
DAY = 86_400 * 10**9
YEAR = 365 * DAY


def counting(seed: str = "") -> Callable[[int], bytes]:
    """Entropy that repeats from run to run."""
    turn = 0

    def entropy(count: int) -> bytes:
        nonlocal turn
        turn += 1
        return hashlib.shake_256(f"{seed}/{turn}".encode()).digest(count)

    return entropy


def soft(name: str) -> SoftKey:
    return SoftKey.generate(counting(name))


ALICE, BOB, CAROL, MALLORY = (soft(n) for n in ("alice", "bob", "carol", "mallory"))


def trusted(key: SoftKey, owner: str, **changes: object) -> TrustedKey:
    facts: dict[str, object] = {"created_ns": T0 - DAY, "expires_ns": T0 + YEAR, **changes}
    return TrustedKey(public=key.public, owner=owner, **facts)  # type: ignore[arg-type]


def a_root(
    *,
    version: int = 1,
    keys: Sequence[TrustedKey] | None = None,
    threshold: int = 2,
    roles: Sequence[Role] = (),
    issued_ns: int = T0,
    expires_ns: int = T0 + YEAR,
) -> TrustRoot:
    """A root whose every key may sign as root, as release and as calibration, two of three."""
    known = tuple(keys or (trusted(ALICE, "alice"), trusted(BOB, "bob"), trusted(CAROL, "carol")))
    ids = tuple(k.public.key_id for k in known)
    return TrustRoot(
        version=version,
        issued_ns=issued_ns,
        expires_ns=expires_ns,
        keys=known,
        roles=tuple(
            roles or (Role(name=name, keys=ids, threshold=threshold) for name in (ROOT, "release", "calibration"))
        ),
    )
