"""One object as one state."""

from mumetal.core.errors import BadInputError
from mumetal.core.ports import WatcherState
from mumetal.watch.state.saving import parts_of, restore, save, state_of

WHOLE = ("whole",)


def saved_whole(thing: object) -> WatcherState:
    """Return the state of one object of this room, one of ``classes.WATCHING``."""
    return state_of({WHOLE: save(thing)})


def restored_whole(thing: object, state: WatcherState) -> bool:
    """Let a new object go on from it; False, and nothing has changed, where it cannot."""
    try:
        parts = parts_of(state)
    except BadInputError:
        return False
    return WHOLE in parts and restore(thing, *parts[WHOLE])
