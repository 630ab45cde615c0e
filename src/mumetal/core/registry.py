"""One explicit list per plug-in folder, and an entry-point group for outsiders."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from mumetal.core.errors import BadInputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


def installed(group: str) -> tuple[EntryPoint, ...]:
    """Return what installed packages offer in an entry-point group, by name; nothing of it is loaded."""
    return _installed(group, tuple(sys.path))


@lru_cache(maxsize=64)
def _installed(group: str, _path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # it takes 30 ms, and most modules list what is theirs only

    return tuple(sorted(entry_points(group=group), key=lambda point: point.name))


class Registry(Generic[T]):
    """Plug-ins of one kind, by dotted id.

    Args:
        kind: What is listed, in the singular: ``"detector"``.
        group: Entry-point group that outsiders may add to, such as ``"mumetal.detectors"``.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._known: dict[str, T] = {}
        self._loaded: set[str] = set()

    def add(self, plugin_id: str, plugin: T) -> None:
        """List one plug-in.

        Raises:
            BadInputError: The id is taken already.
        """
        if plugin_id in self._known:
            raise BadInputError(
                f"two plug-ins claim the {self.kind} id {plugin_id!r}", hint="uninstall or rename one of them"
            )
        self._known[plugin_id] = plugin

    def add_entry_points(self, allowed: Callable[[str], bool] = lambda _: True) -> None:
        """List what installed packages offer in this registry's group; what is listed already stays.

        Args:
            allowed: Says whether the plug-in of a name may be loaded.

        Raises:
            BadInputError: An outsider's id is taken already, is not the plug-in's own, or it cannot be loaded.
        """
        for point in installed(self.group):
            if point.name in self._loaded or not allowed(point.name):
                continue
            try:
                plugin = point.load()
            except Exception as error:  # whatever a package raises while it is imported, it is named
                raise BadInputError(
                    f"the {self.kind} {point.name!r} cannot be loaded: {error}"[:500],
                    hint="mend or uninstall its package",
                ) from error
            told = getattr(getattr(plugin, "info", plugin), "plugin_id", getattr(plugin, "rule_id", point.name))
            if told != point.name:
                raise BadInputError(
                    f"the {self.kind} {point.name!r} calls itself {told!r}", hint="report it to its makers"
                )
            self.add(point.name, plugin)
            self._loaded.add(point.name)

    def get(self, plugin_id: str) -> T:
        """Return one plug-in.

        Raises:
            BadInputError: No plug-in has that id.
        """
        try:
            return self._known[plugin_id]
        except KeyError:
            known = ", ".join(sorted(self._known)) or "none"
            raise BadInputError(f"no {self.kind} is called {plugin_id!r}", hint=f"known: {known}") from None

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(sorted(self._known.items()))

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, plugin_id: object) -> bool:
        return plugin_id in self._known
