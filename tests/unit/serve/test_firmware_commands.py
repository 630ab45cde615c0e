"""From the command line: inspect, compare, sign, verify, take stock and roll out, on files as boards load them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests import firmware_images as images
from typer.testing import CliRunner

from mumetal.core import LOCAL
from mumetal.serve.cli.app import app
from mumetal.trust.firmware.book import Book
from mumetal.trust.firmware.rollout import Rollout

OLD = images.bit(images.configuration(images.frames(seed=1)))
NEW = images.bit(images.configuration(images.frames(seed=2)))


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(w) for w in words])
    assert done.exit_code == code, done.output
    return str(done.output if code > 1 else done.stdout)


class Site:
    """Two makers, a root, a new image and three boards that run the old one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for person in ("ann", "bob"):
            run("keys", "new", folder / person, "--name", person, "--plain")
        plan = folder / "plan.toml"
        people = "".join(f'[keys.{p}]\npublic = "{p}.pub"\n' for p in ("ann", "bob"))
        roles = "".join(f'[roles.{r}]\nowners = ["ann", "bob"]\nthreshold = 2\n' for r in ("root", "firmware"))
        plan.write_text(people + roles)
        signed = [w for p in ("ann", "bob") for w in ("--sign", f"file:{folder / p}")]
        first = json.loads(run("keys", "root", plan, "--roots", folder / "roots", *signed, "--json"))
        self.trust = ["--roots", folder / "roots", "--pin", first["pin"]]
        self.state = ["--state", folder / "state"]
        self.signed = signed
        self.image = folder / "new.bit"
        self.image.write_bytes(NEW)
        self.fleet = folder / "fleet.toml"
        self.boards = [folder / f"board{i}.bit" for i in range(3)]
        lines = []
        for i, path in enumerate(self.boards):
            path.write_bytes(OLD)
            lines.append(f'[device.rack{i}]\nboard = "z7010"\nimage = "{path}"\nrelease = "{self.image}.release"\n')
        self.fleet.write_text("".join(lines))

    def sign(self, security_version: int = 2, signed: Sequence[object] = ()) -> None:
        about = ["--name", "gateware", "--board", "z7010", "--version", "2", "--security-version", security_version]
        run("firmware", "sign", self.image, *about, *(signed or self.signed))

    def rollout(self, *more: object, code: int = 0) -> str:
        words = ["--image", self.image, *self.trust, *self.state, "--soak", "0s", *more]
        return run("firmware", "rollout", self.fleet, *words, code=code)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_inspect_says_what_was_checked_and_what_cannot_be_known(tmp_path: Path) -> None:
    path = tmp_path / "a.bit"
    path.write_bytes(NEW)
    said = run("firmware", "inspect", path)
    assert "0 not kept" in said
    assert "not known from the bytes" in said
    path.write_bytes(NEW + b"implant!" * 9)
    assert "NOT KEPT length" in run("firmware", "inspect", path, code=1)
    assert json.loads(run("firmware", "inspect", path, "--json", code=1))["format"] == "xilinx-bit"
    path.write_bytes(NEW[:300])
    run("firmware", "inspect", path, code=2)


def test_diff_against_a_declaration_and_from_a_baseline(tmp_path: Path) -> None:
    for name, data in (("old.bit", OLD), ("new.bit", NEW)):
        (tmp_path / name).write_bytes(data)
    run("firmware", "baseline", tmp_path / "old.bit", "--out", tmp_path / "base.json")
    assert "scan.firmware.regions" in run("firmware", "diff", tmp_path / "base.json", tmp_path / "new.bit", code=1)
    (tmp_path / "declared.json").write_text('{"regions": ["fdri0", "commands"]}')
    run("firmware", "diff", tmp_path / "base.json", tmp_path / "new.bit", "--declared", tmp_path / "declared.json")
    (tmp_path / "base.json").write_bytes(b'{"baseline": 5}')
    run("firmware", "diff", tmp_path / "base.json", tmp_path / "new.bit", code=2)


def test_sbom_is_cyclonedx_and_names_the_image(tmp_path: Path) -> None:
    (tmp_path / "a.bit").write_bytes(NEW)
    bill = json.loads(run("firmware", "sbom", tmp_path / "a.bit"))
    root = bill["metadata"]["component"]
    assert (bill["bomFormat"], root["type"], root["name"]) == ("CycloneDX", "firmware", "a.bit")
    assert "fdri0" in {c["name"] for c in root["components"]}


def test_sign_verify_and_refuse(site: Site) -> None:
    run("firmware", "verify", site.image, "--board", "z7010", *site.trust, code=4)
    site.sign(signed=site.signed[:2])
    assert "step 2" in run("firmware", "verify", site.image, "--board", "z7010", *site.trust, code=4)
    site.sign()
    assert "not known" in run("firmware", "verify", site.image, "--board", "z7010", *site.trust)
    run("firmware", "verify", site.image, "--board", "z7020", *site.trust, code=4)
    run("firmware", "verify", site.image, "--board", "z7010", "--floor", 3, *site.trust, code=4)
    site.image.write_bytes(OLD)
    run("firmware", "verify", site.image, "--board", "z7010", *site.trust, code=4)


def test_a_rollout_reaches_the_boards_and_cannot_be_taken_back_below_its_floor(site: Site) -> None:
    site.sign()
    assert "not vouched for" in run("firmware", "inventory", site.fleet, *site.trust, *site.state, code=1)
    assert "done: 3 installed" in site.rollout()
    assert {p.read_bytes() for p in site.boards} == {NEW}
    assert "host-observed measurement" in run("firmware", "inventory", site.fleet, *site.trust, *site.state)
    site.sign(1)
    assert "step 6" in site.rollout(code=4)
    (site.folder / "state" / "floors.json").unlink()
    assert "step 6" in site.rollout(code=4)


def test_a_board_that_cannot_be_written_stops_it_and_the_rest_goes_back(site: Site) -> None:
    site.sign()
    (site.folder / "board1.bit.new").mkdir()
    said = json.loads(site.rollout("--json", code=1))
    assert said["outcome"] == "stuck"  # the same folder stands in the way of the old image
    assert site.boards[0].read_bytes() == OLD


def test_a_fleet_file_is_read_strictly(site: Site) -> None:
    for bad in ("", "[device.a]\n", '[device.a]\nboard="x"\nimage="i"\n[device.b]\nboard="x"\nimage="i"\n', "x = 1"):
        site.fleet.write_text(bad)
        run("firmware", "inventory", site.fleet, *site.trust, *site.state, code=2)


def test_what_a_killed_rollout_left_is_put_back_and_a_confirmed_board_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.sign()

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as power:
        power.setattr(Rollout, "_watch", killed)
        site.rollout(code=130)
    assert site.boards[0].read_bytes() == NEW
    assert Book(site.folder / "state").board(LOCAL, "rack0").stage.state == "on trial"  # type: ignore[union-attr]
    back = ["firmware", "restore", site.fleet]
    run(*back, "rack9", *site.trust, *site.state, code=2)
    said = run(*back, *site.trust, *site.state)
    assert "1 restored" in said
    assert site.boards[0].read_bytes() == OLD
    assert "No board" in run(*back, *site.trust, *site.state)
    site.rollout()
    assert "confirmed" in run(*back, "rack0", *site.trust, *site.state, code=4)
    assert site.boards[0].read_bytes() == NEW
