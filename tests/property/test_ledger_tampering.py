"""Whatever one changes in a published ledger, the audit finds it; one that was written anew needs the witness."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.trust.ledger.books import LOG, ORIGIN, WITNESS, book, entry, reading, witness

from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.trust.ledger import record, tiles
from mumetal.trust.ledger.audit import examine
from mumetal.trust.ledger.checkpoint import Checkpoint
from mumetal.trust.ledger.witness import witnessed

COUNT = 6
Published = tuple[Path, dict[Path, bytes], list[Checkpoint]]
QUIET = [HealthCheck.function_scoped_fixture]


def why(n: int) -> str:
    return 'é "\\ \n{} ' * n


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A copy without a journal, its files, and what a witness kept of it."""
    place = tmp_path_factory.mktemp("ledger")
    ledger = book(place / "l")
    for n in range(COUNT):
        ledger.append(entry(n, why(n)))
    ledger.close()
    witness(place / "w").cosign(reading(place / "l"))
    kept = witnessed([place / "w"], name="witness.example/w1", public=WITNESS.public, origin=ORIGIN, log_key=LOG.public)
    shutil.rmtree(place / "l" / "journal")
    (place / "l" / "lock").unlink()
    files = {p: p.read_bytes() for p in (place / "l").rglob("*") if p.is_file()}
    return place / "l", files, list(kept)


def found(published: Published, place: Path, data: bytes, *, ask_witness: bool = True) -> bool:
    folder, files, kept = published
    place.write_bytes(data)
    try:
        examine(reading(folder), public=LOG.public, witnessed=kept if ask_witness else ()).refuse()
    except (RejectedError, UnavailableError):
        return True
    finally:
        place.write_bytes(files[place])
    return False


def test_every_single_byte_change_is_found(published: Published) -> None:
    missed = [
        (place.name, at)
        for place, data in published[1].items()
        for at in range(0, len(data), 1 if len(data) < 2_000 else 37)
        if not found(published, place, data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :], ask_witness=False)
    ]
    assert missed == []


@given(which=st.integers(0, 9), at=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=200, suppress_health_check=QUIET)
def test_any_byte_to_any_other_and_any_cut(published: Published, which: int, at: int, value: int, cut: bool) -> None:
    place, data = list(published[1].items())[which % len(published[1])]
    at %= len(data)
    changed = data[:at] if cut else data[:at] + bytes([value]) + data[at + 1 :]
    if changed != data:
        assert found(published, place, changed, ask_witness=False)


@given(order=st.lists(st.integers(0, COUNT - 1), max_size=COUNT + 2))
@settings(max_examples=150, suppress_health_check=QUIET)
def test_entries_removed_repeated_or_reordered(published: Published, order: list[int]) -> None:
    bundle = published[0] / tiles.path(tiles.ENTRIES, 0, COUNT)
    raw = [record.encode(entry(i, why(i))) for i in order]
    if order != list(range(COUNT)):
        assert found(published, bundle, tiles.encode_bundle(raw), ask_witness=False)


def test_a_ledger_written_anew_with_the_logs_own_key_is_found_by_the_witness(
    published: Published, tmp_path: Path
) -> None:
    forged = book(tmp_path / "l")
    for n in range(COUNT):
        forged.append(entry(n + 100))
    forged.verify()
    with pytest.raises(RejectedError, match="altered, removed or reordered"):
        forged.verify(published[2])
    with pytest.raises(RejectedError, match="cut off"):
        forged.verify([Checkpoint(origin=ORIGIN, size=COUNT + 1, root=b"1" * 32)])
    forged.close()
