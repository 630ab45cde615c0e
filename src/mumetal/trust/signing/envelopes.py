"""Signs and verifies envelopes with hybrid keys.

A signer leaves two signatures, ``KEYID#ed25519`` and ``KEYID#ml-dsa-87``. :func:`verify` returns nothing: it raises at
the first of these steps that fails.

1. The payload is of the type that was asked for.
2. The root has not expired.
3. The role exists in the root.
4. Every signature that claims a key of the role is there once and in both halves.
5. Both halves hold over the pre-authentication encoding. One that does not is refused, not passed over.
6. The keys that count (neither revoked, expired nor from the future) belong to at least as many different owners as
   the role's threshold.

Signatures by keys that the role does not name are passed over: another role's verifier may want them.
"""

from collections.abc import Sequence
from dataclasses import replace

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats.dsse import Envelope, Signature
from mumetal.trust.keys.hybrid import HybridSignature, Signer, verify_ed25519, verify_ml_dsa
from mumetal.trust.keys.root import TrustRoot

ED25519 = "ed25519"
ML_DSA_87 = "ml-dsa-87"


def sign(payload_type: str, payload: bytes, signers: Sequence[Signer]) -> Envelope:
    """Return the payload in an envelope that every signer has signed.

    Raises:
        BadInputError: No signer, one of them twice, or the payload is too large.
        UnavailableError: A signer's key cannot be reached.
    """
    if not signers:
        raise BadInputError("nobody signs")
    envelope = Envelope(payload_type=payload_type, payload=payload)
    for signer in signers:
        envelope = add_signature(envelope, signer)
    return envelope


def add_signature(envelope: Envelope, signer: Signer) -> Envelope:
    """Return the envelope with one more signer, as when approvers sign one after the other.

    Raises:
        BadInputError: The signer has signed it already, or the envelope is full.
        UnavailableError: The signer's key cannot be reached.
    """
    key_id = signer.public.key_id
    if any(s.keyid.partition("#")[0] == key_id for s in envelope.signatures):
        raise BadInputError("this key has signed it already", where=key_id[:16])
    made = signer.sign(envelope.signed)
    return replace(envelope, signatures=(*envelope.signatures, *_parts(key_id, made)))


def verify(envelope: Envelope, *, payload_type: str, root: TrustRoot, role: str, now_ns: int, where: str = "") -> None:
    """Return nothing when ``role`` has signed the envelope as ``root`` demands at ``now_ns``.

    Raises:
        RejectedError: A step failed; says which and why.
    """
    if envelope.payload_type != payload_type:
        raise RejectedError(f"step 1: the payload is {envelope.payload_type[:80]!r}, not {payload_type!r}", where=where)
    if now_ns >= root.expires_ns:
        raise RejectedError(
            f"step 2: version {root.version} of the trust root has expired", where=where, hint="get a newer root"
        )
    try:
        wanted = root.role(role)
    except RejectedError as error:
        raise RejectedError(f"step 3: {error.message}", where=where or role) from None
    signed = envelope.signed
    owners: set[str] = set()
    refused: list[str] = []
    for key in root.keys_of(wanted):
        key_id = key.public.key_id
        halves = halves_of(envelope, key_id, where)
        if halves is None:
            continue
        try:
            verify_ed25519(key.public.ed25519, signed, halves.ed25519)
            verify_ml_dsa(key.public.ml_dsa_87, signed, halves.ml_dsa_87)
        except RejectedError as error:
            raise RejectedError(f"step 5: {error.message} (key {key_id[:16]} of {key.owner})", where=where) from None
        why = key.usable(now_ns)
        if why:
            refused.append(f"{key_id[:16]} of {key.owner}: {why}")
        else:
            owners.add(key.owner)
    if len(owners) < wanted.threshold:
        others = f"; not counted: {'; '.join(refused)}" if refused else ""
        raise RejectedError(
            f"step 6: {len(owners)} of {wanted.threshold} owners in role {role!r} have signed{others}"[:1_000],
            where=where,
        )


def _parts(key_id: str, made: HybridSignature) -> tuple[Signature, Signature]:
    return (
        Signature(keyid=f"{key_id}#{ED25519}", sig=made.ed25519),
        Signature(keyid=f"{key_id}#{ML_DSA_87}", sig=made.ml_dsa_87),
    )


def halves_of(envelope: Envelope, key_id: str, where: str) -> HybridSignature | None:
    """Return the two halves that claim a key; None when nothing does."""
    mine = [s for s in envelope.signatures if s.keyid.partition("#")[0] == key_id]
    if not mine:
        return None
    found = {s.keyid.partition("#")[2]: s.sig for s in mine}
    if len(mine) != 2 or set(found) != {ED25519, ML_DSA_87}:
        raise RejectedError(
            f"step 4: key {key_id[:16]} has not signed once with both Ed25519 and ML-DSA-87", where=where
        )
    try:
        return HybridSignature(ed25519=found[ED25519], ml_dsa_87=found[ML_DSA_87])
    except BadInputError as error:
        raise RejectedError(f"step 4: {error.message}", where=where) from None
