"""Nothing real can be reached from a range."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.fakes_ports import FakeStore, FakeTwin, counting_entropy

from mumetal.core.errors import RejectedError, UnavailableError
from mumetal.redteam.range import Seal, TwinRange


class Reaching(FakeTwin):
    def __init__(self, thing: object) -> None:
        super().__init__()
        self.thing = thing
        self.closed = False

    def close(self) -> None:
        self.closed = True


def try_open(thing: object, tmp_path: Path) -> Reaching:
    twin = Reaching(thing)
    ground = TwinRange(
        twin=lambda _: twin, store=lambda s: FakeStore(s.folder), entropy=counting_entropy(), parent=tmp_path
    )
    try:
        with ground.open():
            pass
    finally:
        assert twin.closed
        assert list(tmp_path.iterdir()) == []
    return twin


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
        try_open(thing, tmp_path)


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
    try_open(thing, tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    def store(seal: Seal) -> FakeStore:
        made = FakeStore(seal.folder)
        (seal.folder / "link").symlink_to("/etc")
        made.folder = seal.folder / "link" / "mumetal"
        return made

    ground = TwinRange(twin=lambda _: FakeTwin(), store=store, entropy=counting_entropy(), parent=tmp_path)
    with pytest.raises(RejectedError, match="could touch"), ground.open():
        pass


def test_each_ground_has_its_own_key_and_folder(tmp_path: Path) -> None:
    seals: list[Seal] = []

    def store(seal: Seal) -> FakeStore:
        seals.append(seal)
        return FakeStore(seal.folder)

    ground = TwinRange(twin=lambda _: FakeTwin(), store=store, entropy=counting_entropy(), parent=tmp_path)
    for _ in range(3):
        with ground.open():
            pass
    assert len({s.key for s in seals}) == 3
    assert len({s.folder for s in seals}) == 3
    assert not any(s.folder.exists() for s in seals)
    assert "key" not in repr(seals[0])


def test_no_key_and_no_room_are_said(tmp_path: Path) -> None:
    weak = TwinRange(
        twin=lambda _: FakeTwin(), store=lambda s: FakeStore(s.folder), entropy=lambda n: b"", parent=tmp_path
    )
    with pytest.raises(RejectedError, match="key"), weak.open():
        pass
    nowhere = TwinRange(
        twin=lambda _: FakeTwin(),
        store=lambda s: FakeStore(s.folder),
        entropy=counting_entropy(),
        parent=tmp_path / "no",
    )
    with pytest.raises(UnavailableError, match="no room"), nowhere.open():
        pass


def test_what_goes_wrong_inside_still_destroys_the_ground(tmp_path: Path) -> None:
    ground = TwinRange(
        twin=lambda _: FakeTwin(), store=lambda s: FakeStore(s.folder), entropy=counting_entropy(), parent=tmp_path
    )
    with pytest.raises(ZeroDivisionError), ground.open():
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
