"""D5: false alerts of the live watch, after causes, on the twin's fast telemetry, at equal recall beside fixed limits and peers.

Ours on ours: it shows that the rooms work together, never that they work in the world. Labs have devices, seeds and
layouts that nothing was trained or tuned on; attacks come at the strengths of ``fast_strengths.toml``, frozen before this
first ran, among innocent causes with their events. Ours is the product's watch at its own settings: what it says at a
time, second by second, is the confidence of the findings then open that no cause explains. Peers learn the same quiet
past and score the same rows; a second has its largest score, in units of the stream's own quiet past (0 its median, 1 its
99.5% quantile), but fixed limits are at k deviations. One threshold per method is swept over all fast streams together;
an attack is caught by a stream that it moves. Alerts are counted alike for all (:class:`Desk`, one sample a second).
"""

import argparse
import json
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec import Struct, convert
from msgspec.json import decode, encode
from numpy.typing import NDArray

from bench.causes import Memory
from mumetal.catalog import calibrations
from mumetal.core.clock import ManualClock
from mumetal.core.finding import Finding
from mumetal.core.ports import Truth
from mumetal.core.series import Series
from mumetal.core.settings import WatchSettings
from mumetal.twin.lab import Lab, Pace
from mumetal.twin.scenarios import find
from mumetal.watch.benchmark import metrics
from mumetal.watch.benchmark.metrics import Desk
from mumetal.watch.benchmark.peers import PEERS
from mumetal.watch.benchmark.sets import series_of
from mumetal.watch.watch import Watch

Array = NDArray[np.float64]
T = TypeVar("T")
OURS, FIXED, GENERIC = "mumetal", "static limits", ("EWMA", "Mahalanobis", "Sub-PCA")
METHODS = (OURS, FIXED, *GENERIC)
STREAMS = ("control", "cryostat", "handover", "qubits", "queue")
RECALLS = (0.5, 0.9)
ALL, ONCE, ALONE = "all", "all, a finding of ours once", "all but innocent causes"
DRAWS = 400
WEEK_S = 7 * 86_400.0
NS = 10**9
T0 = 1_796_000_000 * NS
STRENGTHS = Path(__file__).with_name("fast_strengths.toml")


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
        words: Of ours without an explanation: finding, stream, second said, confidence.
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
    watch = Watch(WatchSettings(), clock, memory.scene)
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
        (f.finding_id, f.stream, _second(t, zero_ns), max(f.confidence, 1e-6))
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


def _of_trouble(finding: Finding) -> bool:
    """Whether it is a page, not a word on the quality of data (silence, gaps, stale figures), as in D6."""
    return not finding.rule.startswith("watch.quality.s")


def spoken(said: Sequence[tuple[int, Finding]], zero_ns: int, seconds: int) -> dict[str, Array]:
    """Return by stream the largest confidence of the findings open in each second that no cause explains."""
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
            np.maximum(row, max(finding.confidence, 1e-6), out=row)
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


