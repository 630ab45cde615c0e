"""Makes the watchers of this room, in the order in which they look."""

from concurrent.futures import Executor

from mumetal.core.ports import AlertBudget, Watcher
from mumetal.watch.learned import Models, Watching, no_models
from mumetal.watch.settings import WatchSettings
from mumetal.watch.watchers.calibrations import CalibrationWatcher
from mumetal.watch.watchers.canaries import CanaryWatcher
from mumetal.watch.watchers.commits import CommitWatcher
from mumetal.watch.watchers.exports import ExportWatcher
from mumetal.watch.watchers.operating import OperatingWatcher
from mumetal.watch.watchers.quality import QualityWatcher
from mumetal.watch.watchers.replays import ReplayWatcher
from mumetal.watch.watchers.silences import SilenceWatcher
from mumetal.watch.watchers.streams import StreamWatcher


def watchers_of(
    settings: WatchSettings,
    budget: AlertBudget,
    background: Executor | None = None,
    models: Models = no_models,
    codes: tuple[Watching, ...] = (),
) -> tuple[Watcher, ...]:
    """Return this room's watchers.

    Args:
        settings: How streams are watched.
        budget: Shared by everything that may raise an alert.
        background: Where detectors are fitted anew while the former ones go on; without it, in the calling thread.
        models: Says which models of the registry are active now, verified.
        codes: Pulse timing codes that are looked for beside the usual ones.
    """
    return (
        ExportWatcher(),
        QualityWatcher(settings),
        OperatingWatcher(),
        CommitWatcher(),
        CanaryWatcher(),
        StreamWatcher(settings, budget, background, models, codes),
        CalibrationWatcher(),
        ReplayWatcher(),
        SilenceWatcher(settings),
    )
