"""TPM 2.0 quotes, verified without a TPM (Trusted Platform Module Library 1.59, parts 1 and 2).

:func:`verify` returns nothing; it raises at the first step that fails.

1. The quote and its signature can be read; it is a quote made inside a TPM (magic ``TPM_GENERATED``).
2. The signature is the attestation key's: ECDSA over the quote with SHA-256 or SHA-384.
3. The nonce is the one that was handed out, and it is not too old. A quote can be asked for once per nonce.
4. The quote covers exactly the registers asked for, in the SHA-256 bank, none of them resettable.
5. The register values add up to the digest that was signed.
6. They are the golden ones.
7. The TPM's clock went on from the last quote: no reset unseen, no clock set back.

The attestation key must come from somewhere trusted: whoever hands in the key decides whose machine it is. A quote says
what was measured at start; code that was loaded later without being measured does not show.
"""

import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from mumetal.core.errors import BadInputError, RejectedError

GENERATED = 0xFF544347
QUOTE = 0x8018
ECDSA = 0x0018
SHA256, SHA384 = 0x000B, 0x000C
HASHES: Mapping[int, hashes.HashAlgorithm] = {SHA256: hashes.SHA256(), SHA384: hashes.SHA384()}
RESETTABLE = frozenset({16, 23})
MAX_QUOTE = 4_096
SHORTEST_NONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a TPM signed.

    Args:
        nonce: Extra data, the verifier's challenge.
        registers: PCR numbers of the SHA-256 bank, ascending.
        digest: SHA-256 or SHA-384 over the registers' values.
        clock_ms: The TPM's clock, ms of powered time.
        resets: How often it was reset.
        restarts: How often it was restarted or resumed.
        safe: Whether the clock is known not to have gone back.
        firmware: The TPM's own firmware version.
    """

    nonce: bytes
    registers: tuple[int, ...]
    digest: bytes
    clock_ms: int
    resets: int
    restarts: int
    safe: bool
    firmware: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What was asked for.

    Args:
        nonce: At least 16 unpredictable bytes, used once.
        asked_ns: When it was handed out, nanoseconds since 1970 UTC.
        life_s: How long an answer is awaited, s.
    """

    nonce: bytes
    asked_ns: int
    life_s: float = 30.0

    def __post_init__(self) -> None:
        if not SHORTEST_NONCE <= len(self.nonce) <= 64:
            raise BadInputError(f"a nonce has {SHORTEST_NONCE} to 64 bytes")


class Counters(Protocol):
    """Where a TPM's clock and counters stood; a :class:`Quote` is one."""

    @property
    def resets(self) -> int:
        """How often it was reset."""
        ...

    @property
    def restarts(self) -> int:
        """How often it was restarted or resumed."""
        ...

    @property
    def clock_ms(self) -> int:
        """The TPM's clock, ms of powered time."""
        ...


class _Bytes:
    """Reads big-endian fields in order and refuses to run past the end."""

    def __init__(self, data: bytes, where: str) -> None:
        if len(data) > MAX_QUOTE:
            raise BadInputError(f"a quote has at most {MAX_QUOTE} bytes", where=where)
        self._data, self._at, self._where = data, 0, where

    def number(self, size: int) -> int:
        """Return the next ``size`` bytes as a number."""
        return int.from_bytes(self.take(size), "big")

    def sized(self) -> bytes:
        """Return the next TPM2B: two bytes of length, then as many bytes."""
        return self.take(self.number(2))

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        if self._at + size > len(self._data):
            raise BadInputError("it ends in the middle of a field", where=f"{self._where}@{self._at}")
        self._at += size
        return self._data[self._at - size : self._at]

    def end(self) -> None:
        """Refuse what is left over."""
        if self._at != len(self._data):
            raise BadInputError("bytes follow the last field", where=f"{self._where}@{self._at}")


