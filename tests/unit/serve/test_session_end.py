"""A run ends whole: what fails on the way keeps nothing after it from being stopped, saved and closed."""

from pathlib import Path

import pytest

from mumetal.app.running_parts import RunningParts
from mumetal.app.settings import ServeSettings, Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core.clock import SystemClock
from mumetal.core.errors import UnavailableError
from mumetal.serve.api.server import Server
from mumetal.serve.session import Session


def settings_in(folder: Path) -> Settings:
    return Settings(store=StoreSettings(directory=str(folder)), serve=ServeSettings(port=0))


def started_again(folder: Path) -> bool:
    """Whether nobody holds the store and the ledger any more."""
    with Session(settings_in(folder), SystemClock(), None) as session:
        return bool(session.url)


def test_pages_that_fail_to_stop_keep_the_stack_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Server.stop

    def fails(server: Server) -> None:
        stop(server)
        raise ZeroDivisionError

    monkeypatch.setattr(Server, "stop", fails)
    with pytest.raises(ZeroDivisionError), Session(settings_in(tmp_path), SystemClock(), None):
        pass
    monkeypatch.undo()
    assert (tmp_path / "learnt.state").exists()
    assert started_again(tmp_path)


def test_pages_that_cannot_start_leave_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Server) -> str:
        raise UnavailableError("the port is taken")

    monkeypatch.setattr(Server, "start", fails)
    with (
        pytest.raises(UnavailableError, match="the port is taken"),
        Session(settings_in(tmp_path), SystemClock(), None),
    ):
        pytest.fail("it started")
    monkeypatch.undo()
    assert started_again(tmp_path)


def test_a_stack_that_cannot_be_built_leaves_nothing_open(tmp_path: Path) -> None:
    bad = Settings(store=StoreSettings(directory=str(tmp_path)), sinks=("nosuch:place",))
    with pytest.raises(Exception, match="nosuch"):
        Session(bad, SystemClock(), None)
    assert started_again(tmp_path)


def test_a_stack_that_was_built_is_ended_where_its_pages_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[RunningParts] = []
    stop = RunningParts.stop

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    def noted(parts: RunningParts) -> None:
        stopped.append(parts)
        stop(parts)

    monkeypatch.setattr("mumetal.serve.session.create_app", fails)
    monkeypatch.setattr(RunningParts, "stop", noted)
    with pytest.raises(ZeroDivisionError):
        Session(settings_in(tmp_path), SystemClock(), None)
    monkeypatch.undo()
    assert stopped
    assert started_again(tmp_path)
