"""``mumetal tally``: what was counted so far, of the stack that runs here."""

from pathlib import Path

import typer

from mumetal.core.errors import UnavailableError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption


def tally(*, settings: SettingsOption = None, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """Tell how often what was done to each device."""
    from mumetal.app import running, wiring

    folder = Path(wiring.load(settings, wiring.Overrides(store=store)).store.directory)
    alive = running.read(folder)
    if alive is None:
        raise UnavailableError("no stack runs here", where=str(folder), hint="start one with `mumetal up`")
    said = running.ask(alive, "/api/v1/tally", None, "GET")
    if as_json:
        typer.echo(said.decode())
        return 0
    import msgspec

    for device, activity, n in msgspec.json.decode(said, type=list[tuple[str, str, int]]):
        typer.echo(f"{device}  {activity}  {n}")
    return 0
