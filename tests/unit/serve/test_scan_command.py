"""``mumetal scan`` as people run it: exit codes, formats, baseline, settings, standard input."""

import json
import secrets
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mumetal.serve.cli.app import app

RUN = CliRunner()


def key() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def secret(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    hidden = key()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "run.py").write_text(f'service = QiskitRuntimeService(token="{hidden}")\n')
    (tmp_path / "clean.py").write_text("x = 1\n")
    yield hidden
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name != "run.py":
            assert hidden.encode() not in file.read_bytes(), f"{file.name} tells the secret"


def test_a_tree_with_a_secret_ends_with_one(secret: str) -> None:
    done = RUN.invoke(app, ["scan"])
    assert done.exit_code == 1, done.output
    assert "src/run.py:1:39" in done.output
    assert secret not in done.output


def test_a_clean_file_ends_with_zero(secret: str) -> None:
    done = RUN.invoke(app, ["scan", "clean.py"])
    assert done.exit_code == 0, done.output
    assert "nothing found" in done.output


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "text"])
def test_every_format_goes_to_a_file(secret: str, form: str) -> None:
    done = RUN.invoke(app, ["scan", ".", "--format", form, "--out", "report"])
    assert done.exit_code == 1, done.output
    assert "ibm" in Path("report").read_text().lower()


def test_fail_on_none_tells_and_ends_with_zero(secret: str) -> None:
    done = RUN.invoke(app, ["scan", "--fail-on", "none", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["counts"]


def test_a_baseline_silences_what_is_known_and_only_that(secret: str) -> None:
    assert RUN.invoke(app, ["scan", "--baseline", "known.json", "--write-baseline"]).exit_code == 0
    done = RUN.invoke(app, ["scan", "--baseline", "known.json"])
    assert done.exit_code == 0, done.output
    assert "1 known" in done.output
    text = Path("src/run.py").read_text()
    Path("src/run.py").write_text(f"\n\n{text}")
    assert RUN.invoke(app, ["scan", "--baseline", "known.json"]).exit_code == 0
    Path("src/new.py").write_text(f'QiskitRuntimeService(token="{key()}")\n')
    assert RUN.invoke(app, ["scan", "--baseline", "known.json"]).exit_code == 1


def test_settings_come_from_either_file(secret: str) -> None:
    Path("pyproject.toml").write_text('[project]\nname = "x"\n[tool.mumetal.scan]\nexclude = ["src/"]\n')
    assert RUN.invoke(app, ["scan"]).exit_code == 0
    Path("mumetal.toml").write_text('[scan]\nfail_on = "none"\n')
    assert "run.py" in RUN.invoke(app, ["scan"]).output
    Path("mumetal.toml").write_text('[scan]\nfail_onn = "none"\n')
    assert RUN.invoke(app, ["scan"]).exit_code == 2


def test_standard_input_is_read(secret: str) -> None:
    done = RUN.invoke(app, ["scan", "--stdin"], input=f'QiskitRuntimeService(token="{secret}")\n')
    assert done.exit_code == 1
    assert "stdin:1" in done.output


@pytest.mark.parametrize(
    "words", [["nowhere"], ["--only", "nonsense"], ["--fail-on", "terrible"], ["--settings", "none"]]
)
def test_bad_words_end_with_two(secret: str, words: list[str]) -> None:
    assert RUN.invoke(app, ["scan", *words]).exit_code == 2


def test_what_cannot_be_read_is_named_and_the_rest_scanned(secret: str) -> None:
    Path("loop").symlink_to(".")
    with Path("huge.bin").open("wb") as file:
        file.truncate(2**21)
    Path("mumetal.toml").write_text("[scan]\nmax_file_mib = 1\n")
    Path("odd\udcff.py").write_bytes(b"\xff\xfe\x00")
    done = RUN.invoke(app, ["scan"])
    assert done.exit_code == 1
    assert "huge.bin" in done.output
    assert done.output.count("critical") >= 1


def test_the_rules_are_listed(secret: str) -> None:
    done = RUN.invoke(app, ["scan", "rules", "--only", "secrets"])
    assert done.exit_code == 0
    assert "scan.secrets.ibm-quantum.token" in done.output


def git(*words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", *words], check=True, capture_output=True
    )


def test_staged_changes_a_branch_and_a_history_are_scanned(secret: str) -> None:
    git("init", "-q", "-b", "main")
    git("add", "clean.py")
    assert RUN.invoke(app, ["scan", "--staged"]).exit_code == 0
    git("commit", "-qm", "clean")
    git("add", "src/run.py")
    done = RUN.invoke(app, ["scan", "--staged"])
    assert done.exit_code == 1, done.output
    git("checkout", "-q", "-b", "work")
    git("commit", "-qm", "leak")
    assert "src/run.py" in RUN.invoke(app, ["scan", "--diff", "main"]).output
    git("rm", "-q", "src/run.py")
    git("commit", "-qm", "gone from the tree, not from the history")
    assert RUN.invoke(app, ["scan"]).exit_code == 0
    done = RUN.invoke(app, ["scan", "--history", "--format", "sarif"])
    assert done.exit_code == 1
    result = json.loads(done.output)["runs"][0]["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "src/run.py"
    assert result["properties"]["commit"]
    assert secret not in done.output
    assert RUN.invoke(app, ["scan", "--diff", "nowhere"]).exit_code == 2
    assert RUN.invoke(app, ["scan", "--staged", "--history"]).exit_code == 2


def test_paths_are_told_as_they_were_named(secret: str) -> None:
    assert "src/run.py:1" in RUN.invoke(app, ["scan", "src"]).output
    assert "src/run.py:1" in RUN.invoke(app, ["scan", "src/run.py"]).output


def test_a_notebook_cell_is_named(secret: str) -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": [f'QiskitRuntimeService(token="{key()}")']}
    Path("n.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    Path("broken.ipynb").write_text('{"cells": [')
    done = RUN.invoke(app, ["scan", "--exclude", "src/", "--json"])
    report = json.loads(done.output)
    assert [f["path"] for f in report["findings"]] == ["n.ipynb#cell1"]
    assert any("broken.ipynb" in p["where"] for p in report["problems"])
