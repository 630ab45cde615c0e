"""D10 where the change is known: public series with changes put in, and the twin's attacks on known channels.

HitRate at 150% as in :mod:`bench.watch.attribution`. *Ours* is what a finding of the detector that speaks loudest would carry;
*own* is what that detector says by itself; conditional residual, Shapley value and distance are means over the same last
32 rows, by the same covariance as the product's T² detector; the residual of the last row alone stands beside. Strengths
were frozen in ``attribution_strengths.toml``; ``--half tuning`` is what ours was chosen on, ``held-out`` the rest.

``mumetal bench attribution-changes --data DIR`` (``<set>/<series>.npz``), or ``--twin``.
"""

import itertools
import tomllib
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import Struct, convert
from numpy.typing import NDArray

from bench.figure import Figure, Ground, figure_of
from bench.watch.attribution import hits, interval
from bench.watch.sets import found as sets_in
from bench.watch.sets import series_of
from mumetal.catalog import calibrations
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series
from mumetal.numerics.covariance import ledoit_wolf
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import find
from mumetal.twin.scenarios.attacks import victims_of
from mumetal.watch.ensemble import Ensemble
from mumetal.watch.rows import joined

Array = NDArray[np.float64]
QUICK_ROWS = 200
METHODS = ("ours", "own", "conditional residual", "its last row", "Shapley", "distance")
WINDOW, ROWS, BEFORE = 512, 32, 128
PER_WEEK = 20.0  # false alerts that the thresholds would let pass: only what counts as raised depends on it
T0 = 1_797_000_000 * 10**9
NS = 10**9


class Public(Struct, frozen=True, forbid_unknown_fields=True):
    """Changes put into public series."""

    sets: tuple[str, ...]
    learnt: float
    distinct: int
    rows: int
    places: int
    channels: tuple[int, ...]
    seed: int
    kinds: dict[str, tuple[float, ...]]


class Twin(Struct, frozen=True, forbid_unknown_fields=True):
    """Attacks on the twin."""

    attacks: tuple[str, ...]
    factors: tuple[float, ...]
    first_seed: int
    tuned: int
    labs: int
    quiet_s: float
    lasting_s: float
    gap_s: float
    devices: tuple[str, ...]
    canaries: tuple[int, ...]


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """The frozen file."""

    public: Public
    twin: Twin


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One change: its set or attack, its kind, what is resampled together, whether a detector raised it, hits by method."""

    where: str
    kind: str
    group: str
    raised: bool
    hits: tuple[float, ...]


class Judge:
    """What each method says of a stream that was learnt from ``history``."""

    def __init__(self, history: Series) -> None:
        self._history, self._ensemble = history, Ensemble(history)
        z, _ = self._ensemble.scale.apply(history.values)
        z = np.clip(z, -6, 6)
        self._centre, covariance = z.mean(axis=0), ledoit_wolf(z)[0]
        self._precision = np.linalg.inv(covariance + 1e-4 * np.eye(len(covariance)))
        self._levels = self._ensemble.levels(PER_WEEK)[-1]

    def __call__(self, before: Series, during: Series, truth: NDArray[np.int64]) -> tuple[bool, tuple[float, ...]]:
        """Return whether it was raised, and each method's hits, at the end of ``during``."""
        self._ensemble.score(before.rows(max(0, len(before) - BEFORE), len(before)))
        relative = self._ensemble.score(during) / self._levels
        window = joined(before, during)
        window = window.rows(max(0, len(window) - WINDOW), len(window))
        member = int(relative[-1].argmax())
        told = (
            self._ensemble.attribute(member, window, self._history),
            self._ensemble.members[member].detector.attribute(window),
        )
        weights = []
        for found in told:
            share = {a.channel: a.share for a in reversed(found) if a.method == found[0].method}
            weights.append(np.array([share.get(n, 0.0) for n in window.names]))
        d = self._ensemble.scale.apply(window.values[-ROWS:])[0] - self._centre
        pulled = d @ self._precision
        residual = pulled**2 / np.diag(self._precision)
        weights += [residual.mean(axis=0), residual[-1], (d * pulled).mean(axis=0), (d**2).mean(axis=0)]
        return bool((relative >= 1).any()), tuple(hits(w, truth) for w in weights)


