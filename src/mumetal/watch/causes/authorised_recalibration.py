"""A calibration changed because somebody was allowed to change it, by no more than declared."""

import fnmatch
import math
import re

import numpy as np

from mumetal.core.event import Event
from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.watch.causes.authority import authorised, ticket_of, verdict
from mumetal.watch.causes.looked_at import looked_at
from mumetal.watch.causes.shift import shifts
from mumetal.watch.causes.unmoved import moved_beside

WRITE = "calibration.write"
START = "calibration.start"
BEFORE_NS = 6 * 3_600 * 10**9  # a snapshot shows what was written up to so long before
LIVE_NS = 900 * 10**9  # canaries answer within minutes
AFTER_NS = 60 * 10**9
ENDED_NS = 30 * 10**9  # a rack plays calibration pulses until so long after the result was written
UNDECLARED = 0.5  # relative change that a ticket without a stated size covers …
IMPROVED = 0.75  # … and how far an error may fall under one: canaries tell whether it really did
LARGEST_LOAD = 0.02  # relative rise of a rack's power that calibration pulses may bring
PER_DAY = 2.0  # such events a day on an ordinary device
CARRIES = 0.1  # share from which a channel carries a finding in a live stream
QUBIT = re.compile(r"q\d+\..+")
LIFETIMES = ("T1", "T2")
DAY_SIGMA = 0.36  # of ln T1 between two calibrations
TOGETHER = 6.0  # standard errors by which the lifetimes of a chip may move together


class AuthorisedRecalibration:
    """Joined to a change event by a named actor with a ticket; what exceeds the declaration stays unexplained.

    A calibration writes figures, lowers the errors of qubits, and draws some power while it runs. It moves no cryostat,
    no queue and no clock; it makes canaries worse only where the event declares it; and it measures lifetimes, so the
    lifetimes of a whole chip do not move together because of it. The event's attributes declare: ``change_ticket``;
    ``channels``, comma-separated patterns such as ``q3.*``; ``max_relative_change``, the largest |new / old - 1|.

    Args:
        known_actors: Who may recalibrate; None takes any named actor, for sites where the door already decides.
    """

    info = PluginInfo(
        plugin_id="watch.causes.authorised_recalibration",
        title="Authorised recalibration",
        reference="1,008 authored calibration commits of a lab, 2024–2026 (qiboteam/qibolab_platforms_qrc)",
    )

    def __init__(self, known_actors: frozenset[str] | None = None) -> None:
        self._known = known_actors

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain when an authorised event declares at least what changed."""
        if finding.rule.endswith(".identity"):
            return self._verdict(None, -6.0, "a recalibration does not move a whole chip's frequencies by megahertz")
        if finding.rule.endswith(".misreport"):
            return self._verdict(None, -6.0, "what a recalibration changes, the canaries see as well")
        if finding.stream == "calibration":
            return self._declared(finding, scene, BEFORE_NS)
        carrying = [a.channel for a in finding.carriers if a.share >= CARRIES]
        powers = [c for c in carrying if "power" in c.lower()]
        if powers and scene.series and not moved_beside(scene.series[0], carrying, powers, finding):
            return self._running(finding, scene)
        foreign = [c for c in carrying if not QUBIT.fullmatch(c)]
        if foreign or not carrying:
            what = ", ".join(foreign[:3]) or f"stream {finding.stream!r}"
            return self._verdict(None, -6.0, f"a recalibration does not move {what}")
        return self._declared(finding, scene, LIVE_NS)

    def _declared(self, finding: Finding, scene: Scene, window: int) -> CauseVerdict:
        near = _near(scene, (WRITE,), finding.start_ns - window, finding.start_ns + AFTER_NS)
        if not near:
            return self._verdict(None, -4.0, f"no {WRITE} event lies within {window / 3.6e12:g} h before it")
        good = [e for e in near if authorised(e, self._known)]
        if not good:
            return self._verdict(
                near[-1], -2.0, "the calibration was written without a ticket, by nobody known, or in vain"
            )
        event = good[-1]
        moved = _moved(finding, scene)
        if not moved:
            return self._verdict(event, -1.0, "what changed cannot be compared with what was declared")
        remainder = _beyond(event, moved, finding.stream == "calibration") or _lifetimes(finding, scene)
        if remainder:
            return self._verdict(event, -2.0, f"a remainder is left: {remainder}")
        ratio = math.log(0.9 / (1 - math.exp(-PER_DAY * window / 86_400e9))) + 1.0
        reason = (
            f"{event.actor} recalibrated under ticket {ticket_of(event)[:80]}; all {len(moved)} changes lie within it"
        )
        return self._verdict(event, ratio, reason, explained=True)

    def _running(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain power that a calibration in progress draws."""
        seen = looked_at(finding, scene)
        near = _near(scene, (START, WRITE), seen.start_ns - LIVE_NS, finding.start_ns + AFTER_NS)
        begun = [e for e in near if e.activity == START and authorised(e, self._known)]
        if not begun:
            return self._verdict(None, -4.0, "no authorised calibration was started before it")
        event = begun[-1]
        done = [e.t_ns for e in near if e.activity == WRITE and e.t_ns > event.t_ns and _same_change(e, event)]
        if done and finding.stop_ns > done[0] + ENDED_NS + finding.start_ns - seen.start_ns:
            return self._verdict(
                event, -3.0, "a remainder is left: the power stayed up after the calibration was written"
            )
        moves = shifts(scene.series[0], seen.start_ns, finding.stop_ns)
        drawn = [m.after / m.before - 1 for m in moves if "power" in m.channel.lower() and m.before > 0]
        if not drawn:
            return self._verdict(event, -1.0, "too little power was recorded before it to tell how much was drawn")
        if not -LARGEST_LOAD / 2 <= max(drawn, key=abs) <= LARGEST_LOAD:
            return self._verdict(event, -3.0, f"a remainder is left: power changed by {max(drawn, key=abs):+.1%}")
        reason = (
            f"{event.actor} was calibrating under ticket {ticket_of(event)[:80]}, and power rose by {max(drawn):+.2%}"
        )
        return self._verdict(event, 2.0, reason, explained=True)

    def _verdict(self, event: Event | None, ratio: float, reason: str, *, explained: bool = False) -> CauseVerdict:
        return verdict(self.info.plugin_id, ratio, reason, explained=explained, event=event)


