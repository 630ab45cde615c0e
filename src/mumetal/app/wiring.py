"""Builds a stack from settings: the one place that knows every room."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec

from mumetal.access.api import LocalOperator, os_user, person_scope
from mumetal.app import settings as settings_file
from mumetal.app.ending import Ending
from mumetal.app.models.live import LiveModels
from mumetal.app.models.wired import reaches_hardware
from mumetal.app.opened import actions_of, agents_of, migrations_of
from mumetal.app.parts import own_parts
from mumetal.app.settings import DEFAULT_FILE, Settings
from mumetal.app.stack import Stack
from mumetal.connect.api import LogStore, open_records, open_sink, open_source, sink_name
from mumetal.core import LOCAL
from mumetal.core.clock import Clock
from mumetal.core.errors import BadInputError
from mumetal.core.identity import Scope
from mumetal.core.logs import RoomLogger
from mumetal.core.part import Part
from mumetal.core.ports import Ledger, Sink, Source, Store, Truth
from mumetal.core.records import Records
from mumetal.respond.api import Inventory, decode_inventory
from mumetal.trust.api import LedgerWatch, demand_of, signed_calibrations
from mumetal.watch.api import MAX_TIMING_CODES_FILE, TimingCodes, decode_timing_codes

OPERATOR = "operator"  # common name of the certificate that stands for the operator, off loopback
# registering and reading training data stay with the operating system's user at the command line
STACK_ACTIONS = ("stack.start", "stack.miss", "settings.change")
_log = RoomLogger("app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line says over the settings file; None leaves a setting as it is."""

    store: Path | None = None
    sources: Sequence[str] = ()
    sinks: Sequence[str] = ()
    host: str | None = None
    port: int | None = None
    learning_rows: int | None = None


def load(path: Path | None, overrides: Overrides) -> Settings:
    """Return the settings of a file with the command line's over them.

    Raises:
        BadInputError: The file is not there or says something impossible.
    """
    file = path or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if file is None:
        settings = Settings()
    else:
        try:
            settings = settings_file.decode(file.read_bytes(), str(file))
        except OSError as error:
            raise BadInputError(
                error.strerror or str(error), where=str(file), hint="name a settings file that can be read"
            ) from None
    replaced = msgspec.structs.replace
    if overrides.store is not None:
        settings = replaced(settings, store=replaced(settings.store, directory=str(overrides.store)))
    if overrides.host is not None:
        settings = replaced(settings, serve=replaced(settings.serve, host=overrides.host))
    if overrides.port is not None:
        settings = replaced(settings, serve=replaced(settings.serve, port=overrides.port))
    if overrides.learning_rows is not None:
        settings = replaced(settings, watch=replaced(settings.watch, learning_rows=overrides.learning_rows))
    return settings_file.readable(
        replaced(
            settings,
            sources=(*settings.sources, *overrides.sources),
            sinks=(*settings.sinks, *overrides.sinks),
        )
    )


def on(settings: Settings, folder: Path, sources: Sequence[str]) -> Settings:
    """Return settings that keep their data in ``folder`` and read ``sources`` only."""
    replaced = msgspec.structs.replace
    return replaced(settings, store=replaced(settings.store, directory=str(folder)), sources=tuple(sources))


def inventory(settings: Settings) -> Inventory:
    """Return the workloads of the inventory file; without one every device counts the same."""
    if not settings.triage.inventory:
        return Inventory()
    path = Path(settings.triage.inventory)
    try:
        return decode_inventory(path.read_bytes(), str(path))
    except OSError as error:
        raise BadInputError(
            error.strerror or str(error), where=str(path), hint="set triage.inventory to a file that can be read"
        ) from None


def timing_codes(settings: Settings) -> TimingCodes | None:
    """Return the pulse timing codes of the lab's own; None where no file is set.

    Raises:
        BadInputError: The file cannot be read, or is no such file.
    """
    if not settings.watch.timing_codes:
        return None
    path = Path(settings.watch.timing_codes)
    try:
        with path.open("rb") as file:
            return decode_timing_codes(file.read(MAX_TIMING_CODES_FILE + 1), str(path))
    except OSError as error:
        raise BadInputError(
            error.strerror or str(error), where=str(path), hint="set watch.timing_codes to a file that can be read"
        ) from None


