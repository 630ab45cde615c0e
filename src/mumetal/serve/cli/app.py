"""The commands, each in a module of its own; heavy imports wait until a command runs."""

from collections.abc import Iterable
from typing import Annotated

import typer

from mumetal import __version__
from mumetal.app.parts import own_parts, parts
from mumetal.core.errors import BadInputError, MumetalError
from mumetal.core.part import Part, looked_up
from mumetal.serve.cli import act, bench, check, plugins, status
from mumetal.serve.cli.guarded import guarded

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


def allowed() -> tuple[str, ...]:
    """Return which plug-ins the settings file of this folder allows; a broken file is told by the command itself."""
    from mumetal.app.settings import DEFAULT_FILE, plugins_allowed

    try:
        return plugins_allowed(DEFAULT_FILE)
    except MumetalError:
        return ()


add_parts(own_parts())
add_parts(part for part in parts(allowed()) if part not in own_parts())
