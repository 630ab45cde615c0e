"""A server with the shipped hook refuses a push that brings a secret, also one that its last commit takes away again."""

import os
import secrets
import string
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **more},
    )


def test_a_secret_is_refused_and_the_rest_comes_in(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    server, work = tmp_path / "server.git", tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", str(server))
    hook = server / "hooks" / "pre-receive"
    hook.write_bytes((ROOT / "templates" / "pre-receive").read_bytes())
    hook.chmod(0o755)
    git(tmp_path, "init", "-q", "-b", "main", str(work))
    settings = {
        "MUMETAL": f"{sys.executable} -m mumetal",
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CACHE_HOME": str(tmp_path_factory.getbasetemp().parent / "scan-cache"),
    }
    (work / "a.py").write_text("x = 1\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "clean")
    done = git(work, "push", "-q", str(server), "main", **settings)
    assert done.returncode == 0, done.stderr
    key = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))
    (work / "a.py").write_text(f'service = QiskitRuntimeService(token="{key}")\n')
    git(work, "commit", "-qam", "leak")
    (work / "a.py").write_text("x = 2\n")
    git(work, "commit", "-qam", "gone again")
    done = git(work, "push", "-q", str(server), "main", **settings)
    assert done.returncode != 0
    assert "refused" in done.stderr
    assert key[:8] not in done.stderr
    assert "a.py:1" in done.stderr, "the file and the line are named"
    objects = {p.name for p in (server / "objects").rglob("*") if p.is_file()}
    leaked = git(work, "rev-parse", "HEAD~1:a.py").stdout.strip()
    assert leaked[2:] not in objects, "what was refused stayed in quarantine"
    git(work, "reset", "-q", "--hard", "HEAD~2")
    (work / "b.bin").write_bytes(b"\0" * 200)
    (work / "settings.ini").write_text(f"password = {key[:20]}\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "a password beside a binary file")
    done = git(work, "push", "-q", str(server), "main", **settings)
    assert "settings.ini:1" in done.stderr
    git(work, "reset", "-q", "--hard", "HEAD~1")
    (work / "a.py").write_text("x = 3\n")
    git(work, "commit", "-qam", "clean again")
    git(work, "tag", "-a", "v1", "-m", "a tag")
    assert git(work, "push", "-q", str(server), "main", "v1", **settings).returncode == 0


def test_the_action_puts_no_text_from_outside_into_a_script() -> None:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    scripts = [step["run"] for step in steps if "run" in step]
    assert len(scripts) == 2
    assert not any("${{" in script for script in scripts), "it would be run"
