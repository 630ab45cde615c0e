"""The log of a real `mumetal up`: where it is, what it tells, and that no planted secret is in it."""

import http.client
import json
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.integration.test_commands import mumetal, start_up, wait_until
from tests.web_client import token_headers

from mumetal.access.api import os_user

SECRET = "Gh7dk29sKsl20fkDks83hfks0293kdfj"
SETTINGS = '[logs]\nformat = "json"\nlevel = "debug"\nlevels = { uvicorn = "debug" }\n'


def post(url: str, path: str, body: bytes, **known: str) -> tuple[int, str]:
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    headers = {
        "Content-Type": "application/json", "Authorization": f"Bearer {SECRET}", "X-Request-ID": SECRET,
        "Cookie": f"session={SECRET}",
    } | known  # fmt: skip
    line.request("POST", path, body=body, headers=headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status, answer.headers["X-Request-ID"]


def broken_request(url: str) -> None:
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as line:
        line.sendall(f"GET /{SECRET} HTTP/9.9\nAuthorization {SECRET}\n\n\n".encode())
        line.recv(1_000)


def told(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_tells_start_source_requests_and_stop_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "mumetal.toml").write_text(SETTINGS)
    source = tmp_path / f"api_key={SECRET}.csv"
    rows = (f"2026-11-01T00:00:{n:02d}Z,{0.01 + n * 1e-5}\n" for n in range(50))
    source.write_text("time,mxc.temperature[K]\n" + "".join(rows))
    process, url = start_up(tmp_path, "--source", f"csv:{source.name}")
    try:
        alive = json.loads(mumetal("status", "--json", cwd=tmp_path).stdout)["running"]
        log = Path(alive["log"])
        assert f"Log: {log}" in mumetal("status", cwd=tmp_path).stdout
        wait_until(lambda: any(s["event"] == "stream.state" for s in told(log)))
        source.unlink()
        known, sender = token_headers(tmp_path / ".mumetal"), token_headers(tmp_path / ".mumetal", "push")
        once = json.loads(mumetal("link", "--json", cwd=tmp_path).stdout)["url"]
        with httpx.Client() as browser:
            assert browser.get(once).status_code == 303
            session = next(iter(browser.cookies.values()))
            assert browser.get(url).status_code == 200
        pushed = {
            "device": SECRET, "stream": "s", "channels": [{"name": "a", "unit": "K"}],
            "t_ns": [1_790_000_000 * 10**9], "values": [[0.01]],
        }  # fmt: skip
        answers = [
            post(url, "/api/v1/push/columnar", json.dumps(pushed).encode(), **known),
            post(url, "/api/v1/push/columnar", f'{{"api_key": "{SECRET}"'.encode(), **known),
            post(url, f"/api/v1/incidents/{SECRET}/change", b"{}", **known),
            post(url, f"/api/v1/incidents/{SECRET}/change", b"{}"),
            post(url, f"/sign-in/{SECRET}", b""),
        ]
        broken_request(url)
        wait_until(lambda: any(s["event"] == "source.unavailable" for s in told(log)))
    finally:
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=100)[0]
    assert process.returncode == 0, output
    said = told(log)
    events = [s["event"] for s in said]
    order = [
        "ledger.opened",
        "source.opened",
        "stack.started",
        "web.listening",
        "source.unavailable",
        "web.stopped",
        "stack.stopped",
    ]
    assert [e for e in events if e in order] == order
    assert {"finding.raised", "incident.opened", "act.permitted", "library.message"} <= set(events)
    requests = {s["request"]: (s["status"], s["route"]) for s in said if s["event"] == "http.request"}
    assert [requests[request][0] for _, request in answers] == [status for status, _ in answers]
    assert answers[0][0] == 200
    assert requests[answers[0][1]][1] == "/api/v1/push/columnar"
    [commit] = [s for s in said if s["event"] == "commit.done" and s["source"] == "push"]
    assert commit["request"] == answers[0][1]
    paged = next(s for s in said if s["event"] == "act.permitted" and s["action"] == "incident.page")
    opened = next(s for s in said if s["event"] == "incident.opened")
    assert paged["incident"] == opened["incident"]
    written = log.read_text()
    assert SECRET[:16] not in written
    assert SECRET[16:] not in written
    for secret in (once.rpartition("/")[2], session, known["Authorization"][7:], sender["Authorization"][7:]):
        assert secret not in written + output
    who = {s["request"]: s["who"] for s in said if s["event"] == "http.request"}
    assert [who[request] for _, request in answers] == [os_user()] * 3 + ["-"] * 2
    assert [s["what"] for s in said if s["event"] == "access.refused"] == ["token", "token"]
    assert [s["who"] for s in said if s["event"] == "session.opened"] == [os_user()]
    assert "[secret " in written
    assert log.stat().st_mode & 0o777 == 0o600
    assert json.loads(mumetal("status", "--json", cwd=tmp_path).stdout)["running"] is None
