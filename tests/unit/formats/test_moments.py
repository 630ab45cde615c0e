from datetime import UTC

import pytest

from mumetal.core.errors import BadInputError
from mumetal.formats.moments import iso, parse_iso, zone


def test_zones_fractions_and_naive_times() -> None:
    base = 1_776_421_786 * 10**9
    assert parse_iso("2026-04-17T12:29:46+02:00") == base
    assert parse_iso("2026-04-17T10:29:46Z") == base
    assert parse_iso("2026-04-17T10:29:46.123456789Z") == base + 123_456_789
    assert parse_iso("2026-04-17 06:29:46.5-0400") == base + 500_000_000
    assert parse_iso("2026-04-17T13:29:46", zone("Europe/Helsinki")) == base
    assert parse_iso("2026-04-17", UTC) == base - (10 * 3600 + 29 * 60 + 46) * 10**9


@pytest.mark.parametrize(
    "text", ["2026-04-17T12:29:46", "2026-13-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday", "", "2026-04-17T25:00:00Z",
             "2026-04-17T12:29:46+99:00", "9" * 100, "\u0662026-04-17T12:29:46Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_iso(text)


@pytest.mark.parametrize("t_ns", [1_776_421_786 * 10**9, 1_776_421_786 * 10**9 + 1, 1_776_421_786 * 10**9 + 5_000])
def test_writing_and_reading_agree(t_ns: int) -> None:
    assert parse_iso(iso(t_ns)) == t_ns


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "", "/etc/localtime"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(BadInputError):
        zone(name)
