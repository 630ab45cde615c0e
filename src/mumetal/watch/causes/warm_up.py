"""The cryostat warms up because somebody was allowed to let it."""

import math
import re

from mumetal.core.event import Event, Status
from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene
from mumetal.core.series import Series
from mumetal.core.subject import SubjectKind
from mumetal.watch.causes.authority import verdict
from mumetal.watch.causes.canary_side import canary_side
from mumetal.watch.causes.common_rise import CANARY, common_rise
from mumetal.watch.causes.shift import Shift, shifts

MAINTENANCE = re.compile(r"(cryostat\.|maintenance|warm.?up|cool.?down|pulse.?tube|compressor).*", re.IGNORECASE)
BEFORE_NS = 3_600 * 10**9  # an announcement may come so long before
AFTER_NS = 60 * 10**9  # or so late, when the log is slow
PER_DAY = 0.1  # announcements a day without a warm-up
STAGES = (  # warmest first: heat comes from the pulse tube's stages; ch1, ch2, ch5, ch6 as BlueFors wires them
    re.compile(r"(50|60|70)\s*k|pt1|first.?stage|^ch1\.t", re.IGNORECASE),
    re.compile(r"4\s*k|pt2|second.?stage|^ch2\.t", re.IGNORECASE),
    re.compile(r"still|^ch5\.t", re.IGNORECASE),
    re.compile(r"cold.?plate|\bcp\b|100\s*mk", re.IGNORECASE),
    re.compile(r"mxc|mix|^ch6\.t", re.IGNORECASE),
)
COMPRESSOR = re.compile(r"compressor|cpa|cptemp|cpavg|water|helium.?temp", re.IGNORECASE)
SERVICE = re.compile(r".*(maintenance|compressor|pulse.?tube).*", re.IGNORECASE)
COPIED = re.compile(r".*\.(noisy_replay|replay|frozen|timing)")
COMPRESSOR_MOVED = 12.0  # standard errors; water and helium wander by a few
FELL = 8.0
CARRIES = 0.1
EARLY_NS = 60 * 10**9  # so long after an announcement the order of the stages cannot be told
CRYOSTAT = re.compile(r".*(cryo|bluefors|fridge|temperature|pressure|compressor|maxigauge).*", re.IGNORECASE)


class WarmUp:
    """All plates rise, the pulse tube's stages no later than the mixing chamber, and it was announced.

    In the first minute after the announcement the stages cannot tell yet: then it is enough that nothing falls, and the
    verdict is provisional, judged again as rows come. Heat drives gas out, so pressures may rise with the plates, not
    fall. It does not move the compressor: its channels are a remainder unless the announcement names the compressor,
    the pulse tube or maintenance. Canaries that rise alike belong to it. It makes no log repeat itself or stand still.
    A refrigerator may be one stream or one a thermometer: its plates are looked for in all of them.
    """

    info = PluginInfo(
        plugin_id="watch.causes.warm_up",
        title="Announced warm-up or maintenance",
        reference="Order of stages: Pobell 2007, Matter and Methods at Low Temperatures, doi:10.1007/978-3-540-46360-3",
    )

    def explain(self, finding: Finding, scene: Scene) -> CauseVerdict:
        """Explain when shape and announcement both fit."""
        if COPIED.fullmatch(finding.rule):
            return self._no(-5.0, "heat changes readings; it does not make them repeat or stand still")
        if finding.rule.endswith(".misreport"):
            side = canary_side(finding, scene)
            if isinstance(side, str):
                return self._no(-3.0, side)
            finding, scene = side
        cryostats = [s for s in scene.series if _of_cryostat(s)]
        whole = finding.subject.kind is SubjectKind.DEVICE
        own = whole or any(s.stream == finding.stream for s in cryostats)
        canaries = bool(finding.carriers) and all(CANARY.fullmatch(a.channel) for a in finding.carriers)
        if not cryostats or not (own or canaries):
            return self._no(-5.0, "it is not the cryostat that moved")
        event = _announcement(scene.events, finding)
        calm_ns = None if event is None else event.t_ns  # cooling down again is judged against what was before it
        moves = tuple(m for s in cryostats for m in shifts(s, finding.start_ns, finding.stop_ns, calm_ns))
        shape, why = _shape(_plates(moves))
        if event is None:
            return self._no(shape - 3.0, f"nobody announced maintenance in the hour before; {why}")
        remainder = _compressor(moves, event, finding) or _pressure(moves, event, finding)
        if remainder:
            return self._no(
                -3.0, f"{event.activity} by {event.actor} was announced; a remainder is left: {remainder}", event
            )
        ratio = shape - math.log(PER_DAY * (BEFORE_NS + AFTER_NS) / 86_400e9)
        early = finding.stop_ns <= event.t_ns + EARLY_NS and finding.start_ns >= event.t_ns - AFTER_NS
        if shape <= 0 and early and not _falling(moves):
            ratio, why = 1.0, "nothing fell so far, too early to tell the order of the stages"
        elif shape <= 0:
            reason = f"{event.activity} by {event.actor or 'nobody named'} was announced, but {why}"
            return self._no(min(ratio, 0.0), reason, event)
        if not own:
            rise = common_rise(scene.series[0], finding.start_ns, finding.stop_ns)
            if rise is None or not rise.common:
                return self._no(
                    -2.0, "a remainder is left: heat would lift all canaries alike, and they did not rise so", event
                )
            why += f", all {rise.canaries} canaries rose alike"
        return verdict(
            self.info.plugin_id,
            ratio,
            f"{why}, and {event.activity} was announced by {event.actor}",
            explained=True,
            event=event,
        )

    def _no(self, ratio: float, reason: str, event: Event | None = None) -> CauseVerdict:
        return verdict(self.info.plugin_id, min(ratio, -0.1), reason, event=event)


