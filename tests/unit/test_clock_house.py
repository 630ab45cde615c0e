"""What a running stack is made of takes its time, its threads and its waiting from the clock it is given.

The faces at a terminal and the benches may ask the machine; everything else does so here only, for the reason given.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src" / "mumetal"
CLOCKS = {"core/clock.py", "redteam/virtual_clock.py"}
RUNNING = {"serve/session.py", "serve/ground.py"}  # of serve: the rest meets people and sockets, in real time
REFUSED = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "sleep"},
    "datetime": {"now", "today", "utcnow"},
    "date": {"today"},
    "threading": {"Event", "Condition", "Thread", "Timer", "Barrier"},
    "mumetal.core.clock": {"SystemClock"},
}
ALLOWED = {
    "connect/stores/wal.py threading.Condition": "who syncs a file for whom: real I/O",
    "connect/stores/committer.py threading.Condition": "fills a tier that readers wait for to the last row: real I/O",
    "connect/stores/committer.py threading.Thread": "the same",
    "connect/stores/records/opening.py mumetal.core.clock.SystemClock": "for commands; a stack gives its own",
    "connect/sources/platforms.py mumetal.core.clock.SystemClock": "repositories date themselves; no ground has one",
    "app/pipeline/live.py timeout": "the beat of a page that somebody looks at",
    "app/pipeline/live.py threading.Event": "the same",
    "app/logs/handler.py time.monotonic": "how many lines the real disk gets",
    "app/models/adapting.py mumetal.core.clock.SystemClock": "a command, beside no stack",
    "app/offline.py mumetal.core.clock.SystemClock": "a command, beside no stack",
    "app/replay.py mumetal.core.clock.SystemClock": "when a decision was really made, of data of another time",
    "trust/models/opening.py mumetal.core.clock.SystemClock": "a command, beside no stack",
    "watch/power/book.py time.monotonic": "how long a measurement is kept that costs the real machine a second",
    "watch/power/book.py threading.Thread": "the same",
}


def asked(tree: ast.AST) -> Iterator[str]:
    """Yield what a module asks of the machine's own time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            base = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if node.attr in REFUSED.get(base, ()):
                yield f"{base}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{a.name}" for a in node.names if a.name in REFUSED.get(node.module, ()))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"get", "wait", "wait_for"}
            and any(k.arg == "timeout" for k in node.keywords)
        ):
            yield "timeout"


def annotated(tree: ast.AST) -> set[int]:
    """Return the nodes that are types: naming a kind of thread makes none."""
    types: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            types.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            types.append(node.returns)
    return {id(inner) for found in types if found is not None for inner in ast.walk(found)}


class WithoutTypes(ast.NodeTransformer):
    def __init__(self, types: set[int]) -> None:
        self._types = types

    def visit(self, node: ast.AST) -> ast.AST | None:
        return None if id(node) in self._types else self.generic_visit(node)


def found(source: str) -> set[str]:
    tree = ast.parse(source)
    return set(asked(WithoutTypes(annotated(tree)).visit(tree) or tree))


def everywhere() -> set[str]:
    out: set[str] = set()
    for path in sorted(SRC.rglob("*.py")):
        name = path.relative_to(SRC).as_posix()
        if name in CLOCKS or (name.startswith("serve/") and name not in RUNNING):
            continue
        out |= {f"{name} {what}" for what in found(path.read_text())}
    return out


def test_nothing_that_runs_asks_the_machine_for_its_time() -> None:
    seen = everywhere()
    assert seen - set(ALLOWED) == set(), "take it from the clock, or say here why not"
    assert set(ALLOWED) - seen == set(), "no longer so: take it off the list"


@pytest.mark.parametrize(
    "source",
    [
        "import time\nwhile time.time() < 3: pass",
        "import time\ndef f(now=time.monotonic): ...",
        "import time\ntime.sleep(1)",
        "from time import sleep",
        "from datetime import datetime, UTC\ndatetime.now(UTC)",
        "import datetime\ndatetime.datetime.now()",
        "import threading\nstop = threading.Event()\nstop.wait(3)",
        "from threading import Event",
        "import threading\nthreading.Thread(target=f).start()",
        "from mumetal.core.clock import SystemClock",
        "q.get(timeout=1.0)",
    ],
)
def test_each_way_to_do_so_is_seen(source: str) -> None:
    assert found(source)


@pytest.mark.parametrize(
    "source",
    [
        "stop = clock.flag()\nstop.wait(3)",
        "threads: list[threading.Thread] = []",
        "clock.sleep(1)",
        "from datetime import datetime, UTC\ndatetime.fromtimestamp(3, UTC)",
        "import time\ntime.process_time_ns()",
    ],
)
def test_what_asks_the_clock_is_fine(source: str) -> None:
    assert not found(source)
