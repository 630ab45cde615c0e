"""Watchers without a stack, opened as a stack's are: for tests and benches that have no store."""

from collections.abc import Sequence
from concurrent.futures import Executor

from mumetal.app.opened import OpenedPart
from mumetal.app.pipeline.alert_budget import SharedBudget
from mumetal.app.pipeline.watching import Watching, watching_parts
from mumetal.core.clock import Clock
from mumetal.core.part import Part
from mumetal.core.ports import PluginInfo, Watcher
from mumetal.watch.api import SceneOf, WatchSettings, watchers_of
from mumetal.watch.learned import Models, no_models
from mumetal.watch.part import PART

GUEST = Part(info=PluginInfo(plugin_id="guest", title="Another package's part"))


def watching_of(
    settings: WatchSettings,
    clock: Clock,
    scene_of: SceneOf,
    background: Executor | None = None,
    models: Models = no_models,
    others: Sequence[Watcher] = (),
) -> Watching:
    """Return the watch room's watchers, then ``others`` as another package's.

    Args:
        settings: How streams are watched.
        clock: Where the time of arrival comes from.
        scene_of: Returns what surrounds a finding, for the causes.
        background: Where detectors are fitted anew; without it, in the calling thread.
        models: Says which models are active now.
        others: Watchers of another package.
    """
    budget = SharedBudget(settings.alerts_per_week)
    own = OpenedPart(part=PART, running=None, watchers=watchers_of(settings, budget, background, models))
    guests = OpenedPart(part=GUEST, running=None, watchers=tuple(others))
    return watching_parts((own, guests), (PART.part_id,), scene_of, budget, clock)
