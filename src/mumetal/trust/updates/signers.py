"""Hybrid keys as TUF sees them: two keys per owner, one Ed25519 and one ML-DSA-87.

TUF counts keys, not owners. With ``k`` of ``n`` owners the threshold is ``2k`` of ``2n`` keys: as an owner adds at most
two, that takes ``k`` owners; and while ``2k > n``, all Ed25519 keys together (a quantum computer) do not reach it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey
from securesystemslib.signer import CryptoSigner, Signer

from mumetal.core.errors import BadInputError
from mumetal.trust.keys.hybrid import SEED, SoftKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who signs for a role.

    Args:
        owners: One hybrid key each, none twice.
        threshold: How many of them must sign; more than half of them.
    """

    owners: tuple[SoftKey, ...]
    threshold: int

    def __post_init__(self) -> None:
        if len({k.public.key_id for k in self.owners}) != len(self.owners):
            raise BadInputError("an owner is named twice")
        if not 0 < self.threshold <= len(self.owners) or 2 * self.threshold <= len(self.owners):
            raise BadInputError(
                "the threshold is more than half of the owners, and at most all",
                hint="otherwise one scheme alone could reach it",
            )

    @property
    def signers(self) -> tuple[Signer, ...]:
        """The owners' keys, two each."""
        return tuple(s for owner in self.owners for s in signers_of(owner))

    @property
    def keys_needed(self) -> int:
        """TUF's threshold."""
        return 2 * self.threshold


def signers_of(key: SoftKey) -> Sequence[Signer]:
    """Return both halves of a key as TUF signers."""
    return (
        CryptoSigner(Ed25519PrivateKey.from_private_bytes(key.seeds[:SEED])),
        CryptoSigner(MLDSA87PrivateKey.from_seed_bytes(key.seeds[SEED:])),
    )
