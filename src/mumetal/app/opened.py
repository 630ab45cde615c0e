"""Opens the parts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mumetal.app.ending import Ending
from mumetal.app.parts import own_parts, part_names
from mumetal.app.settings import Settings, section_of
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.core.logs import RoomLogger
from mumetal.core.migration import Migration
from mumetal.core.part import House, Part, Running, looked_up
from mumetal.core.ports import PluginInfo, Watcher

STOP_S = 30.0  # so long a stop may take; that of a guest goes on after it, and is not waited for
_log = RoomLogger("app")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPart:
    """A part that was opened.

    Args:
        part: Which.
        running: What runs of it; None where nothing does.
        watchers: What of it watches.
        junk: What it gave that is none of either, where it is a guest's; then nothing of it runs or watches.
    """

    part: Part
    running: Running | None
    watchers: tuple[Watcher, ...]
    junk: str = ""


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
    ending = Ending()
    strange = sorted(set(settings.parts) - {part.part_id for part in parts} - part_names())
    if strange:
        raise BadInputError(
            f"there is no part {strange[0]!r}", where=f"parts.{strange[0]}", hint="install it, or take its table out"
        )
    with ending.where_it_fails():
        for part in parts:
            before = {o.part.part_id: o.running for o in opened if o.running is not None}
            mine = replace(
                house,
                settings=section_of(settings, part, own),
                tables=house.records.tables(part.part_id),
                opened=before,
            )
            ours, its_end = part.part_id in own, Ending()
            ending.then(its_end.run)
            with named(part):
                running = _called(part.opens, mine) if part.opens else None
                if isinstance(running, Running):
                    its_end.then(partial(stop_part, part, running, house.clock, ours=ours))
                watchers = _called(part.watchers, mine) if part.watchers else ()
                one = _kept(part, running, watchers)
            if one.junk and ours:
                raise BadInputError(f"the part {part.part_id!r} gave {one.junk}", hint="this is a defect: report it")
            if one.junk:  # those that watch tell of it
                _log.error("part.blocked", part=part.part_id, reason=f"gave {one.junk}")
                its_end.run()
            opened.append(one)
    return tuple(opened)


def _kept(part: Part, running: object, watchers: object) -> OpenedPart:
    """Return a part with what it gave, or with the words for what of that is junk."""
    runs = running if isinstance(running, Running) else None
    watching = tuple(watchers) if isinstance(watchers, Sequence) else ()
    junk = next((f"{type(w).__name__} as a watcher" for w in watching if not _watches(w)), "")
    if not isinstance(watchers, Sequence):
        junk = f"{type(watchers).__name__} as its watchers"
    if part.opens and runs is None:
        junk = f"{type(running).__name__} as what runs of it"
    if junk:
        return OpenedPart(part=part, running=None, watchers=(), junk=junk)
    return OpenedPart(part=part, running=runs, watchers=watching)


def _watches(given: object) -> bool:
    return isinstance(given, Watcher) and isinstance(given.info, PluginInfo)


def stop_part(part: Part, running: Running, clock: Clock, *, ours: bool, wait: bool = True) -> None:
    """Stop what runs of a part: one of ours here and now, a guest in a thread of its own.

    Args:
        part: Whose.
        running: What runs of it.
        clock: Starts the thread.
        ours: Whether it is one of the package's own.
        wait: Whether a guest is waited for, STOP_S at most.
    """
    if ours:
        running.stop(STOP_S)
        return
    stopping = clock.thread(partial(_stop_guest, part, running), f"stop of part {part.part_id}")
    stopping.start()
    if wait:
        stopping.join(STOP_S)


def _stop_guest(part: Part, running: Running) -> None:
    try:
        running.stop(STOP_S)
    except BaseException as error:  # noqa: BLE001 - the thread is the guest's alone
        _log.failure("part.failed", error, part=part.part_id)


def _called(place: str, house: House) -> Any:  # noqa: ANN401 - what a part's own reference returns
    function = looked_up(place)
    assert callable(function)
    return function(house)
