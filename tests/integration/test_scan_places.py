"""Where people work, run for real: the pre-commit hook, the action's script, the GitLab job."""

import json
import os
import secrets
import string
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from mumetal.scan.report.cards import cards

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """A repository with a clean commit, and ``mumetal`` on the path."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.work, tools = folder / "work", folder / "tools"
        self.work.mkdir()
        tools.mkdir()
        shim = tools / "mumetal"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mumetal "$@"\n')
        shim.chmod(0o755)
        self.env = {
            **os.environ, "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src"),
            "XDG_CACHE_HOME": str(cache), "PRE_COMMIT_HOME": str(folder / "pre-commit"),
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }  # fmt: skip
        self.run("git", "init", "-q", "-b", "main")
        self.write("a.py", "x = 1\n")
        self.commit("clean")

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.work, env={**self.env, **env}, check=False, capture_output=True, text=True, timeout=120
        )

    def write(self, name: str, text: str) -> None:
        (self.work / name).write_text(text)
        self.run("git", "add", ".")

    def commit(self, message: str) -> subprocess.CompletedProcess[str]:
        return self.run("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", message)


@pytest.fixture
def project(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path, tmp_path_factory.getbasetemp().parent / "scan-cache")


def leak() -> str:
    token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(44))
    return f'QiskitRuntimeService(token="{token}")\n'


def test_the_hook_stops_a_commit_that_brings_a_secret(project: Project) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    # the hook as shipped, with this checkout's program instead of an installed one
    local = {**hook, "language": "system"}
    settings = yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]})
    project.write(".pre-commit-config.yaml", settings)
    assert project.run("pre-commit", "install").returncode == 0
    assert project.commit("the hook").returncode == 0
    project.write("a.py", "x = 2\n")
    assert project.commit("clean again").returncode == 0
    text = leak()
    project.write("a.py", f"x = 2\n{text}")
    refused = project.commit("leak")
    assert refused.returncode != 0
    assert "a.py:2" in refused.stdout + refused.stderr
    assert text[28:60] not in refused.stdout + refused.stderr


def test_the_action_scans_what_a_pull_request_brings(project: Project) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    step = action["runs"]["steps"][-1]
    inputs = {f"inputs.{name}": about.get("default", "") for name, about in action["inputs"].items()}
    env = {name: inputs[value.strip("${} ")] for name, value in step["env"].items()}
    assert project.run("bash", "-euo", "pipefail", "-c", step["run"], **env).returncode == 0
    assert json.loads((project.work / "mumetal.sarif").read_text())["runs"][0]["results"] == []
    project.run("git", "checkout", "-qb", "work")
    project.write("b.py", leak())
    project.commit("leak")
    done = project.run("bash", "-euo", "pipefail", "-c", step["run"], **{**env, "SCAN_BASE": "main"})
    assert done.returncode == 1, done.stderr
    (result,) = json.loads((project.work / "mumetal.sarif").read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b.py"


def test_the_gitlab_job_writes_its_report(project: Project) -> None:
    job = yaml.safe_load((ROOT / "templates" / "gitlab-ci.yml").read_text())["mumetal"]
    script = next(s for s in job["script"] if "--diff" in s)
    project.run("git", "checkout", "-qb", "work")
    project.write("b.py", leak())
    project.commit("leak")
    base = project.run("git", "rev-parse", "main").stdout.strip()
    done = project.run("bash", "-eu", "-c", script, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert done.returncode == 1, done.stderr
    report = ET.parse(project.work / job["artifacts"]["reports"]["junit"]).getroot()
    assert report.get("failures") == "1"
    assert project.run("bash", "-eu", "-c", script, CI_MERGE_REQUEST_DIFF_BASE_SHA="").returncode == 1


def test_every_rule_says_why_and_where_it_is_written() -> None:
    known = list(cards())
    assert len({c.rule for c in known}) == len(known) > 100
    for card in known:
        assert len(card.why) > 10, card.rule
        assert card.remedy, card.rule
        assert card.reference, card.rule
        if card.rule.startswith(("scan.code.", "scan.circuits.")):
            assert card.bad.strip(), card.rule
            assert card.good.strip(), card.rule
            assert card.bad.strip() != card.good.strip(), card.rule