def operator_scope(tenant: str = LOCAL) -> Scope:
    """Return the scope of whoever works at this machine's own command line: the operating system's user."""
    return person_scope(tenant, os_user())


def authorizer(parts: Sequence[Part] | None = None) -> LocalOperator:
    """Return who decides until there is more than one operator: one person, and each part's agents with their verbs.

    Args:
        parts: What there is; the package's own where none are given.
    """
    known = own_parts() if parts is None else parts
    actions = (*STACK_ACTIONS, *actions_of(known))
    return LocalOperator(os_user(), LOCAL, actions, agents=agents_of(known), certificate=OPERATOR)


def _opened(settings: Settings) -> tuple[list[tuple[Source, str]], list[tuple[str, Sink]]]:
    """Open every source that is set, with the tenant it reads for, and every sink; where one fails none stays open."""
    ending = Ending()
    sources: list[tuple[Source, str]] = []
    sinks: list[tuple[str, Sink]] = []
    with ending.where_it_fails():
        for spec in settings.sources:
            source = open_source(spec)
            ending.then(source.close)
            sources.append((source, dict(parse_qsl(spec.partition("?")[2])).get("tenant", LOCAL)))
        for spec in settings.sinks:
            sink = open_sink(spec)
            ending.then(sink.close)
            sinks.append((sink_name(spec), sink))
    return sources, sinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What a stack keeps its data in.

    Args:
        store: Telemetry and events.
        records: What is known and was decided.
    """

    store: Store
    records: Records


@contextmanager
def opened_stores(settings: Settings, clock: Clock, parts: Sequence[Part] | None = None) -> Iterator[Stores]:
    """Open what a stack keeps its data in, and close it at the end; whoever enters this leaves it after the stack.

    Args:
        settings: What was set.
        clock: Time.
        parts: Those whose tables are kept; the package's own where none are given.

    Raises:
        MumetalError: The folder or what is in it cannot be used; nothing is left open.
    """
    folder = settings_file.path_in(settings)
    with closing(LogStore(folder / "telemetry", settings.store, clock)) as store:
        found = store.stats()
        _log.info("store.opened", frames=found.acknowledged, archived=found.archived, rebuilt=found.rebuilt)
        sinks = [sink_name(spec) for spec in settings.sinks]
        migrations = migrations_of(own_parts() if parts is None else parts)
        with closing(open_records(folder, clock=clock, sinks=sinks, migrations=migrations)) as records:
            yield Stores(store=store, records=records)


def build(
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    stores: Stores,
    *,
    upkeep: LedgerWatch | None = None,
    parts: Sequence[Part] | None = None,
    notice: str = "",
    truth: Callable[[], Sequence[Truth]] = tuple,
) -> Stack:
    """Build a stack, not started yet.

    Args:
        settings: What was set.
        clock: Time.
        ledger: Where decisions are written; whoever opened it closes it after the stack.
        stores: What it keeps its data in; the same holds for them.
        upkeep: Looks after the ledger.
        parts: What it is made of; the package's own where none are given.
        notice: What a reader of the pages should know of this run.
        truth: What a twin really did.

    Raises:
        MumetalError: A source, a sink, the inventory or the folder cannot be used.
    """
    decides, demand = authorizer(parts), demand_of(settings.approvals)
    known, codes = inventory(settings), timing_codes(settings)
    models = LiveModels.open(
        settings_file.path_in(settings),
        ledger=ledger,
        authorizer=decides,
        clock=clock,
        hardware=reaches_hardware(own_parts() if parts is None else parts),
        demand=demand,
    )
    calibrations = signed_calibrations(settings.calibrations)
    sources, sinks = _opened(settings)  # last: from here on the stack closes them
    return Stack(
        settings,
        clock,
        store=stores.store,
        records=stores.records,
        inventory=known,
        ledger=ledger,
        authorizer=decides,
        models=models,
        sources=sources,
        sinks=sinks,
        calibrations=calibrations,
        codes=codes,
        upkeep=upkeep,
        demand=demand,
        parts=parts,
        notice=notice,
        truth=truth,
    )
