"""A long memory of pulse timing: means of 8,192 pulses each, kept by the ten thousand, for messages too faint for rows."""

import numpy as np
from numpy.typing import NDArray

from mumetal.watch.covert.references import FEWEST, GUARD, Array, believed, common_change, widened
from mumetal.watch.covert.spans import spans_up_to

STEP = 256  # blocks that become one mean
MOST = 65_536  # steps kept
CALM = 4.0  # standard deviations from which on a step is nothing to hold others against


def rise(
    data: Array,
    other: Array,
    per: Array | float,
    noise: tuple[Array, Array, Array],
    common: Array,
    sure: NDArray[np.bool_],
) -> Array:
    """Return how far data rose beyond what is believed of the references' change, in standard deviations.

    Args:
        data: Change of the data's ln variance.
        other: Change of the references'.
        per: What a block's variances are multiplied by.
        noise: Variance of a block's data, covariance, and variance of its references.
        common: Variance of what both change by innocently.
        sure: Where longer windows were sure that the references changed; this one's are added, in place.
    """
    own, shared, others = (part * per for part in noise)
    weight = believed(other, others, common, shared, sure)
    left = own + (1 - weight) ** 2 * common + weight**2 * others - 2 * weight * shared
    whole = np.maximum(own + others - 2 * shared, 0.25 * own)
    return np.minimum((data - weight * other) / np.sqrt(left), GUARD * (data - other) / np.sqrt(whole))


class Memory:
    """The last steps against all calm ones before them, over windows that grow by √2.

    A window is looked at once four times as much was seen before it. How far references change innocently, and how much wider
    than white noise such windows spread, is learnt from the past's own windows.

    Args:
        noise: As :func:`rise` takes it, each of shape (D,).
        prior: Variance of the common change, where nothing is known.
    """

    saved = ("_noise", "_prior", "_part", "_steps", "_calm", "_held")

    def __init__(self, noise: tuple[Array, Array, Array], prior: float) -> None:
        self._noise, self._prior = noise, prior
        width = noise[0].size
        self._part = np.empty((0, 2, width))
        self._steps = np.empty((0, 2, width))
        self._calm = np.empty(0, bool)
        self._held = np.zeros(width)

    @property
    def windows(self) -> int:
        """How many windows are looked at now."""
        return len(self._usable(np.flatnonzero(self._calm)))

    def _usable(self, calm: NDArray[np.intp]) -> list[tuple[int, int]]:
        """Return each window's length and how many calm steps there were before it, four times as many at least."""
        count = self._steps.shape[0]
        pairs = [(s, int(np.searchsorted(calm, count - s))) for s in spans_up_to(count // (1 + FEWEST))]
        return [(span, held) for span, held in pairs if held >= FEWEST * span]

    def recall(self, away: Array) -> None:
        """Take blocks of a past that is known to be calm, shape (b, 2, D), without judging them; the rest of a step waits."""
        rows = np.concatenate([self._part, away])
        count = rows.shape[0] // STEP
        steps = rows[: count * STEP].reshape(count, STEP, *rows.shape[1:]).mean(axis=1)
        self._part = rows[count * STEP :]
        self._steps = np.concatenate([self._steps, steps])[-MOST:]
        self._calm = np.concatenate([self._calm, np.ones(count, bool)])[-MOST:]

    def over(self, away: Array, scores: Array) -> Array:
        """Return the larger of scores and long windows' at each block, shape (b, D); those of long windows are held for a step.

        Args:
            away: ln variance of data and of references less the ordinary, shape (b, 2, D).
            scores: Of the shorter windows, shape (b, D).
        """
        out = scores.copy()
        done = 0
        while done < away.shape[0]:
            take = min(STEP - self._part.shape[0], away.shape[0] - done)
            rows = slice(done, done + take)
            out[rows] = np.maximum(out[rows], self._held)
            self._part = np.concatenate([self._part, away[rows]])
            done += take
            if self._part.shape[0] == STEP:
                self._steps = np.concatenate([self._steps, self._part.mean(axis=0)[None]])[-MOST:]
                self._part = self._part[:0]
                self._calm = self._calm[self._calm.size + 1 - self._steps.shape[0] :]
                self._held = self._longest()
                out[done - 1] = np.maximum(scores[done - 1], self._held)
                self._calm = np.append(self._calm, out[done - 1].max() < CALM)
        return out

    def _longest(self) -> Array:
        """Return the largest rise over all windows that end now, shape (D,)."""
        out = np.zeros(self._noise[0].size)
        count = self._steps.shape[0]
        calm = np.flatnonzero(self._calm)  # the newest step is not among them yet
        own, shared, others = self._noise
        sums = np.concatenate([np.zeros((1, *self._steps.shape[1:])), np.cumsum(self._steps[calm], axis=0)])
        usable = self._usable(calm)
        if not usable:
            return out
        means = [np.diff(sums[b % s : b + 1 : s], axis=0) / s for s, b in usable]
        expected = [(own + others - 2 * shared) / (s * STEP) for s, _ in usable]
        ratios = np.array([(m[:, 0] - m[:, 1]).var(axis=0, ddof=1) / e for m, e in zip(means, expected, strict=True)])
        wide = widened(tuple(s for s, _ in usable), tuple(len(m) for m in means), ratios)
        sure = np.zeros(out.size, bool)
        for (span, held), past, wider in reversed(list(zip(usable, means, wide, strict=True))):
            data, other = self._steps[count - span :].mean(axis=0) - sums[held] / held
            per = (1 / span + 1 / held) / STEP
            common = common_change(past[:, 1], others / (span * STEP), self._prior)
            out = np.maximum(out, rise(data, other, per, self._noise, common, sure) / wider)
        return out
