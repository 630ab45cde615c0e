"""A matched template for pulse timing: a sequence of shifts that is known and repeated, at whatever phase."""

import math

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.codes import CODES, Sequence
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.covert.timing import CLIP, LEARNT_MOST, TECHNIQUE, TIMING_WORDS, TimingDetector
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import COMPARED_HZ, Array, rate_of, shares

LONGEST = 1_024  # periods averaged at most


class MatchedTemplate(TimingDetector):
    """Correlation of data pulses with known codes at every phase, folded over the codes' periods.

    Knowing the sequence, 38/d² pulses tell a shift of ±dσ where blindly 76/d⁴ are needed. The codes are those a sender
    synchronises by: Barker's and the maximal-length sequences of period 31 and 63; others are given as ``templates``.

    Args:
        templates: Sequences that may be repeated, in any unit; the usual codes when left out.
        whose: How its power names them.
    """

    info = PluginInfo(
        plugin_id="watch.covert.template",
        title="Pulse timing matched with known codes",
        reference="North 1943, doi:10.1109/PROC.1963.2383 (matched filter); Golomb 1967, Shift Register Sequences",
        techniques=(TECHNIQUE,),
        min_history=1_024,
        family="covert.timing",
        needs="a channel …timing… or …jitter… in seconds, at most 1,000 rows/s",
        words=TIMING_WORDS,
    )

    nominal_scale = 2.0
    accumulates = True
    _spans: tuple[int, ...] = ()

    saved = ("_periods", "_spectra", "_whose", "_codes", "_tests", "_spread", "_spans", "_rest", "_past", "_held")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether there is pulse timing, at a rate at which it can be compared with codes."""
        return super().watches(history) and 0 < rate_of(history.t_ns) <= COMPARED_HZ

    def __init__(self, templates: tuple[Sequence, ...] = CODES, whose: str = "that are known") -> None:
        super().__init__()
        self._periods = tuple(sorted({len(t) for t in templates}))
        self._spectra: dict[int, NDArray[np.complex128]] = {}
        for period in self._periods:
            shifts = np.array([t for t in templates if len(t) == period], np.float64)
            away = shifts - shifts.mean(axis=1, keepdims=True)  # as the pulses are: an even shift of all is no message
            away *= math.sqrt(period) / np.linalg.norm(away, axis=1, keepdims=True)
            self._spectra[period] = np.conj(np.fft.rfft(away, axis=1))
        self._whose, self._codes, self._tests = whose, len(templates), sum(len(t) for t in templates)

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn the spread of a pulse."""
        self._spread = np.ones(len(self._data))
        rows = self._own(z, seen)
        self._spread = np.maximum(rows.std(axis=0), 1e-6)
        self._spans = spans_up_to(min(LONGEST, rows.shape[0] // self._periods[-1]))
        self.reset()

    @property
    def scales(self) -> int:
        """How many features are looked at: every code at every phase over every window."""
        return self._tests * len(self._spans)

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        width = len(self._data)
        self._rest = {p: np.empty((0, width)) for p in self._periods}
        self._past = {p: Spans(self._spans, p * width) for p in self._periods}
        self._held = dict.fromkeys(self._periods, 0.0)

    def _own(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        own = np.clip(z[:, self._data], -CLIP, CLIP)
        if self._reference:
            own = own - np.clip(z[:, self._reference], -CLIP, CLIP).mean(axis=1, keepdims=True)
        if seen is not None:
            own = np.where(seen[:, [*self._data]] & seen[:, self._reference].all(axis=1, keepdims=True), own, 0.0)
        return np.asarray(own / self._spread, np.float64)

    def _matched(self, period: int, own: Array) -> Array:
        """Return the best match at the end of each whole period, over codes, phases and windows, (periods, D)."""
        rows = np.concatenate([self._rest[period], own])
        whole = rows.shape[0] // period
        self._rest[period] = rows[whole * period :].copy()
        width = len(self._data)
        cube = rows[: whole * period].reshape(whole, period, width)
        cube = cube - cube.mean(axis=1, keepdims=True)
        out = np.zeros((whole, width))
        for length, means in self._past[period].push(cube.reshape(whole, period * width)):
            folded = np.fft.rfft(means.reshape(whole, period, width), axis=1)
            for code in self._spectra[period]:
                match = np.fft.irfft(folded * code[None, :, None], period, axis=1)
                out = np.maximum(out, np.abs(match).max(axis=1) * np.sqrt(length / period)[:, None])
        return out

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations, held between periods."""
        own = self._own(z, seen)
        out = np.zeros(z.shape[0])
        for period in self._periods:
            complete = (self._rest[period].shape[0] + 1 + np.arange(z.shape[0])) // period
            scores = self._matched(period, own).max(axis=1)
            out = np.maximum(out, np.concatenate([[self._held[period]], scores])[complete])
            self._held[period] = float(scores[-1]) if scores.size else self._held[period]
        return out

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each timing channel's best match in the window, started afresh."""
        kept = self.__dict__.copy()
        try:
            self.reset()
            own = self._own(z, seen)
            matches = [m.max(axis=0) for p in self._periods if (m := self._matched(p, own)).shape[0]]
            weights = np.max(matches, axis=0) ** 2 if matches else own[-1] ** 2
            return shares(tuple(names[i] for i in self._data), weights, "own-score")
        finally:
            self.__dict__.update(kept)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest d of a known code; the bound is the matched filter that knows code and phase, total/√n."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "jitter σ", "looks at pulse timing only")
        n = conditions.samples
        if n < self._periods[-1]:
            why = f"needs {self._periods[-1]} pulses and had {n:g}"
            return blind(self.info, technique, "jitter σ", why, "record more pulses")
        used = min(n, LONGEST * self._periods[0], LEARNT_MOST)
        spans = self._spans or spans_up_to(LONGEST)
        total = z_upper(conditions.false_alarm / (2 * self._tests * len(spans))) - z_upper(conditions.power)
        best = z_upper(conditions.false_alarm) - z_upper(conditions.power)
        own = 1 / conditions.references if conditions.references else 0.0  # variance of what is subtracted
        return Power(
            technique=technique,
            smallest=total * math.sqrt((1 + own) / (0.84 * used)),
            bound=best / math.sqrt(n),
            unit="jitter σ",
            reason=f"one of {self._tests} phases of {self._codes} codes {self._whose} over {used:.3g} pulses; an unknown sequence is not seen",
            advice="give the implant's own sequence as watch.timing_codes once it is known",
        )
