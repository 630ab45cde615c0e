"""Which split a seed belongs to, and chance that never gives both splits the same parameters.

A seed's hash says whether it is ``tuned`` (whoever tunes a detector may look) or ``held`` (nobody may). A range that
parameters are drawn from is cut into stripes, of which ``tuned`` has the even ones and ``held`` the odd ones.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count
from typing import Literal, TypeVar

import numpy as np

Split = Literal["tuned", "held"]
T = TypeVar("T")
STRIPES = 12
BLOCK = 64


def split_of(seed: int) -> Split:
    """Return the split of a seed."""
    return "held" if hashlib.sha256(f"foreign split {seed}".encode()).digest()[0] & 1 else "tuned"


def seeds(split: Split) -> Iterator[int]:
    """Yield the seeds of a split, in order, without end."""
    return (seed for seed in count() if split_of(seed) == split)


def ordinal(seed: int) -> int:
    """Return how many smaller seeds are in the same split."""
    held = sum(_held_in(block) for block in range(seed // BLOCK))
    held += sum(split_of(other) == "held" for other in range(seed // BLOCK * BLOCK, seed))
    return held if split_of(seed) == "held" else seed - held


@cache
def _held_in(block: int) -> int:
    return sum(split_of(seed) == "held" for seed in range(block * BLOCK, (block + 1) * BLOCK))


class Draws:
    """Parameters of one trace.

    Args:
        seed: Its seed.
        what: What is drawn; each purpose has chance of its own.
    """

    def __init__(self, seed: int, what: str) -> None:
        digest = hashlib.sha256(f"foreign {what} {seed}".encode()).digest()
        self.split: Split = split_of(seed)
        self.rng = np.random.default_rng(np.frombuffer(digest[:16], np.uint32))

    def within(self, low: float, high: float) -> float:
        """Return a number of [low, high) from the split's stripes."""
        stripe = 2 * int(self.rng.integers(STRIPES // 2)) + (self.split == "held")
        return low + (high - low) * (stripe + float(self.rng.random())) / STRIPES

    def spread(self, low: float, high: float) -> float:
        """Return a number of [low, high), uniform in its logarithm within the split's stripes."""
        return float(np.exp(self.within(np.log(low), np.log(high))))

    def pick(self, among: Sequence[T]) -> T:
        """Return one of several."""
        return among[int(self.rng.integers(len(among)))]

    def chance(self, share: float) -> bool:
        """Return whether something of this probability happens."""
        return bool(self.rng.random() < share)
