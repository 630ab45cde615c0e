"""The wheel as a stranger gets it, in an environment of its own: what it holds, what it weighs, what runs without extras."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_MB = 120  # bar W7, core and scan
pytestmark = pytest.mark.full


def run(*words: str | Path, cwd: Path, code: int = 0) -> str:
    alone = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "MUMETAL_BENCH"}}
    done = subprocess.run(
        [str(w) for w in words], cwd=cwd, env=alone, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code < 2 else done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (made,) = folder.glob("mumetal-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that has the wheel and what it asks for, nothing else."""
    place = tmp_path_factory.mktemp("install") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", place, cwd=wheel.parent)
    programs = place / "bin"
    run(sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet", wheel, cwd=wheel.parent)
    return programs


def test_the_wheel_holds_the_package_and_no_benchmark(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "mumetal/__init__.py" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mumetal"}
    assert not [name for name in names if "benchmark" in name]


def test_the_scan_runs_and_the_benches_say_how_to_get_them(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('TOKEN = "ghp_' + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"[:36] + '"\n')
    run(installed / "mumetal", "scan", "a.py", cwd=tmp_path, code=1)
    (tmp_path / "a.py").write_text("x = 1\n")
    assert json.loads(run(installed / "mumetal", "scan", "a.py", "--json", cwd=tmp_path)) is not None
    assert "clone the source of version" in run(installed / "mumetal", "bench", "watch", cwd=tmp_path, code=3)
    assert "pip install 'mumetal[" in run(installed / "mumetal", "up", "--for", "1s", cwd=tmp_path, code=3)


def test_the_install_weighs_what_the_bar_allows(installed: Path) -> None:
    size = sum(p.stat().st_size for p in installed.parent.rglob("*") if p.is_file() and not p.is_symlink())
    assert size / 2**20 <= MOST_MB
