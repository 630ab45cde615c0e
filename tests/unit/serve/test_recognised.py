"""``mumetal watch PATH``: a path is known by what is in it, or refused with words and an exit code."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mumetal.connect.sources import open_source
from mumetal.core.errors import BadInputError
from mumetal.serve.cli.app import app
from mumetal.serve.cli.watch.recognised import specs_of

EVENT = {"class_uid": 6003, "time": 1_772_434_800_000, "metadata": {"uid": "e1"}}
CALIBRATION = {
    "backend_name": "ibm_test",
    "last_update_date": "2026-03-02T10:00:00Z",
    "qubits": [],
    "gates": [],
    "general": [],
}
BRAKET = {"provider": {"braketSchemaHeader": {"name": "braket.device_schema.x", "version": "1"}}}
QUAM = {"qubits": {"q1": {"__class__": "quam_builder.Transmon", "T1": 1e-5}}, "__class__": "my.QUAM"}
QUBIC = {"Qubits": {"Q0": {"freq": 5e9}}, "Gates": {"Q0X90": []}}
QIBOLAB: dict[str, object] = {"native_gates": {"single_qubit": {}}}


def test_a_lab_given_whole_is_its_parts(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    for folder in ("fridge/26-03-02", "calibrations", "plc", "photos"):
        (lab / folder).mkdir(parents=True)
    (lab / "fridge" / "26-03-02" / "CH6 T 26-03-02.log").write_text("02-03-26,10:00:00,4\n")
    for day in range(2):
        (lab / "calibrations" / f"{day}.json").write_text(json.dumps(CALIBRATION))
    (lab / "plc" / "water.csv").write_text("time,T\n1772434800,5\n")
    (lab / "photos" / "a.jpg").write_bytes(b"x")
    (lab / "trail.jsonl").write_text(json.dumps(EVENT) + "\n")
    (lab / "truth.json").write_text("[]")
    (lab / "notes.jsonl").write_text('{"note": "warm"}\n')
    assert specs_of(str(lab)) == [
        f"audit:{lab}/trail.jsonl", f"ibm:{lab}/calibrations", f"bluefors:{lab}/fridge", f"csv:{lab}/plc/water.csv",
    ]  # fmt: skip


def test_folders_in_a_folder_of_one_kind_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("a.json", "b.json", "old/c.json"):
        (tmp_path / name).write_text(json.dumps(CALIBRATION, indent=1))
    assert specs_of(str(tmp_path)) == [f"ibm:{tmp_path}"]


def test_packed_files_and_arrays_are_known(tmp_path: Path) -> None:
    (tmp_path / "t.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [EVENT]}).encode()))
    assert specs_of(str(tmp_path / "t.json.gz")) == [f"audit:{tmp_path}/t.json.gz"]
    (tmp_path / "c.h5").write_bytes(b"")
    assert specs_of(str(tmp_path / "c.h5")) == [f"hdf5:{tmp_path}/c.h5"]


def test_a_kind_with_a_digit_is_a_kind() -> None:
    assert specs_of("hdf5:captures/?device=x") == ["hdf5:captures/?device=x"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (BRAKET, "Amazon Braket"),
        (QUAM, "QUAM"),
        (QUBIC, "QubiC"),
        (QIBOLAB, "platforms:REPOSITORY"),
        ({"x": 1}, "no kind"),
    ],
)
def test_documents_of_other_kinds_are_named_with_the_way(tmp_path: Path, document: object, words: str) -> None:
    path = tmp_path / "device.json"
    path.write_text(json.dumps(document, indent=1))
    for place in (path, tmp_path):
        said = CliRunner().invoke(app, ["watch", str(place)])
        assert said.exit_code != 0
        with pytest.raises(BadInputError, match=words):
            specs_of(str(place))
    refused = open_source(f"ibm:{path}").poll("", 100).quarantined
    assert words in refused[0].reason or words == "no kind"


def test_lines_that_are_no_events_are_no_trail(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"note": 1}\n' * 5)
    with pytest.raises(BadInputError, match="cannot be told"):
        specs_of(str(tmp_path))


def test_the_download_of_one_calibration_says_what_to_save(tmp_path: Path) -> None:
    path = tmp_path / "ibm_test_calibrations.csv"
    path.write_text('Qubit,"T1 (us)","T2 (us)","Frequency (GHz)"\n0,250.1,120.5,4.7\n')
    with pytest.raises(BadInputError, match=r"backend\.properties"):
        open_source(f"csv:{path}").poll("", 100)


@pytest.mark.parametrize(
    ("name", "words"), [("wiring.json", "QUAM"), ("qubitcfg.json", "QubiC"), ("readme.md", "was ever committed")]
)
def test_a_repository_without_a_platform_is_not_unread_in_silence(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("{}")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@lab"]
    for act in (["init", "-q"], ["add", "."], ["commit", "-qm", "c"]):
        subprocess.run([*git, *act], check=True)
    (refused,) = open_source(f"platforms:{tmp_path}").poll("", 100).quarantined
    assert words in refused.reason
