"""``mumetal incidents`` and ``mumetal incident``: read them, and say what they were."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mumetal.core import LOCAL
from mumetal.core.errors import BadInputError
from mumetal.core.identity import Scope
from mumetal.core.incident import IncidentState, Label
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption, TenantOption

StateOption = Annotated[IncidentState | None, typer.Option("--state", help="Set the state.")]
LabelOption = Annotated[Label | None, typer.Option("--label", help="Say what it was.")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="Say who works on it.")]


def kept_in(settings: Path | None, store: Path | None) -> Path:
    """Return the folder in which incidents are kept.

    Raises:
        BadInputError: None are kept there.
    """
    from mumetal.app import wiring
    from mumetal.connect.api import has_records

    directory = Path(wiring.load(settings, wiring.Overrides(store=store)).store.directory)
    for folder in (directory, directory / "demo"):
        if has_records(folder):
            return folder
    raise BadInputError(
        "no incidents are kept here", where=str(directory), hint="run `mumetal up` first, or name --store"
    )


def incidents(
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    tenant: TenantOption = LOCAL,
    state: Annotated[IncidentState | None, typer.Option("--state", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    as_json: JsonOption = False,
) -> int:
    """List incidents, highest priority first."""
    from mumetal.app import wiring
    from mumetal.connect.api import open_records
    from mumetal.serve.cli import show

    kept = open_records(kept_in(settings, store))
    found = kept.incidents(wiring.operator_scope(tenant), state, limit)
    kept.close()
    if as_json:
        typer.echo(msgspec.json.encode(list(found)).decode())
    elif not found:
        typer.echo("No incident is known.")
    else:
        show.console().print(show.incident_table(found, time.time_ns(), limit=limit))
        show.console().print(
            "\nRead one: [bold]mumetal incident ID[/]   ids: " + " ".join(i.incident_id for i in found[:5])
        )
    return 0


def incident(
    incident_id: Annotated[str, typer.Argument(help="Id of the incident, or its first letters.")],
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    tenant: TenantOption = LOCAL,
    state: StateOption = None,
    label: LabelOption = None,
    owner: OwnerOption = None,
    note: Annotated[str, typer.Option("--note", help="Write into its timeline.")] = "",
    as_json: JsonOption = False,
) -> int:
    """Show one incident as a report; with an option, change it (permitted, written to the ledger, then done)."""
    from mumetal.app import wiring
    from mumetal.connect.api import open_records
    from mumetal.respond.api import incident_report

    folder = kept_in(settings, store)
    kept, scope = open_records(folder), wiring.operator_scope(tenant)
    try:
        matching = [i for i in kept.incidents(scope, limit=10_000) if i.incident_id.startswith(incident_id)]
        if len(matching) != 1:
            why = "no incident has that id" if not matching else f"{len(matching)} incidents begin like that"
            raise BadInputError(why, where=incident_id, hint="see `mumetal incidents`")
        chosen = matching[0]
        if state or label or owner is not None or note:
            _change(folder, scope, chosen.incident_id, state, label, owner, note)
            chosen = kept.incident(scope, chosen.incident_id)
        found = kept.findings(scope, chosen.findings)
    finally:
        kept.close()
    if as_json:
        typer.echo(msgspec.json.encode({"incident": chosen, "findings": found}).decode())
    else:
        typer.echo(incident_report(chosen, found))
    return 0


def _change(
    folder: Path,
    scope: Scope,
    incident_id: str,
    state: IncidentState | None,
    label: Label | None,
    owner: str | None,
    note: str,
) -> None:
    """Ask the running stack to change it, so that one process owns the incidents; without one, do it here."""
    from mumetal.app import running
    from mumetal.app.desk import Change
    from mumetal.app.offline import change_offline

    change = Change(state=state, owner=owner, label=label, note=note)
    alive = running.read(folder)
    if alive is None:
        change_offline(folder, scope, incident_id, change)
        return
    running.ask(alive, f"/api/v1/incidents/{incident_id}/change", msgspec.json.encode(change))