def decode(data: bytes, where: str = "quote") -> Quote:
    """Read a TPMS_ATTEST that is a quote.

    Raises:
        BadInputError: It is not.
    """
    reader = _Bytes(data, where)
    if reader.number(4) != GENERATED or reader.number(2) != QUOTE:
        raise BadInputError("not a quote made inside a TPM", where=where)
    reader.sized()
    nonce = reader.sized()
    clock, resets, restarts, safe = struct.unpack(">QIIB", reader.take(17))
    firmware = reader.number(8)
    registers: tuple[int, ...] = ()
    banks = reader.number(4)
    if banks != 1:
        raise BadInputError(f"it covers {banks} banks of registers, not one", where=where)
    if reader.number(2) != SHA256:
        raise BadInputError("it does not cover the SHA-256 bank", where=where)
    bitmap = reader.take(reader.number(1))
    registers = tuple(i for i in range(8 * len(bitmap)) if bitmap[i // 8] >> i % 8 & 1)
    digest = reader.sized()
    reader.end()
    return Quote(
        nonce=nonce,
        registers=registers,
        digest=digest,
        clock_ms=clock,
        resets=resets,
        restarts=restarts,
        safe=safe == 1,
        firmware=firmware,
    )


def decode_signature(data: bytes, where: str = "quote signature") -> tuple[int, bytes]:
    """Read an ECDSA TPMT_SIGNATURE; returns (hash algorithm, DER signature).

    Raises:
        BadInputError: It is not one, or with another hash than SHA-256 or SHA-384.
    """
    reader = _Bytes(data, where)
    if reader.number(2) != ECDSA:
        raise BadInputError("not an ECDSA signature", where=where, hint="make the attestation key with -G ecc")
    algorithm = reader.number(2)
    if algorithm not in HASHES:
        raise BadInputError(f"hash algorithm {algorithm:#06x} is not accepted", where=where)
    r, s = int.from_bytes(reader.sized(), "big"), int.from_bytes(reader.sized(), "big")
    reader.end()
    return algorithm, encode_dss_signature(r, s)


def load_key(pem: bytes, where: str = "attestation key") -> ec.EllipticCurvePublicKey:
    """Read an attestation key's public half.

    Raises:
        BadInputError: Not a PEM public key on P-256 or P-384.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise BadInputError("not a PEM public key", where=where) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1)):
        raise BadInputError("an attestation key is on P-256 or P-384", where=where)
    return key


def verify(
    quote: bytes,
    signature: bytes,
    *,
    key: ec.EllipticCurvePublicKey,
    challenge: Challenge,
    values: Mapping[int, bytes],
    golden: Mapping[int, bytes],
    now_ns: int,
    last: Counters | None = None,
    where: str = "quote",
) -> None:
    """Return nothing when the machine started from what it should.

    Args:
        quote: TPMS_ATTEST.
        signature: TPMT_SIGNATURE.
        key: The attestation key, known from before.
        challenge: What was asked for.
        values: Register values as the machine tells them, 32 bytes each.
        golden: Register values as they should be.
        now_ns: The time, nanoseconds since 1970 UTC.
        last: The counters of the quote before this one.
        where: Named in errors.

    Raises:
        RejectedError: A step failed; says which.
    """
    try:
        said = decode(quote, where)
        algorithm, der = decode_signature(signature, where)
    except BadInputError as error:
        raise RejectedError(f"step 1: {error.message}", where=where) from None
    try:
        key.verify(der, quote, ec.ECDSA(HASHES[algorithm]))
    except InvalidSignature:
        raise RejectedError("step 2: the signature is not the attestation key's", where=where) from None
    if not hmac.compare_digest(said.nonce, challenge.nonce):
        raise RejectedError("step 3: it answers another challenge: replayed, or mixed up", where=where)
    if not 0 <= now_ns - challenge.asked_ns <= challenge.life_s * 1e9:
        raise RejectedError("step 3: the challenge is stale", where=where, hint="ask again")
    _registers(said, algorithm, values, golden, where)
    if last is not None and (said.resets, said.restarts, said.clock_ms) <= (last.resets, last.restarts, last.clock_ms):
        raise RejectedError("step 7: the TPM's clock or counters went back", where=where)
    if not said.safe:
        raise RejectedError("step 7: the TPM's clock is not safe", where=where, hint="it lost power unduly; ask again")


def _registers(
    said: Quote, algorithm: int, values: Mapping[int, bytes], golden: Mapping[int, bytes], where: str
) -> None:
    wanted = tuple(sorted(golden))
    if not wanted or said.registers != wanted or tuple(sorted(values)) != wanted:
        raise RejectedError(f"step 4: it covers registers {said.registers}, not {wanted}", where=where)
    if RESETTABLE & set(wanted):
        raise RejectedError("step 4: registers 16 and 23 can be reset by software: they prove nothing", where=where)
    joined = b"".join(values[i] for i in wanted)
    actual = hashlib.sha256(joined) if algorithm == SHA256 else hashlib.sha384(joined)
    if any(len(values[i]) != 32 for i in wanted) or not hmac.compare_digest(actual.digest(), said.digest):
        raise RejectedError("step 5: the register values are not those that were signed", where=where)
    for index in wanted:
        if not hmac.compare_digest(values[index], golden[index]):
            raise RejectedError(
                f"step 6: register {index} is {values[index].hex()[:16]}…, not {golden[index].hex()[:16]}…", where=where
            )


def extend(value: bytes, measurement: bytes) -> bytes:
    """Return a SHA-256 register after one more measurement, for computing golden values from an event log."""
    return hashlib.sha256(value + measurement).digest()
