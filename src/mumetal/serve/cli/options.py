"""Options that several commands share, and how a duration is read."""

import re
from pathlib import Path
from typing import Annotated

import typer

from mumetal.core.errors import BadInputError

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|min|h|d)?")
SECONDS = {None: 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}

StoreOption = Annotated[Path | None, typer.Option("--store", help="Folder for data and incidents [default: .mumetal].")]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", help="Settings file [default: mumetal.toml here, if there is one].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose data.")]


def seconds(text: str) -> float:
    """Read ``90s``, ``5m``, ``2h``; a bare number is seconds.

    Raises:
        BadInputError: It is none of these.
    """
    found = DURATION.fullmatch(text.strip())
    if not found:
        raise BadInputError(f"{text!r} is not a duration", hint="write 90s, 5m or 2h")
    return float(found[1]) * SECONDS[found[2]]
