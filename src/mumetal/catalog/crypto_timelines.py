"""What becomes of cryptographic algorithms and by when, from ``crypto_timelines.toml`` beside this file."""

import re
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mumetal.core.errors import BadInputError

FILE = "crypto_timelines.toml"
Status = Literal["safe", "broken-by-quantum", "broken"]
Year = Annotated[int, Meta(ge=2000, le=2100)]


class Family(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Algorithms that share a fate.

    Args:
        id: Name of the family.
        pattern: Expression over an algorithm's name.
        status: Whether it holds.
        kem: What replaces it where keys are agreed.
        signature: What replaces it elsewhere.
    """

    id: str
    pattern: str
    status: Status
    kem: str = ""
    signature: str = ""


class Date(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deadline.

    Args:
        source: Who sets it.
        says: What holds from then on.
        year: Through the end of which the old may be used.
        status: Which algorithms it is about.
        max_strength: Only up to this classical strength, bits; 0 for all.
        use: Only for this use; empty for all.
        reference: Where it is written.
        grade: How well that was checked.
    """

    source: str
    says: str
    year: Year
    status: Status
    max_strength: Annotated[int, Meta(ge=0, le=512)] = 0
    use: str = ""
    reference: str
    grade: Literal["V", "O", "R"]


class Timelines(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file; the first family whose pattern fits counts."""

    checked: str
    family: tuple[Family, ...]
    date: tuple[Date, ...]

    def family_of(self, algorithm: str) -> Family | None:
        """Return an algorithm's family; None when it is not known."""
        return next((f for f in self.family if re.search(f.pattern, algorithm)), None)

    def dates_for(self, status: Status, strength: int, use: str) -> tuple[Date, ...]:
        """Return the deadlines that hold, earliest first.

        Args:
            status: The algorithm's fate.
            strength: Classical strength, bits; 0 when unknown, which is taken as the weakest.
            use: What it is used for.
        """
        found = [
            d
            for d in self.date
            if d.status == status and (not d.max_strength or strength <= d.max_strength) and d.use in {"", use}
        ]
        return tuple(sorted(found, key=lambda d: d.year))


def decode(data: bytes, where: str = FILE) -> Timelines:
    """Read the timelines.

    Raises:
        BadInputError: Not such a file, or a pattern is no expression.
    """
    try:
        read = msgspec.toml.decode(data, type=Timelines)
        for family in read.family:
            re.compile(family.pattern)
    except (msgspec.DecodeError, UnicodeDecodeError, re.error) as error:
        raise BadInputError(str(error)[:300], where=where) from None
    return read


@lru_cache(maxsize=1)
def timelines() -> Timelines:
    """Return the packaged timelines."""
    return decode((files("mumetal.catalog") / FILE).read_bytes())
