"""What others use, as plainly as it is used: each learns from a history and scores what comes after."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series
from mumetal.numerics.ewma import ewma
from mumetal.numerics.principal import principal
from mumetal.watch.contrastive.encoder import Encoder
from mumetal.watch.contrastive.model import EncoderModel
from mumetal.watch.detectors.forecast import Forecast
from mumetal.watch.detectors.nearest import Nearest
from mumetal.watch.detectors.shape import Shape
from mumetal.watch.detectors.standard import Standardised
from mumetal.watch.detectors.sub_pca import SubPca
from mumetal.watch.detectors.windowed import Trailing

Array = NDArray[np.float64]


class Contender(Protocol):
    """Learns once, scores any series afresh."""

    def fit(self, history: Series) -> None:
        """Learn what is ordinary."""
        ...

    def score(self, series: Series) -> Array:
        """Score rows from a fresh state, shape (n,), higher is more anomalous."""
        ...


class Ours:
    """A detector of this room, started afresh for each series it scores.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[], Standardised]) -> None:
        self._detector = make()

    def fit(self, history: Series) -> None:
        """Learn what is ordinary."""
        self._detector.fit(history)

    def score(self, series: Series) -> Array:
        """Score rows from a fresh state, shape (n,)."""
        self._detector.reset()
        return self._detector.score(series)


class Plain:
    """A peer on values brought to mean 0 and standard deviation 1 of the history, at most 20 from there."""

    def fit(self, history: Series) -> None:
        """Learn what is ordinary."""
        x = history.values
        self._mean, deviation = x.mean(axis=0), x.std(axis=0)
        still = np.maximum(0.05, 0.05 * np.abs(self._mean))  # a constant channel matters as well: any move shows
        self._deviation = np.where(deviation > 1e-6, deviation, still)
        self.learn(self._standard(history))

    def score(self, series: Series) -> Array:
        """Score rows, shape (n,)."""
        return self.rate(self._standard(series))

    def _standard(self, series: Series) -> Array:
        return np.asarray(np.clip((series.values - self._mean) / self._deviation, -20, 20), np.float64)

    def learn(self, z: Array) -> None:
        """Learn from standardised rows (n, C)."""

    def rate(self, z: Array) -> Array:
        """Score standardised rows (n, C), shape (n,)."""
        raise NotImplementedError


class StaticLimits(Plain):
    """Limits at a number of standard deviations on each channel: what a lab's alarm handler does."""

    def rate(self, z: Array) -> Array:
        """Largest |z| of a row."""
        return np.asarray(np.abs(z).max(axis=1), np.float64)


class PlainEwma(Plain):
    """EWMA chart with weight 0.1 (Roberts 1959, doi:10.1080/00401706.1959.10489860)."""

    def rate(self, z: Array) -> Array:
        """Largest |EWMA| of a row."""
        averaged, _ = ewma(z, 0.1, z[0])
        return np.asarray(np.abs(averaged).max(axis=1), np.float64)


class PlainMahalanobis(Plain):
    """Mahalanobis distance of rows, on the sample covariance."""

    def learn(self, z: Array) -> None:
        """Learn the covariance."""
        self._centre = z.mean(axis=0)
        apart = z - self._centre
        values, vectors = np.linalg.eigh(apart.T @ apart / len(z))
        self._white = vectors / np.sqrt(np.maximum(values, 1e-3))

    def rate(self, z: Array) -> Array:
        """Squared distance of a row."""
        return np.asarray((((z - self._centre) @ self._white) ** 2).sum(axis=1), np.float64)


