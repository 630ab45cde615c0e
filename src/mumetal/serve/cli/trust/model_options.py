"""What the ``mumetal model`` commands share: their options, and how they read files."""

from pathlib import Path
from typing import Annotated

import typer

from mumetal.core.errors import BadInputError
from mumetal.core.regular import open_regular

MAX_FILE = 512 * 2**20
NameArgument = Annotated[str, typer.Argument(help="The model's name.")]
VersionArgument = Annotated[str, typer.Argument(help="The version, or its first letters.")]
RootOption = Annotated[Path | None, typer.Option("--root", help="Trust root [default: the registry's own].")]
KeyOption = Annotated[str, typer.Option("--key", help="URI of the key to sign with [default: the registry's own].")]
ApprovalOption = Annotated[
    Path | None, typer.Option("--approval", help="Signed approval, where the lab's settings demand one.")
]
MAX_APPROVAL = 2**20
WhyOption = Annotated[str, typer.Option("--why", help="The reason, for the ledger.")]


def store_of(settings: Path | None, store: Path | None) -> Path:
    """Return the folder that the settings or the command line name."""
    from mumetal.app import wiring

    return Path(wiring.load(settings, wiring.Overrides(store=store)).store.directory)


def allowed(settings: Path | None) -> tuple[str, ...]:
    """Return the plug-ins that the settings allow."""
    from mumetal.app import wiring

    return wiring.load(settings, wiring.Overrides()).plugins.allow


def read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    """Read a file.

    Raises:
        BadInputError: It cannot be read, is no regular file, or is longer than ``limit`` bytes.
    """
    try:
        with open(path, "rb", opener=open_regular) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BadInputError(error.strerror or "cannot be read", where=str(path)) from None
    if len(data) > limit:
        raise BadInputError(f"more than {limit} bytes", where=str(path))
    return data
