"""Only what a change brings is told: new lines, and what new lines make of old ones; staged files come from the index."""

import json
import secrets
import string
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mumetal.scan.sources import Changes
from mumetal.serve.cli.app import app

RUN = CliRunner()
Git = Callable[..., str]


def token() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))


def leak(value: str | None = None) -> str:
    return f'QiskitRuntimeService(token="{value or token()}")\n'


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Git:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "scan-cache"))

    def run(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
        return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout

    run("init", "-q", "-b", "main")
    Path("old.py").write_text("x = 1\n" + leak() + "y = 2\n")
    Path("load.py").write_text("import pickle\n\ndef handle(blob):\n    job = blob\n    return pickle.loads(job)\n")
    run("add", ".")
    run("commit", "-qm", "one")
    run("checkout", "-qb", "work")
    return run


def found(*words: str) -> set[tuple[str, int]]:
    told = json.loads(RUN.invoke(app, ["scan", *words, "--json"]).output)
    return {(f["path"], f["line"]) for f in told["findings"]}


def test_old_secrets_in_a_changed_file_are_not_told_and_new_ones_are(git: Git) -> None:
    text = Path("old.py").read_text()
    Path("old.py").write_text("# a line above\n" + text + "z = 3\n" + leak())
    assert found("--diff", "main") == {("old.py", 6)}
    assert found() == {("old.py", 3), ("old.py", 6)}
    git("commit", "-qam", "two")
    assert found("--diff", "main") == {("old.py", 6)}
    assert found("--diff", "main", "old.py") == {("old.py", 6)}


def test_the_same_secret_once_more_is_told_where_it_is_new(git: Git) -> None:
    text = Path("old.py").read_text()
    Path("old.py").write_text(text.splitlines()[1] + "\n" + text)
    assert found("--diff", "main") == {("old.py", 1)}


def test_a_new_line_that_makes_an_old_one_dangerous_is_told(git: Git) -> None:
    before = found("--only", "code")
    assert ("load.py", 5) not in before or before == set()
    text = (
        Path("load.py")
        .read_text()
        .replace("def handle(blob):", "def handle_job(request):")
        .replace("= blob", "= request")
    )
    Path("load.py").write_text(text)
    after = found("--only", "code")
    assert after == {("load.py", 5)}
    assert found("--diff", "main", "--only", "code") == after, "line 5 itself did not change"


def test_a_moved_file_brings_nothing(git: Git) -> None:
    Path("sub").mkdir()
    git("mv", "old.py", "sub/new name.py")
    git("commit", "-qm", "moved")
    assert found("--diff", "main") == set()
    with Path("sub/new name.py").open("a") as file:
        file.write(leak())
    assert found("--diff", "main") == {("sub/new name.py", 4)}
    assert found("--diff", "main", "sub") == {("sub/new name.py", 4)}


def test_staged_lines_come_from_the_index(git: Git) -> None:
    Path("old.py").write_text(Path("old.py").read_text() + leak())
    git("add", "old.py")
    Path("old.py").write_text("nothing = 1\n")
    assert found("--staged") == {("old.py", 4)}
    Path("load.py").write_text(Path("load.py").read_text() + leak())
    assert found("--staged") == {("old.py", 4)}, "what is only in the folder is not staged"
    git("add", "load.py")
    assert found("--staged", "load.py") == {("load.py", 6)}


def test_the_first_commit_of_all_is_staged_too(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    subprocess.run(["git", "init", "-q"], check=True)
    Path("a.py").write_text(leak())
    subprocess.run(["git", "add", "."], check=True)
    assert found("--staged") == {("a.py", 1)}


def test_only_the_new_cell_of_a_notebook_is_told(git: Git) -> None:
    def book(*sources: str) -> str:
        cells = [{"cell_type": "code", "source": s, "metadata": {}, "outputs": []} for s in sources]
        return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

    first, second = leak(), leak()
    Path("n.ipynb").write_text(book(first))
    git("add", ".")
    git("commit", "-qm", "notebook")
    git("checkout", "-qb", "cells")
    Path("n.ipynb").write_text(book("x = 1", first, second))
    assert found("--diff", "work") == {("n.ipynb#cell3", 1)}


def test_odd_names_and_lines_that_look_like_a_header(git: Git) -> None:
    for name in ('quo"te.py', "tab\there.py", "ümlaut.py", "b"):
        Path(name).write_text("++ b/other.py\n@@ -1 +1,9 @@\n")
    git("add", ".")
    git("commit", "-qm", "odd")
    git("checkout", "-qb", "more")
    for name in ('quo"te.py', "tab\there.py", "ümlaut.py", "b"):
        Path(name).write_text("++ b/other.py\n@@ -1 +1,9 @@\nmore\n++ b/x\nlast")
    deltas = Changes(Path(), "work").deltas()
    assert {n: d.added for n, d in deltas.items()} == dict.fromkeys(
        ('quo"te.py', "tab\there.py", "ümlaut.py", "b"), ((3, 5),)
    )
