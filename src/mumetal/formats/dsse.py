"""DSSE envelopes: a payload, what type it is, and signatures over both (Dead Simple Signing Envelope, protocol v1.0.2).

The signatures are over :func:`pae`, never over a re-serialisation. Reading is strict where an ambiguity could be used
(repeated keys, stray base64 characters, sizes) and lenient where the protocol asks for it (unknown fields, either
base64 alphabet).
"""

import base64
import binascii
from dataclasses import dataclass

from mumetal.core.errors import BadInputError
from mumetal.formats import canonical

MAX_PAYLOAD = 16 * 2**20
MAX_ENVELOPE = 24 * 2**20
MAX_SIGNATURES = 64
MAX_SIGNATURE = 16 * 1024
MAX_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature of an envelope.

    Args:
        keyid: Hint to which key made it; not authenticated.
        sig: The signature's bytes.
    """

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signed payload; nothing in it is to be believed before a verifier has passed it.

    Args:
        payload_type: Media type or URI, at most 500 characters.
        payload: The bytes, at most 16 MiB.
        signatures: At most 64.

    Raises:
        BadInputError: A bound is exceeded, or a field is empty.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.payload_type) <= MAX_TEXT:
            raise BadInputError("an envelope's payload type has 1 to 500 characters")
        if len(self.payload) > MAX_PAYLOAD:
            raise BadInputError(f"an envelope's payload has at most {MAX_PAYLOAD} bytes")
        if len(self.signatures) > MAX_SIGNATURES:
            raise BadInputError(f"an envelope has at most {MAX_SIGNATURES} signatures")
        for signature in self.signatures:
            if len(signature.keyid) > MAX_TEXT or not 0 < len(signature.sig) <= MAX_SIGNATURE:
                raise BadInputError("a signature of the envelope is empty or too long")

    @property
    def signed(self) -> bytes:
        """The bytes that the signatures are over."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: lengths make it unambiguous, the prefix keeps it apart.

    Raises:
        BadInputError: The type cannot be written as UTF-8.
    """
    try:
        kind = payload_type.encode()
    except UnicodeEncodeError:
        raise BadInputError("a payload type with a lone surrogate cannot be signed") from None
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def encode(envelope: Envelope) -> bytes:
    """Return the envelope as canonical JSON."""
    return canonical.encode(
        {
            "payloadType": envelope.payload_type,
            "payload": base64.b64encode(envelope.payload).decode(),
            "signatures": [{"keyid": s.keyid, "sig": base64.b64encode(s.sig).decode()} for s in envelope.signatures],
        }
    )


def decode(data: bytes, where: str = "envelope") -> Envelope:
    """Read an envelope.

    Raises:
        BadInputError: Not an envelope: not JSON, a key given twice, not base64, a field missing or out of bounds.
    """
    value = canonical.decode_json(data, MAX_ENVELOPE, 16, where)
    if not isinstance(value, dict):
        raise BadInputError("an envelope is a JSON object", where=where)
    payload_type, payload, listed = value.get("payloadType"), value.get("payload"), value.get("signatures")
    if not isinstance(payload_type, str) or not isinstance(payload, str) or not isinstance(listed, list):
        raise BadInputError("an envelope has payloadType, payload and signatures", where=where)
    if not 0 < len(listed) <= MAX_SIGNATURES:
        raise BadInputError(f"an envelope has 1 to {MAX_SIGNATURES} signatures, not {len(listed)}", where=where)
    signatures = []
    for item in listed:
        keyid = item.get("keyid", "") if isinstance(item, dict) else None
        sig = item.get("sig") if isinstance(item, dict) else None
        if not isinstance(keyid, str) or not isinstance(sig, str):
            raise BadInputError("a signature has a sig and, if at all, a textual keyid", where=where)
        signatures.append(Signature(keyid=keyid, sig=_base64(sig, where)))
    envelope = Envelope(payload_type=payload_type, payload=_base64(payload, where), signatures=tuple(signatures))
    pae(envelope.payload_type, b"")
    return envelope


def _base64(text: str, where: str) -> bytes:
    """Decode standard or URL-safe base64, refusing every other spelling of the same bytes."""
    try:
        raw = base64.b64decode(text.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError):
        raise BadInputError("not base64", where=where) from None
    plain = base64.b64encode(raw).decode()
    if text not in {plain, plain.translate({ord("+"): "-", ord("/"): "_"})}:
        raise BadInputError("not the one base64 spelling of its bytes", where=where)
    return raw
