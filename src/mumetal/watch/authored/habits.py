"""How a platform's authors change it, learnt from their commits; and how surprising another commit is, in nats.

*Edited*: −ln of how often a qubit's pulses were changed like this among all past changes of such pulses: with which other
figures (a kernel over sets of kinds, exp(−6·Jaccard distance)), and how much of what is usually measured beside them was written there,
and anywhere in the commit. To it are added half of what an unusual author surprises by, and some of an unusual size.
*Praised*: the sign test of lifetimes and fidelities: whether they got better, or worse, together; what is
measured anew goes both ways. Its deviation is the platform's own. To it is added how rarely such figures changed with these others
beside them: a fidelity comes with the thresholds and states it was measured with.

Both are logarithms of probabilities, so that their limits hold without labels; a platform whose own past passes them often
has its limit there. Constants were set on iqm5q, qw11q, qw21q-b and tuna5 of qiboteam/qibolab_platforms_qrc (254 commits).
"""

import math
from bisect import bisect_left, insort
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from mumetal.watch.authored.figures import (
    Moves,
    bettered,
    is_played,
    is_reported,
    kind_of,
    measured_together,
    place_of,
    size,
)

SHARP = 6.0  # of the kernel: a set that shares half of its kinds counts 1 in 20
FEW, MORE = 0.3, 1.0  # changes that a kind without a past is credited with: like this, and in all
BARE = 1.5  # nats for each of: nothing measured at this qubit, nothing measured in the commit …
WHOLE = 2 / 3  # … where such a share of what is usually measured beside it counts as all of it
STRANGER, ORDINARY = 0.5, 1.5  # weight of the author's surprise, beyond so many nats
FAR = 0.3  # weight of an unusual size
PRIOR = 10.0  # sign tests of deviation 1 that the platform's own are pooled with
EDITED, PRAISED = 6.5, 5.0  # limits, nats
LEARNT = 20  # commits before any is judged
OFTEN = 0.1  # share of its own past that may pass; above it, the platform's limit is that quantile
RECENT = 100  # commits of it
MOST_SETS, MOST_SIZES, MOST_AUTHORS = 2_000, 2_000, 2_000
MOST_SHAPES = (
    300  # different changes of places in one commit: with more it stands out for that, and no more are looked at
)


