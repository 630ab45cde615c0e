"""Telemetry replay: the sensors' last rows are shown again while something else happens."""

import math
from collections import OrderedDict, deque
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import COMPARED_HZ, Array, Standardised, rate_of, shares

TECHNIQUE = "evasion.telemetry_replay"
REMEMBERED = 8_192  # different words that a repeat is looked for among
FIRST = 3  # words in a row, at one distance, that are a repeat
LONGEST = 256  # rows of a word
PLAIN = math.log2(REMEMBERED) + 4  # bits by which a word is unlikely to be among those remembered by chance
LATELY = 512  # words over which it is counted how often one came before: a state may be coarser than the history
RAREST = 2.0**-12  # the least that is taken of that share
BIT = 1 / math.log(2)  # a surprise of s bits comes about by chance with probability 2^-s
PRIME, BASE = (1 << 61) - 1, 1_000_003  # of the words' rolling hash (Karp and Rabin 1987, doi:10.1147/rd.312.0249)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
REPLAY_WORDS = Words(
    title="{stream} of {device} repeats an earlier stretch",
    severity=Severity.HIGH,
    remedy="Read the sensor by another path and distrust this stream since the repeat began.",
)


class Replay(Standardised):
    """Runs of words that equal, to the last bit, earlier words at one and the same distance, scored by their surprise.

    Noise makes two rows of a real sensor differ, so a run of equal rows is a copy, and a word is one row. Where coarse
    steps make rows coincide by chance, a word is as many rows as it takes to be told from all others remembered: the
    share of pairs of the history's words that are equal gives the bits of a word (Rényi 1961, collision entropy), and how
    it falls with one row more the bits of a row. A history that repeats itself at every length says nothing about
    replays. Rows that equal the one just before are a held or frozen sensor and count once. Where words come again often lately,
    as an idle flow meter's few steps do, one more is no surprise: it counts for no more bits than that share gives. Nor is a
    value that goes to and fro between two steps: a run counts for no more words than lie between it and what it repeats.
    """

    info = PluginInfo(
        plugin_id="watch.covert.replay",
        title="Repeated stretch of telemetry",
        reference="Mo and Sinopoli 2009, doi:10.1109/ALLERTON.2009.5394956 (replay attacks on control systems)",
        techniques=(TECHNIQUE,),
        min_history=64,
        family="covert.replay",
        needs="any channel, at most 1,000 rows/s",
        words=REPLAY_WORDS,
    )

    tail_power = 1.0
    nominal_scale = BIT
    surprise = True

    saved = (
        "_moving",
        "_places",
        "_last",
        "_key",
        "_count",
        "_distance",
        "_run",
        "_word",
        "_first_bits",
        "_bits",
        "_drop",
        "_common",
    )

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether rows can be compared at this rate."""
        return 0 < rate_of(history.t_ns) <= COMPARED_HZ

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn which channels move at all, and how many rows make a word."""
        self._moving = np.flatnonzero(z.std(axis=0) > 0)
        self.reset()
        rows = np.array([row for row in self._rows(z, seen) if row is not None], np.int64)
        self._word, self._first_bits, self._bits = _word(rows[np.r_[True, rows[1:] != rows[:-1]][: rows.size]])
        self._drop = pow(BASE, self._word, PRIME)
        self._common = 0.0
        self.held_out = self.score_z(z, seen)  # it remembers, so the history judges itself
        self.reset()

    def reset(self) -> None:
        """Forget the rows seen."""
        self._places: OrderedDict[int, int] = OrderedDict()
        self._last: deque[int] = deque()
        self._key = 0
        self._count = 0
        self._distance = 0
        self._run = 0

    def _rows(self, z: Array, seen: NDArray[np.bool_] | None) -> list[int | None]:
        """Return a number for each row, equal for equal rows; None where nothing was observed."""
        rows = np.ascontiguousarray(z[:, self._moving] + 0.0)  # -0.0 and 0.0 are one value
        here = np.ones(z.shape, bool) if seen is None else seen
        blank: NDArray[np.bool_] = np.logical_not(here[:, self._moving].any(axis=1))
        return [None if blank[i] else number for i, number in enumerate(_numbers(rows))]

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,): bits of surprise of the run of repeated words, from the third on."""
        out = np.zeros(z.shape[0])
        if self._moving.size == 0 or not self._word:
            return out
        for index, row in enumerate(self._rows(z, seen)):
            if row is not None and (not self._last or row != self._last[-1]):
                self._take(row)
            different = min(self._run, self._distance)
            if different >= FIRST:
                now = -math.log2(max(self._common, RAREST))
                first = min(self._first_bits - math.log2(len(self._places)), now)
                out[index] = first + min(self._bits, now) * (different - 1)
        return np.maximum(out, 0.0)

    def _take(self, row: int) -> None:
        self._last.append(row)
        self._key = (self._key * BASE + row) % PRIME
        if len(self._last) < self._word:
            return
        if len(self._last) > self._word:
            self._key = (self._key - self._last.popleft() * self._drop) % PRIME
        place = self._places.pop(self._key, -1)
        self._common += (float(place >= 0) - self._common) / LATELY
        distance = self._count - place if place >= 0 else 0
        self._run = 0 if distance == 0 else self._run + 1 if distance == self._distance else 1
        self._distance = distance
        self._places[self._key] = self._count
        self._count += 1
        if len(self._places) > REMEMBERED:
            self._places.popitem(last=False)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Every channel that moves carries an even share: a replayed row is replayed as a whole."""
        del z, seen
        weights = np.zeros(len(names))
        weights[self._moving] = 1.0
        return shares(names, weights, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Shortest replay seen, in rows; any test needs one row that equals another."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "rows", "looks for repeated rows only")
        if conditions.noise <= 0:
            why = "needs a sensor that is never exactly still"
            return blind(self.info, technique, "rows", why, "record more digits, or more channels")
        reach = f", {REMEMBERED / conditions.rate_hz:.0f} s," if conditions.rate_hz > 0 else ""
        return Power(
            technique=technique,
            smallest=float(FIRST),
            bound=1.0,
            unit="rows",
            reason=f"{FIRST} rows equal to earlier ones to the last bit, up to {REMEMBERED} rows{reach} back, more where "
            "coarse steps make rows coincide; a copy with fresh noise laid over it is not seen so",
            advice="lay a known, changing mark over the sensor (a heater pulse nobody else knows of)",
        )


def _numbers(rows: Array) -> list[int]:
    """Return a number of 64 bits for each row (n, C), equal for equal rows and the same in every process.

    Each value is mixed with its column's own constant (the finaliser of SplitMix64, Steele, Lea and Flood 2014,
    doi:10.1145/2660193.2660195), and the columns are added up.
    """
    column = np.arange(1, rows.shape[1] + 1, dtype=np.uint64) * GOLDEN
    mixed = _mixed(_mixed(rows.view(np.uint64) + column).sum(axis=1, dtype=np.uint64))
    return cast("list[int]", mixed.view(np.int64).tolist())


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * MIX[0]
    bits = (bits ^ (bits >> np.uint64(27))) * MIX[1]
    return bits ^ (bits >> np.uint64(31))


def _word(rows: NDArray[np.int64]) -> tuple[int, float, float]:
    """Return how many rows make a word, its bits and those of a further row; 0 rows where no length tells words apart."""
    words, length, before = np.unique(rows, return_inverse=True)[1], 1, 0.0
    while length <= LONGEST and words.size > 1:
        counts = np.bincount(words)
        pairs, equal = words.size * (words.size - 1) / 2, int((counts * (counts - 1)).sum()) // 2
        bits = math.log2(pairs / max(equal, 1))
        if equal == 0 or bits >= PLAIN:
            return length, bits, (bits - before) / max(1, length // 2)
        words = np.unique(words[:-length] * np.int64(counts.size) + words[length:], return_inverse=True)[1]
        length, before = 2 * length, bits
    return 0, 0.0, 0.0