class Swept:
    """One method over labs, at any threshold.

    Args:
        labs: Played labs.
        method: Which.
        desk: How alerts are counted.
        only: One stream alone; all when empty.
        without: Whether alerts around innocent causes are not counted.
        pages: Whether each finding of ours counts once, when it is first said with the confidence, however long it stands.
    """

    def __init__(
        self,
        labs: Sequence[Played],
        method: str,
        desk: Desk,
        only: str = "",
        *,
        without: bool = False,
        pages: bool = False,
    ) -> None:
        self._labs, self._method, self._desk, self._without = labs, method, desk, without
        self._pages = pages and method == OURS
        self._streams = (only,) if only else STREAMS
        self._scores = [{s: np.asarray(v) for s, v in lab.scores[method].items()} for lab in labs]
        self._none = [self._excused(lab) for lab in labs]
        self.peaks = [
            np.array([self.peak(lab, a) for a in lab.attacks if not only or only in a.streams]) for lab in labs
        ]
        self._known: dict[tuple[int, float], int] = {}
        self.weeks = [len(self._streams) * float((~excused).sum()) / WEEK_S for excused in self._none]

    def peak(self, lab: Played, attack: Attack) -> float:
        """Return the largest score in time on a stream that the attack moves."""
        span = slice(attack.start, attack.start + self._desk.deadline)
        scores = lab.scores[self._method]
        return max((max(scores[s][span]) for s in attack.streams if s in self._streams), default=-np.inf)

    def at(self, recall: float, chosen: NDArray[np.int64]) -> tuple[float, int] | None:
        """Return false alerts per stream-week and their number at the threshold of a recall; None when out of reach."""
        threshold = metrics.threshold_for(np.concatenate([self.peaks[i] for i in chosen]), recall)
        if self._method == OURS and threshold <= 0:
            return None
        number = sum(self._count(int(i), threshold) for i in chosen)
        return number / sum(self.weeks[i] for i in chosen), number

    def limit(self) -> float:
        """Return the recall of everything that is said at all."""
        return float((np.concatenate(self.peaks) > 0).mean())

    def _excused(self, lab: Played) -> NDArray[np.bool_]:
        out = np.zeros(len(next(iter(lab.scores[self._method].values()))), bool)
        spans = [(a.start, a.stop) for a in lab.attacks]
        for start, stop in spans + ([(a, b) for _, a, b in lab.innocent] if self._without else []):
            out[start : stop + self._desk.tolerance] = True
        return out

    def _count(self, index: int, threshold: float) -> int:
        key = (index, threshold)
        if key not in self._known:
            scores, excused = self._scores[index], self._none[index]
            if self._pages:
                self._known[key] = self._paged(self._labs[index], excused, threshold)
            else:
                self._known[key] = sum(_alerts(scores[s] >= threshold, excused, self._desk) for s in self._streams)
        return self._known[key]

    def _paged(self, lab: Played, excused: NDArray[np.bool_], threshold: float) -> int:
        first: dict[str, int] = {}
        for identity, stream, second, confidence in lab.words:
            if stream in self._streams and confidence >= threshold:
                first.setdefault(identity, min(second, excused.size - 1))
        return sum(not excused[second] for second in first.values())


