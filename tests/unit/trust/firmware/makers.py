"""Keys, a root and a release for the tests of firmware."""

from random import Random

from mumetal.trust.firmware.release import Release, sign
from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.keys.root import Role, TrustedKey, TrustRoot

NOW = 1_795_000_000 * 10**9
YEAR = 365 * 86_400 * 10**9
KEYS = [SoftKey.generate(Random(i).randbytes) for i in range(4)]  # the fourth belongs to nobody
IMAGE = b"gateware" * 1_000


def root(threshold: int = 2) -> TrustRoot:
    trusted = tuple(
        TrustedKey(public=k.public, owner=f"maker{i}", created_ns=NOW - YEAR, expires_ns=NOW + YEAR)
        for i, k in enumerate(KEYS[:3])
    )
    ids = tuple(k.public.key_id for k in trusted)
    roles = (Role(name="root", keys=ids, threshold=2), Role(name="firmware", keys=ids, threshold=threshold))
    return TrustRoot(version=1, issued_ns=NOW - YEAR, expires_ns=NOW + YEAR, keys=trusted, roles=roles)


def release(security_version: int = 3, board: str = "zcu111", expires_ns: int = NOW + YEAR) -> Release:
    return Release(
        name="gateware", board=board, version="2.0", security_version=security_version, expires_ns=expires_ns
    )


def envelope(data: bytes = IMAGE, *, by: tuple[int, ...] = (0, 1), **changed: object) -> bytes:
    return sign(release(**changed), data, [KEYS[i] for i in by])  # type: ignore[arg-type]
