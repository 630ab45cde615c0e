"""Small refusals that every noun's constructor uses."""

import math
import re

from mumetal.core.errors import BadInputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+/@\[\]()-]{0,199}")
EARLIEST_NS = 631_152_000 * 10**9  # 1990-01-01
LATEST_NS = 7_258_118_400 * 10**9  # 2200-01-01


def name(value: str, what: str) -> None:
    """Refuse a name that is empty, longer than 200 characters or not plain ASCII.

    Raises:
        BadInputError: The name cannot be used.
    """
    if not NAME.fullmatch(value) or ".." in value:
        raise BadInputError(
            f"{what} {value[:80]!r} is not a plain name",
            hint="use letters, digits and _ . : + / @ [ ] ( ) -, starting with a letter or digit, at most 200",
        )


def time_ns(value: int, what: str) -> None:
    """Refuse a time outside 1990 to 2200.

    Raises:
        BadInputError: The time is out of range, most often a wrong unit.
    """
    if not EARLIEST_NS <= value < LATEST_NS:
        raise BadInputError(
            f"{what} {value} is not a time between 1990 and 2200", hint="give nanoseconds since 1970, UTC"
        )


def fraction(value: float, what: str) -> None:
    """Refuse a number outside [0, 1].

    Raises:
        BadInputError: The number is NaN or out of range.
    """
    if math.isnan(value) or not 0.0 <= value <= 1.0:
        raise BadInputError(f"{what} {value} is not between 0 and 1")


def readable(value: str) -> str:
    """Return a text that can be written anywhere: what has no UTF-8 form, as in odd file names, becomes ``?``."""
    return value.encode("utf-8", "replace").decode()


def text(value: str, what: str, limit: int = 4_000) -> None:
    """Refuse a text longer than ``limit`` characters, or one that has no UTF-8 form and could be kept nowhere.

    Raises:
        BadInputError: The text is too long, or holds half a character.
    """
    if not value.isascii() and readable(value) != value:
        raise BadInputError(f"{what} has a character that no UTF-8 text can hold")
    if len(value) > limit:
        raise BadInputError(f"{what} has {len(value)} characters, more than {limit}")
