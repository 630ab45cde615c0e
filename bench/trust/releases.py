"""T1 and T2: what verifying a release costs beside the digest alone, and whether a tampered installation ever passes."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from mumetal.core.clock import Clock
from mumetal.core.errors import RejectedError
from mumetal.core.ports import LedgerEntry
from mumetal.trust.firmware.release import Release, sign, verify
from mumetal.trust.keys.hybrid import Entropy, SoftKey
from mumetal.trust.keys.root import Role, TrustedKey, TrustRoot
from mumetal.trust.ledger import checkpoint, merkle
from mumetal.trust.ledger.log import MerkleLedger

YEAR = 365 * 86_400 * 10**9
FILLER = 2_000
BOARD, OTHER = "board", "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """T1: the verification of one image beside its SHA-384, CPU time.

    Args:
        size: The image, bytes.
        n: How often.
        hash_ms: Median of the digest alone.
        verify_ms: Median of the whole verification.
        ratio: Median of their ratio, run by run.
        low: The second smallest ratio.
        high: The second largest ratio.
    """

    size: int
    n: int
    hash_ms: float
    verify_ms: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """T2 of one family: tampered installations tried and accepted, good ones tried and refused."""

    tampered: int
    accepted: int
    good: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Makers:
    """Three makers of a role that asks for two, and a stranger, who is the last key."""

    keys: tuple[SoftKey, ...]
    root: TrustRoot
    now_ns: int

    @classmethod
    def fresh(cls, entropy: Entropy, now_ns: int) -> "Makers":
        """Make keys and a root."""
        keys = tuple(SoftKey.generate(entropy) for _ in range(4))
        trusted = tuple(
            TrustedKey(public=k.public, owner=f"maker{i}", created_ns=now_ns - YEAR, expires_ns=now_ns + YEAR)
            for i, k in enumerate(keys[:3])
        )
        ids = tuple(k.public.key_id for k in trusted)
        roles = tuple(Role(name=n, keys=ids, threshold=2) for n in ("root", "firmware"))
        root = TrustRoot(version=1, issued_ns=now_ns - YEAR, expires_ns=now_ns + YEAR, keys=trusted, roles=roles)
        return cls(keys=keys, root=root, now_ns=now_ns)

    def sign(
        self,
        data: bytes,
        by: Sequence[int] = (0, 1),
        *,
        security_version: int = 3,
        board: str = BOARD,
        life_ns: int = YEAR,
    ) -> bytes:
        """Return a release of ``data``."""
        about = Release(
            name="image", board=board, version="2", security_version=security_version, expires_ns=self.now_ns + life_ns
        )
        return sign(about, data, [self.keys[i] for i in by])

    def passes(self, envelope: bytes | None, data: bytes) -> bool:
        """Say whether an installation would be let pass on a board that confirmed security version 3."""
        try:
            verify(envelope, data, board=BOARD, floor=3, root=self.root, now_ns=self.now_ns)
        except RejectedError:
            return False
        return True


def cost(
    image: bytes, folder: Path, *, clock: Clock, entropy: Entropy, cpu_ns: Callable[[], int], repeats: int = 15
) -> Cost:
    """Measure T1: both signatures of two makers, board, expiry, floor, a proof from the ledger, SHA-384.

    Args:
        image: The image.
        folder: An empty folder for a ledger.
        clock: Time.
        entropy: Makes keys.
        cpu_ns: This process's CPU time, ns.
        repeats: How often, at least 4.
    """
    makers = Makers.fresh(entropy, clock.now_ns())
    envelope = makers.sign(image)
    ledger = MerkleLedger(folder / "log", origin="bench.example/log", signer=makers.keys[0], clock=clock)
    why = "sha384=" + hashlib.sha384(envelope).hexdigest()
    entry = LedgerEntry(tenant="local", t_ns=clock.now_ns(), actor="a", action="firmware.release", subject="i", why=why)
    ledger.append_many([entry] * FILLER)
    index = ledger.append(entry)
    note, raw, path = ledger.prove(index)
    ledger.close()

    def logged(signed: bytes) -> None:
        checkpoint.verify(note, "bench.example/log", makers.keys[0].public)
        head = checkpoint.of_note(note)
        merkle.verify_inclusion(merkle.leaf(raw), index, head.size, path, head.root)
        if hashlib.sha384(signed).hexdigest().encode() not in raw:
            raise RejectedError("the entry is of another release")

    plain, whole = [], []
    for _ in range(repeats):
        start = cpu_ns()
        hashlib.sha384(image).digest()
        middle = cpu_ns()
        verify(envelope, image, board=BOARD, floor=3, root=makers.root, now_ns=makers.now_ns, logged=logged)
        plain.append(middle - start)
        whole.append(cpu_ns() - middle)
    ratios = sorted(w / max(1, p) for w, p in zip(whole, plain, strict=True))
    return Cost(
        size=len(image), n=repeats, hash_ms=median(plain) / 1e6, verify_ms=median(whole) / 1e6,
        ratio=median(ratios), low=ratios[1], high=ratios[-2],
    )  # fmt: skip


def tampering(
    families: Mapping[str, Sequence[bytes]], *, entropy: Entropy, now_ns: int, chance: Random
) -> dict[str, Tampering]:
    """Measure T2: every way to tamper that the verification names, and single flipped bits, on images of each family."""
    makers = Makers.fresh(entropy, now_ns)
    table = {}
    for family, images in families.items():
        tampered = accepted = refused = 0
        for data in images:
            good = makers.sign(data)
            trials: list[tuple[bytes | None, bytes]] = [
                (None, data), (makers.sign(data, (0,)), data), (makers.sign(data, (0, 3)), data),
                (makers.sign(data, security_version=2), data), (makers.sign(data, board=OTHER), data),
                (makers.sign(data, life_ns=-(10**9)), data), (good, data + b"\0"), (good, data[:-1]),
                (_flipped(good, chance), data), *((good, _flipped(data, chance)) for _ in range(4)),
            ]  # fmt: skip
            tampered += len(trials)
            accepted += sum(makers.passes(*trial) for trial in trials)
            refused += not makers.passes(good, data)
        table[family] = Tampering(tampered=tampered, accepted=accepted, good=len(images), refused=refused)
    return table


def _flipped(data: bytes, chance: Random) -> bytes:
    other = bytearray(data)
    other[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(other)
