"""The tree against a slow twin, and against RFC 6962's own figures."""

import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.core.errors import BadInputError, RejectedError
from mumetal.trust.ledger import merkle, tiles
from mumetal.trust.ledger.tiles import Frontier, TiledTree


def slow_root(leaves: Sequence[bytes]) -> bytes:
    """MTH as section 2.1 of the RFC writes it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else merkle.EMPTY
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return merkle.node(slow_root(leaves[:k]), slow_root(leaves[k:]))


COUNT = 70_000
LEAVES = [merkle.leaf(b"%d" % n) for n in range(COUNT)]


@cache
def stored() -> tuple[TiledTree, dict[tuple[int, int, int], bytes], Frontier]:
    store: dict[tuple[int, int, int], bytes] = {}
    frontier = Frontier()
    for leaf in LEAVES:
        for level, index, data in frontier.add(leaf):
            store[level, index, 256] = data
    for level, index, data in frontier.partial():
        store[level, index, len(data) // 32] = data
    return TiledTree(lambda level, index, width: store[level, index, width], COUNT), store, frontier


def test_the_empty_tree_and_known_roots() -> None:
    # RFC 6962's test vectors of certificate-transparency: leaf "" and the two-leaf tree of "" and 0x00
    assert merkle.EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.leaf(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    two = merkle.node(merkle.leaf(b""), merkle.leaf(b"\x00"))
    assert two.hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"


def test_the_tiles_are_those_of_the_specifications_example() -> None:
    _, store, _ = stored()
    assert sorted(k for k in store if k[2] < 256) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert list(tiles.widths(COUNT)) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert tiles.path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tiles.path(1, 5, 17) == "tile/1/005.p/17"
    assert tiles.path(tiles.ENTRIES, 1_000) == "tile/entries/x001/000"
    assert tiles.NAME.fullmatch(tiles.path(3, 1_234_067, 9))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 511, 513, 65_535, 65_536, 65_537, COUNT])
def test_roots_agree_with_the_slow_twin(size: int) -> None:
    tree, _, _ = stored()
    assert tree.root(size) == slow_root(LEAVES[:size])
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.add(leaf)
    assert frontier.root() == tree.root(size)


def test_a_right_edge_is_found_again_from_full_tiles() -> None:
    _, store, whole = stored()
    base = COUNT // 256 * 256
    again = Frontier.of(TiledTree(lambda level, index, width: store[level, index, width], base))
    for leaf in LEAVES[base:]:
        again.add(leaf)
    assert (again.root(), again.partial()) == (whole.root(), whole.partial())


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150)
def test_every_proof_holds_and_no_other_does(seed: int) -> None:
    chance = random.Random(seed)
    tree, _, _ = stored()
    size = chance.choice([chance.randrange(1, 600), chance.randrange(1, COUNT + 1)])
    index, old = chance.randrange(size), chance.randrange(size + 1)
    root, proof = tree.root(size), tree.inclusion(index, size)
    merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
    continues = tree.consistency(old, size)
    merkle.verify_consistency(old, size, tree.root(old), root, continues)
    other = bytes(32)
    with pytest.raises(RejectedError):
        merkle.verify_inclusion(other, index, size, proof, root)
    if size > 1:
        with pytest.raises(RejectedError):
            merkle.verify_inclusion(LEAVES[index], (index + 1) % size, size, proof, root)
    for changed in (proof[:-1], [*proof, other], [other, *proof[1:]]):
        if changed != proof:
            with pytest.raises(RejectedError):
                merkle.verify_inclusion(LEAVES[index], index, size, changed, root)
    if old:
        with pytest.raises(RejectedError):
            merkle.verify_consistency(old, size, other, root, continues)
        with pytest.raises(RejectedError):
            merkle.verify_consistency(old, size, tree.root(old), other, continues)
    for changed in (continues[:-1], [*continues, other]):
        if changed != continues:
            with pytest.raises(RejectedError):
                merkle.verify_consistency(old, size, tree.root(old), root, changed)


def test_what_the_tree_has_not_is_refused() -> None:
    tree, store, _ = stored()
    for ask in (lambda: tree.root(COUNT + 1), lambda: tree.inclusion(COUNT), lambda: tree.leaf(-1)):
        with pytest.raises(BadInputError):
            ask()
    short = TiledTree(lambda level, index, width: store[level, index, width][:-1], COUNT)
    with pytest.raises(RejectedError, match="damaged"):
        short.root()
    with pytest.raises(RejectedError):
        merkle.verify_inclusion(LEAVES[0], 1, 1, [], LEAVES[0])
    with pytest.raises(RejectedError):
        merkle.verify_consistency(2, 1, LEAVES[0], LEAVES[0], [])


@given(st.lists(st.binary(max_size=300), max_size=40))
@settings(max_examples=50)
def test_bundles_survive(entries: list[bytes]) -> None:
    data = tiles.encode_bundle(entries)
    assert tiles.decode_bundle(data, len(entries)) == entries
    with pytest.raises(BadInputError):
        tiles.decode_bundle(data + b"\0", len(entries))
    with pytest.raises(BadInputError):
        tiles.decode_bundle(data, len(entries) + 1)
    with pytest.raises(BadInputError):
        tiles.encode_bundle([bytes(65_536)])