def changed(
    values: Array,
    kind: str,
    strength: float,
    at: slice,
    channels: NDArray[np.int64],
    learnt: int,
    rng: np.random.Generator,
) -> Array:
    """Return a copy with one change in some channels."""
    out, mean, spread = values.copy(), values[:learnt].mean(axis=0), values[:learnt].std(axis=0)
    for c in channels:
        was = values[at, c]
        if kind == "shift":
            out[at, c] = was + strength * spread[c] * rng.choice((-1, 1))
        elif kind == "gain":
            out[at, c] = mean[c] + strength * (was - mean[c])
        elif kind == "freeze":
            out[at, c] = was[0]
        else:
            start = int(rng.integers(learnt, len(values) - len(was)))
            out[at, c] = values[start : start + len(was), c]
    return out


def public(folder: Path, plan: Public, held_out: bool) -> Iterator[Row]:
    """Change the second half of each history, time and again."""
    for name in plan.sets:
        for place, path in enumerate(sorted((folder / name).glob("*.npz"))):
            if place % 2 != held_out:
                continue
            with np.load(path, allow_pickle=False) as file:
                values = np.nan_to_num(np.asarray(file["X_train"], np.float64))
            values = values.reshape(len(values), -1)
            learnt = int(plan.learnt * len(values))
            able = [c for c in range(values.shape[1]) if np.unique(values[:learnt, c]).size >= plan.distinct]
            if not able:
                continue
            judge, rng = Judge(series_of(values[:learnt], 0)), np.random.default_rng([plan.seed, place])
            for kind, strengths in plan.kinds.items():
                for strength in strengths:
                    for _ in range(plan.places):
                        start = int(rng.integers(learnt + ROWS, len(values) - plan.rows))
                        most = max(1, len(able) // 4)
                        chosen = rng.choice(able, min(int(rng.choice(plan.channels)), most), replace=False)
                        at = slice(start, start + plan.rows)
                        now = changed(values, kind, strength, at, chosen, learnt, rng)[at]
                        truth = np.flatnonzero((now != values[at]).any(axis=0))
                        if truth.size:
                            first = max(0, start - WINDOW)
                            raised, found = judge(series_of(values[first:start], first), series_of(now, start), truth)
                            yield Row(
                                where=name, kind=f"{kind} {strength:g}", group=str(path), raised=raised, hits=found
                            )


def touched(lab: Lab, attack: str) -> dict[str, tuple[str, ...]]:
    """Return by stream the channels that an attack moves, where it is not all of them."""
    canaries = tuple(f"q{q}.canary_error" for q in lab.canaries)
    if attack == "config_edit":
        return {"qubits": canaries[: max(1, len(canaries) // 2)]}
    if attack == "readout_crosstalk":
        return {"qubits": canaries[:2]}
    if attack == "timing_covert_channel":
        return {"control": ("awg.timing_residual",)}
    victims = victims_of(lab.chip, lab.canaries)[1]
    return {
        "qubits": tuple(f"q{q}.canary_error" for q in victims), "control": ("rack.power",), "queue": ("gate.density",),
    }  # fmt: skip


def twin(plan: Twin, labs: range) -> Iterator[Row]:
    """Let each lab be quiet, then attack it, one after another."""
    for index in labs:
        pace = Pace(canaries=plan.canaries[index % len(plan.canaries)], control_hz=16.0)
        lab = Lab(
            calibrations.snapshots(plan.devices[index % len(plan.devices)]), plan.first_seed + index, T0, pace=pace
        )
        kept = _lived(lab, plan.quiet_s)
        judges = {s: Judge(kept[s]) for s in ("qubits", "control", "queue")}
        for factor in plan.factors:
            for attack in plan.attacks:
                before = _lived(lab, plan.gap_s)
                listed = find(attack)
                lab.perturb(attack, min(max(listed.usual * factor, listed.low), listed.high), plan.lasting_s)
                during = _lived(lab, plan.lasting_s)
                for stream, names in touched(lab, attack).items():
                    truth = np.array([i for i, n in enumerate(during[stream].names) if n in names], np.int64)
                    raised, found = judges[stream](before[stream], during[stream], truth)
                    where = f"{attack}@{stream}"
                    yield Row(where=where, kind=f"×{factor:g}", group=str(index), raised=raised, hits=found)


def _lived(lab: Lab, seconds: float) -> dict[str, Series]:
    parts: dict[str, Series] = {}
    for datum in lab.advance(seconds):
        if isinstance(datum, Series):
            parts[datum.stream] = joined(parts.get(datum.stream), datum)
    return parts


def report(rows: list[Row], ground: Ground) -> list[Figure]:
    """Print means by set or attack and by kind, and what ours gains over each other method, resampled by series or lab."""
    tables: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        tables[row.where].append(row)
        tables[row.kind].append(row)
    tables["**raised**"] = [r for r in rows if r.raised]
    tables["**all**"] = rows
    print(f"| over | n | {' | '.join(METHODS)} | ours − conditional residual [95%] |")
    print("|---" * (len(METHODS) + 3) + "|")
    for name, found in tables.items():
        if found:
            cells = " | ".join(f"{m:.3f}" for m in np.mean([r.hits for r in found], axis=0))
            print(f"| {name} | {len(found)} | {cells} | {_told(found, 2)} |")
    print("\nours − " + "; ".join(f"{METHODS[m]} {_told(rows, m)}" for m in range(1, len(METHODS))))
    mean, low, high = _gain(rows, 2)
    return [
        figure_of("D10", "attribution hit rate at 150%", float(np.mean([r.hits[0] for r in rows])), n=len(rows), ground=ground),
        figure_of(
            "D10", "attribution hit rate less the conditional residual's", mean, span=(low, high), n=len(rows),
            goal="> 0, interval above it", met=low > 0, ground=ground,
        ),
    ]  # fmt: skip


def _told(rows: list[Row], other: int) -> str:
    mean, low, high = _gain(rows, other)
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def _gain(rows: list[Row], other: int) -> tuple[float, float, float]:
    groups: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[row.where + row.group].append(row.hits[0] - row.hits[other])
    return interval(np.array([float(np.mean(g)) for g in groups.values()]))


def add_options(parser: ArgumentParser) -> None:
    """Declare the options of its own."""
    parser.add_argument("--twin", action="store_true", help="the twin's attacks, in place of --data")
    parser.add_argument(
        "--first", type=int, help="first lab of the twin, in place of those of the frozen file; ten are run"
    )
    parser.add_argument("--half", choices=("tuning", "held-out"), default="held-out")


def run_bench(asked: Namespace) -> list[Figure]:
    """Run one ground and print its table."""
    plan = convert(tomllib.loads(Path(__file__).with_name("attribution_strengths.toml").read_text()), Plan)
    if asked.twin == (asked.data is not None):
        raise BadInputError("either --twin or --data DIR")
    held_out = asked.half == "held-out"
    labs = range(plan.twin.tuned, plan.twin.labs) if held_out else range(plan.twin.tuned)
    if asked.first is not None:
        labs = range(asked.first, asked.first + 10)
    if asked.twin:
        return report(list(twin(plan.twin, labs[:1] if asked.quick else labs)), "twin")
    rows = public(sets_in(asked.data)[0], plan.public, held_out)
    return report(list(itertools.islice(rows, QUICK_ROWS) if asked.quick else rows), "injected")
