"""An object of this room as plain data: a tree of JSON with named arrays beside it.

A node is ``null``, a truth value, a text, a whole number of 64 bits or a finite number as such; anything else is a list that begins with
what it is: ``["tuple", many]``, ``["array", name, order]``, ``["of", class, {attribute: node}]``, ``["same", n]`` for the n-th object or
array told before, ``["given", name]`` for what its maker holds. ``many`` is a list of nodes, or of a kind that packs long ones tightly.
"""

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Channel
from mumetal.watch.state.classes import CLASSES, LAYOUTS, SAVED, UNSAVED

Node = object  # what JSON can hold
Arrays = dict[str, NDArray[np.generic]]
LONG = 8  # items from which a sequence of numbers is an array
TIGHT = 16  # items from which a sequence of tuples is told by columns
LARGEST = 2**63
PLAIN = "biufc"  # kinds of arrays that are numbers
MAPPINGS: dict[type, str] = {dict: "dict", OrderedDict: "ordered", Counter: "counter"}
SEQUENCES: dict[type, str] = {tuple: "tuple", list: "list"}
SETS: dict[type, str] = {set: "set", frozenset: "frozenset"}


class Packer:
    """Takes objects apart.

    Args:
        given: What is not told but given again when it is put together, by name.
    """

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = {id(thing): name for name, thing in given.items()}
        self._told: dict[int, int] = {}
        self._alive: list[object] = []  # an id is an object's own only while it lives
        self.arrays: Arrays = {}
        self.layouts: dict[str, str] = {}

    def node(self, value: object) -> Node:
        """Return the node of a value.

        Raises:
            TypeError: Something in it is of no class that a state may hold, or has an attribute that its class does not declare.
        """
        kind = type(value)
        if value is None or kind in {bool, str}:
            return value
        if kind is int:
            return self._whole(value)
        if kind is float:
            return value if math.isfinite(value) else ["float", repr(value)]  # type: ignore[arg-type]
        if id(value) in self._given:
            return ["given", self._given[id(value)]]
        if id(value) in self._told:
            return ["same", self._told[id(value)]]
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            return ["number", self._array(np.asarray(value))]
        if kind in MAPPINGS and isinstance(value, Mapping):
            return [MAPPINGS[kind], self._many(list(value)), self._many(list(value.values()))]
        if kind in SEQUENCES and isinstance(value, Sequence):
            return [SEQUENCES[kind], self._many(value)]
        if kind in SETS and isinstance(value, set | frozenset):
            return [SETS[kind], self._many(sorted(value))]
        if isinstance(value, deque):
            return ["deque", value.maxlen, self._many(list(value))]
        return self._object(value, kind)

    @staticmethod
    def _whole(value: object) -> Node:
        if isinstance(value, int) and -LARGEST <= value < LARGEST:
            return value
        raise TypeError(f"{value} has more than 64 bits")

    def _array(self, array: NDArray[np.generic]) -> Node:
        if array.dtype.kind not in PLAIN:
            raise TypeError(f"an array of {array.dtype} holds no plain numbers")
        # Sums depend in the last bit on how an array lies in memory.
        order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        name = self._named(np.ascontiguousarray(array.transpose(order)).reshape([array.shape[i] for i in order]))
        self._tell(array)
        return ["array", name, order]

    def _named(self, array: NDArray[np.generic]) -> str:
        name = str(len(self.arrays))
        self.arrays[name] = array
        return name

    def _tell(self, thing: object) -> None:
        self._told[id(thing)] = len(self._told)
        self._alive.append(thing)

    def _object(self, value: object, kind: type) -> Node:
        name = kind.__name__
        if CLASSES.get(name) is not kind:
            raise TypeError(f"a state holds no {kind.__module__}.{name}")
        self.layouts[name] = LAYOUTS[name]
        names = SAVED[name]
        if is_dataclass(kind) or issubclass(kind, Enum | tuple):
            attributes = {n: getattr(value, n) for n in names}
        else:
            attributes = {n: v for n, v in vars(value).items() if n not in UNSAVED[name]}
            if strange := attributes.keys() - set(names):
                raise TypeError(f"{kind.__module__}.{name} does not say whether {sorted(strange)} is saved")
        node = ["of", name, {n: self.node(v) for n, v in attributes.items()}]
        self._tell(value)
        return node

    def _many(self, items: Sequence[object]) -> Node:
        """Return the node of many values, the common kinds told tightly."""
        kinds = set(map(type, items))
        if len(items) >= LONG and kinds == {float}:
            return ["floats", self._named(np.array(items, np.float64))]
        if len(items) >= LONG and kinds == {int} and all(-LARGEST <= i < LARGEST for i in items):  # type: ignore[operator]
            return ["ints", self._named(np.array(items, np.int64))]
        if len(items) >= LONG and kinds == {np.ndarray} and _alike(items):
            return ["arrays", self._named(np.stack(cast("list[NDArray[np.generic]]", items)))]
        if len(items) >= TIGHT and kinds == {tuple}:
            rows = cast("list[tuple[object, ...]]", items)
            if min(map(len, rows)) == max(map(len, rows)) > 0:
                return ["columns", [self._many(column) for column in zip(*rows, strict=True)]]
        if len(items) >= LONG and kinds == {Channel}:
            self.layouts[Channel.__name__] = LAYOUTS[Channel.__name__]
            return ["channels", [[getattr(c, n) for c in items] for n in SAVED[Channel.__name__]]]
        return ["items", [self.node(item) for item in items]]


def _alike(items: Sequence[object]) -> bool:
    """Whether all are arrays in C order of one shape, of numbers of one type."""
    arrays = [i for i in items if isinstance(i, np.ndarray)]
    first = arrays[0]
    return first.dtype.kind in PLAIN and all(
        a.shape == first.shape and a.dtype == first.dtype and a.flags.c_contiguous for a in arrays
    )
