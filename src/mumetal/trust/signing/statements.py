"""Signed statements about artefacts, and the verifier that a door puts before whatever it loads.

Steps of :class:`SignedVerifier`, each a refusal: (1) there is an envelope for the artefact; (2) it can be read;
(3) the role has signed it (the six steps of :mod:`mumetal.trust.signing.envelopes`); (4) its payload is a statement of
the expected kind; (5) the statement names the artefact; (6) with the SHA-384 of its bytes.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from mumetal.core.artefact import Artefact
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import dsse, in_toto
from mumetal.formats.canonical import Plain
from mumetal.formats.dsse import Envelope
from mumetal.formats.in_toto import Statement, Subject
from mumetal.trust.keys.hybrid import Signer
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.signing import envelopes


def sign_statement(statement: Statement, signers: Sequence[Signer]) -> bytes:
    """Return the envelope of a statement.

    Raises:
        BadInputError: No signer, or one twice.
        UnavailableError: A key cannot be reached.
    """
    return dsse.encode(envelopes.sign(in_toto.PAYLOAD_TYPE, in_toto.encode(statement), signers))


def sign_artefact(
    artefact: Artefact, predicate_type: str, predicate: Mapping[str, Plain], signers: Sequence[Signer]
) -> bytes:
    """Return the envelope of a statement about one artefact, named by its URI."""
    subject = Subject.of(artefact.uri, artefact.data)
    return sign_statement(Statement(subjects=(subject,), predicate_type=predicate_type, predicate=predicate), signers)


def verify_statement(
    envelope: Envelope, *, predicate_type: str, root: TrustRoot, role: str, now_ns: int, where: str = ""
) -> None:
    """Return nothing when ``role`` has signed a statement of that kind; then decode ``envelope.payload``.

    Raises:
        RejectedError: It has not, or the payload is another thing.
    """
    envelopes.verify(envelope, payload_type=in_toto.PAYLOAD_TYPE, root=root, role=role, now_ns=now_ns, where=where)
    try:
        statement = in_toto.decode(envelope.payload, where)
    except BadInputError as error:
        raise RejectedError(f"the signed payload is no statement: {error.message}", where=where) from None
    if statement.predicate_type != predicate_type:
        raise RejectedError(f"the statement is a {statement.predicate_type[:80]!r}", where=where)


def verify_subject(statement: Statement, name: str, data: bytes, where: str = "") -> None:
    """Return nothing when the statement is about ``data`` under that name.

    Raises:
        RejectedError: It does not name it, or other bytes.
    """
    named = next((s for s in statement.subjects if s.name == name), None)
    if named is None:
        raise RejectedError("step 5: the statement does not name it", where=where or name[:200])
    actual = hashlib.sha384(data).hexdigest()
    if not hmac.compare_digest(actual, named.sha384):
        raise RejectedError(
            f"step 6: its SHA-384 is {actual[:16]}…, not {named.sha384[:16]}…",
            where=where or name[:200],
            hint="restore the original, or have it signed",
        )


class SignedVerifier:
    """A verifier of artefacts by signed statements.

    Args:
        envelope_of: Finds the envelope's bytes for an artefact; None when there is none.
        predicate_type: Kind of statement that is asked for.
        root: Says who may sign.
        role: Who must have signed.
        clock: Tells expiry.
    """

    def __init__(
        self,
        envelope_of: Callable[[Artefact], bytes | None],
        *,
        predicate_type: str,
        root: TrustRoot,
        role: str,
        clock: Clock,
    ) -> None:
        self._envelope_of = envelope_of
        self._predicate_type = predicate_type
        self._root = root
        self._role = role
        self._clock = clock

    def verify(self, artefact: Artefact) -> None:
        """Return nothing when a statement vouches for the artefact.

        Raises:
            RejectedError: A step failed; says which.
        """
        where = artefact.uri[:200]
        data = self._envelope_of(artefact)
        if data is None:
            raise RejectedError("step 1: nobody has signed it", where=where, hint="only signed artefacts load")
        try:
            envelope = dsse.decode(data, where)
        except BadInputError as error:
            raise RejectedError(f"step 2: its envelope cannot be read: {error.message}", where=where) from None
        try:
            verify_statement(
                envelope,
                predicate_type=self._predicate_type,
                root=self._root,
                role=self._role,
                now_ns=self._clock.now_ns(),
                where=where,
            )
        except RejectedError as error:
            raise RejectedError(f"steps 3 and 4: {error.message}", where=where, hint=error.hint) from None
        verify_subject(in_toto.decode(envelope.payload, where), artefact.uri, artefact.data, where)
