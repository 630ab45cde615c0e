"""Text to nanoseconds since 1970 UTC; a time without a zone is read in the zone the caller names, or refused."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mumetal.core import check
from mumetal.core.errors import BadInputError

ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def zone(name: str, where: str = "tz") -> tzinfo:
    """Return an IANA time zone.

    Raises:
        BadInputError: There is no such zone.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInputError(
            f"no time zone is called {name[:60]!r}", where=where, hint="use an IANA name such as Europe/Helsinki"
        ) from None


def whole_ns(moment: datetime) -> int:
    """Return an aware datetime as nanoseconds since 1970 UTC, exactly."""
    span = moment - EPOCH
    return ((span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds) * 1_000


def parse_iso(text: str, naive: tzinfo | None = None, where: str = "") -> int:
    """Read an ISO 8601 date and time, to the nanosecond.

    Args:
        text: Such as ``"2026-04-17T12:29:46+02:00"`` or ``"2026-04-17 12:29:46.123456789Z"``.
        naive: Zone of a text without one; None refuses it.
        where: Place for the error.

    Raises:
        BadInputError: Not such a text, no zone, or not between 1990 and 2200.
    """
    found = ISO.fullmatch(text.strip()) if len(text) <= 64 else None
    if found is None:
        raise BadInputError(f"{text[:64]!r} is not an ISO 8601 time", where=where)
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        zoned = _offset(offset) if offset else naive
        if zoned is None:
            raise BadInputError(f"time {text!r} has no zone", where=where, hint="name the zone with tz=")
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=zoned
        )
        t_ns = whole_ns(moment)
    except (ValueError, OverflowError):
        raise BadInputError(f"{text!r} is not a possible time", where=where) from None
    if fraction:
        t_ns += int(fraction[:9].ljust(9, "0"))
    check.time_ns(t_ns, f"time {text!r}")
    return t_ns


def _offset(text: str) -> tzinfo:
    if text in {"Z", "z"}:
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-span if text[0] == "-" else span)


def iso(t_ns: int) -> str:
    """Write nanoseconds since 1970 as ISO 8601 in UTC, with as many decimals as are needed (0, 6 or 9)."""
    second, rest = divmod(t_ns, 10**9)
    head = (EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
    if rest == 0:
        return head + "+00:00"
    return f"{head}.{rest // 1_000:06d}+00:00" if rest % 1_000 == 0 else f"{head}.{rest:09d}+00:00"
