"""Quotes built by hand: each step refuses what it is there for; damaged bytes are refused and nothing else."""

import hashlib
import random
import struct

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.attest.host import KIND, compare, measure
from mumetal.trust.attest.quote import Challenge, decode, decode_signature, extend, load_key, verify

NOW = 1_795_000_000 * 10**9
KEY = ec.derive_private_key(7, ec.SECP256R1())
OTHER = ec.derive_private_key(8, ec.SECP256R1())
NONCE = bytes(range(20))
GOLDEN = {0: extend(bytes(32), b"firmware" * 4), 7: bytes(32)}


def attest(
    *,
    nonce: bytes = NONCE,
    registers: tuple[int, ...] = (0, 7),
    clock: int = 500,
    safe: int = 1,
    magic: int = 0xFF544347,
) -> bytes:
    bitmap = bytearray(3)
    for index in registers:
        bitmap[index // 8] |= 1 << index % 8
    digest = hashlib.sha256(b"".join(GOLDEN.get(i, bytes(32)) for i in registers)).digest()
    return b"".join((
        struct.pack(">IH", magic, 0x8018), b"\0\2ak", struct.pack(">H", len(nonce)), nonce,
        struct.pack(">QIIBQ", clock, 3, 0, safe, 9), struct.pack(">IHB", 1, 0x000B, 3), bitmap, b"\0\x20", digest,
    ))  # fmt: skip


def signed(quote: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    r, s = decode_dss_signature(key.sign(quote, ec.ECDSA(hashes.SHA256())))
    return struct.pack(">HHH", 0x18, 0x0B, 32) + r.to_bytes(32, "big") + struct.pack(">H", 32) + s.to_bytes(32, "big")


def check(
    quote: bytes,
    signature: bytes | None = None,
    *,
    values: dict[int, bytes] | None = None,
    golden: dict[int, bytes] | None = None,
    after_s: float = 1,
    last: bytes | None = None,
) -> None:
    verify(
        quote, signed(quote) if signature is None else signature, key=KEY.public_key(),
        challenge=Challenge(nonce=NONCE, asked_ns=NOW), values=values or GOLDEN, golden=golden or GOLDEN,
        now_ns=NOW + round(after_s * 1e9), last=None if last is None else decode(last),
    )  # fmt: skip


def test_a_good_quote_passes() -> None:
    check(attest())
    check(attest(clock=501), last=attest())


def test_each_step_refuses() -> None:
    good = attest()
    with pytest.raises(RejectedError, match="step 1"):
        check(attest(magic=0x11111111))
    with pytest.raises(RejectedError, match="step 1"):
        check(good, b"\0\x14\0\x0b")
    with pytest.raises(RejectedError, match="step 2"):
        check(good, signed(good, OTHER))
    with pytest.raises(RejectedError, match="step 3: it answers another"):
        check(attest(nonce=bytes(20)))
    for late in (31, -1):
        with pytest.raises(RejectedError, match="step 3: the challenge is stale"):
            check(good, after_s=late)
    with pytest.raises(RejectedError, match="step 4: it covers"):
        check(attest(registers=(0,)))
    both = {0: GOLDEN[0], 16: bytes(32)}
    with pytest.raises(RejectedError, match="step 4: registers 16"):
        check(attest(registers=(0, 16)), values=both, golden=both)
    with pytest.raises(RejectedError, match="step 5"):
        check(good, values={0: bytes(32), 7: bytes(32)})
    with pytest.raises(RejectedError, match="step 6: register 0"):
        check(good, golden={0: bytes(32), 7: bytes(32)})
    with pytest.raises(RejectedError, match="step 7: the TPM's clock or"):
        check(good, last=good)
    with pytest.raises(RejectedError, match="step 7: the TPM's clock is not"):
        check(attest(safe=0))


def test_ten_thousand_damaged_quotes_are_refused() -> None:
    chance = random.Random(4)
    sound, signature = attest(), signed(attest())
    for _ in range(10_000):
        data = bytearray(chance.choice((sound, signature)))
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        del data[len(data) - chance.choice((0, 0, 1, 30)) :]
        fuzz_one(bytes(data))


def fuzz_one(data: bytes) -> None:
    """Read ``data`` as a quote and as a signature."""
    for read in (decode, decode_signature):
        try:
            read(data)
        except BadInputError:
            continue


def test_no_flipped_bit_passes() -> None:
    sound = attest()
    signature = signed(sound)
    for bit in range(0, 8 * len(sound), 3):
        data = bytearray(sound)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            check(bytes(data), signature)


def test_keys_and_challenges_are_bounded() -> None:
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert load_key(pem).public_numbers() == KEY.public_key().public_numbers()
    with pytest.raises(BadInputError):
        load_key(b"-----BEGIN nothing")
    with pytest.raises(BadInputError):
        Challenge(nonce=b"short", asked_ns=NOW)


def test_a_host_observed_measurement_is_called_that() -> None:
    seen = measure("rack1", lambda device: b"image of " + device.encode(), NOW)
    compare(seen, hashlib.sha384(b"image of rack1").hexdigest())
    assert seen.kind == KIND
    with pytest.raises(RejectedError, match="host-observed measurement"):
        compare(seen, hashlib.sha384(b"another").hexdigest())