def _near(scene: Scene, activities: tuple[str, ...], start_ns: int, stop_ns: int) -> list[Event]:
    return [e for e in scene.events if e.activity in activities and start_ns <= e.t_ns <= stop_ns]


def _same_change(one: Event, other: Event) -> bool:
    return ticket_of(one) == ticket_of(other)


def _number(text: str, default: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return value if 0 <= value < math.inf else default


def _beyond(event: Event, moved: dict[str, float], written: bool) -> str:
    """Return what of the changes the event does not declare; empty when it declares all."""
    patterns = [p.strip() for p in event.attribute("channels").split(",") if p.strip()]
    outside = [c for c in moved if patterns and not any(fnmatch.fnmatchcase(c, p) for p in patterns)]
    if outside:
        return f"{', '.join(outside[:5])} was not declared"
    stated = event.attribute("max_relative_change")
    worse = [c for c, change in moved.items() if not written and "error" in c and change > 0]
    if worse and not stated:
        return (
            f"{worse[0]} rose by {moved[worse[0]]:.0%}, and a recalibration that declares nothing makes no qubit worse"
        )
    limit = _number(stated, UNDECLARED)
    falling = limit if stated else IMPROVED
    beyond = [
        c for c, change in moved.items() if abs(change) > (falling if change < 0 and "error" in c else limit) * 1.05
    ]
    if not beyond:
        return ""
    worst = max(beyond, key=lambda c: abs(moved[c]))
    return f"{worst} changed by {moved[worst]:+.0%}, declared were at most {limit:.0%}"


def _around(finding: Finding, scene: Scene) -> tuple[DeviceSnapshot, DeviceSnapshot] | None:
    before = [s for s in scene.snapshots if s.t_ns < finding.start_ns]
    after = [s for s in scene.snapshots if s.t_ns >= finding.start_ns]
    return (before[-1], after[0]) if before and after else None


def _lifetimes(finding: Finding, scene: Scene) -> str:
    """Return how the chip's lifetimes moved together, if they did: measuring them does not change them."""
    pair = _around(finding, scene)
    if finding.stream != "calibration" or pair is None:
        return ""
    old, new = ({p.channel: p.value for p in s.parameters if p.name in LIFETIMES and p.value > 0} for s in pair)
    steps = np.array([math.log(new[c] / old[c]) for c in old.keys() & new.keys()])
    steps = steps[steps != 0]  # a figure that was not measured anew says nothing
    if steps.size < 8:
        return ""
    together = float(np.median(steps))
    if abs(together) * math.sqrt(steps.size) < TOGETHER * 1.2533 * DAY_SIGMA:
        return ""
    return f"{steps.size} lifetimes moved together by {math.expm1(together):+.0%}, and measuring does not change them"


def _moved(finding: Finding, scene: Scene) -> dict[str, float]:
    """Return the relative change of each channel that carries the finding.

    From the two snapshots around it where there are such, else from the stream.
    """
    listed = [a.channel for a in finding.carriers]
    carrying = [a.channel for a in finding.carriers if a.share >= 0.02] or listed
    if finding.stream == "calibration":
        pair = _around(finding, scene)
        if pair is not None:
            old, new = ({p.channel: p.value for p in s.parameters} for s in pair)
            pairs = {c: (old.get(c, math.nan), new.get(c, math.nan)) for c in carrying}
        elif scene.series:
            series = scene.series[0]
            row = int(np.searchsorted(series.t_ns, finding.start_ns))
            if not 0 < row < len(series):
                return {}
            pairs = {c: tuple(series.column(c)[row - 1 : row + 1]) for c in carrying if c in series.names}
        else:
            return {}
        return {c: new / old - 1 for c, (old, new) in pairs.items() if old and math.isfinite(new / old)}
    found = shifts(scene.series[0], finding.start_ns, finding.stop_ns) if scene.series else ()
    carrying = [a.channel for a in finding.carriers if a.share >= CARRIES]
    return {s.channel: s.after / s.before - 1 for s in found if s.channel in carrying and s.before}
