"""A report of a scan that looked into nothing closes nothing, whatever else it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.web_client import token_headers

from mumetal.app.settings import PluginSettings, ServeSettings, Settings
from mumetal.connect.settings import StoreSettings
from mumetal.core import LOCAL
from mumetal.core.clock import SystemClock
from mumetal.core.incident import IncidentState
from mumetal.serve.session import Session

T0 = 1_790_000_000 * 10**9
MARKS = ("a" * 32, "b" * 32)


def finding(mark: str, path: str) -> dict[str, Any]:
    return {
        "rule": "scan.secrets.ibm", "title": "A token", "severity": "critical", "confidence": 0.9, "path": path,
        "line": 1, "column": 1, "end_column": 9, "excerpt": "token=***", "detail": "d", "remedy": "Revoke it.",
        "techniques": [], "fingerprint": mark, "finding": mark,
    }  # fmt: skip


def report(**changed: Any) -> dict[str, Any]:
    return {
        "mumetal_scan": 1, "version": "1", "target": "repo", "repository": f"root:{'c' * 32}", "mode": "tree", "whole": True, "scope": [""], "t_ns": T0,
        "findings": [], "counts": {}, "known": 0, "baselined": [], "problems": [], "scanners": ["scan.secrets"],
        "artefacts": 0, "bytes": 0, "seconds": 0.1,
    } | changed  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    settings = Settings(
        store=StoreSettings(directory=str(tmp_path)), serve=ServeSettings(port=0), plugins=PluginSettings(allow=())
    )
    with Session(settings, SystemClock(), None) as running:
        yield running


def test_a_report_that_looked_into_nothing_closes_nothing(session: Session, tmp_path: Path) -> None:
    def file(**changed: Any) -> dict[str, Any]:
        answer = httpx.post(
            f"{session.url}/api/v1/push/scan", json=report(**changed), headers=token_headers(tmp_path), timeout=20
        )
        assert answer.status_code == 200, answer.text
        filed: dict[str, Any] = answer.json()
        return filed

    def states() -> set[IncidentState]:
        return {i.state for i in session.stack.incidents(LOCAL)}

    found = [finding(mark, f"{n}.py") for n, mark in enumerate(MARKS)]
    assert file(findings=found, artefacts=2, bytes=20)["new"] == 2
    excuses = [{"fingerprint": mark, "reason": "a test"} for mark in MARKS]
    for empty in (
        {},
        {"baselined": excuses},
        {"mode": "history"},
        {"scope": ["0.py", "1.py"]},
        {"scanners": ["scan", "scan.secrets"]},
        {"bytes": 10**6},
        {"artefacts": 1, "bytes": 10, "scope": ["elsewhere"]},
        {"artefacts": 1, "bytes": 10, "whole": False},
        {"artefacts": 1, "bytes": 10, "scanners": ["scan.code"]},
        {"artefacts": 1, "bytes": 10, "problems": [{"where": ".", "reason": "unreadable", "t_ns": T0}]},
        {"artefacts": 1, "bytes": 10, "repository": f"root:{'d' * 32}"},
    ):
        assert file(**empty)["closed"] == 0, empty
        assert states() == {IncidentState.OPEN}, empty
    assert file(artefacts=2, bytes=20)["closed"] == 2, "what was looked for where it was, and is gone, still closes"
    assert states() == {IncidentState.RESOLVED}
