"""The seal of a registry: DSSE envelopes by hybrid keys, opened as the trust root demands."""

from collections.abc import Sequence

from mumetal.core.clock import Clock
from mumetal.core.errors import RejectedError
from mumetal.formats import dsse
from mumetal.trust.keys.hybrid import Signer
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.signing import envelopes

ROLE = "models"


class SignedSeal:
    """Signs with every signer given; opens what the role has signed.

    Args:
        root: Says whose keys count, how many are needed, and until when.
        clock: Tells expiry.
        signers: Keys to sign with; none where documents are only read.
        role: Who must have signed.
    """

    def __init__(self, root: TrustRoot, clock: Clock, signers: Sequence[Signer] = (), role: str = ROLE) -> None:
        self._root = root
        self._clock = clock
        self._signers = tuple(signers)
        self._role = role

    def close(self, payload: bytes, kind: str) -> bytes:
        """Return a signed envelope around ``payload``.

        Raises:
            RejectedError: No key to sign with was given, or the keys are not those the root asks for.
            UnavailableError: A key cannot be reached.
        """
        if not self._signers:
            raise RejectedError("this registry was opened to be read: no key to sign with", hint="name one with --key")
        envelope = envelopes.sign(kind, payload, self._signers)
        self._verify(envelope, kind, "the new signature")
        return dsse.encode(envelope)

    def open(self, envelope: bytes, kind: str, where: str) -> bytes:
        """Return the payload of an envelope that the role has signed as this kind.

        Raises:
            RejectedError: A step of :mod:`mumetal.trust.signing.envelopes` failed; says which.
            BadInputError: It is no envelope.
        """
        opened = dsse.decode(envelope, where)
        self._verify(opened, kind, where)
        return opened.payload

    def _verify(self, envelope: dsse.Envelope, kind: str, where: str) -> None:
        envelopes.verify(
            envelope, payload_type=kind, root=self._root, role=self._role, now_ns=self._clock.now_ns(), where=where
        )
