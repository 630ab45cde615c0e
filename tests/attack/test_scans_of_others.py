"""What one scan does not find is gone only where that scan looked: a repository is not its folder's name."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_scan_flow import RUN, token

from mumetal.scan.repository_id import repository_id
from mumetal.serve.cli.app import app

ME = ("-c", "user.name=a", "-c", "user.email=a@example.invalid")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *ME, *words], check=True, capture_output=True)


def repository(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", f"first of {folder}")
    return folder


def leak() -> str:
    return f'service = QiskitRuntimeService(token="{token()}")\n'


class Store:
    """A store, and scans into it from one folder or another."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch

    def scan(self, where: Path, *words: str) -> str:
        self._patch.chdir(where)
        done = RUN.invoke(app, ["scan", *words, "--store", str(self.folder)])
        assert done.exit_code in {0, 1}, done.output
        return done.output

    def standing(self) -> list[dict[str, Any]]:
        listed = json.loads(RUN.invoke(app, ["scan", "findings", "--store", str(self.folder), "--json"]).output)
        return sorted(listed, key=lambda s: str(s["path"]))

    def paths(self) -> list[str]:
        return [s["path"] for s in self.standing()]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(tmp_path / "store", monkeypatch)


def test_another_repository_in_a_folder_of_the_same_name_closes_nothing(tmp_path: Path, store: Store) -> None:
    shared = leak()
    one = repository(tmp_path / "one" / "control", {"run.py": shared, "own.py": leak()})
    other = repository(tmp_path / "two" / "control", {"run.py": shared})
    store.scan(one)
    store.scan(other)
    assert store.paths() == ["own.py", "run.py", "run.py"]  # one secret at one path in two repositories is two findings
    (other / "run.py").write_text("token = None\n")
    store.scan(other)
    assert store.paths() == ["own.py", "run.py"]


def test_a_clone_in_a_folder_of_another_name_is_the_same_repository(tmp_path: Path, store: Store) -> None:
    one = repository(tmp_path / "control", {"run.py": leak(), "kept.py": leak()})
    store.scan(one)
    git(tmp_path, "clone", "-q", str(one), "renamed")
    clone = tmp_path / "renamed"
    (clone / "run.py").write_text("token = None\n")
    assert "known" in store.scan(clone)
    assert [(s["path"], s["target"]) for s in store.standing()] == [("kept.py", "control")]


def test_a_scan_closes_only_what_it_looked_at(tmp_path: Path, store: Store) -> None:
    unsafe = "import pickle\n\ndef handle_job(job):\n    return pickle.loads(job['circuit'])\n"
    files = {"a/run.py": leak(), "b/run.py": leak(), "b/load.py": unsafe}
    repo = repository(tmp_path / "control", files)
    store.scan(repo)
    everything = store.paths()
    assert len(everything) == 3
    for name in files:
        (repo / name).write_text("nothing = 1\n")
    (tmp_path / "control" / "c").mkdir()
    store.scan(repo, "c")  # nothing is in there
    store.scan(repo, "--diff", "HEAD")
    store.scan(repo / "c")
    store.scan(repo, "--exclude", "a/*", "--exclude", "b/")
    assert store.paths() == everything
    store.scan(repo, "a")
    assert store.paths() == ["b/load.py", "b/run.py"]
    store.scan(repo, "--only", "secrets")
    assert store.paths() == ["b/load.py"]
    store.scan(repo)
    assert not store.paths()


def test_a_scan_that_read_nothing_closes_nothing(tmp_path: Path, store: Store) -> None:
    repo = repository(tmp_path / "control", {"run.py": leak()})
    store.scan(repo)
    git(repo, "rm", "-q", "run.py")
    store.scan(repo)
    assert store.paths() == ["run.py"]
    (repo / "other.py").write_text("nothing = 1\n")
    store.scan(repo)
    assert not store.paths()


def test_a_shallow_clone_is_known_by_its_remote_and_says_so(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = repository(tmp_path / "whole", {"run.py": leak()})
    git(whole, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{whole}", "control")
    shallow = tmp_path / "control"
    assert "address of its remote" in store.scan(shallow)
    monkeypatch.chdir(shallow)
    known = repository_id((Path(),))
    assert known.startswith("remote:")
    git(shallow, "remote", "set-url", "origin", f"file://user:{token()}@{whole}")
    assert repository_id((Path(),)) == known  # no credential is part of it
    git(shallow, "remote", "remove", "origin")
    assert repository_id((Path(),)).startswith("path:")
    assert "first commit" in store.scan(shallow)
    assert len(store.paths()) == 2  # by the remote, and by the folder


def test_the_remote_is_named_alike_however_it_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "control"
    repo.mkdir()
    git(repo, "init", "-q")
    monkeypatch.chdir(repo)
    told = set()
    git(repo, "remote", "add", "origin", "https://example.invalid/lab/control")
    for address in ("https://me:secret@example.invalid/lab/control.git", "https://example.invalid/lab/control/"):
        git(repo, "remote", "set-url", "origin", address)
        told.add(repository_id((Path(),)))
    assert len(told) == 1
    git(repo, "remote", "set-url", "origin", "https://example.invalid/lab/other")
    assert repository_id((Path(),)) not in told


def test_whoever_holds_its_first_commit_can_have_a_repository_taken_for_it(tmp_path: Path, store: Store) -> None:
    """What is scanned is its owner's word: this is said, not prevented."""
    repo = repository(tmp_path / "control", {"run.py": leak()})
    store.scan(repo)
    git(tmp_path, "clone", "-q", str(repo), "claimed")
    (tmp_path / "claimed" / "run.py").write_text("nothing = 1\n")
    store.scan(tmp_path / "claimed")
    assert not store.paths()
    kept = RUN.invoke(app, ["scan", "findings", "--store", str(store.folder), "--json", "--closed"])
    assert [s["reason"] for s in json.loads(kept.output)] == ["no longer found"]
