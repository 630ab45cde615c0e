"""Hybrid keys: Ed25519 and ML-DSA-87 side by side, and a signature holds only when both halves do.

Ed25519 (RFC 8032) has two decades of review and falls to a quantum computer; ML-DSA-87 (FIPS 204, category 5) is meant
to withstand one and is young. Whoever forges must break both. Each half signs the same bytes with no context string,
so that any other implementation can check its half; what is signed must therefore say itself what it is (a DSSE
pre-authentication encoding or a note's text does). A half by itself is a valid signature of that one scheme: nothing
of ours accepts one alone.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey, MLDSA87PublicKey

from mumetal.core.errors import BadInputError, RejectedError

ED25519_PUBLIC = 32
ED25519_SIGNATURE = 64
ML_DSA_87_PUBLIC = 2_592
ML_DSA_87_SIGNATURE = 4_627
SEED = 32
KEY_ID_DOMAIN = b"mumetal hybrid ed25519 ml-dsa-87\n"

Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes: ``os.urandom`` outside the tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridSignature:
    """Both halves over the same bytes.

    Args:
        ed25519: 64 bytes.
        ml_dsa_87: 4,627 bytes.

    Raises:
        BadInputError: A half has another length.
    """

    ed25519: bytes
    ml_dsa_87: bytes

    def __post_init__(self) -> None:
        if len(self.ed25519) != ED25519_SIGNATURE or len(self.ml_dsa_87) != ML_DSA_87_SIGNATURE:
            raise BadInputError("a hybrid signature has 64 and 4627 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridPublicKey:
    """What others need to check a signature.

    Args:
        ed25519: 32 bytes.
        ml_dsa_87: 2,592 bytes.
        key_id: SHA-256 over a domain and both halves, hex; derived, never given.

    Raises:
        BadInputError: A half has another length.
    """

    ed25519: bytes
    ml_dsa_87: bytes = field(repr=False)
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        if len(self.ed25519) != ED25519_PUBLIC or len(self.ml_dsa_87) != ML_DSA_87_PUBLIC:
            raise BadInputError("a hybrid public key has 32 and 2592 bytes")
        digest = hashlib.sha256(KEY_ID_DOMAIN + self.ed25519 + self.ml_dsa_87).hexdigest()
        object.__setattr__(self, "key_id", digest)

    def verify(self, message: bytes, signature: HybridSignature) -> None:
        """Return nothing when both halves hold over ``message``.

        Raises:
            RejectedError: A half does not hold; says which.
        """
        verify_ed25519(self.ed25519, message, signature.ed25519, where=self.key_id[:16])
        verify_ml_dsa(self.ml_dsa_87, message, signature.ml_dsa_87, where=self.key_id[:16])


class Signer(Protocol):
    """Something that holds a hybrid key and signs with it."""

    @property
    def public(self) -> HybridPublicKey:
        """Its public half."""
        ...

    def sign(self, message: bytes) -> HybridSignature:
        """Sign ``message`` with both schemes.

        Raises:
            UnavailableError: The key cannot be reached, such as a token that was unplugged.
        """
        ...


class SoftKey:
    """A hybrid key in this process's memory.

    Args:
        ed25519: Seed, 32 bytes.
        ml_dsa_87: Seed, 32 bytes.

    Raises:
        BadInputError: A seed has another length, or both are the same bytes.
    """

    def __init__(self, *, ed25519: bytes, ml_dsa_87: bytes) -> None:
        if len(ed25519) != SEED or len(ml_dsa_87) != SEED:
            raise BadInputError(f"a seed has {SEED} bytes")
        if ed25519 == ml_dsa_87:
            raise BadInputError("both halves would share one seed", hint="make a new key")
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519)
        self._ml_dsa = MLDSA87PrivateKey.from_seed_bytes(ml_dsa_87)
        self._public = HybridPublicKey(
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            ml_dsa_87=self._ml_dsa.public_key().public_bytes_raw(),
        )

    @classmethod
    def generate(cls, entropy: Entropy) -> "SoftKey":
        """Make a new key from ``entropy``."""
        return cls(ed25519=entropy(SEED), ml_dsa_87=entropy(SEED))

    @property
    def public(self) -> HybridPublicKey:
        """Its public half."""
        return self._public

    @property
    def seeds(self) -> bytes:
        """Both seeds, 64 bytes: secret, only for what stores keys."""
        return self._ed25519.private_bytes_raw() + self._ml_dsa.private_bytes_raw()

    def sign(self, message: bytes) -> HybridSignature:
        """Sign ``message`` with both schemes."""
        return HybridSignature(ed25519=self._ed25519.sign(message), ml_dsa_87=self._ml_dsa.sign(message))

    def __repr__(self) -> str:
        return f"SoftKey({self._public.key_id[:16]}…)"


def soft_key(seeds: bytes) -> SoftKey:
    """Return the key of 64 bytes of seeds, Ed25519's first.

    Raises:
        BadInputError: Another length.
    """
    if len(seeds) != 2 * SEED:
        raise BadInputError(f"a hybrid key's secret has {2 * SEED} bytes")
    return SoftKey(ed25519=seeds[:SEED], ml_dsa_87=seeds[SEED:])


def verify_ed25519(public: bytes, message: bytes, signature: bytes, *, where: str = "") -> None:
    """Check the Ed25519 half.

    Raises:
        RejectedError: It does not hold.
    """
    try:
        _ed25519_public(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise RejectedError("the Ed25519 signature does not hold", where=where) from None


def verify_ml_dsa(public: bytes, message: bytes, signature: bytes, *, where: str = "") -> None:
    """Check the ML-DSA-87 half.

    Raises:
        RejectedError: It does not hold.
    """
    try:
        _ml_dsa_public(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise RejectedError("the ML-DSA-87 signature does not hold", where=where) from None


@lru_cache(maxsize=256)
def _ed25519_public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=256)
def _ml_dsa_public(raw: bytes) -> MLDSA87PublicKey:
    return MLDSA87PublicKey.from_public_bytes(raw)
