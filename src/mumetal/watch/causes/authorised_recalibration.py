"""A calibration changed because somebody was allowed to change it, by no more than declared."""

import fnmatch
import math

import numpy as np

from mumetal.core.artefact import Evidence
from mumetal.core.event import Event, Status
from mumetal.core.finding import CauseVerdict, Finding
from mumetal.core.ports import PluginInfo, Scene
from mumetal.watch.causes.shift import shifts

ACTIVITY = "calibration.write"
TICKETS = ("change_ticket", "ticket", "change")
BEFORE_NS = 6 * 3_600 * 10**9  # a snapshot shows what was written up to so long before
LIVE_NS = 900 * 10**9  # canaries answer within minutes
AFTER_NS = 60 * 10**9
UNDECLARED = 0.5  # relative change that a ticket without a stated size covers
PER_DAY = 2.0  # such events a day on an ordinary device


class AuthorisedRecalibration:
    """Joined to a change event by a named actor with a ticket; what exceeds the declaration stays unexplained.

    The event's attributes declare: ``change_ticket``; ``channels``, comma-separated patterns such as ``q3.*``;
    ``max_relative_change``, the largest |new / old - 1|.

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
        window = BEFORE_NS if finding.stream == "calibration" else LIVE_NS
        near = [
            e
            for e in scene.events
            if e.activity == ACTIVITY and finding.start_ns - window <= e.t_ns <= finding.start_ns + AFTER_NS
        ]
        if finding.rule.endswith(".identity"):
            return self._verdict(None, -6.0, "a recalibration does not move a whole chip's frequencies by megahertz")
        if not near:
            return self._verdict(None, -4.0, f"no {ACTIVITY} event lies within {window / 3.6e12:g} h before it")
        good = [e for e in near if self._authorised(e)]
        if not good:
            return self._verdict(
                near[-1], -2.0, "the calibration was written without a ticket, by nobody known, or in vain"
            )
        event = good[-1]
        moved = _moved(finding, scene)
        if not moved:
            return self._verdict(event, -1.0, "what changed cannot be compared with what was declared")
        patterns = [p.strip() for p in event.attribute("channels").split(",") if p.strip()]
        limit = _number(event.attribute("max_relative_change"), UNDECLARED)
        outside = [c for c in moved if patterns and not any(fnmatch.fnmatchcase(c, p) for p in patterns)]
        if outside:
            return self._verdict(event, -2.0, f"a remainder is left: {', '.join(outside[:5])} was not declared")
        beyond = [c for c, change in moved.items() if abs(change) > limit * 1.05]
        if beyond:
            worst = max(beyond, key=lambda c: abs(moved[c]))
            return self._verdict(
                event,
                -2.0,
                f"a remainder is left: {worst} changed by {moved[worst]:+.0%}, declared were at most {limit:.0%}",
            )
        ratio = math.log(0.9 / (1 - math.exp(-PER_DAY * window / 86_400e9)))
        return self._verdict(
            event,
            ratio + 1.0,
            f"{event.actor} recalibrated under ticket {_ticket(event)[:80]}; all {len(moved)} changes lie within it",
            explained=True,
        )

    def _authorised(self, event: Event) -> bool:
        known = bool(event.actor) and (self._known is None or event.actor in self._known)
        return known and bool(_ticket(event)) and event.status is not Status.FAILURE

    def _verdict(self, event: Event | None, ratio: float, reason: str, *, explained: bool = False) -> CauseVerdict:
        evidence = () if event is None else (
            Evidence(uri=f"event:{event.event_id[:1000]}", note=f"{event.activity} by {event.actor}"[:1000]),
        )  # fmt: skip
        return CauseVerdict(
            cause=self.info.plugin_id,
            explained=explained,
            log_likelihood_ratio=ratio,
            reason=reason[:1000],
            evidence=evidence,
        )


def _ticket(event: Event) -> str:
    return next((event.attribute(key) for key in TICKETS if event.attribute(key)), "")


def _number(text: str, default: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return value if 0 <= value < math.inf else default


def _moved(finding: Finding, scene: Scene) -> dict[str, float]:
    """Return the relative change of each channel that carries the finding.

    From the two snapshots around it where there are such, else from the stream; a canary's error that fell is no harm.
    """
    carrying = [a.channel for a in finding.attribution if a.share >= 0.02]
    before = [s for s in scene.snapshots if s.t_ns < finding.start_ns]
    after = [s for s in scene.snapshots if s.t_ns >= finding.start_ns]
    if finding.stream == "calibration":
        if before and after:
            old = {p.channel: p.value for p in before[-1].parameters}
            new = {p.channel: p.value for p in after[0].parameters}
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
    return {
        s.channel: max(0.0, s.after / s.before - 1) if "error" in s.channel else s.after / s.before - 1
        for s in found
        if s.channel in carrying and s.before
    }
