"""A stream's finding while it is out: raised with its words and channels, followed to its peak, closed."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Finding
from mumetal.core.series import Series
from mumetal.formats.units import often
from mumetal.numerics.discovery import discoveries, moved_columns
from mumetal.watch.ensemble import Ensemble
from mumetal.watch.episodes import Episode
from mumetal.watch.findings import marked, stream_finding

Array = NDArray[np.float64]
STEPS = (0.5, 0.9, 0.99)  # confidences at which an open finding is said anew
FEWEST_NATS = 3.0  # of evidence against once a week, from which it is said anew when it has doubled
FALSE_CHANNELS = 0.1  # expected share of wrongly named channels among those a finding names


@dataclass(slots=True, kw_only=True)
class Alert:
    """A finding that is out and not closed yet.

    Args:
        finding: As it was raised.
        family: Of the detector that raised it.
        regime: The stream's operating regime when it was raised.
        true_per_week: Real events a week, beforehand.
        peak: Largest score of that detector since.
        confidence: Largest of any detector of the family since.
        false_per_week: How often ordinary data would do the least likely of what they did since, 1/week.
    """

    finding: Finding
    family: str
    regime: int
    true_per_week: float
    peak: float
    confidence: float
    false_per_week: float

    def follow(self, ensemble: Ensemble, t_ns: NDArray[np.int64], scores: Array, until_ns: int) -> None:
        """Note how far its detectors went up to ``until_ns``; scores (n, M) are of rows at ``t_ns``."""
        first, stop = np.searchsorted(t_ns, (self.finding.stop_ns - 1, until_ns + 1))
        if stop <= first:
            return
        peaks = scores[first:stop].max(axis=0)
        self.confidence = max(self.confidence, ensemble.confidence(self.family, peaks, self.regime, self.true_per_week))
        self.false_per_week = min(self.false_per_week, ensemble.rarest(peaks, self.regime, self.family))
        for member, peak in zip(ensemble.members, peaks, strict=True):
            if member.detector.info.plugin_id == self.finding.rule:
                self.peak = max(self.peak, float(peak))

    def risen(self) -> Finding | None:
        """Return the finding anew when its confidence passed the next of ``STEPS`` since it was last said, or its evidence doubled."""
        before, said = self.finding.confidence, self.finding.false_per_week or 1.0
        surer = any(before < step <= self.confidence for step in STEPS)
        if not surer and -math.log(self.false_per_week) < max(-2 * math.log(said), FEWEST_NATS):
            return None
        self.finding = replace(self.finding, confidence=self.confidence, false_per_week=self.false_per_week)
        return self.finding

    def closed(self, episode: Episode, why: str) -> Finding:
        """Return the finding as it ended."""
        seconds = (episode.last_ns - episode.start_ns) / 1e9
        ending = f" It lasted {seconds:.1f} s, largest score {self.peak:.1f}; ordinary data would do as much {often(self.false_per_week)}"
        ending += f"; closed because {why}." if why else "."
        found, stop_ns = self.finding, max(episode.last_ns, self.finding.start_ns) + 1
        return replace(
            found,
            stop_ns=stop_ns,
            evidence=(marked(found.device, found.stream, found.rule, found.start_ns, stop_ns),),
            confidence=self.confidence,
            false_per_week=self.false_per_week,
            detail=(found.detail + ending)[:4_000],
        )


def raised(
    ensemble: Ensemble,
    member: int,
    scores: Array,
    levels: Array,
    regime: int,
    window: Series,
    start_ns: int,
    ordinary: Series,
    true_per_week: float,
) -> Alert:
    """Put an exceedance into words.

    Args:
        ensemble: What watches the stream.
        member: Which of its detectors.
        scores: Of the row that confirmed it, shape (M,).
        levels: Thresholds then, shape (M,).
        regime: Operating regime of that row.
        window: Rows up to that one.
        start_ns: First row past the threshold.
        ordinary: Rows that were learnt from.
        true_per_week: Real events a week on one stream, beforehand.
    """
    chosen = ensemble.members[member]
    score = float(scores[member])
    agreeing = [
        m.detector.info.plugin_id.rsplit(".", 1)[-1]
        for i, m in enumerate(ensemble.members)
        if i != member and scores[i] >= levels[i]
    ]
    rarest = ensemble.rarest(scores, regime, chosen.family)
    detail = (
        f"{chosen.detector.info.title}: score {score:.1f}, threshold {float(levels[member]):.1f}; "
        f"ordinary data of this stream would do so {often(chosen.calibrations[regime].false_per_week(score))}."
    )
    if agreeing:
        detail += f" Also past their thresholds: {', '.join(agreeing)}."
    finding = stream_finding(
        tenant=window.tenant,
        device=window.device,
        stream=window.stream,
        info=chosen.detector.info,
        start_ns=start_ns,
        stop_ns=int(window.t_ns[-1]) + 1,
        confidence=ensemble.confidence(chosen.family, scores, regime, true_per_week),
        false_per_week=rarest,
        detail=detail + _moved(window, start_ns, ordinary),
        attribution=ensemble.attribute(member, window, ordinary),
    )
    if chosen.detector.model:
        finding = replace(finding, model_version=chosen.detector.model.partition("@")[2][:12] or "1")
    return Alert(
        finding=finding,
        family=chosen.family,
        regime=regime,
        true_per_week=true_per_week,
        peak=score,
        confidence=finding.confidence,
        false_per_week=rarest,
    )


def _moved(window: Series, start_ns: int, ordinary: Series) -> str:
    """Say which channels moved, of many, such that a stated share of those named may be wrong."""
    if len(window.channels) < 2:
        return ""
    during = window.values[int(np.searchsorted(window.t_ns, start_ns)) :]
    chosen = np.flatnonzero(discoveries(moved_columns(ordinary.values, during), FALSE_CHANNELS))
    if chosen.size == 0:
        return " No single channel moved by itself."
    named = ", ".join(window.names[int(i)] for i in chosen[:8]) + (
        f" and {chosen.size - 8} more" if chosen.size > 8 else ""
    )
    return f" {chosen.size} of {len(window.channels)} channels moved ({FALSE_CHANNELS:.0%} of them may be named falsely): {named}."