class PlainSubPca(Plain):
    """Sub-PCA over windows of 32 rows of all channels, 64 directions, scored on each row, as in the published ranking."""

    width, directions, piece = 32, 64, 1_024

    def learn(self, z: Array) -> None:
        """Learn the directions from at most 6,000 windows."""
        windows = Trailing(self.width).push(z).reshape(len(z), -1)
        self._axes = principal(windows[:: max(1, len(windows) // 6_000)], self.directions)
        self._left = max(1e-3, self._axes.left)

    def rate(self, z: Array) -> Array:
        """Mean T² plus Q over its ordinary size."""
        windows = Trailing(self.width).push(z)
        out = np.empty(len(z))
        for start in range(0, len(z), self.piece):
            apart = windows[start : start + self.piece].reshape(-1, self._axes.mean.size) - self._axes.mean
            square = (apart @ self._axes.vectors) ** 2
            rest = (apart**2).sum(axis=1) - square.sum(axis=1)
            t2 = (square / (self._axes.variances + 1e-4)).mean(axis=1)
            out[start : start + self.piece] = t2 + rest / (self._left * self._axes.mean.size)
        return out


class Forest(Plain):
    """Isolation forest of 100 trees (Liu, Ting and Zhou 2008, doi:10.1109/ICDM.2008.17), from scikit-learn."""

    def learn(self, z: Array) -> None:
        """Grow the trees."""
        from sklearn.ensemble import IsolationForest

        self._model = IsolationForest(n_estimators=100, random_state=0, n_jobs=1).fit(z)

    def rate(self, z: Array) -> Array:
        """Score rows by path length."""
        return -np.asarray(self._model.score_samples(z), np.float64)


class OutlierFactor(Plain):
    """Local outlier factor of 30 neighbours (Breunig et al. 2000, doi:10.1145/342009.335388), from scikit-learn."""

    def learn(self, z: Array) -> None:
        """Remember at most 8,000 rows, a little apart where they repeat."""
        from sklearn.neighbors import LocalOutlierFactor

        thinned = z[:: max(1, len(z) // 8_000)] + 1e-6 * np.random.default_rng(0).standard_normal(
            z[:: max(1, len(z) // 8_000)].shape
        )
        self._model = LocalOutlierFactor(n_neighbors=30, novelty=True, n_jobs=1).fit(thinned)

    def rate(self, z: Array) -> Array:
        """Score rows by local density."""
        return np.clip(np.nan_to_num(-np.asarray(self._model.score_samples(z), np.float64), posinf=1e6), None, 1e6)


PEERS: dict[str, Callable[[], Contender]] = {
    "static limits": StaticLimits,
    "EWMA": PlainEwma,
    "Mahalanobis": PlainMahalanobis,
    "Sub-PCA": PlainSubPca,
    "isolation forest": Forest,
    "LOF": OutlierFactor,
}
NEEDS_SKLEARN = ("isolation forest", "LOF")


class Unaveraged(Forecast):
    """Ablation: residuals of single rows."""

    smooth = 0.0


class WithFlags(Forecast):
    """Ablation: flags are foretold like measured channels."""

    flags_too = True


class UnaveragedSubPca(SubPca):
    """Ablation: distances of single windows."""

    smooth = 0.0


class WithFlagsSubPca(SubPca):
    """Ablation: windows over flags as well."""

    flags_too = True


class Fixed(Shape):
    """Ablation: the baseline stays where the history left it."""

    follows = False


class Unsettled(Shape):
    """Ablation: a lasting alarm stays one."""

    settles = False


class Halved(Shape):
    """Ablation: units and thresholds from halves of the history instead of quarters."""

    blocks = 2


class WithNearest(Shape):
    """Ablation the other way: the nearest windows as a third member."""

    makes = (Forecast, SubPca, Nearest)


WITHOUT_ENCODER: dict[str, Callable[[], Standardised]] = {
    "– baseline fixed": Fixed,
    "– baseline never settles": Unsettled,
    "– judged by halves": Halved,
    "– forecast alone": Forecast,
    "– forecast alone, unaveraged": Unaveraged,
    "– forecast alone, flags too": WithFlags,
    "– Sub-PCA alone": SubPca,
    "– Sub-PCA alone, unaveraged": UnaveragedSubPca,
    "– Sub-PCA alone, flags too": WithFlagsSubPca,
    "– nearest alone": Nearest,
    "– nearest as third member": WithNearest,
}
OURS_NAME, WITH = "mumetal", "mumetal with the encoder"
DEEP = "CNN forecast"


def ours(encoders: Mapping[str, EncoderModel]) -> dict[str, Callable[[], Standardised]]:
    """Return our detectors by name: without an encoder, which is the default, with each one, and the first alone.

    Args:
        encoders: Trained networks by name, the shipped one first.
    """
    found: dict[str, Callable[[], Standardised]] = {OURS_NAME: Shape}
    for index, (name, model) in enumerate(encoders.items()):
        if index == 0:
            found |= {WITH: partial(Shape, partial(Encoder, model)), "– encoder alone": partial(Encoder, model)}
        else:
            found[f"{WITH} {name}"] = partial(Shape, partial(Encoder, model))
    return {**found, **WITHOUT_ENCODER}


def contenders(
    detectors: Mapping[str, Callable[[], Standardised]],
) -> tuple[dict[str, Callable[[], Contender]], tuple[str, ...]]:
    """Return everything that can run here by name, peers first, and the names of what is not installed.

    Args:
        detectors: Ours, from :func:`ours`.
    """
    missing = NEEDS_SKLEARN if importlib.util.find_spec("sklearn") is None else ()
    found: dict[str, Callable[[], Contender]] = {k: v for k, v in PEERS.items() if k not in missing}
    if importlib.util.find_spec("torch") is None:
        missing = (*missing, DEEP)
    else:
        from bench.watch.deep import ConvolutionalForecast

        found[DEEP] = ConvolutionalForecast
    for name, make in detectors.items():
        found[name] = _ours(make)
    return found, missing


def _ours(make: Callable[[], Standardised]) -> Callable[[], Contender]:
    return lambda: Ours(make)
