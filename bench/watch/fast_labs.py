"""The labs of D5: a quiet past, then attacks of frozen strengths among innocent causes, and what every method makes of it."""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec import Struct
from msgspec.json import decode, encode
from numpy.typing import NDArray
from tests.watching import watching_of

from bench.watch.causes import Memory
from bench.watch.peers import PEERS
from bench.watch.sets import series_of
from mumetal.catalog import calibrations
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding
from mumetal.core.ports import Truth
from mumetal.core.series import Series
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import find
from mumetal.watch.settings import WatchSettings

Array = NDArray[np.float64]
T = TypeVar("T")
OURS, FIXED, GENERIC = "mumetal", "static limits", ("EWMA", "Mahalanobis", "Sub-PCA")
STREAMS = ("control", "cryostat", "handover", "qubits", "queue")
NS = 10**9
T0 = 1_796_000_000 * NS


class Attacks(Struct, frozen=True, forbid_unknown_fields=True):
    """Attacks of a lab."""

    per_lab: int
    names: tuple[str, ...]
    factors: tuple[float, ...]
    lasting_s: float


class Innocent(Struct, frozen=True, forbid_unknown_fields=True):
    """Innocent causes of a lab."""

    per_lab: int
    names: tuple[str, ...]
    factors: tuple[float, ...]
    lasting_s: float
    burst_s: float


class Labs(Struct, frozen=True, forbid_unknown_fields=True):
    """Devices, seeds and layouts."""

    first_seed: int
    devices: tuple[str, ...]
    control_hz: tuple[float, ...]
    canaries: tuple[int, ...]
    calibration_s: tuple[float, ...]
    drift: tuple[float, ...]


class Timing(Struct, frozen=True, forbid_unknown_fields=True):
    """How long things last."""

    quiet_s: float
    gap_s: tuple[float, float]


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """The frozen file."""

    attacks: Attacks
    innocent: Innocent
    labs: Labs
    run: Timing
    desk: dict[str, int]


class Attack(Struct, kw_only=True, frozen=True):
    """One attack: what, at which factor, its seconds [start, stop) since the quiet past, and streams it moves."""

    name: str
    factor: float
    start: int
    stop: int
    streams: frozenset[str]


class Played(Struct, kw_only=True, frozen=True):
    """One lab: scores of each method by stream, a value a second, and the truth.

    Args:
        name: Device and seed.
        attacks: In order.
        innocent: Innocent causes by name with their seconds [start, stop).
        scores: By method and stream, shape (seconds,).
        pages: Words of ours that no cause explains and that touch no attack: rule@stream and the innocent cause then on.
        elsewhere: Findings of ours without an explanation on slow data, which no peer sees; not counted.
        cpu_s: CPU time, s.
        words: Of ours without an explanation: finding, stream, second said, rank.
    """

    name: str
    attacks: tuple[Attack, ...]
    innocent: tuple[tuple[str, int, int], ...]
    scores: dict[str, dict[str, list[float]]]
    pages: tuple[tuple[str, str], ...]
    elsewhere: int
    cpu_s: float
    words: tuple[tuple[str, str, int, float], ...]


