"""The Merkle tree of RFC 6962 (Laurie, Langley and Käsper 2013), section 2.1, with SHA-256: pure functions of bytes.

Checking of proofs follows RFC 9162, sections 2.1.3.2 and 2.1.4.2, which hash alike and spell the algorithm out.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence

from mumetal.core.errors import RejectedError

EMPTY = hashlib.sha256(b"").digest()
HASH = 32
MAX_PROOF = 64

Subtree = Callable[[int, int], bytes]
"""Gives the hash of the perfect subtree of ``2**height`` leaves that starts at leaf ``index * 2**height``."""


def leaf(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def pairs(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the hashes one height up; a last one without a partner is left out."""
    sha256 = hashlib.sha256
    return [sha256(b"\x01" + hashes[i] + hashes[i + 1]).digest() for i in range(0, len(hashes) - 1, 2)]


def root_of(subtree: Subtree, start: int, stop: int) -> bytes:
    """Return the hash of leaves ``start <= i < stop``, where ``start`` is a multiple of the largest power of two below.

    Args:
        subtree: Gives the hashes of perfect subtrees.
        start: First leaf.
        stop: Leaf after the last.
    """
    if start == stop:
        return EMPTY
    result = b""
    at = stop
    while at > start:  # perfect subtrees from the right: the lowest set bit of the length is the rightmost
        height = ((at - start) & (start - at)).bit_length() - 1
        at -= 1 << height
        hashed = subtree(height, at >> height)
        result = node(hashed, result) if result else hashed
    return result


def inclusion(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves, from the leaf upwards."""
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        split = start + _split(stop - start)
        if index < split:
            path.append(root_of(subtree, split, stop))
            stop = split
        else:
            path.append(root_of(subtree, start, split))
            start = split
    return path[::-1]


def consistency(subtree: Subtree, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of ``old`` leaves (at least 1) is the beginning of the one of ``new``."""
    path: list[bytes] = []
    start, stop, whole = 0, new, True
    while old < stop:
        split = start + _split(stop - start)
        if old <= split:
            path.append(root_of(subtree, split, stop))
            stop = split
        else:
            path.append(root_of(subtree, start, split))
            start, whole = split, False
    if not whole:
        path.append(root_of(subtree, start, stop))
    return path[::-1]


def verify_inclusion(entry_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return nothing when ``entry_hash`` is leaf ``index`` of the tree with that root.

    Raises:
        RejectedError: It is not.
    """
    where = f"ledger:{index}"
    if not 0 <= index < size or len(proof) > MAX_PROOF or any(len(p) != HASH for p in proof):
        raise RejectedError("the proof does not fit the tree", where=where)
    at, last, found = index, size - 1, entry_hash
    for step in proof:
        if last == 0:
            raise RejectedError("the proof is too long", where=where)
        if at & 1 or at == last:
            found = node(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, step)
        at, last = at >> 1, last >> 1
    if last or not hmac.compare_digest(found, root):
        raise RejectedError("the entry is not in the ledger of that checkpoint", where=where)


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return nothing when the tree of ``old`` leaves is the beginning of the one of ``new``.

    Raises:
        RejectedError: It is not: something before ``old`` was altered, removed or reordered.
    """
    where = f"ledger:0-{old}"
    if not 0 <= old <= new or len(proof) > MAX_PROOF or any(len(p) != HASH for p in proof):
        raise RejectedError("the proof does not fit the trees", where=where)
    if old in {0, new}:
        holds = not proof and hmac.compare_digest(old_root, EMPTY if old == 0 else new_root)
    else:
        # a perfect old tree is itself the first step, and therefore not sent (RFC 9162, 2.1.4.2, step 2)
        steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
        holds = _recompute(old, new, steps) == (old_root, new_root)
    if not holds:
        raise RejectedError("the newer ledger does not continue the older one", where=where)


def _recompute(old: int, new: int, steps: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return both roots as the steps have them; two empty ones when they do not fit."""
    if not steps:
        return b"", b""
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = steps[0]
    for step in steps[1:]:
        if last == 0:
            return b"", b""
        if at & 1 or at == last:
            older, newer = node(step, older), node(step, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = node(newer, step)
        at, last = at >> 1, last >> 1
    return (older, newer) if last == 0 else (b"", b"")


def _split(length: int) -> int:
    """Return the largest power of two below ``length``."""
    return 1 << (length - 1).bit_length() - 1
