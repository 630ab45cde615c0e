"""D4 per commit: edits, misreports and recalibrations injected into a lab's real, authored history of calibrations.

``--data`` is ``qrc_history_long.csv.gz`` (1,008 commits, 2024 to 2026, authors hashed). Strengths are read from
``watch/benchmark/injected_strengths.toml``, fixed before any method here existed. Every commit is scored with what came before it; each is
attacked once. *Ours* is a prototype that lives here: no source of the product reads such histories yet. A false alert is an ordinary commit past the threshold at which a method finds a stated share of the attacks.
"""

import argparse
import csv
import gzip
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mumetal.watch.benchmark.equal_recall import strengths

Array = NDArray[np.float64]
Moves = dict[str, tuple[float, float]]
Frozen = dict[str, dict[str, list[float]]]
INDEX = re.compile(r"[A-Z]?\d+")
PLACE = re.compile(r"(?:single_qubit|two_qubit|single_qubits|two_qubits|configs)\.\"?([A-Z]?\d+(?:-[A-Z]?\d+)?)")
AMPLITUDE = re.compile(r".*\.RX\d*\.amplitude")
RECALIBRATED = (re.compile(r".*\.RX\d*\.frequency"), AMPLITUDE, re.compile(r".*\.MZ\.amplitude"))
LIFETIME = re.compile(r".*\.(T1|T2|t1|t2)\b.*")
FIDELITY = re.compile(r".*fidelity.*")
FEWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit of one platform: who, and what went from what to what; ``state`` is all that stands after it."""

    author: str
    moves: Moves
    state: dict[str, float]


@lru_cache(maxsize=100_000)
def kind(key: str) -> str:
    """Return a key without its indices."""
    return INDEX.sub("#", key)


def history(path: Path) -> dict[str, list[Commit]]:
    """Read the commits that changed a number, oldest first, by platform."""
    files: dict[str, dict[tuple[str, str, str, str], dict[str, float]]] = {}
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            try:
                value = float(row["value"])
            except ValueError:
                continue
            one = (row["commit_time"], row["commit"], row["author_hash"], row["file"])
            files.setdefault(row["platform"], {}).setdefault(one, {})[row["key"]] = value
    out: dict[str, list[Commit]] = {}
    for platform, found in files.items():
        known: dict[str, dict[str, float]] = {}
        for (_, _, author, file), state in sorted(found.items(), key=lambda p: datetime.fromisoformat(p[0][0])):
            before = known.get(file, {})
            moves = {k: (before[k], v) for k, v in state.items() if k in before and before[k] != v}
            known[file] = state
            if moves:
                out.setdefault(platform, []).append(Commit(author=author, moves=moves, state=state))
    return out


def size(move: tuple[float, float]) -> float:
    """Return |ln| of a move, or its relative size where the sign changes; at most 10."""
    old, new = move
    if old * new > 0:
        return min(10.0, abs(math.log(new / old)))
    return min(10.0, abs(new - old) / max(abs(old), abs(new), 1e-30))


def signatures(commit: Commit) -> list[frozenset[str]]:
    """Return, for each qubit or pair that a commit touches, the kinds of figures it changed there."""
    by: dict[str, set[str]] = {}
    for key in commit.moves:
        found = PLACE.search(key)
        by.setdefault(found[1] if found else "-", set()).add(kind(key))
    return [frozenset(v) for v in by.values()]


class Habits:
    """Ours: how a platform's authors change it: which figures of a qubit together, by how much, and who."""

    def __init__(self) -> None:
        self._signatures: Counter[frozenset[str]] = Counter()
        self._sizes: dict[str, list[float]] = {}
        self._authors: Counter[str] = Counter()
        self._praise: list[float] = []
        self._past: list[Array] = []

    def _parts(self, c: Commit) -> Array:
        total = sum(self._signatures.values())
        surprise = []
        for s in signatures(c):
            near = sum(n * math.exp(-6 * (1 - len(s & o) / len(s | o))) for o, n in self._signatures.items())
            surprise.append(-math.log((near + 0.05) / (total + 0.05)))
        far = []
        for key, move in c.moves.items():
            known = self._sizes.get(kind(key), [])
            above = sum(x >= size(move) for x in known)
            far.append(-math.log((above + 1) / (len(known) + 1)))
        who = -math.log((self._authors[c.author] + 0.5) / (self._authors.total() + 1))
        return np.array(
            [
                max(surprise),
                float(np.mean(sorted(surprise)[-3:])),
                max(far),
                float(np.mean(far)),
                who,
                abs(self.praised(c)),
            ]
        )

    @staticmethod
    def praised(c: Commit) -> float:
        """Signed mean move of lifetimes and infidelities, times the root of their number: better is positive."""
        steps = [math.log(n / o) for k, (o, n) in c.moves.items() if LIFETIME.fullmatch(k) and o > 0 and n > 0]
        steps += [
            math.log((1 - o) / (1 - n))
            for k, (o, n) in c.moves.items()
            if FIDELITY.fullmatch(k) and 0 < o < 1 and 0 < n < 1
        ]
        if not steps:
            return 0.0
        return float(np.mean(np.clip(steps, -1, 1)) * math.sqrt(len(steps)))

    def score(self, c: Commit) -> float:
        """Return the largest part, each against its own past."""
        parts = self._parts(c)
        if len(self._past) < FEWEST:
            return 0.0
        past = np.array(self._past)
        middle = np.median(past, axis=0)
        spread = np.maximum(np.quantile(past, 0.9, axis=0) - middle, 0.1)
        z = (parts - middle) / spread
        return float(np.max(z) + 0.3 * np.sort(z)[-2])

    def learn(self, c: Commit) -> None:
        """Take a commit as ordinary."""
        if self._signatures:
            self._past.append(self._parts(c))
        self._signatures.update(signatures(c))
        self._authors[c.author] += 1
        for key, move in c.moves.items():
            self._sizes.setdefault(kind(key), []).append(size(move))


