"""Text from outside acts nowhere: not as HTML in a report, not as SQL in an error; and who hangs up leaves no traceback."""

import logging
import re
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
from tests.fake_desk import FakeDesk
from tests.web_client import WebClient, operator_headers
from typer.testing import CliRunner

from mumetal.app.settings import ServeSettings
from mumetal.core.artefact import Evidence
from mumetal.core.errors import first_line
from mumetal.respond.api import incident_report
from mumetal.serve.api.server import Server
from mumetal.serve.cli.app import app as commands
from mumetal.serve.web import create_app

BAD = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
TAG = re.compile(r"<\s*/?\s*[a-zA-Z!]")


def test_no_text_of_a_finding_is_html_in_a_report() -> None:
    desk = FakeDesk()
    incident = desk.incidents("local")[0]
    finding = desk.findings("local", incident.findings)[0]
    causes = tuple(replace(cause, reason=BAD) for cause in finding.causes)
    bad = replace(
        finding, title=BAD, detail=BAD, remedy=BAD, causes=causes, evidence=(Evidence(uri=f"file:{BAD}", note=BAD),)
    )
    timeline = tuple(replace(entry, what=BAD, actor=BAD) for entry in incident.timeline)
    said = incident_report(
        replace(incident, title=BAD, owner=BAD, impact_reason=BAD, timeline=timeline, findings=(bad.finding_id,)), [bad]
    )
    assert said.count("alert") >= 8
    assert TAG.search(said) is None


def test_no_name_of_a_file_is_html_in_the_report_of_recorded_data(tmp_path: Path) -> None:
    rows = "".join(f"2026-11-01T00:00:{n:02d}Z,{0.01 + n * 1e-5}\n" for n in range(50))
    source = tmp_path / "<b>x<script>.csv"
    source.write_text("time,mxc.temperature[K]\n" + rows + "<img src=x>,1\n" * 3)
    out = tmp_path / "report.md"
    done = CliRunner().invoke(commands, ["watch", f"csv:{source}", "--out", str(out)])
    assert out.exists(), done.output
    said = out.read_text()
    assert "Refused input" in said
    assert TAG.search(said) is None


def test_a_databases_error_shows_no_statement() -> None:
    with pytest.raises(duckdb.Error) as caught:
        duckdb.connect().execute("SELECT nowhere FROM (SELECT 1 AS a) WHERE a > 1")
    assert "SELECT" in str(caught.value)
    told = first_line(caught.value)
    assert "nowhere" in told
    assert "SELECT" not in told


@pytest.mark.parametrize("moment", [-1, 2**63, 10**30])
def test_a_moment_that_is_none_is_refused_before_any_store_is_asked(moment: int) -> None:
    client = WebClient(create_app(FakeDesk(), ServeSettings()))
    for path in ("events", "streams/cryostat/series"):
        for name in ("start_ns", "stop_ns"):
            answer = client.get(f"/api/v1/devices/aurora-27/{path}?{name}={moment}")
            assert (answer.status_code, "SELECT" in answer.text) == (400, False)


def test_head_and_options_are_answered() -> None:
    client = WebClient(create_app(FakeDesk(), ServeSettings()))
    for path in ("/", "/api/v1/incidents", "/api/v1/healthz"):
        got, headed, asked = (client.request(method, path) for method in ("GET", "HEAD", "OPTIONS"))
        assert (headed.status_code, headed.content) == (200, b"")
        assert headed.headers["content-type"] == got.headers["content-type"]
        assert (asked.status_code, asked.headers["allow"]) == (204, "GET")
        assert not [name for name in asked.headers if name.startswith("access-control")]
    assert client.request("DELETE", "/api/v1/incidents").headers["allow"] == "GET"
    assert client.request("HEAD", "/api/v1/nowhere").status_code == 404


def test_who_hangs_up_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk, settings = FakeDesk(), ServeSettings(port=0)
    app = create_app(desk, settings)
    server = Server(app, settings)
    place = urlsplit(server.start())
    known = operator_headers(app)["Authorization"]
    try:
        for path in (
            "push/columnar",
            "push/scan",
            f"incidents/{desk.incidents('local')[0].incident_id}/change",
            "acts",
        ):
            with socket.create_connection((place.hostname, place.port), timeout=10) as line:
                head = f"POST /api/v1/{path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: {known}\r\n"
                line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{{".encode())
        with socket.create_connection((place.hostname, place.port), timeout=10) as line:
            line.sendall(
                f"GET /api/v1/devices/aurora-27/live HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: {known}\r\n\r\n".encode()
            )
            assert line.recv(100)
    finally:
        server.stop()
    assert [r.getMessage() for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR] == []
    assert desk.changes == []
