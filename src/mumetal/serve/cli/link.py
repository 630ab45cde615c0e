"""``mumetal link``: sign a browser in to the pages of the stack that runs here."""

from pathlib import Path

import msgspec
import typer

from mumetal.core.errors import BadInputError
from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption


class _Made(msgspec.Struct, frozen=True):
    path: str
    seconds: float


def link(*, settings: SettingsOption = None, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """Print a link that signs one browser in to the pages, once, within five minutes."""
    from mumetal.app import running, wiring

    folder = Path(wiring.load(settings, wiring.Overrides(store=store)).store.directory)
    alive = running.found((folder, folder / "demo"))
    if not alive.token:
        raise BadInputError("certificates say who calls here", where=alive.url, hint="open the page with yours")
    made = msgspec.json.decode(running.ask(alive, "/api/v1/links", b""), type=_Made)
    url = alive.url + made.path
    typer.echo(msgspec.json.encode({"url": url, "seconds": made.seconds}).decode() if as_json else url)
    return 0
