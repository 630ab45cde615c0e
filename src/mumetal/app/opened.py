"""Opens the parts, and does with all of them what is done with each: watchers, tasks, verbs, records."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mumetal.app.left_out import left_out
from mumetal.app.parts import own_parts, part_names
from mumetal.app.settings import Settings, section_of
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.core.finding import Finding
from mumetal.core.logs import RoomLogger
from mumetal.core.migration import Migration
from mumetal.core.part import House, Part, Running, Task, looked_up
from mumetal.core.ports import Watcher

STOP_S = 30.0
_log = RoomLogger("app")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPart:
    """A part and what runs of it; None where nothing does."""

    part: Part
    running: Running | None
    watchers: tuple[Watcher, ...]


@contextmanager
def named(part: Part) -> Iterator[None]:
    """Name the part of another package whose code raises what is no error of ours.

    Raises:
        BadInputError: It did.
    """
    try:
        yield
    except MumetalError:
        raise
    except Exception as error:
        if part in own_parts():
            raise
        _log.failure("part.failed", error, part=part.part_id)
        raise BadInputError(
            f"the part {part.part_id!r} cannot be opened: {type(error).__name__}: {error}"[:500],
            hint="mend or uninstall its package, or leave the part off [plugins] allow",
        ) from error


def migrations_of(parts: Sequence[Part]) -> tuple[Migration, ...]:
    """Return the migrations of all parts.

    Raises:
        BadInputError: A part gives one under another prefix than its id.
    """
    found: list[Migration] = []
    for part in parts:
        with named(part):
            given = looked_up(part.tables) if part.tables else ()
            assert isinstance(given, Sequence)
        for migration in given:
            if migration.prefix != part.part_id:
                raise BadInputError(
                    f"the part {part.part_id} gives a migration under the prefix {migration.prefix!r}",
                    hint="number them under its own id",
                )
            found.append(migration)
    return tuple(found)


def agents_of(parts: Sequence[Part]) -> dict[str, tuple[str, ...]]:
    """Return what each agent may do by itself.

    Raises:
        BadInputError: Two parts claim one agent.
    """
    found: dict[str, tuple[str, ...]] = {}
    for agent in (a for part in parts for a in part.agents):
        if agent.name in found:
            raise BadInputError(f"two parts claim the agent {agent.name!r}", hint="uninstall one of them")
        found[agent.name] = agent.verbs
    return found


def actions_of(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return what the local operator may do: the actions of all parts, and their verbs."""
    return tuple(a for part in parts for a in (*part.actions, *(verb.verb_id for verb in part.verbs)))


def open_parts(parts: Sequence[Part], house: House, settings: Settings, own: Sequence[str]) -> tuple[OpenedPart, ...]:
    """Open every part in order; each sees those opened before it.

    Args:
        parts: Which.
        house: What they are given; the section and the tables are each part's own.
        settings: What was set.
        own: Ids of the package's own parts.

    Raises:
        MumetalError: A part cannot be opened; those before it are stopped again.
    """
    opened: list[OpenedPart] = []
    strange = sorted(set(settings.parts) - {part.part_id for part in parts} - part_names())
    if strange:
        raise BadInputError(
            f"there is no part {strange[0]!r}", where=f"parts.{strange[0]}", hint="install it, or take its table out"
        )
    try:
        for part in parts:
            before = {o.part.part_id: o.running for o in opened if o.running is not None}
            mine = replace(
                house,
                settings=section_of(settings, part, own),
                tables=house.records.tables(part.part_id),
                opened=before,
            )
            with named(part):
                running = _called(part.opens, mine) if part.opens else None
                watchers = tuple(_called(part.watchers, mine)) if part.watchers else ()
            opened.append(OpenedPart(part=part, running=running, watchers=watchers))
    except BaseException:
        for each in reversed(opened):
            if each.running is not None:
                each.running.stop(STOP_S)
        raise
    return tuple(opened)


def _called(place: str, house: House) -> Any:  # noqa: ANN401 - what a part's own reference returns
    function = looked_up(place)
    assert callable(function)
    return function(house)


class PartTasks:
    """Runs the tasks of all parts, each when it is due.

    Args:
        opened: The parts.
        report: Takes what they find.
        clock: Time.
        own: Ids of the package's own parts.
    """

    def __init__(
        self,
        opened: Sequence[OpenedPart],
        report: Callable[[Finding], None],
        clock: Clock,
        own: Sequence[str],
    ) -> None:
        self._report, self._clock = report, clock
        self._due: list[tuple[Task, Running, bool]] = [
            (task, o.running, o.part.part_id in own) for o in opened if o.running is not None for task in o.part.tasks
        ]
        self._next = {task.task_id: self._now_s() + task.every_s for task, _, _ in self._due}
        self._off: set[str] = set()

    def run_due(self) -> None:
        """Run what is due."""
        for task, running, ours in self._due:
            if task.task_id in self._off or self._now_s() < self._next[task.task_id]:
                continue
            self._next[task.task_id] = self._now_s() + task.every_s
            try:
                for finding in running.run(task.task_id):
                    self._report(finding)
            except Exception as error:
                if ours:
                    raise
                self._off.add(task.task_id)
                _log.failure("task.failed", error, task=task.task_id)
                self._report(left_out(task.task_id, "A task of another package", error, self._clock.now_ns()))

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9
