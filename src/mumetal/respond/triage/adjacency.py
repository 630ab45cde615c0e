"""Which findings touch: intervals per shared key, so that joining is exact and costs a binary search.

Two findings belong together when at most ``join_s`` lies between them and they share a key: the device, the artefact
(where there is no device) or a piece of evidence. Two devices are two incidents, also when they show the same
technique: who has to act, and on what, differs. Incidents are the connected
components of that relation, so the order in which findings arrive does not matter. Per key the intervals of one
incident that are within ``join_s`` of each other are one; hence a key's intervals are disjoint and sorted.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from mumetal.core.finding import Finding

Key = tuple[str, str, str]
MAX_KEYS = 64
T = TypeVar("T", bound=Hashable)


def keys_of(finding: Finding) -> tuple[Key, ...]:
    """Return what a finding shares with others, each as (tenant, kind, value); at most 64."""
    tenant = finding.tenant
    place = ("device", finding.device) if finding.device != "-" else ("artefact", finding.stream or finding.rule)
    pairs = [place]
    pairs += [("evidence", e.uri) for e in finding.evidence]
    return tuple(dict.fromkeys((tenant, kind, value) for kind, value in pairs))[:MAX_KEYS]


class Adjacency(Generic[T]):
    """Intervals of every open group, by key.

    Args:
        join_ns: Largest gap between two that touch, nanoseconds.
    """

    def __init__(self, join_ns: int) -> None:
        self._join = join_ns
        self._lanes: dict[Key, list[tuple[int, int, T]]] = {}
        self._keys: dict[T, set[Key]] = {}

    def touching(self, keys: Iterable[Key], start_ns: int, stop_ns: int) -> set[T]:
        """Return the groups that touch ``start_ns`` to ``stop_ns`` under any of the keys."""
        return {
            lane[i][2]
            for key in keys
            if (lane := self._lanes.get(key))
            for i in range(*self._span(lane, start_ns, stop_ns))
        }

    def put(self, group: T, keys: Iterable[Key], start_ns: int, stop_ns: int) -> None:
        """Add an interval of a group; every group that touches it must have been merged into this one or removed."""
        for key in keys:
            lane = self._lanes.setdefault(key, [])
            first, last = self._span(lane, start_ns, stop_ns)
            low = min([start_ns, *(lane[i][0] for i in range(first, last))])
            high = max([stop_ns, *(lane[i][1] for i in range(first, last))])
            lane[first:last] = [(low, high, group)]
            self._keys.setdefault(group, set()).add(key)

    def merge(self, into: T, other: T) -> None:
        """Give the intervals of ``other`` to ``into``."""
        for key in self._keys.pop(other, set()):
            self._lanes[key] = [(a, b, into if g == other else g) for a, b, g in self._lanes[key]]
            self._keys.setdefault(into, set()).add(key)

    def remove(self, group: T) -> None:
        """Forget a group: nothing joins it any more."""
        for key in self._keys.pop(group, set()):
            left = [entry for entry in self._lanes[key] if entry[2] != group]
            if left:
                self._lanes[key] = left
            else:
                del self._lanes[key]

    def _span(self, lane: list[tuple[int, int, T]], start_ns: int, stop_ns: int) -> tuple[int, int]:
        first = bisect_left(lane, start_ns - self._join, key=lambda entry: entry[1])
        last = first
        while last < len(lane) and lane[last][0] <= stop_ns + self._join:
            last += 1
        return first, last
