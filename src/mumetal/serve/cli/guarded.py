"""Gives every command the design's exit codes, one way to say what went wrong, and a data folder of its own account's."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import ParamSpec

import msgspec
import typer

from mumetal.app.private import private_files
from mumetal.core.errors import MumetalError, UnavailableError

P = ParamSpec("P")
PARTS = dict.fromkeys(
    ("duckdb", "arro3", "fastapi", "uvicorn", "jinja2", "structlog", "sqlalchemy", "onnxruntime", "tuf", "OpenSSL"),
    "server",
) | {
    "cryptography": "crypto",
    "cyclonedx": "crypto",
}


def guarded(command: Callable[P, int | None]) -> Callable[P, None]:
    """Return the command such that an error of ours becomes a message and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            # a scan's report is others' to read: it keeps the folder that it records in private by itself
            keeps = "store" in kwargs and "record" not in kwargs
            with private_files() if keeps else nullcontext():
                code = command(*args, **kwargs)
        except MumetalError as error:
            complain(error, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(error.exit_code) from None
        except ModuleNotFoundError as error:
            part = PARTS.get((error.name or "").split(".")[0])
            if part is None:
                raise
            missing = UnavailableError(
                f"this command needs the {part} part ({error.name} is missing)",
                hint=f"install it: pip install 'mumetal[{part}]'",
            )
            complain(missing, as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(missing.exit_code) from None
        raise typer.Exit(code or 0)

    return run


def complain(error: MumetalError, *, as_json: bool) -> None:
    """Say what was wrong, where, and how to mend it."""
    if as_json:
        body = {"error": type(error).__name__, "message": error.message, "where": error.where, "hint": error.hint}
        sys.stdout.write(msgspec.json.encode(body).decode() + "\n")
        return
    place = f"{error.where}: " if error.where else ""
    sys.stderr.write(f"mumetal: {place}{error.message}\n")
    if error.hint:
        sys.stderr.write(f"  to mend it: {error.hint}\n")
