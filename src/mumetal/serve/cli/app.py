"""The commands, each in a module of its own; heavy imports wait until a command runs."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, ParamSpec

import msgspec
import typer

from mumetal import __version__
from mumetal.core.errors import MumetalError, UnavailableError
from mumetal.serve.cli import audit, check, incident, keys, model, power, status, twin, up, watch

P = ParamSpec("P")
SERVER_PARTS = {
    "duckdb",
    "arro3",
    "fastapi",
    "uvicorn",
    "jinja2",
    "structlog",
    "sqlalchemy",
    "onnxruntime",
    "cryptography",
}

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
        _guard(status.status)(store=None, settings=None, as_json=as_json)


def _guard(command: Callable[P, int | None]) -> Callable[P, None]:
    """Give a command the design's exit codes and one way to say what went wrong."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except MumetalError as error:
            _complain(error, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(error.exit_code) from None
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in SERVER_PARTS:
                raise
            missing = UnavailableError(
                f"this command needs the server part ({error.name} is missing)",
                hint="install it: pip install 'mumetal[server]'",
            )
            _complain(missing, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(missing.exit_code) from None
        raise typer.Exit(code or 0)

    return run


def _complain(error: MumetalError, *, as_json: bool) -> None:
    if as_json:
        body = {"error": type(error).__name__, "message": error.message, "where": error.where, "hint": error.hint}
        sys.stdout.write(msgspec.json.encode(body).decode() + "\n")
        return
    place = f"{error.where}: " if error.where else ""
    sys.stderr.write(f"mumetal: {place}{error.message}\n")
    if error.hint:
        sys.stderr.write(f"  to mend it: {error.hint}\n")


app.command("up")(_guard(up.up))
app.command("watch")(_guard(watch.watch))
app.command("status")(_guard(status.status))
app.command("incidents")(_guard(incident.incidents))
app.command("incident")(_guard(incident.incident))
app.command("power")(_guard(power.power))
app.command("check")(_guard(check.check))
app.command("settings")(_guard(check.show_settings))
app.add_typer(audit.app(_guard), name="audit")
app.add_typer(model.app(_guard), name="model")
app.add_typer(keys.app(_guard), name="keys")
app.add_typer(twin.app(_guard), name="twin")
