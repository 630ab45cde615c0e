"""``mumetal audit``: read the ledger and prove that nobody rewrote it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from mumetal.serve.cli.options import JsonOption, SettingsOption, StoreOption


def _path(settings: Path | None, store: Path | None) -> Path:
    from mumetal.core.errors import BadInputError
    from mumetal.serve import wiring

    directory = Path(wiring.load(settings, wiring.Overrides(store=store)).store.directory)
    for folder in (directory, directory / "demo"):
        if (folder / "ledger.jsonl").exists():
            return folder / "ledger.jsonl"
    raise BadInputError("there is no ledger here", where=str(directory), hint="run `mumetal up` first, or name --store")


def verify(*, settings: SettingsOption = None, store: StoreOption = None, as_json: JsonOption = False) -> int:
    """Check every entry of the ledger; ends with 4 when one was altered, removed or reordered."""
    from mumetal.trust.ledger import ChainedFileLedger

    path = _path(settings, store)
    ledger = ChainedFileLedger(path, read_only=True)
    ledger.verify()
    count = ledger.head.count
    ledger.close()
    if as_json:
        typer.echo(msgspec.json.encode({"ledger": str(path), "entries": count, "verified": True}).decode())
    else:
        typer.echo(f"{path}: {count} entries, each follows from the one before it.")
        typer.echo("A cut-off end cannot be seen without a witness; compare the number with one noted elsewhere.")
    return 0


def show(
    *,
    settings: SettingsOption = None,
    store: StoreOption = None,
    last: Annotated[int, typer.Option("--last", min=1, max=100_000, help="The newest so many entries.")] = 20,
    as_json: JsonOption = False,
) -> int:
    """Print the newest decisions: who, what, why, and how it ended."""
    from mumetal.trust.ledger import ChainedFileLedger

    ledger = ChainedFileLedger(_path(settings, store), read_only=True)
    entries = ledger.entries(max(0, ledger.head.count - last), last)
    ledger.close()
    if as_json:
        typer.echo(msgspec.json.encode([{"index": i, "entry": e} for i, e in entries]).decode())
        return 0
    for index, e in entries:
        when = datetime.fromtimestamp(e.t_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
        typer.echo(f"{index:6d}  {when}Z  {e.actor}  {e.action}  {e.subject}  {e.outcome or 'begun'}  {e.why}")
    return 0


def app(guard: Callable[[Callable[..., int | None]], Callable[..., Any]]) -> typer.Typer:
    """Return the ``audit`` commands."""
    group = typer.Typer(help="Read the ledger of decisions and prove that nobody rewrote it.", no_args_is_help=True)
    group.command("verify")(guard(verify))
    group.command("show")(guard(show))
    return group