class Percent:
    """Largest relative change, over 30%."""

    def score(self, c: Commit) -> float:
        """Return 1 at a change by 30%."""
        return max(abs(n - o) / max(abs(o), 1e-30) for o, n in c.moves.values()) / 0.3

    def learn(self, c: Commit) -> None:
        """Has nothing to learn."""


class Sigmas:
    """Largest move of a key, over three standard deviations of its kind's moves."""

    def __init__(self) -> None:
        self._moves: dict[str, list[float]] = {}

    def score(self, c: Commit) -> float:
        """Return 1 at three standard deviations."""
        out = 0.0
        for key, move in c.moves.items():
            past = self._moves.get(kind(key), [])
            if len(past) >= 3:
                out = max(out, size(move) / max(1e-9, 3 * float(np.sqrt(np.mean(np.square(past))))))
        return out

    def learn(self, c: Commit) -> None:
        """Take a commit as ordinary."""
        for key, move in c.moves.items():
            self._moves.setdefault(kind(key), []).append(size(move))


class Vectors:
    """Generic peers on a vector per commit: how many of each kind moved, how many in all, mean and largest size."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._past: list[dict[str, float]] = []

    @staticmethod
    def _vector(c: Commit) -> dict[str, float]:
        sizes = [size(m) for m in c.moves.values()]
        out = {k: math.log1p(n) for k, n in Counter(kind(k) for k in c.moves).items()}
        return out | {"n": math.log(len(sizes)), "mean": float(np.mean(sizes)), "most": max(sizes)}

    def score(self, c: Commit) -> float:
        """Return the distance from the commits before."""
        if len(self._past) < FEWEST:
            return 0.0
        new = self._vector(c)
        names = sorted(set().union(*self._past, new))
        past = np.array([[p.get(k, 0.0) for k in names] for p in self._past])
        now = np.array([new.get(k, 0.0) for k in names])
        z, d = (past - past.mean(0)), now - past.mean(0)
        scale = np.maximum(past.std(0), 0.2)
        z, d = z / scale, d / scale
        if self._way == "nearest":
            return float(np.sort(np.linalg.norm(z - d, axis=1))[2])
        a, b = 0.7, 0.3 / len(z)
        core = np.linalg.inv(np.eye(len(z)) / b + z @ z.T / a)
        return float(d @ d / a - (z @ d) @ core @ (z @ d) / a**2)

    def learn(self, c: Commit) -> None:
        """Take a commit as ordinary."""
        self._past.append(self._vector(c))


class Method(Protocol):
    """Scores a commit by what came before it, then takes it as ordinary."""

    def score(self, c: Commit) -> float:
        """Return how unusual it is."""
        ...

    def learn(self, c: Commit) -> None:
        """Take it as ordinary."""
        ...


METHODS: dict[str, Callable[[], Method]] = {
    "ours": Habits, "±30%": Percent, "±3σ": Sigmas,
    "T²": lambda: Vectors("t2"), "3rd nearest commit": lambda: Vectors("nearest"),
}  # fmt: skip


def attacks(c: Commit, ratios: dict[str, list[float]], frozen: Frozen, rng: np.random.Generator) -> dict[str, Commit]:
    """Return the commit as each attack would have made it; what a platform does not have is left out."""
    out: dict[str, Commit] = {}

    def made(author: str, moves: Moves) -> Commit:
        return Commit(author=author, moves=moves, state=c.state)

    amplitudes = [k for k, v in c.state.items() if AMPLITUDE.fullmatch(k) and v != 0]
    if amplitudes:
        key = amplitudes[int(rng.integers(len(amplitudes)))]
        for f in frozen["commit_config_edit"]["factors"]:
            old, new = c.moves.get(key, (c.state[key], c.state[key]))
            out[f"edit alone ×{f:g}"] = made(c.author, {key: (new, new * f)})
            out[f"edit within ×{f:g}"] = made(c.author, c.moves | {key: (old, new * f)})
    for f in frozen["commit_misreport"]["factors"]:
        praised = dict(c.moves)
        for k, v in c.state.items():
            old = c.moves.get(k, (v, v))[0]
            if LIFETIME.fullmatch(k) and v > 0:
                praised[k] = (old, v * f)
            elif FIDELITY.fullmatch(k) and 0 < v < 1:
                praised[k] = (old, 1 - (1 - v) / f)
        if len(praised) > len(c.moves):
            out[f"misreport ×{f:g}"] = made(c.author, praised)
    places = sorted({found[1] for k in amplitudes if (found := PLACE.search(k))})
    if len(places) >= 4:
        order = rng.permutation(len(places))
        for n in frozen["commit_recalibration"]["qubits"]:
            hit = {places[i] for i in order[:n]}
            changed: Moves = {}
            for k, v in c.state.items():
                found = PLACE.search(k)
                like = ratios.get(kind(k), [])
                if v and like and found and found[1] in hit and any(p.fullmatch(k) for p in RECALIBRATED):
                    changed[k] = (v, v * like[int(rng.integers(len(like)))])
            if changed:
                out[f"recalibration of {n}, stranger"] = made("a stranger", changed)
                out[f"recalibration of {n}, known author"] = made(c.author, changed)
    return out


def run(path: Path) -> None:
    """Print false commits at equal recall."""
    frozen = strengths()
    learnt = frozen["commit_run"]["commits_learnt"]
    rng = np.random.default_rng(frozen["run"]["seed"])
    quiet: dict[str, list[float]] = {n: [] for n in METHODS}
    scores: dict[str, dict[str, list[float]]] = {}
    used = 0
    for commits in history(path).values():
        if len(commits) < learnt + 10:
            continue
        used += 1
        methods = {n: make() for n, make in METHODS.items()}
        ratios: dict[str, list[float]] = {}
        for index, commit in enumerate(commits):
            if index >= learnt:
                for n, m in methods.items():
                    quiet[n].append(m.score(commit))
                for attack, made in attacks(commit, ratios, frozen, rng).items():
                    for n, m in methods.items():
                        scores.setdefault(attack, {}).setdefault(n, []).append(m.score(made))
            for m in methods.values():
                m.learn(commit)
            for key, (old, new) in commit.moves.items():
                if old * new > 0:
                    ratios.setdefault(kind(key), []).append(new / old)
    print(f"{used} platforms, {len(quiet['ours'])} ordinary commits\n")
    print(f"| attack | runs | at recall | {' | '.join(METHODS)} |")
    print("|---" * (3 + len(METHODS)) + "|")
    for attack, found in sorted(scores.items()):
        for recall in (0.5, 0.9):
            cells = [f"{int((np.array(quiet[n]) >= np.quantile(found[n], 1 - recall)).sum())}" for n in METHODS]
            print(f"| {attack} | {len(found['ours'])} | {recall:g} | {' | '.join(cells)} |")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", type=Path, required=True)
    run(p.parse_args().data)
