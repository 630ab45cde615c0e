"""What a stream's monitor was learnt under: where any of it is another now, it learns anew."""

from collections.abc import Mapping

from mumetal.watch.ensemble import Ensemble
from mumetal.watch.learned import Watching, identity
from mumetal.watch.rows import Kept
from mumetal.watch.settings import WatchSettings
from mumetal.watch.state.classes import detectors_listed


def learnt_under(settings: WatchSettings, models: tuple[Watching, ...]) -> dict[str, object]:
    """Return the settings of learning, the models that watch beside the detectors, and the detectors there are, as JSON."""
    return {
        "learning": [settings.learning_rows, settings.learning_s],
        "models": [identity(model) for model in models],
        "detectors": detectors_listed(),
    }


def is_monitor(told: object, saved: tuple[str, ...]) -> bool:
    """Whether this is what a monitor told of itself: its attributes, and the detectors that were started afresh."""
    if not isinstance(told, Mapping) or told.keys() != {*saved, "started"}:
        return False
    kinds = {"_history": Kept, "_ensemble": Ensemble | None, "_episodes": dict, "_alerts": dict, "started": dict}
    return all(isinstance(told[name], kind) for name, kind in kinds.items())
