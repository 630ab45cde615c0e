"""Damaged envelopes, statements, roots, keys, notes, checkpoints, bundles, frames, proofs and plans: refused, no more."""

import contextlib
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trust_keys import ALICE, BOB, T0, a_root, counting

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.core.ports import LedgerEntry
from mumetal.formats import dsse, in_toto
from mumetal.trust.keys import plan, public, root, sealed
from mumetal.trust.ledger import checkpoint, extract, journal, merkle, note, proof, record, tiles
from mumetal.trust.ledger import witness_places as witnesses
from mumetal.trust.ledger.proof import Proof
from mumetal.trust.signing import approvals
from mumetal.trust.signing import root_chain as chain

ENTRY = record.encode(LedgerEntry(tenant="t", t_ns=T0, actor="a", action="b", subject="c", why="d"))
NOTE = checkpoint.sign(checkpoint.Checkpoint(origin="log", size=1, root=merkle.leaf(ENTRY)), ALICE)
COSIGNED = note.encode(checkpoint.cosign(NOTE, "w", BOB, 5))
ENVELOPE = chain.sign_root(a_root(), [ALICE])
STATEMENT = in_toto.encode(in_toto.Statement(subjects=(in_toto.Subject.of("a", b"a"),), predicate_type="x:y"))
FRAME, _ = journal.encode_frame(0, 1, tiles.encode_bundle([ENTRY]), journal.genesis(0, None))
PLAN = b'expires_days = 3\n[keys.alice]\npublic = "a"\n[roles.root]\nowners = ["alice"]\nthreshold = 1\n'


def read_plan(data: bytes) -> object:
    return plan.draft(data, before=None, read=lambda _: public.encode(ALICE.public, "a"), now_ns=T0)


def read_extract(data: bytes) -> object:
    with contextlib.suppress(RejectedError):
        return extract.verify(data.splitlines(keepends=True), origin="log", public=ALICE.public)
    return None


EXTRACT = extract.head("log", NOTE) + extract.line(0, record.decode(ENTRY, 0), []) + extract.end(1, complete=True)
APPROVAL = approvals.approve(
    approvals.Approval(action="a.b", resource="r", why="w", start_ns=T0, stop_ns=T0 + 1), b"data", [ALICE, BOB]
)


def read_approval(data: bytes) -> object:
    with contextlib.suppress(RejectedError):
        approvals.verify(data, b"data", action="a.b", resource="r", root=a_root(), role="release", now_ns=T0)
    return None


READERS: tuple[tuple[bytes, Callable[[bytes], object]], ...] = (
    (ENVELOPE, dsse.decode),
    (STATEMENT, in_toto.decode),
    (root.encode(a_root()), root.decode),
    (public.encode(ALICE.public, "a"), public.decode),
    (sealed.plain(ALICE, created_ns=T0), sealed.is_sealed),
    (sealed.seal(ALICE, "x" * 12, created_ns=T0, entropy=counting()), sealed.is_sealed),
    (COSIGNED, lambda data: checkpoint.of_note(note.decode(data))),
    (tiles.encode_bundle([b"one", b"", b"three"]), lambda data: tiles.decode_bundle(data, 3)),
    (FRAME, lambda data: journal.decode_frame(data, 0, journal.genesis(0, None))),
    (proof.encode(Proof(index=0, entry=ENTRY, path=[bytes(32)], note=NOTE)), proof.decode),
    (PLAN, read_plan),
    (EXTRACT, read_extract),
    (APPROVAL, read_approval),
    (b"seen/w1?key=w1.pub", lambda data: witnesses.places([data.decode(errors="replace")])),
)


def fuzz_one(data: bytes) -> None:
    for _, read in READERS:
        with contextlib.suppress(BadInputError):
            read(data)


@pytest.mark.parametrize("which", range(len(READERS)))
def test_a_thousand_damaged_inputs_each(which: int) -> None:
    sound, read = READERS[which]
    read(sound)
    chance = random.Random(which)
    for turn in range(1_000):
        data = bytearray(sound)
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(1, 9)]
                case 2:
                    data[at:at] = bytes(chance.choices(b'[]{}"=,:0e-\n\\\xe2', k=chance.randrange(1, 9)))
                case _:
                    data = data[:at] if turn % 7 == 0 else data
            data = data or bytearray(b"x")
        with contextlib.suppress(BadInputError):
            read(bytes(data))


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes(data: bytes) -> None:
    fuzz_one(data)
