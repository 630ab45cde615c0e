"""Runs the commands with a folder of packages installed beside Mumetal, and asks the stack that they start."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.web_client import token_headers

T = TypeVar("T")


class Place:
    """A folder in which commands are run, as a person would.

    Args:
        folder: Where.
        site: Folder of installed packages, put on the path; None where Python has them itself.
        python: The interpreter.
        tree: Another copy of Mumetal that is run; None runs this one.
    """

    def __init__(
        self, folder: Path, site: Path | None = None, python: Path | str = sys.executable, tree: Path | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._python = folder, str(python)
        first = [str(p) for p in (tree, site) if p is not None]
        path = os.pathsep.join([*first, *filter(None, [os.environ.get("PYTHONPATH", "")])])
        self._env = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "XDG_CACHE_HOME": str(folder / "cache")}

    def run(self, *words: object, code: int = 0, settings: str = "") -> str:
        """Run a command; return what it said, both streams."""
        more = ["--settings", settings] if settings else []
        done = subprocess.run(
            [self._python, "-m", "mumetal", *map(str, words), *more],
            cwd=self.folder, env=self._env, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def up(self, *words: str) -> Iterator["Up"]:
        """Run ``mumetal up`` while the block runs; it must end well."""
        process = subprocess.Popen(
            [self._python, "-u", "-m", "mumetal", "up", "--for", "15min", "--port", "0", *words],
            cwd=self.folder, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said, url = "", None
        assert process.stdout is not None
        while url is None and (line := process.stdout.readline()):
            said += line
            url = re.search(r"http://[\d.:]+", line)
        if url is None:
            process.wait(400)
            pytest.fail(said)
        try:
            yield Up(url[0], said, self.folder / ".mumetal")
        finally:
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=400)[0]
        assert process.returncode == 0, output
        assert "Traceback" not in output, output


class Up:
    """A running stack.

    Args:
        url: Its pages.
        said: What it said while it started.
        store: Its folder.
    """

    def __init__(self, url: str, said: str, store: Path) -> None:
        self.url, self.said, self._store = url, said, store

    def get(self, path: str) -> str:
        """Return a page."""
        line = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        line.request("GET", path, headers=token_headers(self._store))
        answer = line.getresponse()
        body = answer.read().decode()
        line.close()
        assert answer.status == 200, body
        return body

    def json(self, path: str) -> Any:
        """Return an answer of the API."""
        return json.loads(self.get(path))

    def findings(self, incident: Mapping[str, Any]) -> str:
        """Return the findings of an incident, as text."""
        return self.get(f"/api/v1/incidents/{incident['incident_id']}/findings")

    def incident(self, title: str) -> dict[str, Any]:
        """Wait for the incident with a finding of this title, and return it."""

        def found() -> dict[str, Any] | None:
            incidents: list[dict[str, Any]] = self.json("/api/v1/incidents")
            return next((i for i in incidents if self._tells(i, title)), None)

        return wait_until(found)

    def _tells(self, incident: Mapping[str, Any], title: str) -> bool:
        return title in self.findings(incident)


def wait_until(what: Callable[[], T | None]) -> T:
    """Return what is there at last."""
    for _ in range(400):
        if said := what():
            return said
        time.sleep(0.25)
    pytest.fail("it did not come about")


def event(event_id: str, activity: str, device: str = "qpu1", at_s: float | None = None) -> str:
    """Return an audit event as a line of OCSF."""
    now_ms = round((time.time() if at_s is None else at_s) * 1_000)
    told = {
        "class_uid": 6003,
        "time": now_ms,
        "metadata": {"uid": event_id},
        "api": {"operation": activity},
        "actor": {"user": {"uid": "eve"}},
        "unmapped": {"device": device},
    }
    return json.dumps(told) + "\n"
