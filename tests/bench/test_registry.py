"""Every bench is listed, answers bars that exist, has the one form, and gives its figures in it."""

import ast
import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from typer.testing import CliRunner

from bench import command
from bench.bars import BARS
from bench.figure import Figure, Ground, figure_of, share_of
from bench.registry import BENCHES, Bench, named
from mumetal.core.errors import BadInputError
from mumetal.serve.cli.app import app

BENCH = Path(command.__file__).parent


def test_every_bench_module_is_listed_and_no_name_is_used_twice() -> None:
    declared = {
        ".".join(("bench", *path.relative_to(BENCH).with_suffix("").parts))
        for path in BENCH.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "run_bench"
    }
    assert declared == {bench.module for bench in BENCHES}
    assert len({bench.name for bench in BENCHES}) == len(BENCHES)


@pytest.mark.parametrize("bench", BENCHES, ids=lambda b: b.name)
def test_a_bench_answers_bars_and_says_its_options(bench: Bench) -> None:
    assert bench.bars
    assert set(bench.bars) <= BARS.keys()
    assert bench.says
    said = CliRunner().invoke(app, ["bench", bench.name, "--help"])
    assert said.exit_code == 0, said.output
    assert all(word in said.stdout for word in (bench.name, "--quick", "--json", "--data", *bench.bars))


def test_the_list_says_names_bars_and_needs() -> None:
    said = CliRunner().invoke(app, ["bench"])
    assert said.exit_code == 0, said.output
    for bench in BENCHES:
        assert f"| {bench.name} | {', '.join(bench.bars)} | {bench.says} |" in said.stdout
    assert "mumetal[train]" in said.stdout
    rows = json.loads(CliRunner().invoke(app, ["bench", "--json"]).stdout)
    assert [(r["name"], r["required"]) for r in rows] == [(b.name, b.required) for b in BENCHES]


def test_a_quick_run_says_what_it_left_out_and_prints_figures_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["circuits-blind", "--count", "1", "--quick", "--json"]) == 0
    said = capsys.readouterr()
    figures = msgspec.json.decode(said.out, type=list[Figure])
    assert [(f.id, f.ground) for f in figures] == [("S8", "foreign"), ("S8", "twin")]
    assert {f.command for f in figures} == {"mumetal bench circuits-blind --count 1 --quick"}
    for f in figures:
        assert f.figure is not None
        assert f.low is not None
        assert f.high is not None
        assert f.low <= f.figure <= f.high
        assert f.met is None, "a part decides nothing"
    left, table = said.err.split("\n", 1)
    assert left == "--quick leaves out all but 5 circuits per family"
    assert "second author" in table
    assert command.main(["circuits-blind", "--count", "1", "--json"]) == 0
    whole = msgspec.json.decode(capsys.readouterr().out, type=list[Figure])
    assert [f.met for f in whole] == [f.figure is not None and f.figure >= 0.95 for f in whole]


def test_without_json_the_table_is_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["circuits-blind", "--count", "1"]) == 0
    said = capsys.readouterr()
    assert "second author" in said.out
    assert not said.err


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no bench is called 'nothing'"):
        command.main(["nothing"])
    with pytest.raises(BadInputError, match="takes no --data"):
        command.main(["tier1", "--data", str(tmp_path)])
    with pytest.raises(BadInputError, match="no such folder or file"):
        command.main(["live", "--data", str(tmp_path / "none")])
    with pytest.raises(SystemExit):
        command.main(["live"])
    live = named("live")
    assert live is not None
    assert live.required


def test_a_figure_holds_no_number_that_is_none() -> None:
    lost = figure_of("D1", "nothing", float("nan"), span=(0.0, 1.0), goal="≥ 1", least=1.0)
    assert (lost.figure, lost.low, lost.high, lost.met) == (None, None, None, None)
    half = share_of("S1", "half", 5, 10, goal="≥ .4", least=0.4, ground="real")
    assert half.low is not None
    assert half.high is not None
    assert half.low < 0.5 < half.high
    assert half.met is True
    assert figure_of("D1", "above", 2.0, most=1.0).met is False
    assert figure_of("D1", "as said", 2.0, most=3.0, met=False).met is False
    assert get_args(Ground) == ("real", "foreign", "injected", "twin")