def play(plan: Plan, seed: int) -> Played:
    """Run one lab and everything that watches it."""
    begun = time.process_time()
    index = seed - plan.labs.first_seed
    rng = np.random.default_rng([5, seed])
    device = plan.labs.devices[index % len(plan.labs.devices)]
    pace = Pace(
        control_hz=float(rng.choice(plan.labs.control_hz)), canaries=int(rng.choice(plan.labs.canaries)),
        calibration_s=float(rng.choice(plan.labs.calibration_s)), drift=float(rng.choice(plan.labs.drift)),
    )  # fmt: skip
    lab = Lab(calibrations.snapshots(device), seed, T0, pace=pace)
    clock, memory = ManualClock(T0), Memory()
    watch = watching_of(WatchSettings(), clock, memory.scene)
    parts: dict[str, list[Series]] = defaultdict(list)
    said: list[tuple[int, Finding]] = []

    def live(seconds: int, step: int = 1) -> None:
        for _ in range(seconds // step):
            data = list(lab.advance(float(step)))
            memory.note(data, lab.now_ns)
            clock.set_ns(lab.now_ns)
            found: list[Finding] = []
            for datum in data:
                if isinstance(datum, Series):
                    parts[datum.stream].append(datum)
                found += watch.observe(datum)
            found += watch.tick(lab.now_ns)
            said.extend((lab.now_ns, f) for f in found)

    live(round(plan.run.quiet_s), 10)
    order = np.random.default_rng(5).permutation(len(plan.attacks.names) * len(plan.attacks.factors)).tolist()
    kinds = [(n, f) for n in plan.attacks.names for f in plan.attacks.factors]
    todo = [kinds[k] for k in _turn(order, index, plan.attacks.per_lab)]
    todo += [(n, 0.0) for n in _turn(plan.innocent.names, index, plan.innocent.per_lab)]
    zero_ns = lab.now_ns
    truths: list[tuple[str, float, Truth]] = []
    for place in rng.permutation(len(todo)):
        name, factor = todo[place]
        listed = find(name)
        live(round(float(rng.uniform(*plan.run.gap_s))))
        lasting = plan.attacks.lasting_s
        if listed.kind == "innocent":
            factor = float(rng.choice(plan.innocent.factors))
            lasting = plan.innocent.burst_s if name == "radiation_burst" else plan.innocent.lasting_s
        strength = min(max(listed.usual * factor, listed.low), listed.high)
        truths.append((name, factor, lab.perturb(name, strength, lasting)))
        live(max(1, round(lasting)))
    live(round(plan.run.gap_s[1]))
    end_ns = lab.now_ns
    clock.set_ns(end_ns + 120 * NS)
    said += [(end_ns, f) for f in watch.tick(end_ns + 120 * NS)]  # what is open closes
    seconds = (end_ns - zero_ns) // NS
    attacks = tuple(
        Attack(
            name=name, factor=factor, start=_second(t.start_ns, zero_ns), stop=_second(t.stop_ns, zero_ns),
            streams=frozenset(m.split("/")[0] for m in find(name).moves) & frozenset(STREAMS),
        )
        for name, factor, t in truths if t.kind == "attack"
    )  # fmt: skip
    innocent = tuple(
        (name, _second(t.start_ns, zero_ns), _second(t.stop_ns, zero_ns))
        for name, _, t in truths
        if t.kind == "innocent"
    )
    scores = {OURS: {k: v.tolist() for k, v in spoken(said, zero_ns, seconds).items()}}
    for name in (FIXED, *GENERIC):
        scores[name] = {s: peer(name, parts[s], zero_ns, seconds).tolist() for s in STREAMS}
    counted = [f for t, f in said if t >= zero_ns and not f.explained and _of_trouble(f)]
    excused = np.zeros(seconds + 1, bool)
    for attack in attacks:
        excused[attack.start : attack.stop + plan.desk["tolerance"]] = True
    words = tuple(
        (f.finding_id, f.stream, _second(t, zero_ns), rank(f))
        for t, f in said
        if t > zero_ns and f.stream in STREAMS and not f.explained and _of_trouble(f)
    )
    first: dict[str, tuple[str, str]] = {}
    for t_ns, finding in said:
        second = min(_second(t_ns, zero_ns), seconds)
        if finding in counted and finding.stream in STREAMS and t_ns > zero_ns and not excused[second]:
            on = [name for name, a, b in innocent if a <= second < b + plan.desk["tolerance"]]
            rule = f"{finding.rule.removeprefix('watch.')}@{finding.stream}"
            first.setdefault(finding.finding_id, (rule, on[0] if on else "nothing"))
    return Played(
        name=f"{device}-{seed}", attacks=attacks, innocent=innocent, scores=scores, pages=tuple(first.values()),
        elsewhere=len({f.finding_id for f in counted if f.stream not in STREAMS}), cpu_s=time.process_time() - begun, words=words,
    )  # fmt: skip


def _turn(listed: Sequence[T], index: int, each: int) -> list[T]:
    """Return the share of one lab, labs taking turns."""
    return [listed[(index * each + k) % len(listed)] for k in range(each)]


def kept(folder: Path | None, plan: Plan, seed: int) -> Played:
    """Return a lab as a former run kept it, or play it and keep it."""
    file = folder / f"{seed}.json" if folder is not None else None
    if file is not None and file.exists():
        return decode(file.read_bytes(), type=Played)
    played = play(plan, seed)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(encode(played))
        part.rename(file)
    return played


def _second(t_ns: int, zero_ns: int) -> int:
    return int(max(0, t_ns - zero_ns) // NS)


def rank(finding: Finding) -> float:
    """Return how far below a thousand a week ordinary data do what was seen, in decades, > 0: the user's own dial.

    What no tail stands behind, a rule, is taken to be wrong as often as the user's budget allows all together.
    """
    rate = WatchSettings().alerts_per_week if finding.false_per_week is None else finding.false_per_week
    return max(3.0 - math.log10(rate), 1e-6)


def _of_trouble(finding: Finding) -> bool:
    """Whether it is a page, not a word on the quality of data (silence, gaps, stale figures), as in D6."""
    return not finding.rule.startswith("watch.quality.s")


def spoken(said: Sequence[tuple[int, Finding]], zero_ns: int, seconds: int) -> dict[str, Array]:
    """Return by stream the largest rank of the findings open in each second that no cause explains."""
    out = {s: np.zeros(seconds) for s in STREAMS}
    words: dict[str, list[tuple[int, Finding]]] = defaultdict(list)
    for t_ns, finding in said:
        if finding.stream in STREAMS and _of_trouble(finding):
            words[finding.finding_id].append((t_ns, finding))
    for each in words.values():
        for place, (t_ns, finding) in enumerate(each):
            until_ns = each[place + 1][0] if place + 1 < len(each) else t_ns
            if finding.explained or max(until_ns, t_ns + NS) <= zero_ns:
                continue
            start = max(0, (t_ns - zero_ns) // NS - 1)  # said of the second that ends now
            stop = max(start + 1, (until_ns - zero_ns) // NS - 1)
            row = out[finding.stream][start:stop]
            np.maximum(row, rank(finding), out=row)
    return out


def peer(name: str, parts: Sequence[Series], zero_ns: int, seconds: int) -> Array:
    """Return a peer's largest score in each second after the quiet past, shape (seconds,)."""
    t_ns = np.concatenate([p.t_ns for p in parts])
    values = np.concatenate([p.values for p in parts])
    past = int(np.searchsorted(t_ns, zero_ns))
    known = np.isfinite(values[:past])
    middle = np.where(known, values[:past], 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    values = np.where(np.isfinite(values), values, middle)
    contender = PEERS[name]()
    history = series_of(values[:past], 0)
    contender.fit(history)
    rated = _each_second(contender.score(series_of(values[past:], past)), t_ns[past:], zero_ns, seconds)
    if name == FIXED:
        return rated
    before = int(zero_ns - t_ns[0]) // NS + 1
    quiet = np.sort(_each_second(contender.score(history), t_ns[:past], int(t_ns[0]), before)[64:])
    low, high = quiet[len(quiet) // 2], quiet[int(0.995 * (len(quiet) - 1))]
    return np.asarray((rated - low) / (high - low + 1e-3 * abs(low) + 1e-9), np.float64)


def _each_second(scores: Array, t_ns: NDArray[np.int64], zero_ns: int, seconds: int) -> Array:
    out = np.full(seconds, float(scores.min()))
    np.maximum.at(out, np.clip((t_ns - zero_ns) // NS, 0, seconds - 1), scores)
    return out
