"""D4 per commit: edits, misreports and recalibrations injected into a lab's real, authored history of calibrations.

``--data`` is ``qrc_history_long.csv.gz`` (1,008 commits, 2024 to 2026, authors hashed). Strengths are read from
``bench/watch/injected_strengths.toml``, fixed before any method here existed. Every commit is scored with what came before it; each is
attacked once. *Ours* is the product's ``watch.authored``, whose constants were set on every other platform, in the file's order;
the rest is held out. A false alert is an ordinary commit past the threshold at which a method finds a stated share of the attacks.
Intervals are 95%, drawn over platforms.
"""

import csv
import gzip
import math
import re
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.figure import Figure
from bench.watch.equal_recall import OURS, Trial, compared, strengths
from bench.watch.tables import injected_figures
from mumetal.core.errors import BadInputError
from mumetal.formats.qibolab import figure_of
from mumetal.watch.authored.habits import Habits

Array = NDArray[np.float64]
Moves = dict[str, tuple[float, float]]
Frozen = dict[str, dict[str, list[float]]]
INDEX = re.compile(r"[A-Z]?\d+")
PLACE = re.compile(r"(?:single_qubit|two_qubit|single_qubits|two_qubits|configs)\.\"?([A-Z]?\d+(?:-[A-Z]?\d+)?)")
AMPLITUDE = re.compile(r".*\.RX\d*\.amplitude")
RECALIBRATED = (re.compile(r".*\.RX\d*\.frequency"), AMPLITUDE, re.compile(r".*\.MZ\.amplitude"))
KEYS = re.compile(r'"([^"]*)"|([^.]+)')
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


@lru_cache(maxsize=100_000)
def path(key: str) -> tuple[str, ...]:
    """Return the keys of the document that a row's key was made of."""
    return tuple(a or b for a, b in KEYS.findall(key))


class Qubits:
    """Every name that a qubit of these platforms may have."""

    def __contains__(self, name: object) -> bool:
        """Say whether it is one."""
        return INDEX.fullmatch(str(name)) is not None


def figures(moves: Moves) -> Moves:
    """Return the moves by the product's names of figures, as its reader of platforms gives them."""
    out: Moves = {}
    for key, pair in moves.items():
        try:
            old, new = (figure_of(path(key), value, Qubits()) for value in pair)
        except BadInputError:
            continue
        if old is not None and new is not None:
            out[new.channel] = (old.value, new.value)
    return out


class Ours:
    """The product's: what a platform's authors do (``mumetal.watch.authored``)."""

    def __init__(self) -> None:
        self._habits = Habits()

    def score(self, c: Commit) -> float:
        """Return the larger sign over its limit without labels."""
        moves = figures(c.moves)
        if not moves:
            return 0.0
        return self._habits.judge((c.author,), moves).score

    def learn(self, c: Commit) -> None:
        """Take a commit as ordinary."""
        moves = figures(c.moves)
        if moves:
            self._habits.learn((c.author,), moves)


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
    "ours": Ours, "±30%": Percent, "±3σ": Sigmas,
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


def adaptive(c: Commit, made: dict[str, Commit], rng: np.random.Generator) -> dict[str, Commit]:
    """Return attacks by somebody who knows what ours looks at; not among those frozen."""
    out: dict[str, Commit] = {}
    edit = made.get("edit alone ×1.2")
    if edit is not None:
        (key,) = edit.moves
        place = PLACE.search(key)
        measured = [k for k, v in c.state.items() if v and k.endswith(".threshold") and PLACE.search(k)]
        beside = [k for k in measured if place and (found := PLACE.search(k)) and found[1] == place[1]]
        if beside:
            v = c.state[beside[0]]
            out["adaptive: edit ×1.2, threshold beside"] = Commit(
                author=c.author, moves=edit.moves | {beside[0]: (v, v * 1.01)}, state=c.state
            )
    praised = made.get("misreport ×1.2")
    if praised is not None:
        moves = dict(praised.moves)
        for k, (old, new) in moves.items():
            if old > 0 and (LIFETIME.fullmatch(k) or FIDELITY.fullmatch(k)):
                f = math.exp(0.2 * rng.normal())
                moves[k] = (old, new * f if LIFETIME.fullmatch(k) else 1 - (1 - new) * f)
        out["adaptive: misreport ×1.2, each ±20%"] = Commit(author=c.author, moves=moves, state=c.state)
    return out


