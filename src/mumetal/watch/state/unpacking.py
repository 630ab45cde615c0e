"""Plain data as an object of this room again: only classes that are listed, only attributes that they declare."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel
from mumetal.watch.state.classes import CLASSES, LAYOUTS, SAVED
from mumetal.watch.state.packing import Node

Together = Callable[[Iterable[object]], object]
BUILT: dict[str, Together] = {"tuple": tuple, "list": list, "set": set, "frozenset": frozenset}
MAPPED: dict[str, type[dict[object, object]]] = {"dict": dict, "ordered": OrderedDict}
FLOATS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}

FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)


class Unpacker:
    """Puts objects together.

    Args:
        arrays: By name.
        layouts: Of the classes that the tree may hold, as they were when it was told.
        given: What stands for the names of what was not told.

    Raises:
        BadInputError: A class is not known, or has another layout now.
    """

    def __init__(
        self, arrays: Mapping[str, NDArray[np.generic]], layouts: Mapping[str, str], given: Mapping[str, object]
    ) -> None:
        self._arrays, self._given = arrays, given
        self._told: list[object] = []
        self._classes = {name: CLASSES[name] for name in layouts if name in CLASSES}
        for name, layout in layouts.items():
            if name not in self._classes or LAYOUTS[name] != layout:
                raise BadInputError(f"{name!r} has another layout now", hint="it is learnt anew")

    def into(self, thing: object, node: Node) -> None:
        """Let an object go on as the one that a node tells of.

        Raises:
            BadInputError: The node is of another class, or no node.
        """
        try:
            tag, name, attributes = cast("list[object]", node)
            if tag != "of" or self._classes[cast("str", name)] is not type(thing):
                raise BadInputError(f"the state is of {name}, not of {type(thing).__name__}")
            found = self._attributes(type(thing), attributes)
        except FAULTS as error:
            raise _malformed(error) from None
        for attribute, value in found.items():
            setattr(thing, attribute, value)

    def value(self, node: Node) -> object:
        """Return what a node tells of.

        Raises:
            BadInputError: It is no node, or tells of something that is refused.
        """
        try:
            return self._value(node)
        except FAULTS as error:
            raise _malformed(error) from None

    def _value(self, node: Node) -> object:
        if node is None or isinstance(node, bool | str | int | float):
            return node
        tag, *rest = cast("list[object]", node)
        match tag, *rest:
            case "float", str(text):
                return FLOATS[text]
            case "given", str(name):
                return self._given[name]
            case "same", int(place) if place >= 0:
                return self._told[place]
            case "array", str(name), list(order):
                return self._array(name, order)
            case "number", ["array", str(name), []]:
                self._told.append(None)  # it was counted when it was told
                return self._arrays[name][()].copy()
            case "deque", None | int() as most, many:
                return deque(self._many(many), most)
            case str(kind), many if kind in BUILT:
                return BUILT[kind](self._many(many))
            case str(kind), keys, values if kind in MAPPED:
                return MAPPED[kind](zip(self._many(keys), self._many(values), strict=True))
            case "counter", keys, values:
                return Counter(cast("dict[str, int]", dict(zip(self._many(keys), self._many(values), strict=True))))
            case "of", str(name), attributes:
                return self._object(self._classes[name], attributes)
            case _:
                raise ValueError(f"no node: {str(node)[:80]}")

    def _array(self, name: str, order: list[object]) -> NDArray[np.generic]:
        back = np.argsort(np.array(order, np.int64), kind="stable")
        array = self._arrays[name].copy().transpose(back)  # of its own: one small array must not keep a file in memory
        self._told.append(array)
        return array

    def _attributes(self, cls: type, attributes: object) -> dict[str, object]:
        known = cast("dict[str, object]", attributes)
        if not known.keys() <= set(SAVED[cls.__name__]):
            raise ValueError(f"{cls.__name__} has no such attributes")
        return {name: self._value(node) for name, node in known.items()}

    def _object(self, cls: type, attributes: object) -> object:
        found = self._attributes(cls, attributes)
        if is_dataclass(cls):
            thing: object = cls(**found)
        elif issubclass(cls, Enum | tuple):
            make = cast("Callable[..., object]", cls)
            thing = make(*(found[name] for name in SAVED[cls.__name__]))
        else:
            thing = object.__new__(cls)
            for name, value in found.items():
                setattr(thing, name, value)
        self._told.append(thing)
        return thing

    def _many(self, node: Node) -> Iterable[object]:
        tag, content = cast("list[object]", node)
        match tag, content:
            case "items", list(items):
                return [self._value(item) for item in items]
            case ("floats", str(name)) | ("ints", str(name)):
                return cast("list[object]", self._arrays[name].tolist())
            case "arrays", str(name):
                return list(self._arrays[name].copy())
            case "columns", list(columns):
                return list(zip(*map(self._many, columns), strict=True))
            case "channels", list(columns) if Channel.__name__ in self._classes:
                names = SAVED[Channel.__name__]
                rows = zip(*cast("list[list[str]]", columns), strict=True)
                return [Channel(**dict(zip(names, row, strict=True))) for row in rows]
            case _:
                raise ValueError(f"no values: {str(node)[:80]}")


def _malformed(error: Exception) -> BadInputError:
    return BadInputError(f"the state is malformed: {type(error).__name__} {error}"[:300])
