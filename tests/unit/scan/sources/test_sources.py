"""Real folders, real repositories, real archives: what is read, what is reported, and that nothing escapes its bounds."""

import gzip
import io
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.needs import need

from mumetal.core.artefact import Artefact
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.git.objects import read_objects
from mumetal.git.repository import Git
from mumetal.scan.place import place_at, time_of
from mumetal.scan.sources import Changes, Follow, History, Limits, Stream, WorkTree

NOW = 1_700_000_000 * 10**9


def git(root: Path, *arguments: str) -> str:
    environment = {
        **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2025-01-02T03:04:05Z",
    }  # fmt: skip
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(
        [need("git"), *who, "-C", str(root), *arguments], check=True, capture_output=True, text=True, env=environment
    ).stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    (root / ".gitignore").write_text("*.skip\n")
    (root / "a.py").write_text("old = 1\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    (root / "a.py").write_text("new = 2\n")
    (root / "sub").mkdir()
    (root / "sub" / "b c.txt").write_text("hello\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "two")
    return root


def uris(artefacts: Iterator[Artefact]) -> set[str]:
    return {a.uri for a in artefacts}


def test_a_tree_is_seen_as_git_sees_it(repo: Path) -> None:
    (repo / "x.skip").write_text("no")
    (repo / "new.txt").write_text("yes")
    assert uris(WorkTree(repo).blobs()) == {".gitignore", "a.py", "sub/b c.txt", "new.txt"}
    assert "x.skip" in uris(WorkTree(repo, ignored=True).blobs())
    assert uris(WorkTree(repo / "sub").blobs()) == {"b c.txt"}
    assert uris(WorkTree(repo / "a.py").blobs()) == {"a.py"}


def test_links_are_not_followed_and_odd_files_are_reported(tmp_path: Path) -> None:
    root = tmp_path / "t"
    root.mkdir()
    (root / "loop").symlink_to(root)
    (tmp_path / "outside").write_text("secret")
    (root / "out").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "pipe")
    (root / "a\n\x1b[2Jb").write_text("x")
    (root / "big").write_bytes(b"x" * 100)
    left: list[Quarantined] = []
    found = uris(WorkTree(root, limits=Limits(file_bytes=50), report=left.append).blobs())
    assert len(found) == 1
    assert all(u.isprintable() for u in found)
    assert [q.where for q in left] == ["big"]
    with pytest.raises(BadInputError):
        WorkTree(tmp_path / "missing")


def test_depth_is_bounded(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcdef")
    deep.mkdir(parents=True)
    (deep / "x").write_text("x")
    left: list[Quarantined] = []
    assert not uris(WorkTree(tmp_path, limits=Limits(depth=3), report=left.append).blobs())
    assert len(left) == 1


def test_one_line_without_end_comes_in_pieces_that_overlap(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a" * 95 + b"SECRET" + b"b" * 200)
    pieces = list(WorkTree(tmp_path, limits=Limits(chunk=100)).blobs())
    assert max(len(p.data) for p in pieces) <= 100
    assert any(b"SECRET" in p.data for p in pieces)


def test_pieces_know_their_lines(tmp_path: Path) -> None:
    text = "".join(f"line {n}\n" for n in range(1, 200))
    (tmp_path / "x").write_text(text)
    pieces = list(WorkTree(tmp_path, limits=Limits(chunk=120)).blobs())
    assert b"".join(p.data for p in pieces) == text.encode()
    for piece in pieces:
        first = piece.data.index(b"line ")
        assert place_at(piece, first, first + 4).line == int(piece.data[first + 5 :].split(b"\n")[0])


def test_staged_files_are_read_from_the_index(repo: Path) -> None:
    (repo / "a.py").write_text("staged\n")
    git(repo, "add", "a.py")
    (repo / "a.py").write_text("in the folder\n")
    (artefact,) = Changes(repo, t_ns=NOW).blobs()
    assert (artefact.uri, artefact.data, time_of(artefact)) == ("a.py", b"staged\n", NOW)


def test_a_branch_is_compared_with_where_it_left_its_base(repo: Path) -> None:
    git(repo, "checkout", "-qb", "work")
    assert not list(Changes(repo, "main").blobs())
    (repo / "c.py").write_text("c\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "three")
    assert uris(Changes(repo, "main").blobs()) == {"c.py"}
    for base in ("nowhere", "--output=x"):
        with pytest.raises(BadInputError):
            Changes(repo, base)


def test_history_gives_each_blob_once_with_its_first_commit(repo: Path) -> None:
    first, second = git(repo, "log", "--reverse", "--format=%H").split()
    git(repo, "mv", "a.py", "renamed.py")
    git(repo, "commit", "-qm", "three")
    found = {a.data: a for a in History(repo).blobs()}
    assert set(found) == {b"*.skip\n", b"old = 1\n", b"new = 2\n", b"hello\n"}
    assert found[b"old = 1\n"].uri == f"git:{first[:12]}:a.py"
    assert dict(found[b"new = 2\n"].facts)["commit"] == second
    assert time_of(found[b"hello\n"]) == 1_704_164_645 * 10**9  # the author's date, not the committer's


def test_missing_objects_are_reported_and_the_rest_is_read(repo: Path) -> None:
    oid = git(repo, "rev-parse", "HEAD:a.py").strip()
    (repo / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    left: list[Quarantined] = []
    found = {a.data for a in History(repo, report=left.append).blobs()}
    assert b"hello\n" in found
    assert b"new = 2\n" not in found
    assert oid in {q.where for q in left}


def test_no_repository_is_said(tmp_path: Path) -> None:
    for source in (History, Changes):
        with pytest.raises((UnavailableError, BadInputError)):
            list(source(tmp_path).blobs())


def everything(repo: Path) -> None:
    """Let every source ask Git everything it ever asks."""
    list(WorkTree(repo).blobs())
    for changes in (Changes(repo, t_ns=NOW), Changes(repo, "main")):
        list(changes.blobs())
        for delta in changes.deltas().values():
            list(changes.before(delta))
    list(History(repo).blobs())


def test_a_repository_cannot_make_git_run_its_programs(repo: Path) -> None:
    evil, marker = repo / "evil.sh", repo / "ran"
    evil.write_text(f"#!/bin/sh\necho $0 $1 >> {marker}\ncat\n")
    evil.chmod(0o755)
    (repo / ".gitattributes").write_text("*.py filter=a=b diff=odd\n*.txt filter=slow\n")
    git(repo, "add", ".gitattributes")
    commit = git(repo, "cat-file", "commit", "HEAD").replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n  x\n\n", 1
    )
    (repo / "signed").write_text(commit)
    git(repo, "branch", "signed", git(repo, "hash-object", "-t", "commit", "-w", "signed").strip())
    for name in (
        "core.fsmonitor", "core.pager", "diff.external", "diff.odd.command", "diff.odd.textconv", "filter.a=b.clean",
        "filter.a=b.smudge", "filter.slow.process", "gpg.program", "core.sshCommand", "core.alternateRefsCommand",
    ):  # fmt: skip
        git(repo, "config", name, str(evil))
    git(repo, "config", "filter.slow.required", "true")
    git(repo, "config", "log.showSignature", "true")
    for hook in ("post-index-change", "reference-transaction"):
        (repo / ".git" / "hooks" / hook).symlink_to(evil)
    (repo / "a.py").write_text("changed\n")
    (repo / "sub" / "b c.txt").write_text("changed\n")
    subprocess.run([need("git"), "-C", str(repo), "diff", "main"], check=False, capture_output=True)
    assert marker.exists()  # the trap works
    marker.unlink()
    everything(repo)
    assert not marker.exists(), marker.read_text()


def test_what_a_partial_clone_lacks_is_not_fetched_by_the_repositorys_programs(repo: Path) -> None:
    evil, marker = repo / "evil.sh", repo / "ran"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    evil.chmod(0o755)
    oid = git(repo, "rev-parse", "HEAD:a.py").strip()
    (repo / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    for name, value in (
        ("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin"), ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::{evil}"), ("protocol.ext.allow", "always"),
    ):  # fmt: skip
        git(repo, "config", name, value)
    (repo / "a.py").write_text("changed\n")  # so that its old blob is asked for
    lazy = {**os.environ, "GIT_NO_LAZY_FETCH": "0"}
    subprocess.run([need("git"), "-C", str(repo), "cat-file", "-p", oid], check=False, capture_output=True, env=lazy)
    assert marker.exists()  # the trap works
    marker.unlink()
    list(History(repo).blobs())
    left: list[Quarantined] = []
    assert not list(read_objects(Git(repo), [oid.encode()], Limits().chunk, left.append))
    assert "missing" in left[0].reason
    with pytest.raises(UnavailableError):  # and said: what changed cannot be told without the old blob
        Changes(repo, "main").deltas()
    assert not marker.exists()


def test_a_filters_files_are_told_from_each_other_without_the_filter(repo: Path) -> None:
    (repo / ".gitattributes").write_text("*.py filter=up\n")
    git(repo, "config", "filter.up.clean", "tr a-z A-Z")
    git(repo, "add", "-A", "--renormalize")
    git(repo, "commit", "-qam", "three")
    (repo / "a.py").write_text("new = 2\nmore\n")
    (changed,) = Changes(repo, "main").blobs()
    assert (changed.uri, changed.data) == ("a.py", b"new = 2\nmore\n")


def test_what_was_committed_is_read_and_not_its_replacement(repo: Path) -> None:
    first, second = git(repo, "log", "--reverse", "--format=%H").split()
    git(repo, "replace", second, first)
    assert "b c.txt" in " ".join(uris(History(repo).blobs()))


def stream(data: bytes, name: str, limits: Limits | None = None) -> tuple[list[Artefact], list[Quarantined]]:
    left: list[Quarantined] = []
    return list(Stream(io.BytesIO(data), name, t_ns=NOW, limits=limits, report=left.append).blobs()), left


def test_a_notebook_comes_apart_by_cell() -> None:
    book = {
        "cells": [
            {
                "cell_type": "code",
                "source": ["a = 1\n", "b = 2"],
                "outputs": [{"output_type": "stream", "text": ["printed\n"]}],
            },
            {"cell_type": "markdown", "source": "text"},
            {"cell_type": "code", "source": "", "outputs": [{"data": {"text/plain": "shown", "image/png": "AAAA"}}]},
        ],
        "metadata": {"k": "v"},
    }
    found, left = stream(json.dumps(book).encode(), "n.ipynb")
    assert not left
    assert {a.uri: a.data.strip() for a in found} == {
        "n.ipynb#cell1": b"a = 1\nb = 2",
        "n.ipynb#cell1-output": b"printed",
        "n.ipynb#cell2": b"text",
        "n.ipynb#cell3-output": b"shown",
        "n.ipynb#metadata": b'{"k": "v"}',
    }


def test_a_broken_notebook_is_reported_and_read_as_text() -> None:
    found, left = stream(b'{"cells": [{"source": 1', "n.ipynb")
    assert [a.uri for a in found] == ["n.ipynb"]
    assert len(left) == 1


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(**members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_archives_within_archives_come_apart() -> None:
    inner = tarred(**{"deep.txt": b"deep"})
    found, left = stream(zipped(**{"a.txt": b"top", "in.tar.gz": inner}), "x.whl")
    assert not left
    assert {a.uri: a.data for a in found} == {"x.whl!a.txt": b"top", "x.whl!in.tar.gz!in.tar!deep.txt": b"deep"}


def test_a_bomb_is_reported_and_what_came_before_is_kept() -> None:
    found, left = stream(zipped(**{"a.txt": b"kept", "bomb": b"\0" * (64 << 20)}), "x.zip")
    assert [a.data for a in found] == [b"kept"]
    assert "unpacks to more" in left[0].reason
    assert "unpacks to more" in stream(gzip.compress(b"\0" * (64 << 20)), "x.gz")[1][0].reason
    many = zipped(**{f"{n}": b"x" for n in range(50)})
    assert len(stream(many, "x.zip", Limits(members=10))[0]) == 10


def test_nesting_ends() -> None:
    data = b"core"
    for _ in range(8):
        data = zipped(x=data)
    found, left = stream(data, "x.zip")
    assert not found
    assert "inside" in left[0].reason


@pytest.mark.parametrize("cut", [10, 40, 100])
def test_damaged_archives_are_reported(cut: int) -> None:
    for data in (zipped(**{"a.txt": b"x" * 500}), tarred(**{"a.txt": b"x" * 500})):
        assert stream(data[: min(cut, len(data) - 9)], "x")[1]


def test_a_growing_log_is_followed_across_rotation_and_truncation(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("one\ntw")
    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: log.write_text(log.read_text() + "o\nthree\n"),
            lambda: (log.rename(tmp_path / "job.log.1"), log.write_text("after rotation\n")),
            lambda: log.write_text("cut\n"),
        ]
    )

    def wait() -> bool:
        step = next(steps, None)
        if step is not None:
            step()
        return step is not None

    left: list[Quarantined] = []
    found = list(Follow(log, now=lambda: NOW, wait=wait, report=left.append).blobs())
    assert [a.data for a in found] == [b"one\n", b"two\nthree\n", b"after rotation\n", b"cut\n"]
    assert [dict(a.facts)["line"] for a in found] == ["1", "2", "1", "1"]
    assert len(left) == 2


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        list(Follow(tmp_path / "no", now=lambda: NOW, wait=lambda: False).blobs())
