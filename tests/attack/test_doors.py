"""On loopback nobody gets in without a session or a token, nobody else's files are read, and what was done says who did it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount
from tests.fake_desk import FakeDesk
from tests.web_client import WebClient, operator_headers, sign_in_path, token_headers

from mumetal.access.api import os_user
from mumetal.access.sessions import MAX_STANDING, Sessions
from mumetal.access.tokens import new_tokens, open_tokens
from mumetal.app.settings import PluginSettings, ServeSettings, Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core import LOCAL
from mumetal.core.clock import ManualClock, SystemClock
from mumetal.serve.api.identity import FOR_SENDERS
from mumetal.serve.session import Session
from mumetal.serve.web import create_app
from mumetal.trust.ledger.reading import LedgerReader

FOR_ANYBODY = {"/sign-in", "/sign-in/{secret}", "/api/v1/healthz", "/static"}
T0 = 1_790_000_000 * 10**9
COLUMNAR = {
    "device": "d", "stream": "s", "channels": [{"name": "a", "unit": "K"}], "t_ns": [T0], "values": [[0.01]],
}  # fmt: skip


def routes(app: FastAPI, value: str = "x") -> Iterator[tuple[str, str, str]]:
    """Yield method, template and an address of every route that there is, with a value for each of its parameters."""

    def walk(found: list[object]) -> Iterator[tuple[str, str, str]]:
        for route in found:
            inner = getattr(route, "original_router", None)
            if inner is not None:  # a router that was included, as newer versions of FastAPI keep it
                yield from walk(inner.routes)
                continue
            assert isinstance(route, APIRoute | Mount) or hasattr(route, "methods"), route
            template = str(getattr(route, "path"))  # noqa: B009
            address = template
            while "{" in address:
                before, _, rest = address.partition("{")
                address = before + value + rest.partition("}")[2]
            if isinstance(route, Mount):
                address += "/style.css"
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                yield method, template, address

    yield from walk(list(app.routes))


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"Authorization": "Bearer " + "0" * 64},
        {"Authorization": "Basic b3BlcmF0b3I6"},
        {"Authorization": "Bearer"},
        {"Cookie": "mumetal-session-8470=" + "0" * 64},
        {"Cookie": "mumetal-session-8470="},
    ],
)
def test_a_stranger_is_refused_on_every_route(known: dict[str, str]) -> None:
    desk = FakeDesk()
    app = create_app(desk, ServeSettings())
    stranger = WebClient(app, token="")
    seen = set()
    for method, template, address in routes(app):
        seen.add(template)
        answer = stranger.request(method, address, headers=known)
        if template in FOR_ANYBODY:
            assert answer.status_code in {200, 403, 404, 405}, template
            assert not any(device in answer.text for device in ("aurora", "borealis"))
            continue
        assert answer.status_code == 401, (method, template)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        for other in ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
            assert stranger.request(other, address, headers=known).status_code == 401, (other, template)
    assert {
        "/",
        "/incidents/{incident_id}/change",
        "/api/v1/push/columnar",
        "/api/v1/openapi.json",
    } | FOR_ANYBODY <= seen
    assert len(seen) > 30
    assert (desk.changes, desk.pushed) == ([], [])
    assert stranger.get("/api/v1/healthz").json() == {"status": "ok"}


def test_the_senders_token_sends_rows_and_nothing_else() -> None:
    desk = FakeDesk()
    app = create_app(desk, ServeSettings())
    sender = WebClient(app, token=app.state.sessions.tokens.senders)
    for method, template, address in routes(app):
        answer = sender.request(method, address)
        if template in FOR_SENDERS:
            assert answer.status_code == 400, template  # no body: past the door
        else:
            assert answer.status_code == 403, (method, template)
    assert sender.post("/api/v1/push/columnar", json=COLUMNAR).status_code == 200
    assert sender.post("/api/v1/push/scan", json={}).status_code == 403
    assert [d.tenant for d in desk.pushed] == [LOCAL]
    assert desk.changes == []


def test_a_link_opens_one_session_once_and_its_secret_stays_nowhere() -> None:
    app = create_app(FakeDesk(), ServeSettings())
    path = sign_in_path(app)
    browser = WebClient(app, token="")
    assert browser.request("HEAD", path).status_code == 405, "looking does not use it up"
    opened = browser.get(path)
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert (opened.headers["cache-control"], opened.headers["referrer-policy"]) == ("no-store", "same-origin")
    cookie = opened.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} <= {part.strip() for part in cookie.split(";")}
    secret = path.rpartition("/")[2]
    assert secret not in cookie + opened.text
    known = {"Cookie": cookie.partition(";")[0]}
    assert browser.get("/", headers=known).status_code == 200
    again = browser.get(path)
    assert (again.status_code, "set-cookie" in again.headers, secret in again.text) == (403, False, False)
    assert "mumetal link" in again.text
    assert browser.request("POST", "/api/v1/links", headers=known).status_code == 403, "a session prolongs nothing"
    assert browser.request("POST", "/sign-out", headers=known).status_code == 303
    assert browser.get("/", headers=known).status_code == 401
    refresh = browser.get("/", headers=known | {"HX-Request": "true"})
    assert (refresh.status_code, refresh.headers["HX-Refresh"]) == (401, "true")


def test_links_and_sessions_end_and_are_few() -> None:
    clock = ManualClock(T0)
    sessions = Sessions("ada", new_tokens(), clock)
    late = sessions.link()
    clock.sleep(300)
    with pytest.raises(Exception, match="too old"):
        sessions.enter(late)
    first, _ = sessions.enter(sessions.link())
    assert sessions.of_session(first) is not None
    others = [sessions.enter(sessions.link())[0] for _ in range(MAX_STANDING)]
    assert sessions.of_session(first) is None, "the oldest ends"
    assert all(sessions.of_session(other) for other in others)
    clock.sleep(12 * 3_600)
    assert not any(sessions.of_session(other) for other in others)
    links = [sessions.link() for _ in range(MAX_STANDING + 1)]
    with pytest.raises(Exception, match="used"):
        sessions.enter(links[0])
    after = Sessions("ada", new_tokens(), clock)
    kept = sessions.enter(links[-1])[0]
    assert after.of_session(kept) is None, "gone at the next start"
    held = repr([*sessions._sessions, *sessions._links, sessions._sessions, sessions.tokens])
    assert not any(secret in held for secret in (kept, sessions.tokens.operator, sessions.tokens.senders))


def test_what_is_being_read_ends_with_its_session() -> None:
    desk = FakeDesk()
    desk.live_pause_s = 0.01
    settings = ServeSettings(port=0)
    app = create_app(desk, settings)
    from mumetal.serve.api.server import Server

    server = Server(app, settings)
    with httpx.Client(base_url=server.start(), timeout=20) as browser:
        assert browser.get(sign_in_path(app)).status_code == 303
        with browser.stream("GET", "/api/v1/devices/aurora-27/live") as live:
            lines = live.iter_lines()
            assert next(line for line in lines if line.startswith("data: "))
            with httpx.Client(base_url=browser.base_url, cookies=dict(browser.cookies), timeout=20) as other:
                assert other.post("/sign-out").status_code == 303
            assert sum(1 for _ in lines) < 1_000, "it would go on for ever"
    server.stop()


def test_a_browser_takes_its_cookies_to_every_port_of_a_host() -> None:
    app = create_app(FakeDesk(), ServeSettings())
    cookie = WebClient(app, token="").get(sign_in_path(app)).headers["set-cookie"]
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie", ""))
        return httpx.Response(200, headers={"set-cookie": cookie} if request.url.port == 8470 else {})

    with httpx.Client(transport=httpx.MockTransport(answer)) as browser:
        for url in ("http://127.0.0.1:8470/", "http://127.0.0.1:9999/", "http://localhost:8470/"):
            browser.get(url)
    assert [bool(held) for held in seen] == [False, True, False]


@pytest.mark.parametrize("mode", ["navigate", "no-cors", "cors"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_reads_nothing_and_writes_nothing(site: str, mode: str) -> None:
    desk = FakeDesk()
    app = create_app(desk, ServeSettings())
    victim = WebClient(app)  # whose browser would send the cookie along
    for method, template, address in routes(app):
        answer = victim.request(method, address, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})
        assert answer.status_code == 403, (method, template)
    assert (desk.changes, desk.pushed) == ([], [])


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    settings = Settings(
        store=StoreSettings(directory=str(tmp_path / "store")),
        serve=ServeSettings(port=0),
        plugins=PluginSettings(allow=()),
    )
    with Session(settings, SystemClock(), None) as running:
        yield running


def test_the_ledger_names_who_acted_and_by_what(session: Session, tmp_path: Path) -> None:
    store = tmp_path / "store"
    report = {
        "mumetal_scan": 1, "version": "1", "target": "repo", "t_ns": T0, "findings": [], "counts": {}, "known": 0,
        "problems": [], "scanners": ["scan.secrets"], "artefacts": 1, "bytes": 1, "seconds": 1.0,
    }  # fmt: skip
    with httpx.Client(base_url=session.url, timeout=20) as program, httpx.Client(base_url=session.url) as browser:
        assert program.post("/api/v1/push/scan", json=report).status_code == 401
        assert program.post("/api/v1/push/scan", json=report, headers=token_headers(store, "push")).status_code == 403
        assert program.post("/api/v1/push/scan", json=report, headers=token_headers(store)).status_code == 200
        assert browser.get(session.link()).status_code == 303
        assert browser.post("/api/v1/push/scan", json=report).status_code == 200
    filed = [e for _, e in LedgerReader(store / "ledger").entries(0, 1_000) if e.action == "scan.file"]
    assert [(e.actor, e.token.partition(".")[0]) for e in filed if not e.outcome] == [
        (os_user(), "token"),
        (os_user(), "session"),
    ]


def test_a_token_that_others_could_read_is_none(tmp_path: Path) -> None:
    first = open_tokens(tmp_path)
    again = open_tokens(tmp_path)
    assert (again.senders, again.operator == first.operator) == (first.senders, False)
    (tmp_path / "access" / "push.token").chmod(0o644)
    third = open_tokens(tmp_path)
    assert third.senders != first.senders
    for path in (tmp_path / "access").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_every_file_is_of_its_account_alone_and_a_loose_folder_is_tightened_and_told(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (store / "demo").mkdir(parents=True)
    (store / "old.json").write_text("{}")
    (store / "link").symlink_to(tmp_path)
    (store / "demo" / "this-is-a-mumetal-demo").write_text("")
    for path in (store, store / "demo"):
        path.chmod(0o777)
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "mumetal", "up", "--for", "3s", "--port", "0", "--store", str(store)],
        capture_output=True, text=True, timeout=400, check=False, umask=0o000,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Other accounts could reach 4 files and folders" in done.stderr
    found = [store, *(Path(root, name) for root, dirs, files in os.walk(store) for name in (*dirs, *files))]
    assert len(found) > 50
    assert [p for p in found if not p.is_symlink() and p.stat().st_mode & 0o077] == []
    assert tmp_path.stat().st_mode & 0o777 == 0o755, "what a link leads to is not ours"


def test_the_operators_headers_are_those_of_the_tests() -> None:
    app = create_app(FakeDesk(), ServeSettings())
    assert WebClient(app, token="").get("/", headers=operator_headers(app)).status_code == 200
