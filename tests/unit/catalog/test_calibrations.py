"""The packaged calibration table."""

import importlib.util
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from mumetal.catalog import calibrations
from mumetal.core.errors import BadInputError

ROOT = Path(__file__).resolve().parents[3]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_calibrations", ROOT / "scripts" / "make_calibrations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_several_dates_and_sizes_are_there() -> None:
    found = {name: calibrations.snapshots(name) for name in calibrations.backends()}
    sizes = {snapshots[-1].qubits for snapshots in found.values()}
    assert min(sizes) == 5
    assert max(sizes) == 156
    assert sum(len(snapshots) > 1 for snapshots in found.values()) >= 10
    for name, snapshots in found.items():
        assert [s.t_ns for s in snapshots] == sorted({s.t_ns for s in snapshots}) == list(calibrations.dates(name))
        assert all("Apache-2.0" in s.provenance for s in snapshots)


def test_figures_are_in_si_units_and_each_has_a_date_of_its_own() -> None:
    newest = calibrations.snapshots("sherbrooke")[-1]
    by_channel = {p.channel: p for p in newest.parameters}
    assert by_channel["q0.T1"].unit == "s"
    assert 1e-5 < by_channel["q0.T1"].value < 2e-3
    assert 4e9 < by_channel["q0.frequency"].value < 6e9
    assert -4e8 < by_channel["q0.anharmonicity"].value < -2e8
    assert len({p.t_ns for p in newest.parameters}) > 10
    assert all(p.t_ns <= newest.t_ns + 3_600 * 10**9 for p in newest.parameters)
    gates = [p for p in newest.parameters if p.name == "gate_error"]
    assert {tuple(map(int, p.component.split(".")[1].split("_"))) for p in gates} == set(newest.coupling)


def test_sentinels_are_flagged_and_not_numbers() -> None:
    figures = [p for name in calibrations.backends() for s in calibrations.snapshots(name) for p in s.parameters]
    flagged = [p for p in figures if p.flag]
    assert any(p.name == "gate_error" for p in flagged)
    assert any(p.name == "anharmonicity" for p in flagged)
    assert all(math.isnan(p.value) == bool(p.flag) for p in figures)


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="sherbrooke"):
        calibrations.snapshots("atlantis")


def properties(name: str) -> dict[str, object]:
    date = "2024-01-02T03:04:05+01:00"
    figure: Callable[[str, float, str], dict[str, object]] = lambda n, v, u: {  # noqa: E731
        "name": n, "value": v, "unit": u, "date": "2024-01-01T03:04:05+01:00",
    }  # fmt: skip
    qubit = [figure("T1", 101.25, "us"), figure("T2", 80, "µs"), figure("frequency", 5.1, "GHz")]
    gate = {
        "gate": "cx",
        "qubits": [0, 1],
        "parameters": [figure("gate_error", 1, ""), figure("gate_length", 300, "ns")],
    }
    return {
        "backend_name": f"ibm_{name}", "backend_version": "1.2.3", "last_update_date": date,
        "qubits": [qubit] * 5, "gates": [gate], "general": [],
    }  # fmt: skip


def test_the_script_makes_a_table_that_the_catalogue_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "qiskit_ibm_runtime-9.9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fake/backends/nowhere/props_nowhere.json", json.dumps(properties("nowhere")))
        archive.writestr("fake/backends/nowhere/conf_nowhere.json", "{}")
    module = script()
    for name, file in (("TABLE", "t.csv.gz"), ("SOURCES", "S.md"), ("NOTICE", "NOTICE")):
        monkeypatch.setattr(module, name, tmp_path / file)
    monkeypatch.setattr("sys.argv", ["make_calibrations.py", str(wheel)])
    module.main()
    first = (tmp_path / "t.csv.gz").read_bytes()
    module.main()
    assert (tmp_path / "t.csv.gz").read_bytes() == first
    assert "qiskit-ibm-runtime 9.9.9, Apache License 2.0" in (tmp_path / "NOTICE").read_text()
    calibrations._blocks.cache_clear()
    monkeypatch.setattr(calibrations, "files", lambda _: tmp_path)
    monkeypatch.setattr(calibrations, "TABLE", "t.csv.gz")
    try:
        (snapshot,) = calibrations.snapshots("nowhere")
    finally:
        calibrations._blocks.cache_clear()
    by_channel = {p.channel: p for p in snapshot.parameters}
    assert by_channel["q4.T1"].value == pytest.approx(101.25e-6)
    assert by_channel["q4.T2"].value == pytest.approx(80e-6)
    assert by_channel["cx.0_1.gate_error"].flag == "sentinel: gate_error 1"
    assert by_channel["cx.0_1.gate_length"].value == pytest.approx(300e-9)
    assert snapshot.t_ns - by_channel["q4.T1"].t_ns == 86_400 * 10**9


def test_notice_and_sources_name_every_package_used() -> None:
    notice = (ROOT / "NOTICE").read_text()
    sources = (ROOT / "src" / "mumetal" / "catalog" / "SOURCES.md").read_text()
    for name in calibrations.backends():
        for snapshot in calibrations.snapshots(name):
            package = snapshot.provenance.split("from ")[1].removesuffix(" (Apache-2.0)")
            assert package in notice
            assert f"| {package} | {name} |" in sources
