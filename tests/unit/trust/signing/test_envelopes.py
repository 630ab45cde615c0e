"""Who has signed counts, and only when both halves hold."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trust_keys import ALICE, BOB, CAROL, DAY, MALLORY, T0, YEAR, a_root, trusted

from mumetal.core.artefact import Artefact
from mumetal.core.clock import ManualClock
from mumetal.core.errors import BadInputError, RejectedError
from mumetal.formats import dsse, in_toto
from mumetal.formats.dsse import Envelope, Signature
from mumetal.formats.in_toto import Statement, Subject
from mumetal.trust.keys.hybrid import Signer
from mumetal.trust.keys.root import TrustRoot
from mumetal.trust.signing import envelopes
from mumetal.trust.signing.statements import SignedVerifier, sign_artefact, verify_statement

KIND = "text/plain"


def check(envelope: Envelope, root: TrustRoot | None = None, *, role: str = "release", now_ns: int = T0) -> None:
    envelopes.verify(envelope, payload_type=KIND, root=root or a_root(), role=role, now_ns=now_ns)


def signed(*signers: Signer) -> Envelope:
    return envelopes.sign(KIND, b"payload", signers)


def test_two_of_three_are_enough_and_it_survives_the_wire() -> None:
    for pair in ((ALICE, BOB), (BOB, CAROL), (CAROL, ALICE), (ALICE, BOB, CAROL)):
        check(dsse.decode(dsse.encode(signed(*pair))))


@pytest.mark.parametrize("signers", [(ALICE,), (ALICE, MALLORY), (MALLORY,)])
def test_fewer_than_the_threshold_are_refused(signers: tuple[Signer, ...]) -> None:
    with pytest.raises(RejectedError, match="step 6"):
        check(signed(*signers))


def test_one_owner_with_two_keys_counts_once() -> None:
    root = a_root(keys=(trusted(ALICE, "alice"), trusted(BOB, "alice"), trusted(CAROL, "carol")))
    with pytest.raises(RejectedError, match="step 6: 1 of 2"):
        check(signed(ALICE, BOB), root)
    check(signed(ALICE, CAROL), root)


def test_a_half_alone_is_refused() -> None:
    whole = signed(ALICE, BOB)
    for drop in range(4):
        kept = tuple(s for n, s in enumerate(whole.signatures) if n != drop)
        with pytest.raises(RejectedError, match="step 4"):
            check(replace(whole, signatures=kept))


@pytest.mark.parametrize("half", range(4))
def test_a_half_that_does_not_hold_is_refused_even_above_the_threshold(half: int) -> None:
    whole = signed(ALICE, BOB, CAROL)
    parts = list(whole.signatures)
    bad = bytes([parts[half].sig[0] ^ 1]) + parts[half].sig[1:]
    parts[half] = Signature(keyid=parts[half].keyid, sig=bad)
    with pytest.raises(RejectedError, match="step 5"):
        check(replace(whole, signatures=tuple(parts)))


def test_a_half_given_twice_or_of_another_length_is_refused() -> None:
    whole = signed(ALICE, BOB)
    with pytest.raises(RejectedError, match="step 4"):
        check(replace(whole, signatures=(*whole.signatures, whole.signatures[0])))
    short = Signature(keyid=whole.signatures[0].keyid, sig=whole.signatures[0].sig[:-1])
    with pytest.raises(RejectedError, match="step 4"):
        check(replace(whole, signatures=(short, *whole.signatures[1:])))


def test_halves_of_two_keys_do_not_make_one() -> None:
    whole = signed(ALICE, BOB)
    a_ed, a_ml, b_ed, b_ml = whole.signatures
    crossed = (
        Signature(keyid=a_ed.keyid, sig=b_ed.sig),
        Signature(keyid=a_ml.keyid, sig=a_ml.sig),
        b_ed,
        b_ml,
    )
    with pytest.raises(RejectedError, match="step 5"):
        check(replace(whole, signatures=crossed))


def test_type_role_and_time_are_part_of_it() -> None:
    whole = signed(ALICE, BOB)
    with pytest.raises(RejectedError, match="step 1"):
        envelopes.verify(whole, payload_type="text/html", root=a_root(), role="release", now_ns=T0)
    with pytest.raises(RejectedError, match="step 5"):
        check(Envelope(payload_type=KIND, payload=b"payloae", signatures=whole.signatures))
    with pytest.raises(RejectedError, match="step 2"):
        check(whole, now_ns=T0 + YEAR)
    with pytest.raises(RejectedError, match="step 3"):
        check(whole, role="nobody")
    with pytest.raises(RejectedError, match="expired"):
        check(whole, a_root(expires_ns=T0 + 9 * YEAR), now_ns=T0 + 2 * YEAR)
    with pytest.raises(RejectedError, match="not valid yet"):
        check(whole, now_ns=T0 - 2 * DAY)


def test_a_revoked_key_counts_for_nothing_and_the_others_still_do() -> None:
    stolen = trusted(ALICE, "alice", revoked_ns=T0 + DAY, revoked_why="laptop stolen")
    root = a_root(keys=(stolen, trusted(BOB, "bob"), trusted(CAROL, "carol")))
    with pytest.raises(RejectedError, match="laptop stolen"):
        check(signed(ALICE, BOB), root, now_ns=T0)
    check(signed(ALICE, BOB, CAROL), root)


def test_nobody_signs_twice_or_not_at_all() -> None:
    with pytest.raises(BadInputError, match="already"):
        envelopes.add_signature(signed(ALICE), ALICE)
    with pytest.raises(BadInputError, match="nobody"):
        signed()


@given(at=st.integers(0, 10**6), flip=st.integers(1, 255))
@settings(max_examples=150)
def test_no_changed_byte_of_an_envelope_passes_as_another_payload(at: int, flip: int) -> None:
    data = bytearray(WIRE)
    data[at % len(data)] ^= flip
    try:
        envelope = dsse.decode(bytes(data))
        check(envelope)
    except (BadInputError, RejectedError):
        return
    assert (envelope.payload_type, envelope.payload) == (KIND, b"payload")


WIRE = dsse.encode(signed(ALICE, BOB))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"payloadType":"a","payload":"","signatures":[]}',
        b'{"payloadType":"a","payload":"YQ==","payload":"Yg==","signatures":[{"sig":"YQ=="}]}',
        b'{"payloadType":"a","payload":"YQ","signatures":[{"sig":"YQ=="}]}',
        b'{"payloadType":"a","payload":"YR==","signatures":[{"sig":"YQ=="}]}',
        b'{"payloadType":"a","payload":"YQ= =","signatures":[{"sig":"YQ=="}]}',
        b'{"payloadType":"","payload":"YQ==","signatures":[{"sig":"YQ=="}]}',
        b'{"payloadType":"a","payload":"YQ==","signatures":[{"sig":""}]}',
        b'{"payloadType":"a","payload":"YQ==","signatures":[{"sig":"YQ==","keyid":1}]}',
        b'{"payloadType":"\\ud800","payload":"YQ==","signatures":[{"sig":"YQ=="}]}',
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError):
        dsse.decode(data)


def test_the_pre_authentication_encoding_is_the_protocols() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    url_safe = dsse.decode(b'{"payloadType":"a","payload":"-_8=","signatures":[{"sig":"YQ=="}],"more":1}')
    assert url_safe.payload == b"\xfb\xff"


FIRMWARE = Artefact(uri="board-7/image.bit", kind="firmware", data=b"\x00\x09bitstream")
PREDICATE = "https://mumetal.example/firmware/v1"


def verifier(envelope: bytes | None, *, root: TrustRoot | None = None, now_ns: int = T0) -> SignedVerifier:
    return SignedVerifier(
        lambda _: envelope,
        predicate_type=PREDICATE,
        root=root or a_root(),
        role="release",
        clock=ManualClock(now_ns),
    )


def test_a_signed_artefact_passes_and_says_nothing() -> None:
    envelope = sign_artefact(FIRMWARE, PREDICATE, {"version": 3}, [ALICE, BOB])
    verifier(envelope).verify(FIRMWARE)
    assert in_toto.decode(dsse.decode(envelope).payload).predicate == {"version": 3}


def test_each_step_of_the_verifier_refuses() -> None:
    envelope = sign_artefact(FIRMWARE, PREDICATE, {}, [ALICE, BOB])
    other_kind = sign_artefact(FIRMWARE, "https://mumetal.example/other/v1", {}, [ALICE, BOB])
    not_statement = dsse.encode(envelopes.sign(in_toto.PAYLOAD_TYPE, b"{}", [ALICE, BOB]))
    altered = Artefact(uri=FIRMWARE.uri, data=FIRMWARE.data + b"\x00")
    renamed = Artefact(uri="board-8/image.bit", data=FIRMWARE.data)
    for made, artefact, step in (
        (None, FIRMWARE, "step 1"),
        (b"{}", FIRMWARE, "step 2"),
        (sign_artefact(FIRMWARE, PREDICATE, {}, [ALICE]), FIRMWARE, "step 6"),
        (other_kind, FIRMWARE, "steps 3 and 4"),
        (not_statement, FIRMWARE, "no statement"),
        (envelope, renamed, "step 5"),
        (envelope, altered, "step 6: its SHA-384"),
    ):
        with pytest.raises(RejectedError, match=step):
            verifier(made).verify(artefact)


def test_a_statement_is_read_strictly() -> None:
    good = Statement(subjects=(Subject.of("a", b"a"),), predicate_type="x:y")
    assert in_toto.decode(in_toto.encode(good)) == good
    with pytest.raises(BadInputError):
        Statement(subjects=(Subject.of("a", b"a"), Subject.of("a", b"b")), predicate_type="x:y")
    with pytest.raises(BadInputError):
        in_toto.decode(in_toto.encode(good).replace(b"sha384", b"sha256"))
    with pytest.raises(RejectedError):
        verify_statement(
            envelopes.sign(KIND, b"x", [ALICE, BOB]),
            predicate_type="x:y",
            root=a_root(),
            role="release",
            now_ns=T0,
        )
