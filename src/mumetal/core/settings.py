"""Reads settings: TOML, bounded, typed; each room declares what can be set of it."""

from typing import TypeVar

import msgspec

from mumetal.core.errors import BadInputError

MAX_SETTINGS_BYTES = 1_000_000
T = TypeVar("T")


def read_toml(text: bytes, kind: type[T], where: str = "settings") -> T:
    """Decode TOML.

    Args:
        text: The file.
        kind: What it must be.
        where: Its name, for errors.

    Raises:
        BadInputError: Not TOML, an unknown field, or a value out of bounds; says which.
    """
    if len(text) > MAX_SETTINGS_BYTES:
        raise BadInputError(f"settings are larger than {MAX_SETTINGS_BYTES} bytes", where=where)
    try:
        return msgspec.toml.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error), where=where, hint="see docs/reference/settings.md") from None
