"""Attacks injected into calibrations: files are read strictly, and figures can tell good from bad."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.bench.watch.test_beside_peers import invoke

from bench.watch import chips
from bench.watch.daily import DEVICES, KINDS, background
from bench.watch.equal_recall import LIMITS, OURS, Trial, compared
from mumetal.core.errors import BadInputError

DAYS = 32


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """QPROV tables of two quiet devices: figures that vary by 5% from day to day."""
    folder, rng = tmp_path / "qprov", np.random.default_rng(0)
    folder.mkdir()
    for device in DEVICES:
        for file, _, unit in KINDS:
            names = ["(0,1)", "(1,2)", "(2,3)"] if file == "cnot_error" else ["q0", "q1", "q2", "q3"]
            lines = ["day, then a figure a column", ",".join(["day", *names])]
            for day in range(DAYS):
                figures = (1e-4 if unit == "s" else 0.02) * np.exp(0.05 * rng.normal(size=len(names)))
                cells = [f"{v:.6g}" for v in figures]
                if day == 3:
                    cells[0] = "no data"
                lines.append(",".join([f"2020-07-{day + 1:02d}" if day < 31 else "2020-08-01", *cells]))
            (folder / f"{device}_{file}.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_daily_tables_are_read_with_their_gaps(tables: Path) -> None:
    days = background(tables, DEVICES[0])
    assert days.values.shape == (DAYS, 15)
    assert "cx.0_1.gate_error" in days.names
    assert np.isnan(days.values[3]).sum() == 4
    assert days.t_ns[1] - days.t_ns[0] == 86_400 * 10**9


@pytest.mark.parametrize(
    ("old", "new"), [("2020-07-02", "yesterday"), ("2020-07-02,", "2020-07-02,1,"), ("no data", "none")]
)
def test_a_damaged_table_is_refused_by_name(tables: Path, old: str, new: str) -> None:
    path = tables / f"{DEVICES[1]}_t1.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadInputError) as refused:
        background(tables, DEVICES[1])
    assert str(path) in str(refused.value)
    path.unlink()
    with pytest.raises(BadInputError, match="not a table"):
        background(tables, DEVICES[1])


def test_the_command_measures_what_the_folder_holds(tables: Path) -> None:
    said = invoke("watch", "--data", str(tables.parent), "--report")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["figures"] == []
    misreports = [i for i in found["injected"] if i["attack"] == "misreport"]
    assert {i["strength"] for i in misreports} == {1.2, 1.4, 1.8}
    gross = [i for i in misreports if i["strength"] == 1.8]
    assert all(i["own_recall"][0] == 1 and i["false"][OURS] == 0 for i in gross)
    assert {i["background"] for i in found["injected"]} == {"daily calibrations", "snapshots"}
    refused = invoke("watch", "--data", str(tables.parent), "--sets", "SKAB")
    assert (refused.exit_code, "no series of the set 'SKAB'" in refused.stderr) == (2, True)
    (tables.parent / "empty").mkdir()
    refused = invoke("watch", "--data", str(tables.parent / "empty"))
    assert (refused.exit_code, "nothing to measure on" in refused.stderr) == (2, True)


def test_equal_recall_counts_what_passes_and_pairs_the_methods() -> None:
    quiet = np.arange(10.0)
    peaks = np.array([4.5, 6.5, 8.5, 8.6])
    blind = np.zeros(4)
    trial = Trial(
        background="made",
        attack="step",
        strength=2.0,
        quiet={OURS: quiet / 10, LIMITS[0]: quiet, LIMITS[1]: quiet, "generic": quiet},
        peaks={OURS: peaks, LIMITS[0]: blind, LIMITS[1]: peaks, "generic": peaks},
        quiet_groups=np.arange(10),
        peak_groups=np.arange(4),
    )
    half, most = compared([trial], seed=0)
    assert (half.recall, half.false) == (0.5, {OURS: 0, LIMITS[0]: 10, LIMITS[1]: 1, "generic": 1})
    assert most.false["generic"] == 5
    assert half.own_recall[0] == 1.0
    assert half.peer == "generic"
    assert half.limits[0] == pytest.approx(0.5 / 10.5 - 1)
    assert half.limits[1] <= half.limits[0] <= half.limits[2]


def test_a_whole_stranger_is_told_on_every_packaged_snapshot() -> None:
    whole = list(chips.trials(lambda _: None))[-1]
    assert whole.strength == 1.0
    assert (whole.peaks[OURS] >= 1).all()
    assert (whole.quiet[OURS] < 1).all()
