"""Options and files that the commands on keys, firmware and calibrations share."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from mumetal.core.errors import BadInputError, UnavailableError

SignOption = Annotated[list[str], typer.Option("--sign", help="Key that signs, as a URI; may be given several times.")]
RootsOption = Annotated[Path, typer.Option("--roots", help="Folder with the signed versions, 1.root.json and on.")]
PinOption = Annotated[str, typer.Option("--pin", help="SHA-256 of the first version, as `keys root` printed it.")]


def secrets(*, confirm: bool = False) -> Any:  # noqa: ANN401 - a Secrets, whose module is heavy
    """Return where passphrases come from: the environment, or the person at the terminal."""
    import sys

    from mumetal.trust.api import KeySecrets

    def ask(what: str) -> str:
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True))

    return KeySecrets(environ=os.environ, prompt=ask if sys.stdin.isatty() else None)


def root_versions(folder: Path) -> list[bytes]:
    """Return the signed versions of a trust root, in order."""
    found: list[bytes] = []
    while (path := folder / f"{len(found) + 1}.root.json").exists():
        found.append(read_bytes(path))
    return found


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        BadInputError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(error.strerror or str(error), where=str(path)) from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole, and to the disk.

    Raises:
        UnavailableError: It cannot be written.
    """
    from mumetal.trust.api import write_whole

    try:
        write_whole(path, data, sync=True)
    except OSError as error:
        raise UnavailableError(error.strerror or str(error), where=str(path)) from None
