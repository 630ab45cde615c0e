"""Detectors, listed explicitly."""

from collections.abc import Callable

from mumetal.core.ports import Detector
from mumetal.core.registry import Registry
from mumetal.watch.detectors.cusum import Cusum
from mumetal.watch.detectors.day_to_day import DayToDay
from mumetal.watch.detectors.ewma import Ewma
from mumetal.watch.detectors.forecast import Forecast
from mumetal.watch.detectors.identity import Identity
from mumetal.watch.detectors.limits import Limits
from mumetal.watch.detectors.mahalanobis import Mahalanobis
from mumetal.watch.detectors.nearest import Nearest
from mumetal.watch.detectors.shape import Shape
from mumetal.watch.detectors.spectral import Spectral
from mumetal.watch.detectors.sub_pca import SubPca

DETECTORS: Registry[Callable[[], Detector]] = Registry("detector", "mumetal.detectors")
_LISTED: tuple[Callable[[], Detector], ...] = (
    Limits,
    Ewma,
    Cusum,
    Mahalanobis,
    Spectral,
    Forecast,
    SubPca,
    Nearest,
    Shape,
    Identity,
    DayToDay,
)
for _make in _LISTED:
    DETECTORS.add(_make().info.plugin_id, _make)
