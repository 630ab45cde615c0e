"""The log's port: nothing is printed without a running stack, and what a caller binds goes with every line."""

import ast
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mumetal.app.logs.clean import keeps
from mumetal.core.logs import FIELDS, RoomLogger, log_context

SRC = Path(__file__).resolve().parents[3] / "src" / "mumetal"
LEVELS = {"debug", "info", "warning", "error", "failure"}


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, logger = Kept(), logging.getLogger("mumetal.testroom")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)


def test_what_is_bound_goes_with_every_line_inside_and_none_outside(kept: Kept) -> None:
    log = RoomLogger("testroom")
    with log_context(request="r1", incident="outer"), log_context(incident="inner"):
        log.info("thing.done", n=1)
    log.info("thing.done", n=2)
    assert [getattr(r, FIELDS) for r in kept.records] == [{"request": "r1", "incident": "inner", "n": 1}, {"n": 2}]


def test_a_level_that_is_off_makes_no_record_and_a_failure_carries_its_error(kept: Kept) -> None:
    log = RoomLogger("testroom")
    log.debug("thing.looked_at", n=1)
    log.failure("thing.broken", error := ValueError("x"))
    assert [(r.levelname, r.msg, r.exc_info and r.exc_info[1]) for r in kept.records] == [
        ("ERROR", "thing.broken", error)
    ]


def test_without_a_running_stack_nothing_is_printed_and_structlog_is_not_loaded() -> None:
    code = (
        "import sys; from mumetal.core.logs import RoomLogger; RoomLogger('x').error('thing.broken', reason='y'); "
        "RoomLogger('x').failure('thing.broken', ValueError('z')); sys.exit('structlog' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def calls() -> Iterator[tuple[Path, ast.Call]]:
    """Yield every call on a module's ``_log``, and on ``tell``, its level chosen before."""
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (
                (
                    isinstance(node.func, ast.Attribute)
                    and ast.unparse(node.func.value) == "_log"
                    and node.func.attr in LEVELS
                )
                or (isinstance(node.func, ast.Name) and node.func.id == "tell" and node.args)
            ):
                yield path, node


def test_an_event_s_name_is_fixed_text_and_no_field_s_name_is_one_that_is_dropped() -> None:
    seen = 0
    for _, call in calls():
        names = [n.value for n in ast.walk(call.args[0]) if isinstance(n, ast.Constant)]
        assert names, ast.unparse(call)
        assert not [n for n in ast.walk(call.args[0]) if isinstance(n, ast.JoinedStr)], ast.unparse(call)
        assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", str(name)) for name in names), ast.unparse(call)
        assert all(keeps(k.arg) for k in call.keywords if k.arg), ast.unparse(call)
        seen += 1
    assert seen >= 30


def test_every_event_is_explained_on_the_page_of_the_log() -> None:
    page = (SRC.parents[1] / "docs" / "how-to" / "logs.md").read_text()
    names = {
        str(n.value)
        for _, c in calls()
        for n in ast.walk(c.args[0])
        if isinstance(n, ast.Constant) and "." in str(n.value)
    }
    assert sorted(n for n in names if f"`{n}`" not in page) == []
