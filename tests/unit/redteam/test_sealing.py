"""Nothing real can be reached from what a range holds."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mumetal.core.errors import RejectedError
from mumetal.redteam.sealing import inspect


@pytest.mark.parametrize(
    "thing",
    [
        "https://quantum.cloud.example/api",
        "http://10.0.0.1:8080/",
        "siem.example:514",
        "192.168.1.7",
        ("10.1.2.3", 514),
        {"sinks": ["mqtt://broker.example"]},
        [SimpleNamespace(url="https://x.example")],
        b"tcp://8.8.8.8:53",
        "http://127.0.0.1.evil.example/",
        "http://[2001:db8::1]/",
        Path("/etc"),
        "/var/lib/mumetal",
        "../outside",
        "~/.ssh/id_ed25519",
        "file:///etc/passwd",
        "sqlite:////var/lib/mumetal/incidents.sqlite",
        Path("inside/../../outside"),
        list(range(20_000)),
    ],
)
def test_a_ground_that_names_something_real_is_refused(thing: object, tmp_path: Path) -> None:
    with pytest.raises(RejectedError):
        inspect(SimpleNamespace(thing=thing), tmp_path.resolve(), "twin")


@pytest.mark.parametrize(
    "thing",
    [
        "http://127.0.0.1:8470/push",
        "localhost:8470",
        ("127.0.0.1", 80),
        "http://[::1]:1/",
        Path("inside"),
        "q3.T1",
        "08:30",
        {"device": "ibm_kyiv"},
        None,
        [1.5, 2],
    ],
)
def test_loopback_and_its_own_folder_are_fine(thing: object, tmp_path: Path) -> None:
    inspect(SimpleNamespace(thing=thing), tmp_path.resolve(), "twin")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(RejectedError, match="could touch"):
        inspect(SimpleNamespace(folder=tmp_path / "link" / "mumetal"), tmp_path.resolve(), "twin")
