"""The commands, each in a module of its own; heavy imports wait until a command runs."""

from typing import Annotated

import typer

from mumetal import __version__
from mumetal.serve.cli import bench, check, status
from mumetal.serve.cli.guarded import guarded
from mumetal.serve.cli.scan import scan
from mumetal.serve.cli.triage import incident
from mumetal.serve.cli.trust import audit, calibration, firmware, keys, model
from mumetal.serve.cli.twin import twin
from mumetal.serve.cli.watch import once as watch
from mumetal.serve.cli.watch import power, up

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


app.command("up")(guarded(up.up))
app.command("watch")(guarded(watch.watch))
app.command("status")(guarded(status.status))
app.command("incidents")(guarded(incident.incidents))
app.command("incident")(guarded(incident.incident))
app.command("power")(guarded(power.power))
app.command("check")(guarded(check.check))
app.command("settings")(guarded(check.show_settings))
app.add_typer(audit.app(guarded), name="audit")
app.add_typer(scan.app(guarded), name="scan")
app.add_typer(twin.app(guarded), name="twin")
app.add_typer(firmware.app(guarded), name="firmware")
app.add_typer(keys.app(guarded), name="keys")
app.add_typer(calibration.app(guarded), name="calibration")
app.add_typer(model.app(guarded), name="model")
app.command("bench", add_help_option=False, context_settings=bench.HANDED_OVER)(guarded(bench.bench))
