"""Saving and restoring, for watchers.

A watcher that keeps an object of this room for each stream calls ``save(thing)`` and, on a new one, ``restore(thing, *saved)``; a
:class:`mumetal.watch.monitor.StreamMonitor` has methods of these names, for it must know more. ``state_of`` joins what was saved of
many into the one ``WatcherState`` that the port asks for, and ``parts_of`` takes it apart.
"""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.ports import WatcherState
from mumetal.watch.state.packing import Node, Packer
from mumetal.watch.state.unpacking import Unpacker

LAYOUT = 1
Arrays = Mapping[str, NDArray[np.generic]]
Saved = tuple[dict[str, object], Arrays]
Key = tuple[str, ...]


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is told of one object: its layout, those of its classes, what it was learnt under, and its tree."""

    layout: int
    classes: dict[str, str]
    under: dict[str, object]
    root: object


class _Part(msgspec.Struct, frozen=True, array_like=True):
    key: tuple[str, ...]
    facts: dict[str, object]


def save(thing: object) -> Saved:
    """Return an object of this room, one of ``classes.WATCHING``, as JSON and named arrays.

    Raises:
        TypeError: It holds something that no state may hold: a defect.
    """
    return pack(thing, {}, {})


def restore(thing: object, facts: Mapping[str, object], arrays: Arrays) -> bool:
    """Let a new object go on where the saved one stood; False, and nothing has changed, where it cannot."""
    try:
        read, unpacker = _opened(facts, arrays, {})
        unpacker.into(thing, read.root)
    except BadInputError:
        return False
    return True


def pack(value: object, given: Mapping[str, object], under: Mapping[str, object]) -> Saved:
    """Return a value as JSON and named arrays.

    Args:
        value: A container of plain values, or of objects of the classes listed.
        given: What is not told but given again, by name.
        under: What must be the same when it is restored, as JSON.

    Raises:
        TypeError: It holds something that no state may hold: a defect.
    """
    packer = Packer(given)
    root: Node = packer.node(value)
    return {"layout": LAYOUT, "classes": packer.layouts, "under": dict(under), "root": root}, packer.arrays


def unpack(
    facts: Mapping[str, object], arrays: Arrays, given: Mapping[str, object], under: Mapping[str, object]
) -> object:
    """Return the value that :func:`pack` took apart; None where it cannot be read, or was learnt under something else."""
    try:
        read, unpacker = _opened(facts, arrays, given)
        return unpacker.value(read.root) if read.under == under else None
    except BadInputError:
        return None


def state_of(parts: Mapping[Key, Saved]) -> WatcherState:
    """Join what was saved of many objects, by key."""
    told = [_Part(key, facts) for key, (facts, _) in parts.items()]
    arrays = {f"{place}/{name}": a for place, (_, own) in enumerate(parts.values()) for name, a in own.items()}
    return WatcherState(version=LAYOUT, facts=msgspec.json.encode(told), arrays=arrays)


def parts_of(state: WatcherState) -> dict[Key, Saved]:
    """Take a state apart again, by key.

    Raises:
        BadInputError: It is of another layout, or was not joined so.
    """
    if state.version != LAYOUT:
        raise BadInputError(f"a state of layout {state.version}, not {LAYOUT}", hint="it is learnt anew")
    try:
        parts = msgspec.json.decode(state.facts, type=tuple[_Part, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"the state's facts cannot be read: {str(error)[:200]}") from None
    own: list[dict[str, NDArray[np.generic]]] = [{} for _ in parts]
    for name, array in state.arrays.items():
        place, _, rest = name.partition("/")
        if not place.isdecimal() or int(place) >= len(own):
            raise BadInputError(f"array {name[:80]!r} belongs to no part")
        own[int(place)][rest] = array
    return {part.key: (part.facts, arrays) for part, arrays in zip(parts, own, strict=True)}


def _opened(facts: Mapping[str, object], arrays: Arrays, given: Mapping[str, object]) -> tuple[_Facts, Unpacker]:
    try:
        read = msgspec.convert(facts, _Facts)
    except msgspec.ValidationError as error:
        raise BadInputError(f"the state's facts are malformed: {error}"[:300]) from None
    if read.layout != LAYOUT:
        raise BadInputError(f"a state of layout {read.layout}, not {LAYOUT}")
    return read, Unpacker(arrays, read.classes, given)
