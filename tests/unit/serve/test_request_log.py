"""Every answer carries an id of ours, and an unexpected error is logged once, by route, with its way and no value."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fake_desk import FakeDesk
from tests.web_client import WebClient

from mumetal.app.desk import Overview
from mumetal.app.logs.running_log import RunningLog
from mumetal.app.logs.settings import LogSettings
from mumetal.app.settings import ServeSettings
from mumetal.serve.web import create_app


class BrokenDesk(FakeDesk):
    def overview(self, tenant: str) -> Overview:
        raise ZeroDivisionError(tenant * 3)


def answered(folder: Path, desk: FakeDesk, path: str, headers: dict[str, str]) -> tuple[Any, list[Any]]:
    client = WebClient(create_app(desk, ServeSettings()), raises=False)
    with RunningLog(LogSettings(level="debug"), folder, str) as log:
        answer = client.get(path, headers=headers)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    return answer, [line for line in lines if line["event"].startswith("http.")]


@pytest.mark.parametrize(
    ("path", "headers", "status", "route"),
    [
        ("/api/v1/overview", {"X-Request-ID": "chosen\nby=stranger"}, 200, "/api/v1/overview"),
        ("/incidents/some-secret?token=x", {}, 404, "/incidents/{incident_id}"),
        ("/no/such/page", {}, 404, "-"),
        ("/api/v1/overview", {"Host": "evil.example"}, 403, "-"),
    ],
)
def test_an_answer_is_found_in_the_log_by_its_id(
    tmp_path: Path, path: str, headers: dict[str, str], status: int, route: str
) -> None:
    answer, [line] = answered(tmp_path, FakeDesk(), path, headers)
    assert answer.status_code == line["status"] == status
    assert answer.headers["X-Request-ID"] == line["request"]
    assert len(line["request"]) == 16
    assert line["route"] == route
    assert not {"secret", "token", "stranger", "evil"} & set(
        json.dumps(line).replace(".", " ").replace("-", " ").split()
    )


@pytest.mark.parametrize("path", ["/api/v1/overview", "/"])
def test_an_unexpected_error_is_logged_once_and_its_answer_says_nothing_of_it(tmp_path: Path, path: str) -> None:
    answer, lines = answered(tmp_path, BrokenDesk(), path, {})
    [error] = [line for line in lines if line["event"] == "http.error"]
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == error["request"]
    assert "ZeroDivisionError" not in answer.text
    assert (error["error"], error["route"]) == ("ZeroDivisionError", path)
    assert "overview" in error["trace"]
    assert {line["status"] for line in lines if line["event"] == "http.request"} == {500}