def _of_cryostat(series: Series) -> bool:
    """Whether a stream belongs to the refrigerator: by its name, or by a thermometer or compressor among its channels."""
    if CRYOSTAT.fullmatch(series.stream):
        return True
    return any(
        COMPRESSOR.search(c.name) or (c.unit == "K" and any(p.search(c.name) for p in STAGES)) for c in series.channels
    )


def _pressure(moves: tuple[Shift, ...], event: Event, finding: Finding) -> str:
    """Return which pressure fell where heat drives gas out; empty when none did or the announcement is of more."""
    if SERVICE.fullmatch(event.activity):
        return ""
    carrying = {a.channel for a in finding.carriers if a.share >= CARRIES}
    fell = [
        m
        for m in moves
        if m.unit == "Pa" and m.channel in carrying and not COMPRESSOR.search(m.channel) and m.deviations < -FELL
    ]
    return f"{fell[0].channel} fell from {fell[0].before:.4g} to {fell[0].after:.4g} Pa" if fell else ""


def _compressor(moves: tuple[Shift, ...], event: Event, finding: Finding) -> str:
    """Return what of the compressor moved without being named in the announcement; empty when nothing did."""
    if SERVICE.fullmatch(event.activity):
        return ""
    carrying = [a.channel for a in finding.carriers if a.share >= CARRIES]
    if carrying and all(COMPRESSOR.search(c) for c in carrying):
        return f"{carrying[0]} carries it, and heat on the plates does not move it"
    moved = [m for m in moves if COMPRESSOR.search(m.channel) and abs(m.deviations) > COMPRESSOR_MOVED]
    if not moved:
        return ""
    worst = max(moved, key=lambda m: abs(m.deviations))
    return f"{worst.channel} went from {worst.before:.4g} to {worst.after:.4g} {worst.unit}, and heat on the plates does not move it"


def _falling(moves: tuple[Shift, ...]) -> bool:
    return any(move.deviations < -FELL for _, move in _plates(moves))


def _plates(moves: tuple[Shift, ...]) -> list[tuple[int, Shift]]:
    """Return (stage, move) of the temperature channels, warmest stage first."""
    found = []
    for move in moves:
        if move.unit != "K":
            continue
        for stage, pattern in enumerate(STAGES):
            if pattern.search(move.channel):
                found.append((stage, move))
                break
    return sorted(found, key=lambda pair: pair[0])


def _shape(plates: list[tuple[int, Shift]]) -> tuple[float, str]:
    """Return the shape's log-likelihood ratio and what was seen."""
    if len(plates) < 2:
        return -2.0, f"{len(plates)} of at least 2 plates can be judged"
    rising = [p for p in plates if p[1].deviations > 4]
    falling = [p for p in plates if p[1].deviations < -4]
    if falling:
        return -4.0, f"{falling[0][1].channel} fell"
    if not rising:
        return -3.0, f"none of {len(plates)} plates rose"
    warm_side = [p for p in plates if p[0] <= 1]
    if warm_side and not any(p in rising for p in warm_side):
        return -3.0, "the stages of the pulse tube did not warm, so the heat came from somewhere else"
    if len(rising) < max(2, (len(plates) + 1) // 2):
        return -2.0, f"only {len(rising)} of {len(plates)} plates rose"
    onsets = [(stage, m.onset_ns) for stage, m in rising if m.onset_ns]
    cold = [t for stage, t in onsets if stage >= 4]
    warm = [t for stage, t in onsets if stage <= 1]
    if cold and warm and min(cold) < min(warm) - 120 * 10**9:
        return -2.0, "the mixing chamber warmed minutes before the pulse tube's stages"
    return math.log(0.9 / 0.2) * len(rising) / 2, f"{len(rising)} of {len(plates)} plates rose in the physical order"


def _announcement(events: tuple[Event, ...], finding: Finding) -> Event | None:
    fits = [
        e
        for e in events
        if MAINTENANCE.fullmatch(e.activity)
        and e.actor
        and e.status is not Status.FAILURE
        and finding.start_ns - BEFORE_NS <= e.t_ns <= finding.start_ns + AFTER_NS
    ]
    return fits[-1] if fits else None
