"""Known weaknesses of quantum SDKs and lab software, from ``cves.toml`` beside this file."""

from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mumetal.core.errors import BadInputError
from mumetal.core.technique import Grade

FILE = "cves.toml"
Line = Annotated[str, Meta(min_length=1, max_length=300)]


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions from ``introduced`` (inclusive) to ``fixed`` (exclusive)."""

    introduced: Line
    fixed: Line


class Weakness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known weakness.

    Args:
        id: CVE id, or the place of the fix where no CVE was given.
        aliases: Other ids.
        title: What it lets an attacker do.
        packages: Names in the Python package index, normalised.
        affected: Version spans.
        severity: As published.
        cvss4: CVSS 4.0 base vector; empty where there is none.
        cvss4_score: Its score; 0 where there is none.
        cvss4_by: Who made the vector and from what, or why there is none.
        exploitation: SSVC: is it used.
        automatable: SSVC: can an attacker do it to many at once.
        impact: SSVC: how much of the component falls.
        grade: How well the entry is attested.
        workaround: What helps before the update.
        references: Advisories and fixes.
    """

    id: Line
    title: Line
    packages: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=10)]
    affected: Annotated[tuple[Span, ...], Meta(min_length=1, max_length=20)]
    severity: Literal["low", "medium", "high", "critical"]
    exploitation: Literal["none", "poc", "active"]
    automatable: Literal["yes", "no"]
    impact: Literal["partial", "total"]
    grade: Grade
    workaround: Line
    references: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=10)]
    aliases: tuple[Line, ...] = ()
    cvss4: str = ""
    cvss4_score: Annotated[float, Meta(ge=0, le=10)] = 0.0
    cvss4_by: Line = "not given"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dated: str
    cve: tuple[Weakness, ...]


def decode(data: bytes, where: str = FILE) -> tuple[str, tuple[Weakness, ...]]:
    """Decode a file of weaknesses into its date and its entries.

    Raises:
        BadInputError: Not TOML, an unknown or missing field, or an id given twice.
    """
    try:
        read = msgspec.toml.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error)[:300], where=where) from None
    if len({w.id for w in read.cve}) != len(read.cve):
        raise BadInputError("an id is given twice", where=where)
    return read.dated, read.cve


@lru_cache(maxsize=1)
def weaknesses() -> tuple[str, tuple[Weakness, ...]]:
    """Return the date of the packaged file and its entries."""
    return decode(files("mumetal.catalog").joinpath(FILE).read_bytes())
