"""The commands, each in a module of its own; heavy imports wait until a command runs."""

import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from mumetal import __version__
from mumetal.app.parts import installed_parts, own_parts
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.core.part import Part, looked_up
from mumetal.serve.cli import act, bench, check, link, plugins, status
from mumetal.serve.cli.guarded import complain, guarded

app = typer.Typer(
    name="mumetal",
    help="Security for quantum computing stacks: watches, explains, ranks.",
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"mumetal {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - acted on by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Security for quantum computing stacks. Without a command: what is going on, and what to do next."""
    if context.invoked_subcommand is None:
        guarded(status.status)(store=None, settings=None, as_json=as_json)


app.command("status")(guarded(status.status))
app.command("link")(guarded(link.link))
app.command("check")(guarded(check.check))
app.command("settings")(guarded(check.show_settings))
app.command("plugins")(guarded(plugins.plugins))
app.add_typer(act.app(guarded), name="act")
app.command("bench", add_help_option=False, context_settings=bench.HANDED_OVER)(guarded(bench.bench))


def add_parts(found: Iterable[Part]) -> None:
    """Add the commands of parts.

    Raises:
        BadInputError: Two parts, or a part and the house, claim one command.
    """
    taken = {c.name for c in app.registered_commands} | {c.name for c in app.registered_groups}
    for command in (command for part in found for command in part.commands):
        if command.name in taken:
            raise BadInputError(f"two parts claim the command {command.name!r}", hint="uninstall one of them")
        taken.add(command.name)
        made = looked_up(command.place)
        assert callable(made)
        if command.group:
            app.add_typer(made(guarded), name=command.name)
        else:
            app.command(command.name)(guarded(made))


def add_installed(allow: Sequence[str]) -> None:
    """Add the commands of other packages' parts; one that cannot be loaded is told, and the rest of the house still opens."""
    for load in installed_parts(allow):
        try:
            add_parts((load(),))
        except MumetalError as error:
            complain(error, as_json=False)
        except Exception as error:  # noqa: BLE001 - whatever a package raises while it is imported, it is told
            said = f"a command of another package cannot be loaded: {type(error).__name__}: {error}"[:500]
            complain(BadInputError(said, hint="mend or uninstall it, see `mumetal plugins`"), as_json=False)


def allowed(words: Sequence[str]) -> tuple[str, ...]:
    """Return which plug-ins the settings allow; a broken file allows none, and is told by the command itself.

    Args:
        words: The command line: a settings file that it names counts, else that of this folder.
    """
    from mumetal.app.settings import DEFAULT_FILE, plugins_allowed

    told = [after for word, after in pairwise(words) if word == "--settings"]
    told += [word.removeprefix("--settings=") for word in words if word.startswith("--settings=")]
    try:
        return plugins_allowed(Path(told[-1]) if told else DEFAULT_FILE)
    except MumetalError:
        return ()


add_parts(own_parts())
add_installed(allowed(sys.argv[1:]))
