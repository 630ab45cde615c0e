"""From the first root to the newest: each version is signed by its predecessor's root role *and* by its own.

Steps, for each version after the first: (1) its number is the predecessor's plus one; (2) the predecessor's root role
has signed it; (3) its own root role has signed it; (4) it was issued no earlier than its predecessor. Only the newest
must not have expired (TUF specification 1.0, section 5.3, does the same): an old link says who may sign the next one,
nothing else. The first root must come from somewhere trusted: its digest is pinned.
"""

import hashlib
import hmac
from collections.abc import Sequence

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import dsse
from mumetal.trust.keys import root as roots
from mumetal.trust.keys.hybrid import Signer
from mumetal.trust.keys.root import ROOT, TrustRoot
from mumetal.trust.signing import envelopes

MAX_VERSIONS = 1_000


def sign_root(root: TrustRoot, signers: Sequence[Signer]) -> bytes:
    """Return the root in its signed envelope."""
    return dsse.encode(envelopes.sign(roots.PAYLOAD_TYPE, roots.encode(root), signers))


def digest(first: bytes) -> str:
    """Return what to pin of the first version: the SHA-256 of its payload, which no added signature changes."""
    return hashlib.sha256(dsse.decode(first, "trust root").payload).hexdigest()


def load(chain: Sequence[bytes], *, pinned: str, now_ns: int) -> TrustRoot:
    """Return the newest root of a chain of signed versions, oldest first.

    Args:
        chain: Envelopes, the first version first.
        pinned: SHA-256 of the first version's payload, 64 hex digits (:func:`digest`).
        now_ns: Now, nanoseconds since 1970 UTC; the ledger's :attr:`latest_ns` guards it against a clock set back.

    Raises:
        BadInputError: No version, or one that cannot be read.
        RejectedError: The first is not the pinned one, or a link does not hold; says which version and step.
    """
    if not 0 < len(chain) <= MAX_VERSIONS:
        raise BadInputError(f"a chain has 1 to {MAX_VERSIONS} versions")
    if not hmac.compare_digest(digest(chain[0]), pinned):
        raise RejectedError("the first trust root is not the one that was pinned", where="trust root 1")
    current = _own(chain[0], "trust root 1")
    if current.version != 1:
        raise RejectedError("the chain does not start at version 1", where="trust root 1")
    for number, data in enumerate(chain[1:], start=2):
        current = _next(current, data, f"trust root {number}")
    if now_ns >= current.expires_ns:
        raise RejectedError(
            f"version {current.version}, the newest, has expired", where="trust root", hint="sign a newer root"
        )
    return current


def _next(current: TrustRoot, data: bytes, where: str) -> TrustRoot:
    found = roots.decode(dsse.decode(data, where).payload, where)
    if found.version != current.version + 1:
        raise RejectedError(f"step 1: version {found.version} follows version {current.version}", where=where)
    _verify(data, current, found.issued_ns, f"{where} step 2")
    _own(data, f"{where} step 3")
    if found.issued_ns < current.issued_ns:
        raise RejectedError("step 4: it was issued before its predecessor", where=where)
    return found


def _own(data: bytes, where: str) -> TrustRoot:
    found = roots.decode(dsse.decode(data, where).payload, where)
    _verify(data, found, found.issued_ns, where)
    return found


def _verify(data: bytes, by: TrustRoot, issued_ns: int, where: str) -> None:
    # a link may be older than its signers' expiry: what counts is that they were valid when it was issued
    at = min(max(issued_ns, by.issued_ns), by.expires_ns - 1)
    envelopes.verify(
        dsse.decode(data, where), payload_type=roots.PAYLOAD_TYPE, root=by, role=ROOT, now_ns=at, where=where
    )
