"""Everything hostile at once, thrown at the real command: each is named or bounded, and the rest is still scanned."""

import gzip
import io
import json
import os
import secrets
import string
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GIB = 2**30


def leak(tokens: list[str]) -> bytes:
    tokens.append("".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44)))
    return f'QiskitRuntimeService(token="{tokens[-1]}")\n'.encode()


def bomb(depth: int) -> bytes:
    data = b"\0" * 50_000_000
    for level in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{level}.zip" if level else "zeros", data)
        data = out.getvalue()
    return data


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True
    ).stdout


def scan(folder: Path, cache: Path, *words: str) -> tuple[int, str, dict[str, list[dict[str, str]]], int]:
    """Run the command as a stranger would; returns exit code, error stream, report, peak memory in MiB."""
    code = (
        "import resource, runpy, sys; sys.argv = ['mumetal', *sys.argv[1:]]\n"
        "try: runpy.run_module('mumetal', run_name='__main__')\n"
        "finally: sys.stderr.write(f'peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "scan", *words, "--format", "json", "--out", str(cache / "report.json")],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(cache)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    peak = int(done.stderr.rsplit("peak ", 1)[1])
    return done.returncode, done.stderr, json.loads((cache / "report.json").read_text()), peak


def hostile(folder: Path, tokens: list[str]) -> None:
    """Fill a folder with what no tool should trip over, and honest leaks between."""
    (folder / "a_first.py").write_bytes(leak(tokens))
    (folder / "broken.ipynb").write_bytes(b'{"cells": [{"cell_type": "code", "source": [1, {')
    (folder / "deep.ipynb").write_bytes(b'{"cells": ' + b"[" * 100_000)
    (folder / "invalid.py").write_bytes(b"# \xff\xfe\x00\xc3\x28\n" + leak(tokens))
    (folder / "syntax.py").write_bytes(b"import pickle\ndef handle_job(job:\n" + leak(tokens))
    with (folder / "line.log").open("wb") as file:  # one line of a gigabyte, with a leak at its end
        file.seek(GIB)
        file.write(leak(tokens))
    (folder / "bomb.zip").write_bytes(bomb(3))
    (folder / "bomb.gz").write_bytes(gzip.compress(b"\0" * 100_000_000))
    (folder / "matryoshka.zip").write_bytes(bomb(8))
    with zipfile.ZipFile(folder / "cut.zip", "w") as archive:
        archive.writestr("../../outside.py", leak(tokens))
    (folder / "cut.zip").write_bytes((folder / "cut.zip").read_bytes()[:-20])
    with tarfile.open(folder / "links.tar", "w") as tar:
        evil = tarfile.TarInfo("passwd")
        evil.type, evil.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(evil)
        inside, text = tarfile.TarInfo("inside.py"), leak(tokens)
        inside.size = len(text)
        tar.addfile(inside, io.BytesIO(text))
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to(folder / "self")
    (folder / "out").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    (folder / "hostile.qpy").write_bytes(struct.pack("!6sBBBBQcc", b"QISKIT", 12, 1, 2, 0, 2**60, b"p", b"q"))
    (folder / "cut.qpy").write_bytes(b"QISKIT\x0c")
    (folder / "odd\nname\x1b[2J.py").write_bytes(leak(tokens))
    os.symlink(b"\xff\xfe", os.fsencode(folder) + b"/\xffname")  # noqa: PTH211 - no text
    (folder / "deep.json").write_bytes(b'{"__type__": ' + b"[" * 100_000)
    (folder / "loop.qasm").write_bytes(b"OPENQASM 3.0;\n" + b"for int i in [0:9] {" * 5_000)
    deep = folder / "d"
    for _ in range(80):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (folder / "z_last.py").write_bytes(leak(tokens))


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.getbasetemp().parent / "scan-cache"
    made.mkdir(exist_ok=True)
    return made


def test_all_of_it_at_once(tmp_path: Path, cache: Path) -> None:
    work, tokens = tmp_path / "work", list[str]()
    work.mkdir()
    hostile(work, tokens)
    code, said, report, peak = scan(work, cache)
    assert code == 1
    problems = {p["where"]: p["reason"] for p in report["problems"]}
    for name in ("broken.ipynb", "deep.ipynb", "syntax.py", "bomb.zip", "bomb.gz", "matryoshka.zip", "cut.zip", "hostile.qpy",
                 "cut.qpy", "deep.json", "loop.qasm"):  # fmt: skip
        assert any(where.startswith(name) for where in problems), f"{name} is not named: {sorted(problems)}"
    found = {f["path"] for f in report["findings"] if f["rule"].startswith("scan.secrets.ibm-quantum")}
    wanted = {"a_first.py", "invalid.py", "syntax.py", "line.log", "links.tar!inside.py", "z_last.py"}
    assert wanted <= found, wanted - found
    assert any("odd" in path and "\n" not in path and "\x1b" not in path for path in found)
    assert not any("passwd" in f["path"] or f["path"].startswith(("loop", "out")) for f in report["findings"])
    assert peak < 700, f"{peak} MiB"
    everything = said + (cache / "report.json").read_text()
    assert not any(token in everything for token in tokens)
    assert "\x1b[2J" not in everything


def test_missing_git_objects_are_named_and_the_rest_of_the_history_is_read(tmp_path: Path, cache: Path) -> None:
    tokens: list[str] = []
    git(tmp_path, "init", "-q", "work")
    work = tmp_path / "work"
    for name in ("one.py", "two.py"):
        (work / name).write_bytes(leak(tokens))
        git(work, "add", ".")
        git(work, "commit", "-qm", name)
    oid = git(work, "rev-parse", "HEAD:two.py").strip()
    (work / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    code, _, report, _ = scan(work, cache, "--history")
    assert code == 1
    assert [f["path"].split(":")[2] for f in report["findings"]] == ["one.py"]
    assert any(oid.startswith(p["where"][:12]) for p in report["problems"])
