"""A real TUF repository and its client: good updates arrive; forged, altered, frozen and rolled-back ones do not."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from mumetal.core.errors import BadInputError, RejectedError, UnavailableError
from mumetal.trust.keys.hybrid import SoftKey
from mumetal.trust.updates.client import UpdateClient, folder_get
from mumetal.trust.updates.repository import Item, Lives, UpdateRepository
from mumetal.trust.updates.signers import Team

KEYS = [SoftKey.generate(Random(i).randbytes) for i in range(8)]
MAKERS = Team(owners=tuple(KEYS[:3]), threshold=2)
PUBLISHER = Team(owners=(KEYS[3],), threshold=1)
STRANGERS = Team(owners=tuple(KEYS[4:7]), threshold=2)
IMAGE = b"gateware" * 500


def item(security_version: int = 2, data: bytes = IMAGE) -> Item:
    return Item(name="zcu111.bit", data=data, board="zcu111", security_version=security_version)


class Site:
    """A repository and a client with its own memory."""

    def __init__(self, folder: Path, lives: Lives | None = None) -> None:
        self.now = datetime.now(UTC)
        self.place = folder / "repository"
        self.repository = UpdateRepository(self.place, makers=MAKERS, publisher=PUBLISHER, lives=lives)
        self.root = self.repository.create(self.now)
        self.client = UpdateClient(folder / "client", root=self.root, get=folder_get(self.place))

    def fetch(self, *, board: str = "zcu111", floor: int = 0) -> bytes:
        return self.client.fetch("zcu111.bit", board=board, floor=floor)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.repository.publish([item()], made.now)
    return made


def test_a_published_image_arrives_and_a_newer_one_after_it(site: Site) -> None:
    assert site.fetch() == IMAGE
    site.repository.publish([item(3, b"newer")], site.now)
    assert site.fetch(floor=3) == b"newer"
    site.repository.refresh(site.now)
    assert site.fetch(floor=3) == b"newer"


def test_every_role_is_signed_with_both_schemes(site: Site) -> None:
    for path in (site.place / "metadata").iterdir():
        count = len(json.loads(path.read_bytes())["signatures"])
        assert count == (6 if "root" in path.name or "targets" in path.name else 2)


def test_wrong_board_below_the_floor_and_unknown_are_refused(site: Site) -> None:
    with pytest.raises(RejectedError, match="it is for zcu111"):
        site.fetch(board="zcu216")
    with pytest.raises(RejectedError, match="below 3"):
        site.fetch(floor=3)
    with pytest.raises(BadInputError):
        site.client.fetch("other.bit", board="zcu111", floor=0)


def test_an_altered_image_is_refused(site: Site) -> None:
    (target,) = (site.place / "targets").iterdir()
    target.write_bytes(IMAGE[:-1] + b"\0")
    with pytest.raises(RejectedError, match="another one"):
        site.fetch()
    target.unlink()
    with pytest.raises(UnavailableError):
        site.fetch()


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_altered_metadata_are_refused(site: Site, name: str) -> None:
    path = site.place / "metadata" / name
    metadata = json.loads(path.read_bytes())
    metadata["signed"]["expires"] = "2099-01-01T00:00:00Z"
    path.write_text(json.dumps(metadata))
    with pytest.raises(RejectedError):
        site.fetch()


def test_one_scheme_alone_is_not_enough(site: Site) -> None:
    path = site.place / "metadata" / "timestamp.json"
    metadata = json.loads(path.read_bytes())
    metadata["signatures"] = metadata["signatures"][:1]
    path.write_text(json.dumps(metadata))
    with pytest.raises(RejectedError):
        site.fetch()


def test_a_repository_put_back_to_an_older_state_is_refused(site: Site) -> None:
    old = site.place.with_name("old")
    shutil.copytree(site.place, old)
    site.repository.publish([item(3, b"newer")], site.now)
    assert site.fetch() == b"newer"
    shutil.rmtree(site.place)
    old.rename(site.place)
    with pytest.raises(RejectedError):
        site.fetch()


def test_a_frozen_mirror_is_noticed(tmp_path: Path) -> None:
    site = Site(tmp_path, Lives(timestamp=0.5))
    site.repository.publish([item()], site.now - timedelta(days=2))
    with pytest.raises(RejectedError, match="expired"):
        site.fetch()


def test_strangers_cannot_publish(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = UpdateRepository(site.place, makers=STRANGERS, publisher=PUBLISHER)
    with pytest.raises(RejectedError, match="targets needs 2"):
        forged.publish([item(9, b"implant")], site.now)
    assert site.fetch() == IMAGE, "nothing was published"
    monkeypatch.setattr(UpdateRepository, "_enough", lambda *_: None)  # their own tool asks nobody
    forged.publish([item(9, b"implant")], site.now)
    with pytest.raises(RejectedError):
        site.fetch()


def test_a_security_version_never_falls(site: Site) -> None:
    with pytest.raises(RejectedError, match="never falls"):
        site.repository.publish([item(1)], site.now)


def test_a_repository_that_is_away_is_unavailable(site: Site) -> None:
    def away(name: str) -> bytes:
        raise ConnectionError("no route")

    with pytest.raises(UnavailableError):
        UpdateClient(site.place.with_name("c2"), root=site.root, get=away).fetch("x", board="b", floor=0)


def test_teams_and_items_are_checked(tmp_path: Path, site: Site) -> None:
    for owners, threshold in ((KEYS[:4], 2), (KEYS[:2], 3), ([KEYS[0]] * 2, 2), (KEYS[:1], 0)):
        with pytest.raises(BadInputError):
            Team(owners=tuple(owners), threshold=threshold)
    with pytest.raises(BadInputError):
        Item(name="a/b", data=b"", board="x", security_version=1)
    with pytest.raises(BadInputError):
        site.repository.create(site.now)
    with pytest.raises(BadInputError):
        UpdateRepository(tmp_path / "none", makers=MAKERS, publisher=PUBLISHER).refresh(site.now)


def test_the_publisher_refreshes_without_the_makers_until_their_targets_expire(site: Site) -> None:
    alone = UpdateRepository(site.place, makers=STRANGERS, publisher=PUBLISHER)
    alone.refresh(site.now)
    assert site.fetch() == IMAGE
    one = UpdateRepository(site.place, makers=Team(owners=MAKERS.owners[:1], threshold=1), publisher=PUBLISHER)
    with pytest.raises(RejectedError, match="targets needs 2"):
        one.publish([item(3)], site.now)
    two = UpdateRepository(site.place, makers=Team(owners=MAKERS.owners[:2], threshold=2), publisher=PUBLISHER)
    two.publish([item(3, b"newer")], site.now)
    assert site.fetch() == b"newer"
    with pytest.raises(RejectedError, match="expired"):
        alone.refresh(site.now + timedelta(days=91))


def test_a_full_disk_leaves_the_old_state_whole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", full)
        with pytest.raises(UnavailableError, match="No space"):
            site.repository.publish([item(3, b"newer")], site.now)
    assert site.fetch() == IMAGE
    assert not list(site.place.rglob("*.new"))
