"""One seed, one trace: ``traces(split, n)``."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from bench.foreign import attacks_fast, attacks_slow, clocks, innocents
from bench.foreign.draws import Draws, Split, ordinal, seeds, split_of
from bench.foreign.lab import DrawnLab, LabKind, TraceRows, noise_of, seen
from bench.foreign.labs import LABS
from bench.foreign.matched import matched_auc, repeat_auc
from bench.foreign.noise import DAY_S, Array
from bench.foreign.scene import EventCase, EventScene
from bench.foreign.techniques import TECHNIQUE
from bench.foreign.trace import Announcement, Kind, Trace, TraceChannel

ATTACKS: tuple[EventCase, ...] = (*attacks_slow.CASES, *attacks_fast.CASES)
INNOCENTS: tuple[EventCase, ...] = innocents.CASES
CYCLE: tuple[Kind, ...] = (
    "attack",
    "innocent",
    "attack",
    "innocent",
    "attack",
    "innocent",
    "attack",
    "innocent",
    "quiet",
)
LEAST_DAYS = 3.0
"""Quiet days before an event of a slow lab."""


def traces(split: Split, n: int, kind: Kind | None = None) -> Iterator[Trace]:
    """Yield the first n traces of a split, each made when asked for.

    Args:
        split: ``tuned``, which whoever tunes may look at, or ``held``.
        n: How many.
        kind: Only these.
    """
    return (trace(seed) for seed in islice((s for s in seeds(split) if kind in {None, kind_of(s)}), n))


def kind_of(seed: int) -> Kind:
    """Return what a seed's trace is, without making it."""
    return CYCLE[ordinal(seed) % len(CYCLE)]


