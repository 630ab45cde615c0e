"""Every recipe of CONTRIBUTING.md, followed to the letter in this tree and from another package; then the product is run."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.plugin_wheel.building import build_wheel, unpack
from tests.plugin_wheel.running import Place, Up, event, wait_until
from tests.recipes.following import Follower, recipes

from mumetal.scan.secrets.rule import read_rules
from mumetal.scan.secrets.templates import fill

ROOT = Path(__file__).resolve().parents[2]
RECIPES = recipes((ROOT / "CONTRIBUTING.md").read_text())
KINDS = {"detector", "cause", "source", "sink", "secret rule", "code rule", "circuit rule", "page", "command"}
IN_TREE_ONLY = {"secret rule"}
T0_S = 1_790_000_000
ROWS, ODD = 400, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Mumetal with everything that the recipes bring, running."""

    place: Place
    up: Up
    outside: bool
    scanned: Mapping[str, frozenset[str]]

    def id_of(self, inside: str, outside: str) -> str:
        return outside if self.outside else inside


def numbers(odd: int) -> str:
    quiet = np.random.default_rng(5).normal(100, 1, ROWS)
    rows = [*quiet, *([90_000.0] * odd)]
    return "t_ns,n\n" + "".join(f"{(T0_S + s) * 10**9},{n:.3f}\n" for s, n in enumerate(rows))


def fill_place(folder: Path) -> None:
    (folder / "quiet.csv").write_text(numbers(ODD))
    (folder / "manned.csv").write_text(numbers(ODD))
    (folder / "audit.jsonl").write_text(event("b1", "door.badge", "manned", T0_S + ROWS))
    (folder / "lab.txt").write_text(f"{T0_S} bench sample.changed\n{T0_S + 1} bench sample.cooled\n")
    (folder / "mumetal.toml").write_text(
        "sources = ["
        '"csv:quiet.csv?device=quiet", "csv:manned.csv?device=manned", "audit:audit.jsonl", "notes:lab.txt"]\n'
        'sinks = ["board:board.txt"]\n[watch]\nlearning_rows = 64\nlearning_s = 0\n'
    )
    examples = folder / "examples"
    examples.mkdir()
    for kind, ending in (("code rule", "py"), ("circuit rule", "qasm")):
        said: dict[str, object] = {}
        exec(compile(RECIPES[kind].inside[0].code, kind, "exec"), said)
        for which in ("bad", "good"):
            (examples / f"{which}.{ending}").write_text(getattr(said["RULE"], which))
    rule = read_rules([("recipe", RECIPES["secret rule"].inside[0].code.encode())]).rules[0]
    draw = np.random.default_rng(7)
    (examples / "bad.txt").write_text(fill(rule.match[0], draw) + "\n")
    (examples / "good.txt").write_text(fill(rule.benign[0], draw) + "\n")


def scanned(place: Place) -> dict[str, frozenset[str]]:
    """Return the rules that fire in each example."""
    place.run("scan", "examples", "--format", "json", "--out", "scan.json", code=1)
    found: dict[str, set[str]] = {}
    for each in json.loads((place.folder / "scan.json").read_text())["findings"]:
        found.setdefault(Path(each["path"]).name, set()).add(each["rule"])
    return {name: frozenset(rules) for name, rules in found.items()}