@dataclass(slots=True, kw_only=True)
class Platform:
    """Scores by method of one platform's ordinary commits, and of those attacked, by attack."""

    quiet: dict[str, list[float]]
    attacked: dict[str, dict[str, list[float]]]


def scored(commits: list[Commit], frozen: Frozen, learnt: int, rng: np.random.Generator) -> Platform:
    """Score each commit of a platform and each attack on it with what came before it."""
    out = Platform(quiet={n: [] for n in METHODS}, attacked={})
    methods = {n: make() for n, make in METHODS.items()}
    ratios: dict[str, list[float]] = {}
    for index, commit in enumerate(commits):
        if index >= learnt:
            for n, m in methods.items():
                out.quiet[n].append(m.score(commit))
            made_here = attacks(commit, ratios, frozen, rng)
            made_here |= adaptive(commit, made_here, np.random.default_rng(index))
            for attack, made in made_here.items():
                for n, m in methods.items():
                    out.attacked.setdefault(attack, {n: [] for n in METHODS})[n].append(m.score(made))
        for m in methods.values():
            m.learn(commit)
        for key, (old, new) in commit.moves.items():
            if old * new > 0:
                ratios.setdefault(kind(key), []).append(new / old)
    return out


def trials(background: str, platforms: list[Platform]) -> Iterator[Trial]:
    """Yield each attack's scores; a platform's are resampled together."""
    for attack in sorted(set().union(*(p.attacked for p in platforms))):
        hit = [p.attacked.get(attack, {n: [] for n in METHODS}) for p in platforms]
        yield Trial(
            background=background,
            attack=attack,
            strength=1.0,  # in the attack's name
            quiet={n: np.concatenate([p.quiet[n] for p in platforms]) for n in METHODS},
            peaks={n: np.concatenate([h[n] for h in hit]) for n in METHODS},
            quiet_groups=np.repeat(np.arange(len(platforms)), [len(p.quiet["ours"]) for p in platforms]),
            peak_groups=np.repeat(np.arange(len(platforms)), [len(h["ours"]) for h in hit]),
        )


def told(value: tuple[float, float, float], form: str) -> str:
    """Return a figure with its interval."""
    middle, low, high = (format(v, form) for v in value)
    return f"{middle} [{low}, {high}]"


def run(place: Path, most: int | None = None) -> list[Figure]:
    """Print false commits at equal recall and ours at its own limit: all platforms, those tuned on, those held out."""
    frozen = dict(strengths())
    learnt, seed = frozen["commit_run"]["commits_learnt"], frozen["run"]["seed"]
    rng = np.random.default_rng(seed)
    long = [c for c in history(place).values() if len(c) >= learnt + 10][:most]
    found = [scored(c, frozen, learnt, rng) for c in long]
    figures: list[Figure] = []
    peers = [n for n in METHODS if n != OURS]
    for name, platforms in (("all", found), ("tuned on", found[::2]), ("held out", found[1::2])):
        past = [sum(x >= 1 for x in p.quiet[OURS]) for p in platforms]
        print(f"\n{name}: {len(platforms)} platforms, {sum(len(p.quiet[OURS]) for p in platforms)} ordinary commits;")
        print(f"past our own limit {sum(past)} {past}\n")
        print(
            f"| attack | runs | recall at our own limit | at recall | ours | {' | '.join(peers)} | against ±30% | against the best generic |"
        )
        print("|---" * (6 + len(METHODS)) + "|")
        for i in compared(trials(name, platforms), seed):
            counts = " | ".join(str(i.false[n]) for n in (OURS, *peers))
            ratios = f"{told(i.limits, '+.0%')} | {told(i.against_peer, '+.0%')}"
            print(f"| {i.attack} | {i.attacks} | {told(i.own_recall, '.2f')} | {i.recall:g} | {counts} | {ratios} |")
            figures += injected_figures(i, name)
    return figures


def add_options(parser: ArgumentParser) -> None:
    """It has none."""


def run_bench(asked: Namespace) -> list[Figure]:
    """Measure and print the tables."""
    return run(asked.data, 2 if asked.quick else None)
