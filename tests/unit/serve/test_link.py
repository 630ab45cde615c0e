"""``mumetal link`` where there is nothing to sign in to, and what the command line says when its token is no good."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.fake_desk import FakeDesk
from typer.testing import CliRunner

from mumetal.access.sessions import Sessions
from mumetal.access.tokens import open_tokens, token_file
from mumetal.app import running
from mumetal.app.settings import ServeSettings
from mumetal.core.clock import SystemClock
from mumetal.serve.api.server import Server
from mumetal.serve.cli.app import app as commands
from mumetal.serve.web import create_app

RUN = CliRunner()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    settings = ServeSettings(port=0)
    sessions = Sessions("ada", open_tokens(tmp_path), SystemClock())
    server = Server(create_app(FakeDesk(), settings, sessions=sessions), settings)
    told = running.Running(pid=os.getpid(), url=server.start(), since_ns=1, token=str(token_file(tmp_path)))
    running.write(tmp_path, told)
    yield tmp_path
    server.stop()


def test_it_prints_a_link_that_signs_one_browser_in(store: Path) -> None:
    done = RUN.invoke(commands, ["link", "--store", str(store)])
    assert done.exit_code == 0
    assert [httpx.get(done.output.strip()).status_code for _ in range(2)] == [303, 403]
    told = json.loads(RUN.invoke(commands, ["link", "--store", str(store), "--json"]).output)
    assert (told["seconds"], httpx.get(told["url"]).status_code) == (300.0, 303)


def test_without_a_stack_or_where_certificates_say_who_calls_there_is_none(tmp_path: Path) -> None:
    assert RUN.invoke(commands, ["link", "--store", str(tmp_path)]).exit_code == 3
    running.write(tmp_path, running.Running(pid=os.getpid(), url="https://lab:8470", since_ns=1))
    assert RUN.invoke(commands, ["link", "--store", str(tmp_path)]).exit_code == 2


@pytest.mark.parametrize(("text", "mode", "code"), [("0" * 64, 0o600, 4), (None, 0o644, 4), ("junk", 0o600, 4)])
def test_a_token_that_is_no_good_is_said(store: Path, text: str | None, mode: int, code: int) -> None:
    path = token_file(store)
    kept = path.read_text().strip()
    path.write_text(kept if text is None else text)
    path.chmod(mode)
    done = RUN.invoke(commands, ["link", "--store", str(store)])
    assert done.exit_code == code
    assert kept not in done.output
    path.unlink()
    assert RUN.invoke(commands, ["link", "--store", str(store)]).exit_code == 3
