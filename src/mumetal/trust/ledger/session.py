"""The key of one run of the writer: it seals the journal, and is nowhere but in this process's memory.

The log's own key may sit in a token that signs a few times a second, so it does not sign every commit: once in a run it
vouches for a fresh hybrid key, and that one signs, at each commit, how many entries there are and the digest that the
journal's chain has reached. One seal therefore covers every frame before it. Whoever may write the journal's file, or
even read every file there is, has no session's key; whoever has the log's key can vouch for one of their own.
(Certified session keys in place of the key-evolving MACs of Schneier and Kelsey 1998, doi:10.5555/1267549.1267553, whose
verifier must hold a secret: here an auditor needs the log's public key alone.)
"""

import struct
from dataclasses import dataclass

from mumetal.core.errors import BadInputError
from mumetal.trust.keys.hybrid import (
    ED25519_PUBLIC,
    ED25519_SIGNATURE,
    ML_DSA_87_PUBLIC,
    ML_DSA_87_SIGNATURE,
    Entropy,
    HybridPublicKey,
    HybridSignature,
    Signer,
    SoftKey,
)

SESSION = b"mumetal ledger session/v1\n"
SEAL = b"mumetal ledger journal/v1\n"
LAYOUT = struct.Struct(f">Q32s{ED25519_PUBLIC}s{ML_DSA_87_PUBLIC}s" + 2 * f"{ED25519_SIGNATURE}s{ML_DSA_87_SIGNATURE}s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a session says of the journal.

    Args:
        stop: Index after the last entry that it covers.
        digest: The chain's digest there, 32 bytes.
        session: The session's key.
        vouched: The log's signature over that key.
        signature: The session's signature.
    """

    stop: int
    digest: bytes
    session: HybridPublicKey
    vouched: HybridSignature
    signature: HybridSignature

    def verify(self, origin: str, public: HybridPublicKey) -> None:
        """Return nothing when a session of that log has sealed the journal so.

        Raises:
            RejectedError: The log does not vouch for the session, or the session did not sign this.
        """
        public.verify(_session_text(origin, self.session), self.vouched)
        self.session.verify(_seal_text(origin, self.stop, self.digest), self.signature)


class Session:
    """Seals for one run; its key is made, and vouched for, when the first seal is asked for.

    Args:
        origin: The log's name.
        signer: The log's key.
        entropy: Makes the session's key.
    """

    def __init__(self, origin: str, signer: Signer, entropy: Entropy) -> None:
        self._origin = origin
        self._signer = signer
        self._entropy = entropy
        self._key: SoftKey | None = None
        self._vouched: HybridSignature | None = None

    def seal(self, stop: int, digest: bytes) -> Seal:
        """Seal the journal up to an entry.

        Raises:
            UnavailableError: The log's key cannot be reached to vouch for this session.
        """
        if self._key is None or self._vouched is None:
            key = SoftKey.generate(self._entropy)
            self._vouched = self._signer.sign(_session_text(self._origin, key.public))
            self._key = key
        signature = self._key.sign(_seal_text(self._origin, stop, digest))
        return Seal(stop=stop, digest=digest, session=self._key.public, vouched=self._vouched, signature=signature)


def encode(seal: Seal) -> bytes:
    """Return the seal's bytes, always as many."""
    return LAYOUT.pack(
        seal.stop, seal.digest, seal.session.ed25519, seal.session.ml_dsa_87,
        seal.vouched.ed25519, seal.vouched.ml_dsa_87, seal.signature.ed25519, seal.signature.ml_dsa_87,
    )  # fmt: skip


def decode(data: bytes) -> Seal | None:
    """Read a seal; None where none was written, or one was cut short."""
    if len(data) < LAYOUT.size or not any(data[: LAYOUT.size]):
        return None
    stop, digest, ed25519, ml_dsa, vouched, vouched_pq, sig, sig_pq = LAYOUT.unpack_from(data)
    try:
        return Seal(
            stop=stop,
            digest=digest,
            session=HybridPublicKey(ed25519=ed25519, ml_dsa_87=ml_dsa),
            vouched=HybridSignature(ed25519=vouched, ml_dsa_87=vouched_pq),
            signature=HybridSignature(ed25519=sig, ml_dsa_87=sig_pq),
        )
    except BadInputError:
        return None


def _session_text(origin: str, session: HybridPublicKey) -> bytes:
    return SESSION + origin.encode() + b"\n" + session.ed25519 + session.ml_dsa_87


def _seal_text(origin: str, stop: int, digest: bytes) -> bytes:
    return SEAL + origin.encode() + b"\n" + stop.to_bytes(8) + digest