def _alerts(above: NDArray[np.bool_], excused: NDArray[np.bool_], desk: Desk) -> int:
    """Count alerts as :func:`metrics.outcome` does, outside what is excused."""
    alert = above.copy()
    at = np.flatnonzero(above)
    for place in np.flatnonzero((np.diff(at) > 1) & (np.diff(at) <= desk.gap)):
        alert[at[place] : at[place + 1]] = True
    return sum(-(-(b - a) // desk.repage) for a, b in metrics.events(alert & ~excused))


class Row(Struct, kw_only=True, frozen=True):
    """One method at one recall.

    Args:
        counted: What is counted, or of which stream.
        method: Which.
        recall: Share of attacks caught in time.
        per_week: False alerts per stream-week; None when the recall is out of reach.
        alerts: Their number.
        change: Ours over this method's, minus 1, with its paired 95% bootstrap interval over labs.
        drawn: Bootstrap draws (of 400) in which ours reached the recall.
    """

    counted: str
    method: str
    recall: float
    per_week: float | None
    alerts: int | None
    change: tuple[float, float, float] | None
    drawn: int


def rows(labs: Sequence[Played], desk: Desk, counted: str, recalls: Sequence[float]) -> list[Row]:
    """Sum up all methods at each recall."""
    only = counted if counted in STREAMS else ""
    without, pages = counted == ALONE, counted == ONCE
    swept = {m: Swept(labs, m, desk, only, without=without, pages=pages) for m in METHODS}
    everything, rng = np.arange(len(labs)), np.random.default_rng(0)
    draws = [rng.integers(0, len(labs), len(labs)) for _ in range(DRAWS)]
    out = []
    for recall in recalls:
        mine = swept[OURS].at(recall, everything)
        drawn = [swept[OURS].at(recall, d) for d in draws]
        for name, sweep in swept.items():
            found = sweep.at(recall, everything)
            change = None
            if name != OURS and mine is not None and found is not None:
                # half an alert keeps a ratio finite where there is none
                each = [
                    (o[1] + 0.5) / (p[1] + 0.5) - 1
                    for o, d in zip(drawn, draws, strict=True)
                    if o is not None and (p := sweep.at(recall, d)) is not None
                ]
                low, high = (float(q) for q in np.quantile(each, (0.025, 0.975)))
                change = ((mine[1] + 0.5) / (found[1] + 0.5) - 1, low, high)
            out.append(
                Row(
                    counted=counted,
                    method=name,
                    recall=recall,
                    per_week=found and found[0],
                    alerts=found and found[1],
                    change=change,
                    drawn=sum(d is not None for d in drawn),
                )
            )
    return out


def report(labs: Sequence[Played], desk: Desk, as_json: bool) -> None:
    """Print the tables."""
    ours = Swept(labs, OURS, desk)
    limit = ours.limit()
    recalls = sorted({*RECALLS, *([limit] if 0 < limit < 1 else [])})
    found = [r for counted in (ALL, ONCE, ALONE) for r in rows(labs, desk, counted, recalls)]
    for stream in STREAMS:
        found += rows(labs, desk, stream, (0.5,))
    if as_json:
        print(json.dumps([{f: getattr(r, f) for f in Row.__struct_fields__} for r in found]))
        return
    print(
        f"{len(labs)} labs, {sum(len(lab.attacks) for lab in labs)} attacks, {sum(len(lab.innocent) for lab in labs)} innocent "
        f"causes, {sum(ours.weeks):.3f} stream-weeks outside attacks, {sum(lab.cpu_s for lab in labs):,.0f} CPU-s; "
        f"all that ours says: recall {limit:.3f}; on slow data besides, not counted: {sum(lab.elsewhere for lab in labs)} findings\n"
    )
    print(
        "| counted | recall | method | false alerts per stream-week (n) | ours against it [95%] |\n|---|---|---|---|---|"
    )
    for r in found:
        rate = "out of reach" if r.per_week is None else f"{r.per_week:,.0f} ({r.alerts})"
        change = "" if r.change is None else f"{r.change[0]:+.0%} [{r.change[1]:+.0%}, {r.change[2]:+.0%}]"
        note = f" of {r.drawn} draws" if change and r.drawn < DRAWS else ""
        print(f"| {r.counted} | {r.recall:.3f} | {r.method} | {rate} | {change}{note} |")
    print(
        "\n| attack | factor | n | caught by ours at all |"
        + "".join(f" {m} at {q:.0%} |" for q in RECALLS for m in METHODS)
    )
    print("|" + "---|" * (4 + len(RECALLS) * len(METHODS)))
    sweeps = {m: Swept(labs, m, desk) for m in METHODS}
    levels = {(m, q): metrics.threshold_for(np.concatenate(sweeps[m].peaks), q) for q in RECALLS for m in METHODS}
    for name, factor in sorted({(a.name, a.factor) for lab in labs for a in lab.attacks}):
        of = {m: np.array([s.peak(lab, a) for lab in labs for a in lab.attacks if (a.name, a.factor) == (name, factor)])
              for m, s in sweeps.items()}  # fmt: skip
        cells = "".join(
            f" {'–' if m == OURS and levels[m, q] <= 0 else int((of[m] >= levels[m, q]).sum())} |"
            for q in RECALLS
            for m in METHODS
        )
        print(f"| {name} | {factor:g} | {of[OURS].size} | {int((of[OURS] > 0).sum())} |{cells}")
    told: dict[tuple[str, str], int] = defaultdict(int)
    for lab in labs:
        for rule, on in lab.pages:
            told[on, rule] += 1
    print("\n| then on | findings of ours without an explanation, outside attacks |\n|---|---|")
    for on in sorted({k for k, _ in told}):
        each = sorted(((n, rule) for (k, rule), n in told.items() if k == on), reverse=True)
        print(f"| {on} | {sum(n for n, _ in each)}: {', '.join(f'{rule} {n}' for n, rule in each[:8])} |")


def main() -> None:
    """Run labs and print their tables."""
    p = argparse.ArgumentParser(
        prog="python -m bench.fast", description="D5: false alerts at equal recall on the twin's fast telemetry"
    )
    p.add_argument("--labs", type=int, default=12)
    p.add_argument("--first", type=int, help="seed of the first lab; that of fast_strengths.toml when left out")
    p.add_argument("--keep", type=Path, help="folder of played labs: those there are not played again")
    p.add_argument("--played", action="store_true", help="only labs that are kept, in the range of --first and --labs")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    plan = convert(tomllib.loads(STRENGTHS.read_text()), Plan)
    first = plan.labs.first_seed if a.first is None else a.first
    if a.labs < 2 or first < plan.labs.first_seed:
        p.error(f"at least two labs, and a first seed of {plan.labs.first_seed} or more")
    labs: list[Played] = []
    seeds: Sequence[int] = range(first, first + a.labs)
    if a.played and a.keep is not None:
        seeds = [seed for seed in seeds if (a.keep / f"{seed}.json").exists()]
    for lab_seed in seeds:
        lab = kept(a.keep, plan, lab_seed)
        labs.append(lab)
        print(f"{lab.name}: {lab.cpu_s:.0f} CPU-s", file=sys.stderr, flush=True)
    report(labs, Desk(**plan.desk), a.json)


if __name__ == "__main__":
    main()
