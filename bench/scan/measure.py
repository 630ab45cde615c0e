"""One run of the bench: what each tool finds in labelled files, how fast it is, how much noise it makes, how soon it starts.

The labelled files are test material of other projects: only counts leave this module.
"""

import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.scan.peers import Run, Tool, measured, run, size_of
from bench.scan.quantum import FRESH, FRESH_HONEST, HONEST, QUANTUM, drawn
from bench.shares import wilson
from mumetal.core.errors import BadInputError

DRAWS = 20
STARTS = 7
_MAX_LABELS = 64 << 20


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure.

    Args:
        bar: Which bar it belongs to.
        what: What was measured.
        tool: Who was measured.
        value: The figure; NaN where there is none.
        low: Lower end of its 95% interval, NaN without one.
        high: Upper end.
        n: How many cases, runs or lines it rests on.
        unit: Its unit.
    """

    bar: str
    what: str
    tool: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int = 1
    unit: str = ""


class _Label(msgspec.Struct):
    file: str
    is_secret: bool


def _share(bar: str, what: str, tool: str, k: int, n: int) -> Row:
    low, high = wilson(k, n)
    return Row(bar=bar, what=what, tool=tool, value=k / n if n else float("nan"), low=low, high=high, n=n)


def _judged(bar: str, tool: str, done: Run, wanted: set[str], honest: set[str]) -> list[Row]:
    tp, fp = len(done.files & wanted), len(done.files & honest)
    f1 = 2 * tp / (2 * tp + fp + len(wanted) - tp) if wanted else float("nan")
    return [
        _share(bar, "recall", tool, tp, len(wanted)),
        _share(bar, "precision", tool, tp, tp + fp),
        Row(bar=bar, what="F1", tool=tool, value=f1, n=len(wanted) + len(honest)),
    ]


def labelled(tools: Sequence[Tool], data: Path, say: Callable[[str], None]) -> list[Row]:
    """S1: files with one label each; found when anything is found in the file.

    Args:
        tools: Who looks.
        data: Folder with ``labels.jsonl`` and ``files``.
        say: Told what runs now.

    Raises:
        BadInputError: The folder is not laid out so.
    """
    book = data / "labels.jsonl"
    if not book.is_file() or book.stat().st_size > _MAX_LABELS:
        raise BadInputError(
            "there are no labels", where=str(book), hint="--data wants a folder with labels.jsonl and files/"
        )
    try:
        labels = [msgspec.json.decode(line, type=_Label) for line in book.read_bytes().splitlines()]
    except msgspec.DecodeError as error:
        raise BadInputError(f"no label: {error}", where=str(book)) from None
    wanted, honest = {x.file for x in labels if x.is_secret}, {x.file for x in labels if not x.is_secret}
    rows: list[Row] = []
    for tool in tools:
        say(f"S1 labelled files: {tool.name}")
        rows += _judged("S1", tool.name, run(tool, data / "files"), wanted, honest)
    return rows


def quantum(tools: Sequence[Tool], say: Callable[[str], None]) -> list[Row]:
    """S2: samples from quantum laboratories, one a file, drawn afresh."""
    rows: list[Row] = []
    sets = (("S2", QUANTUM, HONEST), ("S2 fresh", FRESH, FRESH_HONEST))
    for bar, bad, good in sets:
        with tempfile.TemporaryDirectory() as scratch:
            rng = random.Random(20_261_122)
            wanted, honest = set(), set()
            for number in range(DRAWS):
                for place, (_, template) in enumerate(bad):
                    wanted.add(f"lab{number}_{place}.py")
                    Path(scratch, f"lab{number}_{place}.py").write_text(drawn(template, rng) + "\n")
                for place, template in enumerate(good):
                    honest.add(f"honest{number}_{place}.py")
                    Path(scratch, f"honest{number}_{place}.py").write_text(drawn(template, rng) + "\n")
            for tool in tools:
                say(f"{bar} quantum samples: {tool.name}")
                done = run(tool, Path(scratch))
                rows.append(_share(bar, "found", tool.name, len(done.files & wanted), len(wanted)))
                rows.append(_share(bar, "false", tool.name, len(done.files & honest), len(honest)))
    return rows


def tree(tools: Sequence[Tool], folder: Path, repeats: int, say: Callable[[str], None]) -> list[Row]:
    """S3 and S4: findings per 100,000 lines of Python, and MB per CPU-second, over the same files, turn by turn."""
    size, lines = size_of(folder)
    rows: list[Row] = []
    speeds: dict[str, list[float]] = {tool.name: [] for tool in tools}
    for turn in range(repeats):
        for tool in tools:
            say(f"S4 tree, turn {turn + 1}: {tool.name}")
            done = run(tool, folder)
            speeds[tool.name].append(size / 1e6 / done.cpu_s)
            if not turn:
                rate = 1e5 / lines if lines else float("nan")
                rows.append(
                    Row(
                        bar="S3",
                        what="findings",
                        tool=tool.name,
                        value=done.findings * rate,
                        n=lines,
                        unit="per 100,000 lines",
                    )
                )
                rows.append(
                    Row(bar="S5", what="peak memory on the tree", tool=tool.name, value=done.peak_mib, unit="MiB")
                )
    return rows + [_speed("S4", "tree", name, told) for name, told in speeds.items()]


def history(tools: Sequence[Tool], repository: Path, repeats: int, say: Callable[[str], None]) -> list[Row]:
    """S4: MB of distinct blobs per CPU-second over a Git history, Git's own time included."""
    able = [tool for tool in tools if tool.history]
    size = _blob_bytes(repository)
    speeds: dict[str, list[float]] = {tool.name: [] for tool in able}
    for turn in range(repeats):
        for tool in able:
            say(f"S4 history, turn {turn + 1}: {tool.name}")
            speeds[tool.name].append(size / 1e6 / run(tool, repository, history=True).cpu_s)
    return [_speed("S4", "history", name, told) for name, told in speeds.items()]


def _speed(bar: str, what: str, tool: str, told: list[float]) -> Row:
    return Row(
        bar=bar,
        what=what,
        tool=tool,
        value=statistics.median(told),
        low=min(told),
        high=max(told),
        n=len(told),
        unit="MB per CPU-s",
    )


def _blob_bytes(repository: Path) -> int:
    from mumetal.scan.sources.history import History

    return sum(len(blob.data) for blob in History(repository).blobs())


def start() -> list[Row]:
    """S5: processor time of a scan of one clean file, the cache empty and warm, and its memory."""
    taken: dict[str, list[tuple[float, float, float]]] = {"empty cache": [], "warm cache": []}
    with tempfile.TemporaryDirectory() as scratch:
        clean = Path(scratch, "clean")
        clean.mkdir()
        (clean / "a.py").write_text("x = 1\n")
        for number in range(STARTS):
            surroundings = {**os.environ, "XDG_CACHE_HOME": str(Path(scratch, str(number)))}
            for told in taken.values():  # the second finds what the first kept
                with Path(scratch, "out").open("w+b") as out:
                    _, cpu, wall, peak = measured(
                        [sys.executable, "-m", "mumetal", "scan", str(clean)], out, surroundings
                    )
                told.append((cpu, wall, peak))
    rows: list[Row] = []
    for name, told in taken.items():
        for place, (what, unit) in enumerate((("processor", "s"), ("clock", "s"), ("memory", "MiB"))):
            each = [one[place] for one in told]
            rows.append(Row(bar="S5", what=f"start, {name}, {what}", tool="mumetal", value=statistics.median(each),
                            low=min(each), high=max(each), n=len(each), unit=unit))  # fmt: skip
    return rows
