"""The log's key was stolen, and replaced: the thief signs nothing new for whoever knows the new one."""

import shutil
from pathlib import Path

import pytest
from tests.trust_keys import T0, soft
from tests.unit.trust.ledger.books import LOG, ORIGIN, book, entries, entry, reading

from mumetal.core.clock import ManualClock
from mumetal.core.errors import RejectedError
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.log import MerkleLedger
from mumetal.trust.ledger.rotation import log_keys

NEXT = soft("next log")


@pytest.fixture
def rotated(tmp_path: Path) -> Path:
    ledger = book(tmp_path / "l")
    ledger.append_many(entries(0, 300))
    ledger.replace_key(NEXT)
    ledger.append_many(entries(301, 350))
    ledger.close()
    return tmp_path / "l"


def test_a_former_key_that_was_stolen_signs_nothing_new(rotated: Path) -> None:
    newer = Checkpoint(origin=ORIGIN, size=350, root=reading(rotated).tree(350).root())
    place = rotated / "checkpoint"
    place.write_bytes(notes.encode(checkpoints.sign(newer, LOG)))
    for kept in (LOG, NEXT):
        with pytest.raises(RejectedError):
            examine(reading(rotated), public=kept.public)
    keys = log_keys(rotated, ORIGIN, NEXT.public)
    older = Checkpoint(origin=ORIGIN, size=300, root=reading(rotated).tree(300).root())
    checkpoints.verify(checkpoints.sign(older, LOG), ORIGIN, keys)
    with pytest.raises(RejectedError):
        checkpoints.verify(checkpoints.sign(newer, LOG), ORIGIN, keys)


def test_a_former_key_that_was_stolen_rewrites_nothing_that_it_once_signed(rotated: Path, tmp_path: Path) -> None:
    forged = book(tmp_path / "forged")
    forged.append_many([entry(n + 1) for n in range(300)])
    forged.close()
    shutil.copytree(rotated / "keys", tmp_path / "forged" / "keys")
    with pytest.raises(RejectedError, match="not this log's"):
        MerkleLedger(tmp_path / "forged", origin=ORIGIN, signer=NEXT, clock=ManualClock(T0))
    with pytest.raises(RejectedError):
        examine(reading(tmp_path / "forged"), public=NEXT.public)
    with pytest.raises(RejectedError):
        examine(reading(tmp_path / "forged"), public=LOG.public)  # the statement leads on to the next key


def test_what_lies_below_a_change_of_key_is_fixed_by_it_where_the_newest_key_is_stolen_too(
    rotated: Path, tmp_path: Path
) -> None:
    forged = MerkleLedger(tmp_path / "forged", origin=ORIGIN, signer=NEXT, clock=ManualClock(T0))
    forged.append_many([entry(n + 1) for n in range(400)])
    forged.close()
    examine(reading(tmp_path / "forged"), public=NEXT.public).refuse()
    shutil.copytree(rotated / "keys", tmp_path / "forged" / "keys")
    found = examine(reading(tmp_path / "forged"), public=NEXT.public)
    assert (found.damages[0].start, found.damages[0].stop) == (0, 300)
