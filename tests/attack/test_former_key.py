"""The log's key was stolen, and replaced: the thief signs nothing new for whoever knows the new one."""

from pathlib import Path

import pytest
from tests.trust_keys import soft
from tests.unit.trust.ledger.books import LOG, ORIGIN, book, entries, reading

from mumetal.core.errors import RejectedError
from mumetal.trust.ledger import checkpoint as checkpoints
from mumetal.trust.ledger import note as notes
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.rotation import LogKeys

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
    keys = LogKeys(newest=NEXT.public, former=((LOG.public, 300),))
    older = Checkpoint(origin=ORIGIN, size=300, root=reading(rotated).tree(300).root())
    checkpoints.verify(checkpoints.sign(older, LOG), ORIGIN, keys)
    with pytest.raises(RejectedError):
        checkpoints.verify(checkpoints.sign(newer, LOG), ORIGIN, keys)
