"""Detectors, listed explicitly."""

from collections.abc import Callable

from mumetal.core.ports import Detector
from mumetal.core.registry import Registry
from mumetal.watch.detectors.cusum import Cusum
from mumetal.watch.detectors.ewma import Ewma
from mumetal.watch.detectors.identity import Identity
from mumetal.watch.detectors.limits import Limits
from mumetal.watch.detectors.mahalanobis import Mahalanobis
from mumetal.watch.detectors.spectral import Spectral

DETECTORS: Registry[Callable[[], Detector]] = Registry("detector", "mumetal.detectors")
for _detector in (Limits, Ewma, Cusum, Mahalanobis, Spectral, Identity):
    DETECTORS.add(_detector.info.plugin_id, _detector)
