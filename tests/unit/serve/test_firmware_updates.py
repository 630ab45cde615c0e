"""Updates from the command line: made, published, fetched as a host does; old, frozen, altered and foreign ones refused."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.serve.test_firmware_commands import NEW, OLD, Site, run

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.trust.firmware.mirror import open_mirror


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", "/metadata/1.root.json")
            self.end_headers()
        else:
            super().do_GET()


class Updates:
    """A site, and a repository of updates that its two makers and a machine sign."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self.folder = folder / "updates"
        run("keys", "new", folder / "robot", "--name", "robot", "--plain")
        self.makers = [w for person in ("ann", "bob") for w in ("--maker", f"file:{folder / person}")]
        self.robot = ["--publisher", f"file:{folder / 'robot'}"]
        run("firmware", "updates", "create", self.folder, *self.makers, *self.robot)
        shutil.copy(self.folder / "metadata" / "1.root.json", folder / "root.json")
        self.out = folder / "fetched.bit"

    def publish(self, security_version: int, code: int = 0) -> str:
        about = ["--board", "z7010", "--security-version", security_version, "--name", "gateware.bit"]
        return run(
            "firmware", "updates", "publish", self.folder, self.site.image, *about, *self.makers, *self.robot, code=code
        )

    def fetch(self, *more: object, place: object = "", board: str = "z7010", code: int = 0) -> str:
        words = ["--root", self.site.folder / "root.json", "--board", board, "--out", self.out, *self.site.state, *more]
        return run("firmware", "updates", "fetch", place or self.folder, "gateware.bit", *words, code=code)


@pytest.fixture
def updates(tmp_path: Path) -> Updates:
    return Updates(tmp_path)


@pytest.fixture
def served(updates: Updates) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(updates.folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_update_goes_from_its_makers_to_the_boards_and_not_back(updates: Updates, served: str) -> None:
    updates.site.sign(2)
    assert "gateware.bit.release" in updates.publish(2)
    updates.fetch(place=served)
    assert updates.out.read_bytes() == NEW
    words = ["--image", updates.out, *updates.site.trust, *updates.site.state, "--soak", "0s"]
    run("firmware", "rollout", updates.site.fleet, *words)
    assert {p.read_bytes() for p in updates.site.boards} == {NEW}
    old = updates.folder.with_name("old")
    shutil.copytree(updates.folder, old)
    updates.publish(3)
    updates.fetch("--device", "rack0")
    updates.out.unlink()
    assert "does not verify" in updates.fetch(place=old, code=4), "a mirror put back to an older state"
    assert "never falls" in updates.publish(2, code=4)
    assert "below 4" in updates.fetch("--floor", 4, code=4)
    updates.fetch(board="zcu111", code=4)
    assert not updates.out.exists(), "what is refused is not written"


def test_altered_unsigned_and_missing_updates(updates: Updates) -> None:
    updates.fetch(code=2)
    assert "no release came along" in [updates.publish(1), updates.fetch()][1]
    run("firmware", "updates", "refresh", updates.folder, *updates.robot)
    updates.fetch()
    alone = ["--board", "z7010", "--security-version", 5, *updates.makers[:2], *updates.robot]
    said = run("firmware", "updates", "publish", updates.folder, updates.site.image, *alone, code=4)
    assert "targets needs 2" in said
    next((updates.folder / "targets").iterdir()).write_bytes(OLD)
    updates.fetch(code=4)
    shutil.rmtree(updates.folder / "targets")
    updates.fetch(code=3)


def test_a_mirror_is_a_folder_or_https(updates: Updates, served: str) -> None:
    for bad in ("http://192.0.2.1/", "https://a@host/", "https://host/?x=1", "ftp://host/", str(updates.out)):
        with pytest.raises(BadInputError):
            open_mirror(bad)
    get = open_mirror(served)
    assert get("metadata/1.root.json")
    with pytest.raises(FileNotFoundError):
        get("metadata/9.root.json")
    with pytest.raises(UnavailableError, match="302"):
        get("away")
    with pytest.raises(UnavailableError, match="away"):
        open_mirror("http://127.0.0.1:9")("metadata/1.root.json")
