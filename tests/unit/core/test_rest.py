"""Errors, registry, clock and settings."""

import pytest

from mumetal.app.settings import Settings, decode
from mumetal.core.clock import ManualClock, SystemClock
from mumetal.core.errors import BadInputError, MumetalError, RejectedError, UnavailableError
from mumetal.core.registry import Registry
from mumetal.core.settings import MAX_SETTINGS_BYTES


def test_errors_say_what_where_and_how_to_mend_it() -> None:
    assert str(BadInputError("no", where="f:1", hint="do")) == "f:1: no (do)"
    assert [e.exit_code for e in (BadInputError, UnavailableError, RejectedError)] == [2, 3, 4]
    assert all(issubclass(e, MumetalError) for e in (BadInputError, UnavailableError, RejectedError))


def test_a_duplicate_id_is_an_error() -> None:
    registry: Registry[int] = Registry("detector", "mumetal.none")
    registry.add("a", 1)
    with pytest.raises(BadInputError, match="two plug-ins"):
        registry.add("a", 2)
    with pytest.raises(BadInputError, match="known: a"):
        registry.get("b")
    registry.add_entry_points()
    assert list(registry) == [("a", 1)]
    assert "a" in registry
    assert len(registry) == 1


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(10)
    clock.sleep(1e-9)
    clock.set_ns(5)
    assert (clock.now_ns(), clock.monotonic_ns()) == (5, 1)
    real = SystemClock()
    assert real.monotonic_ns() <= real.monotonic_ns()
    assert real.now_ns() > 1_700_000_000 * 10**9


@pytest.mark.parametrize(
    "text", [b"[store]\nqueue_mib = 0", b"[store]\nqeue = 1", b"\xff", b"[", b"#" * (MAX_SETTINGS_BYTES + 1)]
)
def test_settings_refuse_what_is_out_of_bounds_or_unknown(text: bytes) -> None:
    with pytest.raises(BadInputError):
        decode(text)


def test_settings_have_defaults() -> None:
    assert decode(b"") == Settings()
    assert decode(b"[serve]\nport = 0").serve.port == 0
