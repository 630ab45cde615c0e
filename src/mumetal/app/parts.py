"""The parts of this installation: the package's own, then those of installed packages that the settings allow.

A package brings a part, or a plug-in of one kind, by an entry point: in the group ``mumetal.parts`` a
:class:`~mumetal.core.part.Part`, in a group such as ``mumetal.detectors`` what that registry lists. What is installed is
named at every start; ``[plugins]`` of the settings limits it to an allow list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from mumetal.core.errors import BadInputError
from mumetal.core.part import Part, looked_up
from mumetal.core.registry import Registry, installed

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "mumetal.parts"
OWN = (
    "mumetal.watch.part:PART",
    "mumetal.respond.part:PART",
    "mumetal.scan.part:PART",
    "mumetal.trust.part:PART",
    "mumetal.twin.part:PART",
)
ALL = "*"
SCAN_GROUPS = ("mumetal.scanners", "mumetal.code_rules", "mumetal.circuit_rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPlugin:
    """A plug-in of another package.

    Args:
        kind: ``"part"``, ``"detector"``, …
        plugin_id: Its id.
        package: Name and version of the package that brings it.
        allowed: Whether the settings allow it.
    """

    kind: str
    plugin_id: str
    package: str
    allowed: bool

    @property
    def told(self) -> str:
        """The same in one line."""
        return f"{self.kind} {self.plugin_id} of {self.package}{'' if self.allowed else ' (not allowed)'}"


@lru_cache(maxsize=1)
def own_parts() -> tuple[Part, ...]:
    """Return the package's own parts."""
    return tuple(_part(place) for place in OWN)


def parts(allow: Sequence[str] = (ALL,)) -> tuple[Part, ...]:
    """Return every part of this installation that is allowed, the package's own first.

    Args:
        allow: Ids of plug-ins that may be loaded; ``"*"`` allows all that are installed.

    Raises:
        BadInputError: Two parts have one id, or an installed one cannot be loaded.
    """
    found = [*own_parts(), *(load() for load in installed_parts(allow))]
    ids = [part.part_id for part in found]
    twice = next((i for n, i in enumerate(ids) if i in ids[:n]), None)
    if twice is not None:
        raise BadInputError(f"two parts have the id {twice!r}", hint="uninstall one, or leave it off [plugins] allow")
    return tuple(found)


def installed_parts(allow: Sequence[str] = (ALL,)) -> Iterator[Callable[[], Part]]:
    """Yield what loads each part of another package that is allowed, so that one that cannot be loaded hides no other."""
    return (partial(_loaded, point) for point in installed(GROUP) if _allowed(point.name, allow))


def part_names() -> frozenset[str]:
    """Return the ids of the parts that other packages bring, allowed or not."""
    return frozenset(point.name for point in installed(GROUP))


def installed_plugins(allow: Sequence[str] = (ALL,)) -> tuple[InstalledPlugin, ...]:
    """Return what other packages bring, by kind and id; nothing of it is loaded."""
    kinds = [("part", GROUP), *((registry.kind, registry.group) for registry in _registries())]
    found = [
        InstalledPlugin(kind=kind, plugin_id=p.name, package=_package(p), allowed=_allowed(p.name, allow))
        for kind, group in kinds
        for p in installed(group)
    ]
    return tuple(sorted(found, key=lambda p: (p.kind, p.plugin_id)))


def load_plugins(allow: Sequence[str] = (ALL,)) -> None:
    """List what other packages bring in the registries, where the settings allow it.

    Raises:
        BadInputError: An id is taken already, or a plug-in cannot be loaded.
    """
    for registry in _registries():
        registry.add_entry_points(lambda name: _allowed(name, allow))


def load_scan_plugins(allow: Callable[[], Sequence[str]]) -> None:
    """List what other packages bring for scans only: one before every commit has half a second.

    Args:
        allow: Returns which plug-ins the settings allow; asked only where there is one.

    Raises:
        BadInputError: As for :func:`load_plugins`.
    """
    if not any(installed(group) for group in SCAN_GROUPS):
        return
    from mumetal.scan.api import CIRCUIT_RULES, CODE_RULES, SCANNERS

    chosen = allow()
    registries: tuple[Registry[Any], ...] = (SCANNERS, CODE_RULES, CIRCUIT_RULES)
    for registry in registries:
        if installed(registry.group):
            registry.add_entry_points(lambda name: _allowed(name, chosen))


def _registries() -> tuple[Registry[Any], ...]:
    from mumetal.connect.api import SINKS, SOURCES
    from mumetal.scan.api import CIRCUIT_RULES, CODE_RULES, SCANNERS
    from mumetal.trust.api import GATES
    from mumetal.twin.api import PERTURBATIONS
    from mumetal.watch.api import CAUSES, DETECTORS

    return (DETECTORS, CAUSES, SOURCES, SINKS, SCANNERS, CODE_RULES, CIRCUIT_RULES, GATES, PERTURBATIONS)


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "unknown"


def _allowed(plugin_id: str, allow: Sequence[str]) -> bool:
    return ALL in allow or plugin_id in allow


def _part(place: str) -> Part:
    found = looked_up(place)
    assert isinstance(found, Part)
    return found


def _loaded(point: EntryPoint) -> Part:
    try:
        found = point.load()
    except Exception as error:  # whatever a package raises while it is imported, it is named
        raise BadInputError(
            f"the part {point.name!r} of {_package(point)} cannot be loaded: {error}"[:500],
            hint="mend or uninstall the package, or leave the part off [plugins] allow",
        ) from error
    if not isinstance(found, Part) or found.part_id != point.name:
        raise BadInputError(
            f"{_package(point)} brings no part of the id {point.name!r}", hint="report it to its makers"
        )
    return found
