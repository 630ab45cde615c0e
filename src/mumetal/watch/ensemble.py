"""The detectors that watch one fast stream: fitted, calibrated and scored together."""

from copy import copy
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.series import Series
from mumetal.watch.attribution import carried
from mumetal.watch.calibrate import Calibration, calibrate_each
from mumetal.watch.covert.codes import Codes
from mumetal.watch.covert.template import MatchedTemplate
from mumetal.watch.detectors.held_out import folds, held_out_scores
from mumetal.watch.detectors.ported import Ported
from mumetal.watch.detectors.shape import ENCODED_ROWS, Shape
from mumetal.watch.detectors.standard import Scale, Standardised
from mumetal.watch.learned import Learned, Watching, adapted_to, fitting
from mumetal.watch.listed import Make, watching
from mumetal.watch.regimes import Regimes

Array = NDArray[np.float64]
NEVER = 1e-300  # 1/week: rarer than any tail can tell
PIECE = 2048  # rows scored at once: they stay in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A fitted detector, its tails by regime with that of all rows last, and the family whose exceedances are merged."""

    detector: Standardised
    calibrations: tuple[Calibration, ...]
    family: str


class Ensemble:
    """Fits, calibrates and scores the detectors that make sense for a stream.

    Args:
        history: What is ordinary.
        extra: Further detectors with their family, beside those that are listed and apply: models, codes of the lab's own.

    Raises:
        BadInputError: Too few usable rows for every detector.
    """

    saved = ("regimes", "scale", "measured", "members", "forgot", "_left_out")
    unsaved = ("apart",)

    def __init__(self, history: Series, extra: tuple[tuple[Make, str], ...] = ()) -> None:
        self.regimes = Regimes(history)
        self.scale = Scale(history, self.regimes)
        self.measured = self.scale.of_measures(history)  # for detectors that look at measurements only
        makes = (*watching(history), *extra)
        halves = folds(history, 2, self.regimes)
        labels = self.regimes.labels(history.values)
        members: list[Member] = []
        self.forgot = False  # whether a restart left detectors out
        self._left_out: list[str] = []
        for make, family in makes:
            detector = make()
            if len(history) // 2 < detector.info.min_history:
                continue
            try:
                detector.fit_scaled(self.measured if detector.measures else self.scale, history)
                held_out = held_out_scores(make, halves) if detector.held_out is None else detector.held_out
            except BadInputError as error:
                if not isinstance(detector, Ported):
                    raise
                self._left_out.append(error.message)
                continue
            its = self.applied(history.values, measures=detector.measures)
            detector.score_rows(history, *its)  # its state goes on from the history's end
            members.append(
                Member(
                    detector=detector,
                    calibrations=calibrate_each(
                        held_out,
                        labels[-len(held_out) :],
                        len(self.regimes),
                        self.scale.rate_hz,
                        detector.tail_power,
                        detector.nominal_scale,
                        farthest=detector.farthest,
                        surprise=detector.surprise,
                    ),
                    family=family,
                )
            )
        if not members:
            raise BadInputError(
                f"{len(history)} rows are too few for any detector",
                where=f"{history.device}/{history.stream}",
                hint="let it learn for longer",
            )
        self.members = tuple(members)

    @property
    def promises(self) -> float:
        """The fewest false alerts a week that the history bears out for one family, 1/week."""
        each = (c for m in self.members for c in m.calibrations if c.farthest > 0 and not c.reliable)
        return max((c.promises for c in each), default=0.0)

    def short_of(self, share: float) -> str:
        """Return in words that its history does not bear out a share of the alert budget, 1/week; empty where it does."""
        if self.promises <= share:
            return ""
        return f"too short a history for its share of the alert budget, {share:.2g} false alerts a week: {self.promises:.2g} are the fewest it bears out"

    @property
    def families(self) -> tuple[str, ...]:
        """Families of its members, each once: each is one voice, and has one share of the alert budget."""
        return tuple(dict.fromkeys(m.family for m in self.members))

    def renew(self, column: int, detector: Standardised) -> None:
        """Let another copy of a member's detector go on in its place."""
        members = list(self.members)
        members[column] = replace(members[column], detector=detector)
        self.members = tuple(members)

    def levels(self, per_week: float) -> Array:
        """Return each member's threshold by regime, shape (R + 1, M), passed falsely ``per_week`` times a week.

        The last row holds the strictest of all: where the regime is hardly known, nothing laxer is known to be right.
        """
        rows = [[max(c.level(per_week), 1e-9) for c in m.calibrations] for m in self.members]
        levels = np.array(rows).T
        levels[-1] = levels.max(axis=0)
        return levels

    def confidence(self, family: str, peaks: Array, regime: int, true_per_week: float) -> float:
        """Return the largest confidence any detector of a family has in its peak; peaks of all members, shape (M,)."""
        pairs = zip(self.members, peaks, strict=True)
        return max(m.calibrations[regime].confidence(float(p), true_per_week) for m, p in pairs if m.family == family)

    def rarest(self, peaks: Array, regime: int, family: str = "") -> float:
        """Return how often a week ordinary data would do the least likely of the peaks, shape (M,), of a family or of all; > 0."""
        pairs = zip(self.members, peaks, strict=True)
        rates = (m.calibrations[regime].false_per_week(float(p)) for m, p in pairs if family in ("", m.family))
        return max(min(rates), NEVER)

    def attribute(self, member: int, window: Series, ordinary: Series) -> tuple[Attribution, ...]:
        """Say which channels carry what a member sees in the window's last rows, beside ordinary rows."""
        detector = self.members[member].detector
        return carried(self.scale, ordinary, window) if detector.joint else detector.attribute(window)

    def applied(self, values: Array, *, measures: bool) -> tuple[Array, NDArray[np.bool_] | None]:
        """Return standardised values (n, C) as a detector sees them, one of measurements or any other, and where they were observed."""
        return (self.measured if measures and self.measured.masks else self.scale).apply(values)

    def afresh(self) -> "Ensemble":
        """Return the same with detectors that start afresh; this one stays as it is."""
        out = copy(self)
        out.members = tuple(replace(m, detector=copy(m.detector)) for m in self.members)
        for member in out.members:
            member.detector.reset()
        return out

    def savable(self) -> "Ensemble":
        """Return the same without the detectors of other packages: what they have learnt is in nobody's words but theirs."""
        own = copy(self)
        own.members = tuple(m for m in self.members if not isinstance(m.detector, Ported))
        own.forgot = self.forgot or len(own.members) < len(self.members)
        return own

    @property
    def left_out(self) -> tuple[str, ...]:
        """Which detectors of other packages do not watch though they should, and why."""
        failed = (m.detector.failed for m in self.members if isinstance(m.detector, Ported))
        again = ("detectors of other packages learn anew after a restart",) if self.forgot else ()
        return (*self._left_out, *again, *filter(None, failed))

    def score(self, rows: Series) -> Array:
        """Score rows that follow the last ones.

        Args:
            rows: Of the history's channel map, n of them; NaN means not observed.

        Returns:
            Scores, shape (n, M). Afterwards ``apart``, shape (n, M), tells which rows came in a lasting state that the history
            does not hold, as the member judges.
        """
        out = np.empty((len(rows), len(self.members)))
        self.apart = np.zeros(out.shape, bool)
        for start in range(0, len(rows), PIECE):
            piece = rows.rows(start, start + PIECE)
            plain = self.applied(piece.values, measures=False)
            measured = self.applied(piece.values, measures=True) if self.measured.masks else plain
            for column, member in enumerate(self.members):
                z, seen = measured if member.detector.measures else plain
                out[start : start + PIECE, column] = member.detector.score_rows(piece, z, seen)
                if member.detector.apart is not None:
                    self.apart[start : start + PIECE, column] = member.detector.apart
        return out


def extras_for(history: Series, models: tuple[Watching, ...] = ()) -> tuple[tuple[Make, str], ...]:
    """Return what watches a stream beside the listed detectors, with its family: models that fit it, codes of the lab's own."""
    out: list[tuple[Make, str]] = []
    if MatchedTemplate.watches(history):
        codes = [model for model in models if isinstance(model, Codes)]
        out += [(partial(MatchedTemplate, own.sequences), MatchedTemplate.info.family) for own in codes]
    out += [(partial(Learned, model), f"model.{model.name}") for model in fitting(models, history)]
    if Shape.watches(history) and len(history) >= ENCODED_ROWS:
        out += [(model.make, "encoder") for model in adapted_to(models, history)]
    return tuple(out)
