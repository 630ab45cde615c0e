"""The pulse-timing covert channel: bits as shifts of ±d·σ hidden in the jitter of the pulses' times."""

import math
import re
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.memory import MOST, STEP, Memory, rise
from mumetal.watch.covert.references import FEWEST, apart, common_change
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Standardised, shares, units_of

TECHNIQUE = "exfiltration.timing_covert_channel"
TIMING = re.compile(r"(?!.*\.(spread|offset)$).*(timing|jitter).*", re.IGNORECASE)
REFERENCE = re.compile(r"(?!.*\.(spread|offset)$).*(reference|ref).*", re.IGNORECASE)
BLOCK = 32  # pulses whose variance is one feature
PIECES = (32, 16, 8)  # pulses whose mean is taken out, so that slower wander cancels; the history chooses
LONGEST = 8_192  # blocks averaged at most
LEARNT_MOST = 40_000  # rows a stream is learnt from at most: a longer average has nothing to be held against
CLIP = 8.0  # standard deviations: one late pulse is no message
SIGMA_KNOWN = 0.01  # relative: how well jitter is known without reference pulses
COMMON = 2 * SIGMA_KNOWN  # of ln of a variance: what jitter changes by for all pulses together, innocently
MATURE = 1_280_000  # rows after which a stream is fitted no more, and the long memory is not begun again


