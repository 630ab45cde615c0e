"""The benchmark reads files, runs everything, and its figures can tell good from bad."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from bench.watch.evaluate import run
from bench.watch.peers import DEEP, Contender, StaticLimits, contenders, ours
from bench.watch.sets import labelled, series_of
from mumetal.app.models.encoders import shipped
from mumetal.core.errors import BadInputError
from mumetal.serve.cli.app import app

OURS = ours({"shipped": shipped()})


def put(folder: Path, name: str, values: NDArray[np.float64], labels: NDArray[np.int8], train: int = 500) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / f"{name}.npz", X_train=values[:train], X_test=values[train:], y_test=labels[train:])


def coupled(seed: int, n: int = 1_500) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Two channels follow a third; later one of them stops following: no single value is unusual."""
    rng = np.random.default_rng(seed)
    slow = np.convolve(rng.normal(size=n + 40), np.ones(40) / 6, mode="valid")[:n]
    values = np.stack([slow, slow, -slow], axis=1) + 0.1 * rng.normal(size=(n, 3))
    labels = np.zeros(n, np.int8)
    labels[1_000:1_150] = 1
    values[1_000:1_150, 1] = values[800:950, 1]
    return values, labels


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for seed in range(3):
        put(tmp_path / "MADE", f"s{seed}", *coupled(seed))
    return tmp_path


def quick() -> dict[str, Callable[[], Contender]]:
    makes, _ = contenders(OURS)
    return {name: makes[name] for name in ("static limits", "Sub-PCA", "mumetal", "mumetal with the encoder")}


def test_a_broken_coupling_is_seen_where_limits_see_nothing(data: Path) -> None:
    report = run(quick(), labelled(data, ("MADE",)), OURS, seed=1)
    by = {f.contender: f for f in report.figures}
    assert by["mumetal"].vus_pr > 0.7 > 0.4 > by["static limits"].vus_pr
    assert (by["mumetal"].series, by["mumetal"].events) == (3, 3)
    assert by["mumetal"].low <= by["mumetal"].vus_pr <= by["mumetal"].high
    assert by["mumetal"].budget_recall == 1.0
    assert np.isnan(by["static limits"].budget_recall)
    less = {s.contender: s.less_90 for s in report.summaries}
    assert less["static limits"] == (0.0, 0.0, 0.0)
    assert less["mumetal"][0] < -0.5
    (ablation,) = report.ablations
    assert ablation.contender == "mumetal with the encoder"
    assert ablation.more_90[1] <= ablation.more_90[0] <= ablation.more_90[2]
    assert {s.contender: s.gain[0] for s in report.summaries}["Sub-PCA"] == 0.0


def test_the_same_seed_gives_the_same_report(data: Path) -> None:
    def figures() -> list[tuple[float, ...]]:
        report = run({"static limits": StaticLimits}, labelled(data, ("MADE",)), OURS, seed=5)
        return [(f.vus_pr, f.low, f.high, f.false_50, f.false_90) for f in report.figures]

    assert figures() == figures()


@pytest.mark.parametrize("name", sorted(set(contenders(OURS)[0]) - {DEEP}))  # the deep peer trains for a minute
def test_every_contender_scores_finite_causal_and_from_a_fresh_state(name: str) -> None:
    values, _ = coupled(7, 1_300)
    contender = contenders(OURS)[0][name]()
    contender.fit(series_of(values[:500], 0))
    whole = contender.score(series_of(values[500:], 500))
    assert whole.shape == (800,)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(contender.score(series_of(values[500:700], 500)), whole[:200], atol=1e-8)


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["bench", *arguments])


def test_the_command_prints_tables_figures_or_all_it_measured(data: Path) -> None:
    common = ("watch", "--data", str(data), "--sets", "MADE", "--only", "static limits,mumetal")
    said = invoke(*common, "--limit", "1")
    assert said.exit_code == 0, said.output
    assert "| mumetal | MADE | 1, 1 |" in said.stdout
    body = json.loads(invoke(*common, "--report").stdout)
    assert [f["contender"] for f in body["figures"]] == ["static limits", "mumetal"]
    assert body["figures"][0]["budget_recall"] is None
    told = json.loads(invoke(*common, "--json").stdout)
    ranked = [f for f in told if f["measure"].startswith("VUS-PR") and f["measure"].endswith("MADE")]
    assert [f["figure"] for f in ranked] == [f["vus_pr"] for f in body["figures"]]
    assert [(f["low"], f["high"], f["n"]) for f in ranked] == [(f["low"], f["high"], 3) for f in body["figures"]]
    assert {f["met"] for f in told} == {None}, "a goal counts over the four public sets only"
    refused = invoke(*common[:-1], "no such")
    assert refused.exit_code == 2
    assert "no contender is called" in refused.stderr


def test_a_missing_set_and_unfit_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no series of the set"):
        list(labelled(tmp_path, ("NONE",)))
    folder = tmp_path / "BAD"
    values, labels = coupled(0)
    put(folder, "a", values, labels[:-1])
    with pytest.raises(BadInputError, match="shapes do not fit"):
        list(labelled(tmp_path, ("BAD",)))
    np.savez(folder / "a.npz", X_train=values, X_test=np.array([object()]), y_test=labels)
    with pytest.raises(BadInputError, match="not a labelled series"):
        list(labelled(tmp_path, ("BAD",)))


def test_series_without_events_or_history_are_left_out(tmp_path: Path) -> None:
    values, labels = coupled(0)
    put(tmp_path / "S", "calm", values, np.zeros_like(labels))
    put(tmp_path / "S", "short", values, labels, train=100)
    put(tmp_path / "S", "good", values, labels)
    assert [one.name for one in labelled(tmp_path, ("S",))] == ["good"]