class Cell(NamedTuple):
    """What one commit changed at one place: the kinds of figures, and how bare of measurements (0 to 2)."""

    kinds: frozenset[str]
    bare: int

    @property
    def played(self) -> frozenset[str]:
        """Those that a device plays."""
        return frozenset(filter(is_played, self.kinds))

    @property
    def reported(self) -> frozenset[str]:
        """Those that say how good it is."""
        return frozenset(filter(is_reported, self.kinds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """How surprising one commit is.

    Args:
        edited: Nats for its pulses; 0 when it changes none.
        praised: Nats for its lifetimes and fidelities.
        author: Nats for who wrote it.
        bare: From 0, when what is usually measured was written beside every change of pulses, to 2, when nothing was in the commit.
        like: Past changes of such pulses that were made like this, by the kernel.
        of: Past changes of such pulses.
        better: Signed deviations by which reported figures moved together; positive is better.
        reported: How many measurements of reported figures moved.
        limit: Score at which the platform's commits stand out; 1 or more.
        carried: Weight of each figure that carries the larger sign.
    """

    edited: float
    praised: float
    author: float
    bare: float
    like: float
    of: float
    better: float
    reported: int
    limit: float
    carried: dict[str, float]

    @property
    def score(self) -> float:
        """The larger sign against its limit; 1 is the platform's limit."""
        return max(self.edited / EDITED, self.praised / PRAISED) / self.limit


class Habits:
    """What is known of one platform's commits."""

    saved = ("_sets", "_sizes", "_authors", "_squares", "_tests", "_scores", "commits")

    def __init__(self) -> None:
        self._sets: OrderedDict[Cell, int] = OrderedDict()
        self._sizes: dict[str, list[float]] = {}
        self._authors: Counter[str] = Counter()
        self._squares, self._tests = 0.0, 0
        self._scores: deque[float] = deque(maxlen=RECENT)
        self.commits = 0

    def judge(self, authors: tuple[str, ...], moves: Moves) -> Signs:
        """Say how surprising a commit is by what came before; keeps nothing.

        Args:
            authors: Who wrote it.
            moves: (old, new) by figure, of those that changed; not empty.
        """
        worst, bare, odd = (0.0, 0.0, 0.0), 0.0, 0.0
        carried: dict[str, float] = {}
        cells = dict(islice(_cells(moves).items(), MOST_SHAPES + 1))
        every = frozenset[str]().union(*(cell.played for cell in cells))
        unmeasured = 1 - max(self._witnessed(cell.kinds, every) for cell in cells)
        for cell, channels in cells.items():
            if cell.reported:
                like, of = self._precedents(cell, cell.reported)
                odd = max(odd, _nats(like, of))
            if cell.played:
                like, of = self._precedents(cell, cell.played, as_bare=True)
                nats, naked = _nats(like, of), unmeasured + 1 - self._witnessed(cell.kinds, cell.played)
                carried |= {c: max(nats + BARE * naked, 0.0) for c in channels if is_played(kind_of(c))}
                worst, bare = max(worst, (nats, like, of)), max(bare, naked)
        who = max((self._surprise(a) for a in authors), default=0.0)
        edited = 0.0
        endless = len(cells) > MOST_SHAPES
        if every or endless:
            edited = 2 * EDITED if endless else 0.0
            edited += worst[0] + BARE * bare + FAR * self._far(moves) + STRANGER * max(0.0, who - ORDINARY)
        better, reported = _together(moves)
        praised = better**2 / 2 / ((self._squares + PRIOR) / (self._tests + PRIOR)) + odd if better else 0.0
        if praised / PRAISED > edited / EDITED:
            steps = {c: s for c, m in moves.items() if (s := bettered(c, m)) is not None}
            carried = {c: abs(s) for c, s in steps.items() if s * better > 0}
        own = np.quantile(self._scores, 1 - OFTEN) if len(self._scores) >= LEARNT else 0.0
        return Signs(
            edited=max(edited, 0.0), praised=praised, author=who, bare=bare, like=worst[1], of=worst[2],
            better=better, reported=reported, limit=max(1.0, float(own)), carried=carried,
        )  # fmt: skip

    def learn(self, authors: tuple[str, ...], moves: Moves) -> None:
        """Take a commit as one of the platform's; also one that stood out, so that a new habit is told once or twice."""
        signs = self.judge(authors, moves)
        self._scores.append(signs.score * signs.limit)
        for cell, channels in islice(_cells(moves).items(), MOST_SHAPES):
            self._sets[cell] = self._sets.pop(cell, 0) + len({place_of(c) for c in channels})
        while len(self._sets) > MOST_SETS:
            self._sets.popitem(last=False)
        for author in authors:
            if author in self._authors or len(self._authors) < MOST_AUTHORS:
                self._authors[author] += 1
        if signs.better:
            self._squares += signs.better**2
            self._tests += 1
        for channel, move in moves.items():
            if is_played(kind_of(channel)):
                known = self._sizes.setdefault(kind_of(channel), [])
                insort(known, size(move))
                if len(known) > MOST_SIZES:
                    del known[::2]  # what is left has the same quantiles
        self.commits += 1

    def written(self, author: str) -> int:
        """Return how many of the platform's commits an author wrote."""
        return self._authors[author]

    def _surprise(self, author: str) -> float:
        return -math.log((self._authors[author] + 0.5) / (self._authors.total() + 1))

    def _precedents(self, cell: Cell, part: frozenset[str], *, as_bare: bool = False) -> tuple[float, float]:
        """Return how many past changes of these kinds were made like this, and how many there were."""
        like = of = 0.0
        for known, times in self._sets.items():
            shared = len(part & known.kinds)
            if shared:
                of += times * shared / len(part)
            if not as_bare or known.bare == cell.bare:
                apart = 1 - len(cell.kinds & known.kinds) / len(cell.kinds | known.kinds)
                like += times * math.exp(-SHARP * apart)
        return like, of

    def _witnessed(self, kinds: frozenset[str], played: frozenset[str]) -> float:
        """Return how much of what is usually measured beside such pulses is among ``kinds``, in [0, 1]."""
        usual: Counter[str] = Counter()
        for known, times in self._sets.items():
            if shared := len(played & known.kinds):
                for kind in known.kinds - known.played:
                    usual[kind] += times * shared
        if not usual:
            return float(not all(map(is_played, kinds)))
        return min(1.0, sum(usual[kind] for kind in kinds) / usual.total() / WHOLE)

    def _far(self, moves: Moves) -> float:
        """Return −ln of the chance that the farthest move of a pulse's figure is as far, among as many."""
        nats = []
        for channel, move in moves.items():
            if is_played(kind := kind_of(channel)):
                known = self._sizes.get(kind, [])
                nats.append(-math.log((len(known) - bisect_left(known, size(move)) + 1) / (len(known) + 1)))
        return max(0.0, max(nats) - math.log(len(nats) + 1)) if nats else 0.0


def _nats(like: float, of: float) -> float:
    return -math.log((like + FEW) / (of + MORE))


def _cells(moves: Moves) -> dict[Cell, list[str]]:
    """Return what was changed at each place, and the figures; places changed alike are told by one cell."""
    by: dict[str, list[str]] = {}
    for channel in moves:
        by.setdefault(place_of(channel), []).append(channel)
    kinds = {place: frozenset(map(kind_of, channels)) for place, channels in by.items()}
    measured = any(not is_played(k) for every in kinds.values() for k in every)
    found: dict[Cell, list[str]] = {}
    for place, channels in by.items():
        bare = (0 if measured else 1) + all(map(is_played, kinds[place]))
        found.setdefault(Cell(kinds[place], bare), []).extend(channels)
    return found


def _together(moves: Moves) -> tuple[float, int]:
    """Return the signed deviation of the sign test over measurements of reported figures, and how many they are."""
    steps: dict[tuple[str, str], list[float]] = {}
    for channel, move in moves.items():
        step = bettered(channel, move)
        if step is not None:
            steps.setdefault(measured_together(channel), []).append(step)
    signs = [float(np.sign(np.mean(s))) for s in steps.values()]
    return (sum(signs) / math.sqrt(len(signs) + 1) if signs else 0.0), len(signs)
