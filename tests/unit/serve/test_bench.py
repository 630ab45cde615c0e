"""`mumetal bench` finds the benches in a source tree of its own version, or says how to get them; the wheel has none."""

import ast
import json
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mumetal import __version__
from mumetal.core.errors import UnavailableError
from mumetal.serve.cli import bench
from mumetal.serve.cli.app import app

ROOT = Path(__file__).resolve().parents[3]
SRC = ROOT / "src" / "mumetal"


def source(folder: Path, version: str) -> Path:
    """Make what a source tree is recognised by."""
    (folder / "bench").mkdir(parents=True)
    (folder / "bench" / "registry.py").touch()
    (folder / "src" / "mumetal").mkdir(parents=True)
    (folder / "src" / "mumetal" / "__init__.py").write_text(f'"""It."""\n\n__version__ = "{version}"\n')
    return folder


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation that knows of no source, and a folder to stand in."""
    monkeypatch.setattr(
        bench, "__file__", str(tmp_path / "lib" / "site-packages" / "mumetal" / "serve" / "cli" / "bench.py")
    )
    monkeypatch.setattr(metadata, "distribution", lambda _name: Installed(None))
    monkeypatch.delenv(bench.VARIABLE, raising=False)
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


class Installed:
    """A distribution with the origin that an installer wrote."""

    def __init__(self, origin: str | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.origin


def test_the_tree_that_the_package_runs_from_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(bench.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert bench.tree() == ROOT


def test_where_there_is_none_the_exit_code_is_3_and_the_hint_says_what_to_do(away: Path) -> None:
    said = CliRunner().invoke(app, ["bench", "watch"])
    assert said.exit_code == 3
    assert f"clone the source of version {__version__}" in said.stderr
    assert bench.VARIABLE in said.stderr
    told = json.loads(CliRunner().invoke(app, ["bench", "watch", "--json"]).stdout)
    assert told["error"] == "UnavailableError"


def test_the_folder_where_one_stands_is_taken_when_it_is_this_version(away: Path) -> None:
    source(away, __version__)
    assert bench.tree() == away


@pytest.mark.parametrize("version", ["0.0.0", f"{__version__}.1"])
def test_another_version_is_not_taken(away: Path, version: str) -> None:
    source(away, version)
    with pytest.raises(UnavailableError):
        bench.tree()


def test_a_folder_called_bench_alone_is_not_taken(away: Path) -> None:
    (away / "bench").mkdir()
    (away / "bench" / "registry.py").touch()
    with pytest.raises(UnavailableError):
        bench.tree()


def test_the_tree_that_was_installed_from_goes_before_the_folder(
    away: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(away, __version__)
    origin = source(tmp_path / "the source", __version__)
    told = json.dumps({"url": origin.as_uri(), "dir_info": {}})
    monkeypatch.setattr(metadata, "distribution", lambda _name: Installed(told))
    assert bench.tree() == origin
    shutil.rmtree(origin)
    assert bench.tree() == away
    monkeypatch.setattr(metadata, "distribution", lambda _name: Installed("no JSON"))
    assert bench.tree() == away


def test_the_variable_goes_first_and_a_wrong_one_is_refused(
    away: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(away, __version__)
    other = source(tmp_path / "other", "9.9")
    monkeypatch.setenv(bench.VARIABLE, str(other))
    assert bench.tree() == other
    monkeypatch.setenv(bench.VARIABLE, str(other / "bench"))
    assert bench.tree() == other
    monkeypatch.setenv(bench.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UnavailableError, match="this variable names"):
        bench.tree()


def test_options_are_handed_over_as_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    import bench.command as there  # the tree of these tests

    seen: list[list[str]] = []

    def main(words: list[str]) -> int:
        seen.append(list(words))
        return 0

    monkeypatch.setattr(there, "main", main)
    assert sys.modules["bench.command"] is there
    words = ["watch", "--data", "a b", "-h", "--json", "--", "--quick"]
    assert CliRunner().invoke(app, ["bench", *words]).exit_code == 0
    assert CliRunner().invoke(app, ["bench", "--help"]).exit_code == 0
    assert seen == [words, ["--help"]]


def test_no_module_of_the_package_is_a_benchmark_or_imports_one() -> None:
    assert not [p for p in SRC.rglob("*") if "benchmark" in p.name]
    bad = []
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            bad += [f"{path.relative_to(SRC)} imports {n}" for n in names if n.split(".")[0] in {"bench", "tests"}]
    assert not bad


def test_the_wheel_takes_the_package_alone() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["src/mumetal"]}, "what else the wheel would hold: tests/full builds and opens it"
