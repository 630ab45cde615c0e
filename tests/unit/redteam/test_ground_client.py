"""A client of a ground speaks with one address, whatever it is asked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.redteam.ground_client import BoundClient


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://quantum.cloud.example/")
        self.send_header("X-Path", self.path)
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(body + self.headers["x-who"].encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_asks_and_follows_nobody(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://10.255.255.1:3128")
    client = BoundClient(url)
    answer = client.request("GET", "/api/v1/incidents?limit=1")
    assert answer.status == 302
    assert answer.headers["x-path"] == "/api/v1/incidents?limit=1"
    sent = client.request("POST", "/x", b"body ", {"x-who": "ana"})
    assert (sent.status, sent.body) == (201, b"body ana")


@pytest.mark.parametrize(
    "path",
    [
        "http://quantum.cloud.example/",
        "//quantum.cloud.example/",
        "",
        "x",
        "/a b",
        "/a\r\nHost: x",
        "@x.example/",
        "/é",
    ],
)
def test_what_is_no_path_is_refused(path: str, url: str) -> None:
    with pytest.raises(RejectedError):
        BoundClient(url).request("GET", path)


def test_nobody_there_is_unavailable(url: str) -> None:
    with pytest.raises(UnavailableError):
        BoundClient("http://127.0.0.1:1").request("GET", "/")
