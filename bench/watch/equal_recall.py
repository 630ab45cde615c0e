"""Attacks injected into calibrations: what each method's untouched background costs at equal recall (D4)."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.watch.metrics import threshold_for

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
OURS, LIMITS = "ours", ("±30%", "±3σ")  # all others are the generic peers
RECALLS = (0.5, 0.9)
DRAWS = 400


def strengths() -> Mapping[str, Any]:
    """Return the strengths of attacks, frozen before tuning began."""
    return tomllib.loads((resources.files("bench.watch") / "injected_strengths.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attack at one strength, scored by every method; 1 is a method's own limit.

    Args:
        background: Whose data it was put into.
        attack: Which attack.
        strength: Its factor or share.
        quiet: By method, scores of the untouched background, shape (n,).
        peaks: By method, the largest score of each attack, shape (m,).
        quiet_groups: Which scores of the background are resampled together, shape (n,).
        peak_groups: The same of attacks, shape (m,).
    """

    background: str
    attack: str
    strength: float
    quiet: Mapping[str, Array]
    peaks: Mapping[str, Array]
    quiet_groups: Groups
    peak_groups: Groups


class Injected(Struct, kw_only=True, frozen=True):
    """False alerts at equal recall of one attack.

    Args:
        background: Whose data it was put into.
        attack: Which attack.
        strength: Its factor or share.
        attacks: How many were put in.
        quiet: Days, or pairs of snapshots, of the untouched background.
        own_recall: Share that ours finds at its own limit, with its 95% bootstrap interval.
        own_false: Untouched ones past that limit.
        recall: At which the methods are compared.
        false: By method, untouched ones past the threshold at which it finds that share.
        limits: Ours over the limit of ±30% a day, minus 1, with its paired 95% bootstrap interval.
        peer: The generic peer that has the fewest.
        against_peer: Ours over that peer, minus 1, with interval.
    """

    background: str
    attack: str
    strength: float
    attacks: int
    quiet: int
    own_recall: tuple[float, float, float]
    own_false: int
    recall: float
    false: dict[str, int]
    limits: tuple[float, float, float]
    peer: str
    against_peer: tuple[float, float, float]


def compared(trials: Iterable[Trial], seed: int) -> Iterator[Injected]:
    """Compare the methods of each trial at each recall; intervals resample groups, paired over methods."""
    for trial in trials:
        rng = np.random.default_rng(seed)
        draws = [(_drawn(trial.peak_groups, rng), _drawn(trial.quiet_groups, rng)) for _ in range(DRAWS)]
        whole = (np.arange(trial.peak_groups.size), np.arange(trial.quiet_groups.size))
        caught = trial.peaks[OURS] >= 1
        for recall in RECALLS:
            counts = {m: [_false(trial, m, recall, d) for d in (whole, *draws)] for m in trial.quiet}
            peer = min((m for m in counts if m not in (OURS, *LIMITS)), key=lambda m: counts[m][0])
            yield Injected(
                background=trial.background,
                attack=trial.attack,
                strength=trial.strength,
                attacks=caught.size,
                quiet=whole[1].size,
                own_recall=_interval([float(caught[a].mean()) for a, _ in (whole, *draws)]),
                own_false=int((trial.quiet[OURS] >= 1).sum()),
                recall=recall,
                false={m: c[0] for m, c in counts.items()},
                limits=_ratio(counts[OURS], counts[LIMITS[0]]),
                peer=peer,
                against_peer=_ratio(counts[OURS], counts[peer]),
            )


def _drawn(groups: Groups, rng: np.random.Generator) -> Groups:
    names = np.unique(groups)
    return np.concatenate([np.flatnonzero(groups == g) for g in rng.choice(names, names.size)])


def _false(trial: Trial, method: str, recall: float, draw: tuple[Groups, Groups]) -> int:
    level = threshold_for(trial.peaks[method][draw[0]], recall)
    return int((trial.quiet[method][draw[1]] >= level).sum())


def _ratio(mine: list[int], other: list[int]) -> tuple[float, float, float]:
    """Half an alert keeps a ratio finite where there is none."""
    return _interval([(a + 0.5) / (b + 0.5) - 1 for a, b in zip(mine, other, strict=True)])


def _interval(values: list[float]) -> tuple[float, float, float]:
    low, high = np.quantile(values[1:], (0.025, 0.975))
    return values[0], float(low), float(high)


def blocks(starts: int, lasting: int, first: int) -> Groups:
    """Return which of ``starts`` days in a row are resampled together: blocks as long as an attack, numbered from ``first``."""
    return first + np.arange(starts) // lasting
