"""Which channels of a raw source are pulses, timing stamps, readout shots or fields: a TOML file beside the data."""

import math
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from mumetal.core import check
from mumetal.core.errors import BadInputError, UnavailableError

MAX_PLAN = 1_000_000
Pattern = Annotated[str, Meta(min_length=1, max_length=200)]
Patterns = Annotated[tuple[Pattern, ...], Meta(max_length=64)]
Hz = Annotated[float, Meta(gt=0, le=1e12)]


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Channels that belong together.

    ``pulse``: one row is one pulse, its samples are the channels in order. ``timing``: one row is one pulse, ``channels``
    are data pulses' residuals and ``reference`` those of reference pulses. ``iq``: one row is one shot, ``channels`` are I
    and Q, ``prepared`` the state that was prepared, where it is known. ``field``: one row is one sample of a
    magnetometer, a power meter or an antenna.
    """

    kind: Literal["pulse", "timing", "iq", "field"]
    channels: Annotated[tuple[Pattern, ...], Meta(min_length=1, max_length=64)]
    reference: Patterns = ()
    prepared: Annotated[str, Meta(max_length=200)] = ""
    shape: Annotated[tuple[float, ...], Meta(max_length=65_536)] = ()
    bands_hz: Annotated[tuple[tuple[float, float], ...], Meta(max_length=64)] = ()
    mains_hz: Annotated[float, Meta(ge=0, le=1_000)] = 50.0
    harmonics: Annotated[int, Meta(ge=1, le=40)] = 3
    pulse_tube_hz: Annotated[float, Meta(ge=0, le=100)] = 1.4


class Join(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Channels of several streams of one device that become one stream, each named ``STREAM/CHANNEL``.

    ``rows`` sets the times; of each in ``beside`` the nearest row within ``within_s`` is taken, or the mean of those since
    the row before. A row waits at most ``wait_s`` (s, by the clock of ``rows``) for the others.
    """

    rows: Pattern
    beside: Annotated[tuple[Pattern, ...], Meta(min_length=1, max_length=16)]
    how: Literal["nearest", "mean"] = "nearest"
    within_s: Annotated[float, Meta(gt=0, le=3_600)] = 0.05
    wait_s: Annotated[float, Meta(gt=0, le=3_600)] = 10.0


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an edge file says: how long a window is, the groups by name, and what is joined, also with another source."""

    window_s: Annotated[float, Meta(ge=1e-3, le=3_600)] = 1.0
    groups: Annotated[dict[str, Group], Meta(max_length=1_000)] = {}
    joins: Annotated[dict[str, Join], Meta(max_length=64)] = {}
    also: Annotated[str, Meta(max_length=2_000)] = ""


def choose(patterns: tuple[str, ...], names: tuple[str, ...]) -> list[int]:
    """Return the positions of the channels that a pattern names (``*`` stands for anything), in their own order."""
    return [i for i, name in enumerate(names) if any(fnmatchcase(name, p) for p in patterns)]


def decode(data: bytes, where: str) -> Plan:
    """Read a plan from TOML.

    Raises:
        BadInputError: Not such a file, or a group that cannot be; says which.
    """
    try:
        plan = msgspec.toml.decode(data, type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInputError(str(error)[:300], where=where, hint="see docs/how-to/edge-features.md") from None
    hint = "see docs/how-to/edge-features.md"
    if not plan.groups and not plan.joins:
        raise BadInputError("neither groups nor joins", where=where, hint=hint)
    if plan.also and not plan.joins:
        raise BadInputError("another source is named, and nothing to join with it", where=where, hint=hint)
    for name, group in plan.groups.items():
        check.name(name, "edge group")
        _check(name, group, where)
    for name, join in plan.joins.items():
        check.name(name, "joined stream")
        wanted = (join.rows, *join.beside)
        if len(set(wanted)) < len(wanted) or any(not all(w.partition("/")[::2]) for w in wanted):
            raise BadInputError(f"join {name!r}: channels are STREAM/CHANNEL, each once", where=where, hint=hint)
        if name in {w.partition("/")[0] for w in wanted}:
            raise BadInputError(f"join {name!r} has the name of a stream that it joins", where=where, hint=hint)
        if join.wait_s < join.within_s:
            raise BadInputError(f"join {name!r}: wait_s is shorter than within_s", where=where, hint=hint)
    return plan


def _check(name: str, group: Group, where: str) -> None:
    def refuse(what: str) -> BadInputError:
        return BadInputError(f"group {name!r}: {what}", where=where, hint="see docs/how-to/edge-features.md")

    if group.reference and group.kind != "timing":
        raise refuse("only timing has reference pulses")
    if group.prepared and group.kind != "iq":
        raise refuse("only iq has a prepared state")
    if group.kind == "iq" and len(group.channels) != 2:
        raise refuse("iq needs two channels, I and Q")
    if group.shape and (group.kind != "pulse" or len(group.shape) < 3 or not any(group.shape)):
        raise refuse("a shape belongs to a pulse and has three samples or more, not all zero")
    if not all(math.isfinite(x) for x in group.shape):
        raise refuse("a shape's samples are finite")
    if any(not (math.isfinite(high) and 0 <= low < high) for low, high in group.bands_hz):
        raise refuse("a band is [low, high] in Hz with 0 <= low < high")
    if group.bands_hz and group.kind != "field":
        raise refuse("only field has bands")


def load(path: Path) -> Plan:
    """Read a plan from a file.

    Raises:
        UnavailableError: The file cannot be read.
        BadInputError: It is no plan.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PLAN + 1)
    except OSError as error:
        raise UnavailableError(
            f"the edge file cannot be read: {error.strerror}", where=str(path), hint="check edge=FILE of the source"
        ) from None
    if len(data) > MAX_PLAN:
        raise BadInputError("the edge file is larger than 1 MB", where=str(path))
    return decode(data, str(path))