def timing_channels(names: tuple[str, ...], units: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Return the columns of pulse timing residuals and of reference pulses' residuals, in seconds both."""
    timing = [i for i, n in enumerate(names) if units[i] == "s" and TIMING.fullmatch(n)]
    reference = [i for i in timing if REFERENCE.fullmatch(names[i])]
    reference += [i for i, n in enumerate(names) if units[i] == "s" and i not in timing and REFERENCE.fullmatch(n)]
    return [i for i in timing if i not in reference], reference


TIMING_WORDS = Words(
    title="Pulse timing of {device} carries more than jitter",
    severity=Severity.HIGH,
    remedy="Compare the controller's firmware with its signed image, and stop exports from this controller.",
)


class TimingDetector(Standardised):
    """What detectors of pulse timing share: which channels are data pulses and which are reference pulses."""

    saved: ClassVar[tuple[str, ...]] = ("_data", "_reference")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether there is pulse timing."""
        return bool(timing_channels(history.names, units_of(history))[0])

    def _choose(self, history: Series) -> None:
        self._data, self._reference = timing_channels(history.names, units_of(history))
        if not self._data:
            raise BadInputError(
                "no pulse timing channel in seconds",
                where=f"{history.device}/{history.stream}",
                hint="name it …timing… or …jitter…, unit s",
            )


class TimingChannel(TimingDetector):
    """Variance of pulse timing against its history and against reference pulses, over windows that grow by √2.

    Shifts of ±dσ raise the variance to σ²(1 + d²). The reference pulses' own noise costs as many pulses again when their
    variance is simply divided out. So their change is weighed: jitter is taken to change innocently, for all pulses
    together, by about 1%, or by less where windows of the history show less, and the best linear predictor of that change is
    subtracted. It is nothing over short windows, where the references cannot tell it, and all of it over long ones; a larger
    change in the references is believed at once, and a rise that is not at least somewhat larger than the references' is no
    message. Windows longer than the history are held against what was seen before them, in means of 8,192 pulses. Without
    references the excess kurtosis, which a message lowers to -2d⁴/(1 + d²)², is looked at too, and no shift is seen below
    the wall that σ's own uncertainty sets.
    """

    info = PluginInfo(
        plugin_id="watch.covert.timing",
        title="Variance and kurtosis of pulse timing against reference pulses",
        reference="KL of a two-point mixture per pulse ≈ d⁴/4; noise-uncertainty wall: Tandra and Sahai 2008, doi:10.1109/JSTSP.2007.914879",
        techniques=(TECHNIQUE,),
        min_history=512,
        family="covert.timing",
        needs="a channel …timing… or …jitter… in seconds, better with …reference…",
        words=TIMING_WORDS,
    )

    nominal_scale = 2.0  # averages of many blocks are nearly normal, and z² then falls as exp(-z²/2)
    accumulates = True
    _spans: tuple[int, ...] = ()  # none before it has learnt

    saved = (
        "_location",
        "_noise",
        "_piece",
        "_rest",
        "_rest_seen",
        "_past",
        "_memory",
        "_held",
        "_spread_kurtosis",
        "_learnt",
        "_spans",
        "_common",
    )

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn what wander to take out, and location, spread and common part of each feature."""
        self._location = np.zeros((3, len(self._data)))
        self._noise = (np.ones(len(self._data)),) * 3
        tried: list[tuple[float, int, Array]] = []
        for piece in PIECES:
            self._piece = piece
            self.reset()
            features = self._features(z, seen)
            # A message adds d²σ² to what jitter and the rest of the wander make together, and that has this spread.
            worth = math.exp(-2 * float(features[:, 0].mean())) / float(self._own(features)[0].mean())
            tried.append((worth, piece, features))
        _, self._piece, features = max(tried, key=lambda t: t[:2])
        self._location = features.mean(axis=0)
        self._noise = self._own(features)
        self._spread_kurtosis = np.maximum(features[:, 2].std(axis=0, ddof=1), 0.25 * math.sqrt(24 / BLOCK))
        self._learnt = features.shape[0]
        self._spans = spans_up_to(min(self._learnt, LONGEST))
        others = features[:, 1] - self._location[1]
        self._common = np.array([
            common_change(means, self._noise[2] / span, COMMON**2)
            for span, means in zip(self._spans, apart(self._spans, others), strict=True)
        ])  # fmt: skip
        self.reset()

    def _own(self, features: Array) -> tuple[Array, Array, Array]:
        """Return the variance of the data's ln variance per block, its covariance with the references' and theirs, (D,) each."""
        floor = 0.06 * 2 / BLOCK
        away = features - features.mean(axis=0)
        data, other = away[:, 0], away[:, 1]
        n = max(1, features.shape[0] - 1)
        own = np.maximum((data**2).sum(axis=0) / n, floor)
        others = np.maximum((other**2).sum(axis=0) / n, floor / max(1, len(self._reference)))
        return own, np.clip((data * other).sum(axis=0) / n, 0.0, 0.9 * np.sqrt(own * others)), others

    @property
    def scales(self) -> int:
        """How many features are looked at: one or both moments over each window."""
        return (1 if self._reference else 2) * len(self._spans) + self._memory.windows

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a block's variance, after the means of its pieces were taken out."""
        return BLOCK - BLOCK // self._piece

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        count = len(self._data)
        self._rest = np.empty((0, count + len(self._reference)))
        self._rest_seen = np.empty(self._rest.shape, bool)
        self._past = Spans(self._spans, 3 * count)
        self._memory = Memory(self._noise, COMMON**2)
        self._held = 0.0

    def _features(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return ln variance of data and of references and minus the excess kurtosis per full block, shape (b, 3, D).

        A block of which less than half was observed says nothing: its features are the ordinary ones.
        """
        columns = [*self._data, *self._reference]
        both = np.clip(z[:, columns], -CLIP, CLIP)
        mask = np.ones(both.shape, bool) if seen is None else seen[:, columns]
        rows, mask = np.concatenate([self._rest, both]), np.concatenate([self._rest_seen, mask])
        blocks = rows.shape[0] // BLOCK
        self._rest, self._rest_seen = rows[blocks * BLOCK :].copy(), mask[blocks * BLOCK :].copy()
        pieces = BLOCK // self._piece
        cube = rows[: blocks * BLOCK].reshape(blocks, pieces, self._piece, len(columns))
        here = mask[: blocks * BLOCK].reshape(cube.shape)
        held = here.sum(axis=2, keepdims=True)
        centred = np.where(here, cube - (cube * here).sum(axis=2, keepdims=True) / np.maximum(held, 1), 0.0)
        square = centred.reshape(blocks, BLOCK, len(columns)) ** 2
        count = held.sum(axis=(1, 2))
        free = np.maximum((np.maximum(held - 1, 0)).sum(axis=(1, 2)), 1)
        variance = np.maximum(square.sum(axis=1) / free, 1e-6)
        split = len(self._data)
        fourth = (square**2).sum(axis=1)[:, :split] / np.maximum(count[:, :split], 1) / variance[:, :split] ** 2 - 3
        enough = count >= BLOCK // 2
        known = enough[:, :split]
        ordinary = np.zeros((blocks, split))
        if self._reference:
            ordinary += np.log(variance[:, split:].mean(axis=1, keepdims=True))
            known = known & enough[:, split:].all(axis=1, keepdims=True)
        features = np.stack([np.log(variance[:, :split]), ordinary, -fourth], axis=1)
        return np.where(known[:, None, :], features, self._location)

    def judge(self, features: Array) -> Array:
        """Return the largest rise over all windows that end at each block, in standard deviations, shape (b, D).

        One-sided: a message raises the variance and lowers the fourth moment. The history's own error is included.

        Args:
            features: ln variance of data and of references and minus the excess kurtosis of the blocks that follow the last
                ones, shape (b, 3, D), in units of the channels' scales.
        """
        away = features - self._location
        count, width = away.shape[0], len(self._data)
        out, sure = np.zeros((count, width)), np.zeros((count, width), bool)
        pushed = zip(self._common, self._past.push(away.reshape(count, 3 * width)), strict=False)
        for common, (length, means) in reversed(list(pushed)):
            data, other, kurtosis = np.moveaxis(means.reshape(count, 3, width), 1, 0)
            per = (1 / length + 1 / self._learnt)[:, None]
            if self._reference:
                out = np.maximum(out, rise(data, other, per, self._noise, common, sure))
            else:
                out = np.maximum(out, data / np.sqrt(self._noise[0] * per + COMMON**2))
                out = np.maximum(out, kurtosis / (self._spread_kurtosis * np.sqrt(per)))
        return self._memory.over(away[:, :2], out) if self._reference else out

    def recall(self, features: Array) -> None:
        """Take blocks (b, 3, D) of a past that is known to be calm into the long memory, without judging them."""
        self._memory.recall(features[:, :2] - self._location[:2])

    def remember(self, features: Array) -> Array:
        """Return what the windows of the long memory alone make of blocks, as :meth:`judge` does of all, shape (b, D)."""
        away = features - self._location
        return self._memory.over(away[:, :2], np.zeros((away.shape[0], away.shape[2])))

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations, held between blocks."""
        complete = (self._rest.shape[0] + 1 + np.arange(z.shape[0])) // BLOCK
        scores = self.judge(self._features(z, seen)).max(axis=1)
        out = np.concatenate([[self._held], scores])[complete]
        self._held = float(scores[-1]) if scores.size else self._held
        return np.asarray(out, np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each timing channel's largest feature at the end of the window, started afresh."""
        kept = self.__dict__.copy()
        try:
            self.reset()
            distances = self.judge(self._features(z, seen))
            if distances.shape[0] == 0:
                return shares(tuple(names[i] for i in self._data), z[-1, self._data] ** 2, "own-score")
            return shares(tuple(names[i] for i in self._data), distances.max(axis=0) ** 2, "own-score")
        finally:
            self.__dict__.update(kept)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest d in units of σ; the best blind test of a ±dσ mixture in known Gaussian jitter needs KL n·d⁴/4.

        ln variance of n pulses errs by sqrt(2/n) for data and by as much over the root of their number for references, and
        what is left of the common change is τ²·e²/(τ² + e²) beside it, as the detector weighs it; all of τ² where
        there are no references.
        """
        if technique not in self.info.techniques:
            return blind(self.info, technique, "jitter σ", "looks at pulse timing only")
        n = conditions.samples
        if n < 2 * BLOCK:
            return blind(
                self.info, technique, "jitter σ", f"needs {2 * BLOCK} pulses and had {n:g}", "record more pulses"
            )
        remembered = min(max(0.0, conditions.before - MATURE), MOST * STEP * BLOCK) if conditions.references else 0.0
        used = min(n, max(LEARNT_MOST, remembered / FEWEST))
        history = max(LEARNT_MOST, remembered) if used > LEARNT_MOST else LEARNT_MOST
        scales = len(self._spans) or len(spans_up_to(LEARNT_MOST // BLOCK))
        scales += len(spans_up_to(int(remembered / FEWEST / STEP / BLOCK))) if remembered else 0
        total = z_upper(conditions.false_alarm / scales) - z_upper(conditions.power)
        per = 2 / used + 2 / history
        others = per / conditions.references if conditions.references else math.inf
        common = COMMON**2 if math.isinf(others) else COMMON**2 * others / (COMMON**2 + others)
        by_noise = math.sqrt(
            math.expm1(total * math.sqrt((per + common) / 0.84))
        )  # windows grow by √2: 16% short at worst
        optimal = (2 * (z_upper(conditions.false_alarm) - z_upper(conditions.power)) ** 2 / n) ** 0.25
        wall = f"the wall below which nothing is seen without reference pulses is {math.sqrt(2 * SIGMA_KNOWN):.2f} σ (σ known to 1%)"
        if conditions.references:
            said = f"against {history:.3g} before them and {conditions.references:g} reference pulses each; {wall}"
            advice = "" if n <= used else f"weaker messages need a stream watched for {FEWEST} times as long before"
        else:
            said = (
                f"against {history:.3g} before them, without reference pulses: {wall}, and longer windows do not help"
            )
            advice = "record reference pulses beside the payload"
        return Power(
            technique=technique, smallest=by_noise, bound=optimal, unit="jitter σ",
            reason=f"variance over {used:.3g} pulses {said}", advice=advice,
        )  # fmt: skip
