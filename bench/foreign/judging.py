"""One trace through the live watch, from files through the doors, at default settings: when it paged, of what, and why not."""

import math
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.foreign.labs import LABS
from bench.foreign.make import trace
from bench.foreign.trace import Kind, Trace
from bench.foreign.writer import write
from mumetal.app.replay import Replayed, replay
from mumetal.app.settings import Settings
from mumetal.connect.api import open_source
from mumetal.core.finding import Finding
from mumetal.core.incident import Incident, IncidentState
from mumetal.core.stream_health import StreamState
from mumetal.respond.api import Inventory

COVERT = "exfiltrate.timing_covert", "exfiltrate.power_covert", "exfiltrate.power_covert_slow"
LASTING = frozenset(
    f"innocent.{cause}"
    for cause in (
        "clock_step", "clock_step_fast", "compressor_maintenance", "recalibration", "recalibration_fast",
        "sensor_recalibrated", "software_update", "warm_up",
    )
)  # fmt: skip
"""Innocent causes whose change stays when they are over: a page after them is theirs."""
Pace = Literal["fast", "slow", "calibrations"]
WEEK_NS = 7 * 86_400 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePage:
    """One page.

    Args:
        t_ns: When it went out, on the data's own time.
        start_ns, stop_ns: What its incident covers in the end.
        rule: Of its gravest finding that nothing explains or holds back.
    """

    t_ns: int
    start_ns: int
    stop_ns: int
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTrace:
    """What the watch said of a trace.

    Args:
        name, kind, label, truth: The trace's.
        pace: Of its lab: fast, slow (rows some seconds or minutes apart) or calibrations (of a chip, for weeks).
        covert: Whether only who knows a message could tell it well.
        announced: Whether something was written down of the time when its event began.
        counts: Whether a matched detector could tell it; true unless an attack.
        chance: Chance that a page of those before would have come between start and deadline; 0 unless an attack.
        found: Share of the time to the deadline that had passed when it was told; None unless told in time.
        wrong: Rules of the pages that an innocent event brought.
        later: Pages after an innocent event that do not touch it.
        before: Rules of the pages before anything happened.
        quiet_weeks: How long that was.
        why: Why an attack was not found in time; empty otherwise.
    """

    name: str
    kind: Kind
    label: str
    truth: str
    pace: Pace
    covert: bool
    announced: bool
    counts: bool
    chance: float
    found: float | None
    wrong: tuple[str, ...]
    later: int
    before: tuple[str, ...]
    quiet_weeks: float
    why: str


def judged(seed: int) -> JudgedTrace:
    """Make a seed's trace and let the watch see it."""
    made = trace(seed)
    return judgement(made, watched(made))


def watched(made: Trace) -> Replayed:
    """Return what ``mumetal watch`` says of a trace's files, at default settings."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        table = write(made, Path(folder))
        places = [f"csv:{table}"]
        if made.announced:
            places.append(f"audit:{table.with_name(f'{made.name}.events.jsonl')}")
        sources = [ending.enter_context(closing(open_source(place))) for place in places]
        return replay(Settings(), Inventory(), sources, Path(folder) / "store", lambda *_: None)


def judgement(made: Trace, done: Replayed) -> JudgedTrace:
    """Hold what the watch said beside the truth."""
    pages = pages_of(done)
    first_ns, last_ns = int(made.t_ns.min()), int(made.t_ns.max())
    quiet_ns = (last_ns if made.kind == "quiet" else made.start_ns) - first_ns
    begun = [p for p in pages if p.t_ns >= made.start_ns and made.kind != "quiet"]
    end_ns = last_ns if made.label in LASTING else made.end_ns
    touching = [p for p in begun if p.start_ns <= end_ns and p.stop_ns >= made.start_ns]
    timely = [p.t_ns for p in touching if p.t_ns <= made.deadline_ns] if made.kind == "attack" else []
    innocent = made.kind == "innocent"
    allowed_ns = made.deadline_ns - made.start_ns if made.kind == "attack" else 0
    before = [p for p in pages if p not in begun]
    return JudgedTrace(
        name=made.name,
        kind=made.kind,
        label=made.label,
        truth=made.truth,
        pace=pace_of(made),
        covert=made.label in COVERT,
        announced=any(told.start_ns <= made.start_ns < told.end_ns for told in made.announced),
        counts=made.counts,
        chance=1 - math.exp(-len(before) * allowed_ns / max(1, quiet_ns)),
        found=(min(timely) - made.start_ns) / max(1, allowed_ns) if timely else None,
        wrong=tuple(p.rule for p in touching) if innocent else (),
        later=len(begun) - len(touching) if innocent else 0,
        before=tuple(p.rule for p in before),
        quiet_weeks=quiet_ns / WEEK_NS,
        why=_why(made, done, pages) if made.kind == "attack" and not timely else "",
    )


def pace_of(made: Trace) -> Pace:
    """Return how fast a trace's lab is."""
    if not LABS[made.lab].days[1]:
        return "fast"
    return "calibrations" if made.lab.startswith("chip_") else "slow"


def pages_of(done: Replayed) -> list[TracePage]:
    """Return all pages, also those of incidents that were joined into another one."""
    known = {finding.finding_id: finding for finding in done.findings}
    return sorted(
        (
            TracePage(
                t_ns=entry.t_ns, start_ns=incident.start_ns, stop_ns=incident.stop_ns, rule=_rule(incident, known)
            )
            for incident in done.incidents
            for entry in incident.timeline
            if entry.what == "paged"
        ),
        key=lambda page: page.t_ns,
    )


def _rule(incident: Incident, known: dict[str, Finding]) -> str:
    paging = [f for i in incident.findings if (f := known.get(i)) and not f.explained and not f.held]
    gravest = max(paging, key=lambda f: (f.severity, -f.start_ns), default=None)
    return gravest.rule if gravest else "none now"


def _why(made: Trace, done: Replayed, pages: Sequence[TracePage]) -> str:
    """Return the nearest that the watch came to telling an attack in time."""
    for page in pages:
        if page.start_ns <= made.end_ns and page.stop_ns >= made.start_ns:
            return f"paged {'late' if page.t_ns > made.deadline_ns else 'before'} by {page.rule}"
    near = [
        f
        for i in done.incidents
        if i.start_ns <= made.deadline_ns and i.stop_ns >= made.start_ns and i.state is not IncidentState.RESOLVED
        for f in done.findings
        if f.finding_id in i.findings and f.start_ns <= made.deadline_ns and f.stop_ns >= made.start_ns
    ]
    for f in near:
        if not f.explained:
            return f"{f.rule} {'held' if f.held else f.severity.name.lower()}"
    for f in near:
        return f"{f.rule} explained by {next(c.cause for c in f.causes if c.explained)}"
    states = sorted({str(stream.state) for stream in done.streams if stream.state is not StreamState.WATCHING})
    return f"not seen, {' and '.join(states)} at the end" if states else "not seen"
