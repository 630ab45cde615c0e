"""A capability as data: what it is called, opens, shows, does, keeps. Adding one touches its room, its faces and one list.

References are text, ``"module:name"``, and are looked up only when they are needed: a room never imports what its faces
need. A test looks every one of them up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mumetal.core import check
from mumetal.core.errors import BadInputError

if TYPE_CHECKING:
    from mumetal.core.act import Act, Outcome
    from mumetal.core.clock import Clock
    from mumetal.core.finding import Finding
    from mumetal.core.ports import AlertBudget, Authorizer, Decision, Ledger, PluginInfo, Store
    from mumetal.core.record import Record
    from mumetal.core.records import PartTables, Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command, or a group of commands.

    Args:
        name: As it is typed after ``mumetal``.
        place: ``"module:name"`` of the command, or for a group of ``(guard) -> typer.Typer``.
        group: Whether it is a group.
    """

    name: str
    place: str
    group: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page in the navigation.

    Args:
        path: Its path, from ``"/"``.
        title: As the navigation names it.
        order: Smaller comes first.
    """

    path: str
    title: str
    order: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """Something that a part can be asked to do.

    Args:
        verb_id: Dotted; the action that policies decide on.
        title: What it does, in a few words.
        bound: The limit it stays within, in words a person can check.
        undo: Verb that takes it back; empty when nothing does.
        approved: Whether it needs a signed approval by the lab's approvers.
        hardware: Whether it changes what a device does.
    """

    verb_id: str
    title: str
    bound: str
    undo: str = ""
    approved: bool = False
    hardware: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A program of Mumetal that acts by itself, and the verbs it may; nothing else.

    Args:
        name: ``"mumetal.…"``.
        verbs: What it may do, for any tenant.
    """

    name: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that a part does again and again beside the scoring.

    Args:
        task_id: Dotted.
        every_s: How often, s.
    """

    task_id: str
    every_s: float


class HealthState(StrEnum):
    """How a part is doing."""

    GOOD = "good"
    BEHIND = "behind"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a part is doing, why, and what mends it.

    Args:
        state: How it is.
        lag_s: How far it is behind, s.
        reason: Why it is not good.
        mend: What to do about it.
    """

    state: HealthState = HealthState.GOOD
    lag_s: float = 0.0
    reason: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a part is given when it is opened.

    Args:
        folder: The store's folder; a part keeps files in a folder of its own in it.
        settings: The part's own section of the settings; None when it declares none.
        clock: Time.
        store: Telemetry and events.
        records: Incidents, findings, acts and all else that is known.
        tables: Its own tables.
        ledger: Where decisions are written.
        authorizer: Who decides.
        budget: The user's alert budget; what joins it keeps to its share.
        report: Takes a finding; it is judged like any other.
        opened: The parts opened before it, by id.
    """

    folder: Path
    settings: object
    clock: Clock
    store: Store
    records: Records
    tables: PartTables
    ledger: Ledger
    authorizer: Authorizer
    budget: AlertBudget
    report: Callable[[Finding], None]
    opened: Mapping[str, Running] = field(default_factory=dict)


@runtime_checkable
class Running(Protocol):
    """A part that was opened."""

    def start(self) -> None:
        """Begin what goes on beside the scoring."""

    def stop(self, within_s: float) -> None:
        """End it, within so many seconds."""

    def health(self) -> Health:
        """Say how it is doing."""

    def perform(self, act: Act, decision: Decision) -> Outcome:
        """Do what is permitted and on the ledger; the same ``act_id`` twice does it once.

        Raises:
            MumetalError: It could not be done, and nothing was changed.
        """

    def run(self, task_id: str) -> Sequence[Finding]:
        """Do one task once; what it returns is judged like any finding."""

    def follow(self, record: Record) -> None:
        """Take notice of a record; each comes at least once, in order."""


class Idle:
    """What is common to parts that run nothing: every answer is the empty one."""

    def start(self) -> None:
        """Nothing goes on."""

    def stop(self, within_s: float) -> None:
        """Nothing ends."""
        del within_s

    def health(self) -> Health:
        """It is well."""
        return Health()

    def perform(self, act: Act, decision: Decision) -> Outcome:
        """Refuse: it has no verb."""
        del decision
        raise BadInputError("this part has no such verb", where=act.verb)

    def run(self, task_id: str) -> Sequence[Finding]:
        """Do nothing."""
        del task_id
        return ()

    def follow(self, record: Record) -> None:
        """Take no notice."""
        del record


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A capability. Only data: nothing is imported until a reference is looked up.

    Args:
        info: What it says of itself; its id names its section of the settings and the prefix of its tables.
        opens: ``(House) -> Running``; empty for a part that runs nothing.
        settings: A ``msgspec.Struct`` of its section.
        commands: What it adds to the command line.
        routes: ``(Faces) -> Sequence[APIRouter]`` each, of its API and its pages.
        watchers: ``(House) -> Sequence[Watcher]``.
        tables: ``Sequence[Migration]`` under its own prefix.
        pages: What it adds to the navigation.
        verbs: What it can be asked to do.
        agents: Programs of its own that act by themselves.
        actions: What else the local operator may do with it: verbs that policies decide on and no part performs.
        tasks: What it does again and again.
    """

    info: PluginInfo
    opens: str = ""
    settings: str = ""
    commands: tuple[Command, ...] = ()
    routes: tuple[str, ...] = ()
    watchers: str = ""
    tables: str = ""
    pages: tuple[Page, ...] = ()
    verbs: tuple[Verb, ...] = ()
    agents: tuple[Agent, ...] = ()
    actions: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()

    def __post_init__(self) -> None:
        check.name(self.info.plugin_id, "part id")
        if any(not verb.bound for verb in self.verbs):
            raise BadInputError("a verb needs a bound", where=self.info.plugin_id)

    @property
    def part_id(self) -> str:
        """Its id."""
        return self.info.plugin_id

    def references(self) -> tuple[str, ...]:
        """Return every reference in it."""
        own = (self.opens, self.settings, self.watchers, self.tables, *self.routes, *(c.place for c in self.commands))
        return tuple(filter(None, own))


def looked_up(place: str) -> object:
    """Return what a reference names.

    Raises:
        BadInputError: It is not of the form ``"module:name"``, or nothing of that name is there.
    """
    module, colon, name = place.partition(":")
    if not colon or not module or not name:
        raise BadInputError("a reference is written module:name", where=place[:200])
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and not module.startswith(error.name.split(".")[0]):
            raise  # a missing extra is told by whoever asked
        raise BadInputError(f"nothing is there: {error}"[:300], where=place[:200], hint="mend the part") from error