def in_this_tree(folder: Path) -> Place:
    shutil.copytree(ROOT / "src" / "mumetal", folder / "src" / "mumetal", ignore=shutil.ignore_patterns("__pycache__"))
    follower = Follower(folder)
    for kind in sorted(KINDS):
        follower.follow(RECIPES[kind].inside)
    python = [str(path) for path in (*follower.written, *follower.changed) if path.suffix == ".py"]
    ruff = Path(sys.executable).parent / "ruff"
    clean = subprocess.run(
        [ruff, "check", "--no-cache", "--config", ROOT / "pyproject.toml", *python],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert clean.returncode == 0, clean.stdout
    return Place(folder / "place", tree=folder / "src")


def from_another_package(folder: Path) -> Place:
    package = folder / "package"
    follower = Follower(package)
    for kind in sorted(KINDS - IN_TREE_ONLY):
        follower.follow(RECIPES[kind].outside, RECIPES[kind].inside)
    files = {str(path.relative_to(package)): path.read_text() for path in follower.written}
    wheel = build_wheel(folder, "acme_lab", {"acme_lab/__init__.py": "", **files}, follower.points)
    return Place(folder / "place", unpack(wheel, folder / "site"))


@pytest.fixture(scope="module", params=[in_this_tree, from_another_package], ids=["in tree", "outside"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place: Place = request.param(tmp_path_factory.mktemp("recipes"))
    fill_place(place.folder)
    found = scanned(place)
    with place.up() as up:
        yield World(place=place, up=up, outside=request.param is from_another_package, scanned=found)


def test_there_is_a_recipe_for_each_kind_and_its_code_is_short() -> None:
    assert RECIPES.keys() == KINDS
    assert {kind for kind, recipe in RECIPES.items() if not recipe.outside} == IN_TREE_ONLY
    blocks = [block for recipe in RECIPES.values() for block in recipe.blocks()]
    assert len(blocks) >= 2 * len(KINDS)
    assert [block for block in blocks if len(block.splitlines()) > 30] == []


def test_the_detector_raises_a_finding_live_in_its_own_words(world: World) -> None:
    words = world.id_of("quiet is far off, n most", "n of quiet is far off")
    found = world.up.incident(words)
    assert (found["device"], found["state"]) == ("quiet", "open")
    assert world.id_of("watch.detectors.together", "acme.farthest") in world.up.findings(found)


def test_the_cause_explains_a_finding_and_declines_another(world: World) -> None:
    words = world.id_of("manned is far off, n most", "n of manned is far off")
    explained = world.up.incident(words)
    assert explained["state"] == "explained"
    said = world.up.findings(explained)
    assert world.id_of("watch.causes.night_shift", "acme.night_shift") in said
    assert "a badge opened the door" in said
    declined = world.up.findings(world.up.incident(words.replace("manned", "quiet")))
    assert "nobody came in" in declined


def test_the_source_reads_its_place(world: World) -> None:
    read = f"/api/v1/devices/bench/events?start_ns={(T0_S - 9) * 10**9}&stop_ns={(T0_S + 9) * 10**9}"
    found = wait_until(lambda: world.up.json(read))
    assert [e["activity"] for e in found] == ["sample.changed", "sample.cooled"]
    assert "2 pieces read" in world.place.run("check", "--source", "notes:lab.txt")


def test_the_sink_receives(world: World) -> None:
    words = world.id_of("quiet is far off, n most", "n of quiet is far off")
    board = world.place.folder / "board.txt"
    assert wait_until(lambda: board.exists() and words in board.read_text())


@pytest.mark.parametrize(
    ("ending", "inside", "outside"),
    [
        ("txt", "scan.secrets.acme.qpu-key", ""),
        ("py", "scan.code.debugger", "acme.debugger"),
        ("qasm", "scan.circuits.squatting", "acme.squatting"),
    ],
)
def test_the_rules_fire_on_their_bad_example_and_not_on_the_good_one(
    world: World, ending: str, inside: str, outside: str
) -> None:
    rule = world.id_of(inside, outside)
    if rule:
        assert rule in world.scanned[f"bad.{ending}"]
        assert rule not in world.scanned.get(f"good.{ending}", ())
    else:
        assert inside not in world.scanned.get(f"bad.{ending}", ()), "a secret rule comes in the tree only"


def test_the_page_is_in_the_navigation(world: World) -> None:
    assert '<a href="/fleet">Fleet</a>' in world.up.get("/")
    wait_until(lambda: "<td>quiet</td>" in world.up.get("/fleet"))


def test_the_command_runs(world: World) -> None:
    assert "notes:lab.txt" in world.place.run("places").splitlines()
