"""What an attacker who knows the model can do to its input, within what physics lets a sensor do.

The room moved in is a fraction of each channel's trained range (a sensor's own slew and resolution bound it, not the
attacker's wish). Every attack takes rows and gives rows; it never sees labels beyond those it is given.
"""

import numpy as np

from mumetal.trust.models.gates.trial import Array, Scorer

ROUNDS = 40
STEP = 0.02  # largest move of one channel, as a part of its trained range
RAMP = 0.15  # end of a slow ramp, as a part of the range


def evasion(scorer: Scorer, rows: Array, low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Move anomalous rows by at most 2% of each range to where the score is lowest (black-box random search).

    Source of the search: Guo et al. 2019, arXiv:1905.07121 (one random coordinate at a time, kept if it helps).
    """
    room = STEP * (high - low)
    best, at = rows.copy(), scorer.score(rows)
    for _ in range(ROUNDS):
        trial = best.copy()
        channel = rng.integers(0, rows.shape[1], len(rows))
        move = rng.choice([-1.0, 1.0], len(rows)) * room[channel] * rng.uniform(0.25, 1.0, len(rows))
        trial[np.arange(len(rows)), channel] += move
        trial = np.clip(trial, np.maximum(rows - room, low), np.minimum(rows + room, high))
        scores = scorer.score(trial)
        better = scores < at
        best[better], at = trial[better], np.where(better, scores, at)
    return best


def slow_ramp(rows: Array, low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Lead ordinary rows away along one channel, in steps too small to see each; returns the last third."""
    moved = rows.copy()
    channel = int(rng.integers(0, rows.shape[1]))
    moved[:, channel] += np.linspace(0, RAMP * (high - low)[channel], len(rows))
    return moved[-max(1, len(rows) // 3) :]


def replay(rows: Array) -> Array:
    """Play ordinary rows again: each is ordinary by itself, so a scorer of single rows is blind to it."""
    return rows[: max(1, len(rows) // 2)]


def freeze(rows: Array, rng: np.random.Generator) -> Array:
    """Hold half of the channels at one moment's values while the rest goes on."""
    held = rng.permutation(rows.shape[1])[: max(1, rows.shape[1] // 2)]
    frozen = rows.copy()
    frozen[:, held] = rows[0, held]
    return frozen


def mimicry(rows: Array, ordinary: Array, rng: np.random.Generator) -> Array:
    """Put anomalous rows halfway towards ordinary ones."""
    return np.asarray(0.5 * (rows + ordinary[rng.integers(0, len(ordinary), len(rows))]))
