"""A hostile repository runs nothing, and shows the history that was committed."""

import subprocess
from pathlib import Path

import pytest

from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.git.objects import read_objects
from mumetal.git.repository import Git


def run(folder: Path, *arguments: str, text: str = "") -> str:
    asked = ["git", "-c", "user.name=A", "-c", "user.email=a@lab", "-C", str(folder), *arguments]
    return subprocess.run(asked, check=True, capture_output=True, input=text, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    run(folder, "init", "-q", "-b", "main")
    for i in range(3):
        (folder / "a").write_text(f"{i}\n")
        run(folder, "add", "a")
        run(folder, "commit", "-q", "-m", f"change {i}")
    return folder


def test_grafts_do_not_change_whose_child_a_commit_is(repository: Path) -> None:
    ids = run(repository, "rev-list", "HEAD").split()
    (repository / ".git/info/grafts").write_text(f"{ids[0]} {ids[2]}\n")
    assert run(repository, "-c", "advice.graftFileDeprecated=false", "rev-list", "HEAD").split() == [ids[0], ids[2]]
    assert Git(repository).ask("rev-list", "HEAD").decode().split() == ids


def test_objects_of_another_kind_and_large_ones_are_left_out(repository: Path) -> None:
    git = Git(repository)
    told: list[Quarantined] = []
    head = run(repository, "rev-parse", "HEAD").encode()
    asked = [b"HEAD:a", head, b"HEAD:gone"]
    assert list(read_objects(git, asked, 100, told.append)) == [(0, b"2\n")]
    assert [w.reason for w in told] == ["the object is missing or damaged"]
    assert [n for n, _ in read_objects(git, asked, 10_000, lambda _: None, b"commit")] == [1]
    told.clear()
    assert not list(read_objects(git, asked[:1], 1, told.append))
    assert "larger than 1 bytes" in told[0].reason


def test_signature_programs_that_the_repository_names_are_not_run(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    for kind in ("PGP SIGNATURE", "SSH SIGNATURE", "SIGNED MESSAGE"):
        tree = run(repository, "rev-parse", "HEAD^{tree}")
        signed = f"gpgsig -----BEGIN {kind}-----\n AAAA\n -----END {kind}-----"
        text = f"tree {tree}\nauthor A <a@lab> 1 +0000\ncommitter A <a@lab> 1 +0000\n{signed}\n\nhello\n"
        run(
            repository, "update-ref", "HEAD", run(repository, "hash-object", "-t", "commit", "-w", "--stdin", text=text)
        )
        for name in ("gpg.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.program"):
            run(repository, "config", name, str(program))
        run(repository, "config", "gpg.minTrustLevel", "never")
        signers = tmp_path / "signers"
        signers.write_text("")
        head = run(repository, "rev-parse", "HEAD")
        assert Git(repository).signers([head], signers) == {}
        assert not mark.exists()
    run(repository, "log", "-1", "--format=%G?")
    assert mark.exists(), "the trap does not spring without the protection: the test would prove nothing"


def test_an_allowed_signer_is_told_and_a_stranger_is_not(repository: Path, tmp_path: Path) -> None:
    for who in ("alice", "mallory"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / who)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"alice@lab {(tmp_path / 'alice.pub').read_text()}")
    ids = {}
    for who in ("alice", "mallory"):
        sign = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={tmp_path / who}.pub")
        run(repository, *sign, "commit", "-q", "--allow-empty", "-S", "-m", who)
        ids[who] = run(repository, "rev-parse", "HEAD")
    unsigned = run(repository, "rev-parse", "HEAD~2")
    assert Git(repository).signers([*ids.values(), unsigned], signers) == {ids["alice"]: "alice@lab"}


def test_a_missing_list_of_signers_and_a_folder_without_history_say_so(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no file of allowed signers"):
        Git(repository).signers(["0" * 40], tmp_path / "none")
    with pytest.raises(UnavailableError, match="not a git repository"):
        Git(tmp_path).ask("rev-parse", "--git-dir")
