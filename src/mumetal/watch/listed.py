"""All detectors, listed explicitly, and the one rule of which watch a live stream: each says itself whether it does."""

from collections.abc import Callable
from functools import partial
from typing import cast

from mumetal.core.ports import Detector
from mumetal.core.registry import Registry
from mumetal.core.series import Series
from mumetal.watch.covert.canary_rise import CanaryRise
from mumetal.watch.covert.power_leakage import PowerLeakage
from mumetal.watch.covert.readout_correlation import ReadoutCorrelation
from mumetal.watch.covert.replay import Replay
from mumetal.watch.covert.reset_leakage import ResetLeakage
from mumetal.watch.covert.sequence import SequenceCorrelation
from mumetal.watch.covert.template import MatchedTemplate
from mumetal.watch.covert.timing import TimingChannel
from mumetal.watch.detectors.cusum import Cusum
from mumetal.watch.detectors.day_to_day import DayToDay
from mumetal.watch.detectors.ewma import Ewma
from mumetal.watch.detectors.forecast import Forecast
from mumetal.watch.detectors.identity import Identity
from mumetal.watch.detectors.limits import Limits
from mumetal.watch.detectors.mahalanobis import Mahalanobis
from mumetal.watch.detectors.nearest import Nearest
from mumetal.watch.detectors.plain import Plain
from mumetal.watch.detectors.ported import Ported, Unmade
from mumetal.watch.detectors.shape import Shape
from mumetal.watch.detectors.spectral import Spectral
from mumetal.watch.detectors.standard import Standardised
from mumetal.watch.detectors.sub_pca import SubPca

Make = Callable[[], Standardised]
DETECTORS: Registry[Callable[[], Detector]] = Registry("detector", "mumetal.detectors")
# In this order they watch, and name the channels of what several of them see at once.
Listed = type[Standardised] | type[Identity] | type[DayToDay]
LISTED: tuple[Listed, ...] = (
    Limits,
    Ewma,
    Cusum,
    Mahalanobis,
    Plain,
    Spectral,
    Shape,
    TimingChannel,
    CanaryRise,
    ResetLeakage,
    ReadoutCorrelation,
    PowerLeakage,
    SequenceCorrelation,
    MatchedTemplate,
    Replay,
    Forecast,  # the rest work inside others, on snapshots, or in the benchmark
    SubPca,
    Nearest,
    Identity,
    DayToDay,
)
for _make in LISTED:
    DETECTORS.add(_make.info.plugin_id, cast("Callable[[], Detector]", _make))
LIVE: tuple[type[Standardised], ...] = tuple(m for m in LISTED if issubclass(m, Standardised) and m.info.family)
OWN = frozenset(make.info.plugin_id for make in LISTED)


def outside() -> tuple[tuple[str, Callable[[], Detector]], ...]:
    """Return the detectors that other packages brought, by id."""
    return tuple((plugin_id, make) for plugin_id, make in DETECTORS if plugin_id not in OWN)


def watching(history: Series) -> tuple[tuple[Make, str], ...]:
    """Return what watches a live stream like this one, with its family: this room's in the order of the list, then others'."""
    own: list[tuple[Make, str]] = [(make, make.info.family) for make in LIVE if make.watches(history)]
    others = [(ported, plugin_id) for plugin_id, make in outside() if (ported := _ported(plugin_id, make, history))]
    return (*own, *others)


def _ported(plugin_id: str, make: Callable[[], Detector], history: Series) -> Make | None:
    """Return what makes another package's detector where it watches such a stream."""
    try:
        return partial(Ported, make) if make().watches(history) else None
    except Exception as error:  # noqa: BLE001 - whatever an outsider's code raises, the stream goes on and it is named
        return partial(Unmade, plugin_id, f"{type(error).__name__}: {error}"[:300])
