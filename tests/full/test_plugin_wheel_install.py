"""The part of another package, installed and uninstalled by the real installer, into an environment of its own."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.plugin_wheel.building import tally_wheel
from tests.plugin_wheel.running import Place, event, wait_until

pytestmark = pytest.mark.full


def run(*words: str | Path) -> None:
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a new environment that sees what this one has, and nothing of it is changed."""
    place = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", place)
    site = sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)})
    line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    Path(site, "beside.pth").write_text(line)
    return place / "bin" / "python"


def test_the_wheel_is_installed_works_and_is_gone_again(python: Path, tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", python)
    lab = Place(tmp_path / "lab", python=python)
    assert "No other package" in lab.run("plugins")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", tally_wheel(tmp_path))
    assert "mumetal_tally 1.0" in lab.run("plugins")
    (lab.folder / "mumetal.toml").write_text(
        'sources = ["audit:audit.jsonl"]\n[parts.tally]\nforbidden = ["firmware.erase"]\n'
    )
    (lab.folder / "audit.jsonl").write_text(event("e1", "job.run") + event("e2", "firmware.erase"))
    with lab.up() as up:
        assert up.incident("firmware.erase on qpu1, which nobody may do")["state"] == "open"
        wait_until(lambda: lab.run("tally").splitlines() == ["qpu1  firmware.erase  1", "qpu1  job.run  1"])
        assert '<a href="/tally">Tally</a>' in up.get("/")
    run(*pip, "uninstall", "--quiet", "--yes", "mumetal_tally")
    assert "No other package" in lab.run("plugins")
    (lab.folder / "mumetal.toml").write_text('sources = ["audit:audit.jsonl"]\n')
    with lab.up() as up:  # its table stays and is left alone
        assert "Tally" not in up.get("/")
    assert not [p for p in python.parent.parent.rglob("*") if "mumetal_tally" in p.name and os.access(p, os.R_OK)]