def case_of(seed: int) -> tuple[EventCase | None, LabKind]:
    """Return a seed's case and lab: cases take turns, and so do a case's labs."""
    turn, place = divmod(ordinal(seed), len(CYCLE))
    kind, split = CYCLE[place], split_of(seed)
    if kind == "quiet":
        open_to = [lab for lab in LABS.values() if split in lab.splits]
        return None, open_to[turn % len(open_to)]
    cases = [
        (case, open_labs)
        for case in (ATTACKS if kind == "attack" else INNOCENTS)
        if (open_labs := [LABS[name] for name in case.labs if split in LABS[name].splits])
    ]
    each = CYCLE.count(kind)
    number = turn * each + CYCLE[:place].count(kind)
    which = number % len(cases)
    case, labs = cases[which]
    return case, labs[(number // len(cases) + which) % len(labs)]


def trace(seed: int) -> Trace:
    """Make a seed's trace."""
    case, kind = case_of(seed)
    draws = Draws(seed, "lab")  # a lab's own draws are the same whatever happens in it
    frame = _frame(draws, kind)
    lab = _worn(draws, kind.build(draws, frame))
    noise = noise_of(lab.sensors, draws, frame)
    base = seen(lab.sensors, np.column_stack(lab.physics(lab.drives)), noise, lab.drives["unrest"])
    first_ns = clocks.start_of(draws, frame)
    chance = Draws(seed, "case")
    start, stop, due = _event(chance, frame, kind, case)
    scene = EventScene(
        lab_name=kind.name, lab=lab, frame=frame, draws=chance, base=base, start=start, stop=stop, due=due
    )
    values, truth, told = base, "Nothing happens.", np.nan
    clock = clocks.stamped(Draws(seed, "clock"), frame, first_ns, np.zeros(frame.n))
    if case is not None:
        truth = case.act(scene)
        true = np.column_stack(lab.physics(scene.drives)) * scene.gain + scene.offset
        values = seen(lab.sensors, true, noise, scene.drives["unrest"])
        _repeat(scene, values)
        values[scene.lost] = np.nan
    t_ns = clocks.stamped(Draws(seed, "clock"), frame, first_ns, scene.clock_s)
    if case is not None and case.kind == "attack":
        told = _told(scene, values, clock, t_ns)
    rows = clocks.arrival(draws, scene.gone)
    last = frame.n - 1
    return Trace(
        name=f"{kind.name}-{seed}",
        seed=seed,
        split=split_of(seed),
        lab=kind.name,
        rate_hz=1 / frame.row_s,
        channels=tuple(TraceChannel(heading=s.heading, name=s.name, unit=s.unit) for s in lab.sensors),
        t_ns=t_ns[rows],
        values=values[rows],
        kind=case.kind if case else "quiet",
        label=case.label if case else "",
        technique=TECHNIQUE.get(case.label, "") if case else "",
        start_ns=int(t_ns[start]),
        end_ns=int(t_ns[min(stop, last)]),
        deadline_ns=int(t_ns[min(scene.due, last)]),
        deadline_reason=case.reason if case else "",
        detectable=float(told),
        announced=_announced(chance, scene, case, t_ns),
        truth=truth,
    )


def _worn(draws: Draws, lab: DrawnLab) -> DrawnLab:
    """Return the lab; in one of eight a gauge is dead and shows an end of its range, as in many real logs."""
    if not draws.chance(0.12):
        return lab
    sensors = list(lab.sensors)
    dead = int(draws.rng.integers(len(sensors)))
    end = next((x for x in (sensors[dead].high, sensors[dead].low) if np.isfinite(x)), 0.0)
    sensors[dead] = replace(sensors[dead], low=end, high=end, step=0.0)
    return replace(lab, sensors=tuple(sensors))


def _frame(draws: Draws, kind: LabKind) -> TraceRows:
    row_s = draws.spread(*kind.seconds)
    n = int(draws.within(*kind.days) * DAY_S / row_s) if kind.days[1] else int(draws.within(*kind.rows))
    return TraceRows(n, row_s, draws.within(0, 7 * DAY_S))


def _event(draws: Draws, frame: TraceRows, kind: LabKind, case: EventCase | None) -> tuple[int, int, int]:
    """Return the first row of the event, the row after it, and the row of the deadline."""
    if case is None:
        return frame.n - 1, frame.n, frame.n - 1
    rows = frame.rows(1.0) if kind.days[1] else float(frame.n)
    length = max(4, int(draws.within(*case.lasts) * rows))
    earliest = max(int(frame.rows(LEAST_DAYS * DAY_S)) if kind.days[1] else 0, int(0.6 * frame.n))
    latest = max(earliest, frame.n - length - 2)
    start = int(draws.rng.integers(earliest, latest + 1))
    stop = min(frame.n - 1, start + length)
    return start, stop, min(stop, start + max(2, int(case.within * rows)))


def _repeat(scene: EventScene, values: Array) -> None:
    """Put in what a frozen or replayed sensor says instead, as it was scanned."""
    rows = np.arange(scene.start, scene.stop)
    for c in scene.frozen:
        before = values[: scene.start, c]
        held = before[np.isfinite(before)][-1]
        values[rows, c] = np.where(np.isfinite(values[rows, c]), held, np.nan)
    if scene.replayed:
        channels, apart = scene.replayed
        for c in channels:
            values[rows, c] = scene.base[rows - apart, c]


def _told(scene: EventScene, values: Array, clock: NDArray[np.int64], t_ns: NDArray[np.int64]) -> float:
    """Return the AUC of the matched detector, which sees the rows' times too, from the start to the deadline."""
    rows = max(scene.due - scene.start, 2)
    window = slice(scene.start, scene.start + rows)
    quiet = scene.base[: scene.start]
    if scene.frozen:
        return max(repeat_auc(_scanned(quiet, scene, c), 1, rows // scene.lab.sensors[c].every) for c in scene.frozen)
    if scene.replayed:
        channels, apart = scene.replayed
        return max(repeat_auc(quiet[:, c], apart, rows) for c in channels)
    ticks = np.diff(clock, prepend=clock[0]) * 1e-9
    change = np.diff(t_ns - clock, prepend=0) * 1e-9
    return matched_auc(
        np.column_stack([quiet, ticks[: scene.start]]),
        np.column_stack([values[window] - scene.base[window], change[window]]),
    )


def _scanned(quiet: Array, scene: EventScene, c: int) -> Array:
    """Return a channel's scanned rows alone."""
    sensor = scene.lab.sensors[c]
    return quiet[sensor.phase % sensor.every :: sensor.every, c]


def _announced(
    draws: Draws, scene: EventScene, case: EventCase | None, t_ns: NDArray[np.int64]
) -> tuple[Announcement, ...]:
    """Return what was written down: ordinary life, half of what is innocent, and a few windows that an attack hides in."""
    told = list(scene.lab.life) if draws.chance(0.7) else []
    if case is not None and case.activity and draws.chance(0.5):
        told.append((scene.start, scene.stop, case.activity, "as planned"))
    if case is not None and case.kind == "attack" and draws.chance(0.1):
        early = max(0, scene.start - scene.length // 4)
        told.append((early, scene.stop, "maintenance.window", "maintenance, ticket open"))
    last = t_ns.size - 1
    return tuple(
        Announcement(start_ns=int(t_ns[a]), end_ns=int(t_ns[min(b, last)]), activity=activity, detail=detail)
        for a, b, activity, detail in sorted(told)
    )
