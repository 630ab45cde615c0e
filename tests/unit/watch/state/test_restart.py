"""A restart goes on where it stood: what is saved and restored in another process says the same, to the last bit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.watch.state.cases import Case, cases, taken, told

from mumetal.watch.causes.stage import CauseStage
from mumetal.watch.listed import LIVE
from mumetal.watch.monitor import StreamMonitor
from mumetal.watch.quality.silence import Heard, Silence
from mumetal.watch.state.classes import WATCHING

CASES = cases()
RESUMED = {Silence, Heard, CauseStage}  # what passed while nothing listened is not theirs: tested in test_resumed
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, str, str]]:
    """Of each case the object that went on, what came of its steps, and what came of them after a restart."""
    folder = tmp_path_factory.mktemp("states")
    went_on: dict[str, tuple[object, str]] = {}
    for name, case in CASES.items():
        thing = case.make()
        taken(thing, case.before)
        (folder / f"{name}.state").write_bytes(told(thing))
        went_on[name] = thing, taken(thing, case.after)
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": paths}
    child = [sys.executable, "-m", "tests.unit.watch.state.cases", str(folder)]
    subprocess.run(child, check=True, env=environment, cwd=ROOT)
    return {n: (thing, said, (folder / f"{n}.txt").read_text("utf-8")) for n, (thing, said) in went_on.items()}


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_it_would_have_said(restarted: dict[str, tuple[object, str, str]], name: str) -> None:
    _, uninterrupted, after_restart = restarted[name]
    assert after_restart == uninterrupted


def test_the_cases_hold_what_they_are_named_after() -> None:
    """The moments are real: something is open, ebbs or is learnt, and every detector and class is there."""
    assert {type(case.make()) for case in CASES.values()} == {*WATCHING, StreamMonitor} - RESUMED
    whole = _at("every-detector")
    assert whole._ensemble is not None
    assert {type(m.detector) for m in whole._ensemble.members} == set(LIVE)
    assert _at("gaussian-learning-33").state == "learning"
    assert _episodes(_at("gaussian-open-33"), "open") is not None
    assert _episodes(_at("gaussian-ebb-33"), "_ebb") is not None
    assert not _at("gaussian-quiet-33").out
    for name, said in (
        ("NoisyReplay-85", 1),
        ("SnapshotMonitor-23", 3),
        ("CommitMonitor-40", 1),
        ("ExportWatch-250", 1),
    ):
        case = CASES[name]
        thing = case.make()
        assert (taken(thing, case.before) + taken(thing, case.after)).count("Finding(") >= said


def _at(name: str) -> StreamMonitor:
    case: Case = CASES[name]
    thing = case.make()
    taken(thing, case.before)
    assert isinstance(thing, StreamMonitor)
    return thing


def _episodes(monitor: StreamMonitor, which: str) -> object:
    return next((found for e in monitor._episodes.values() if (found := vars(e)[which]) is not None), None)
