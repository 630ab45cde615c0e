"""What settings may name, and files that rotate and survive."""

import json
import os
from pathlib import Path

import pytest
from tests.unit.connect.test_incident_store import a_finding, an_incident

from mumetal.connect.sinks import open_sink, sink_name
from mumetal.connect.sinks.ocsf_file import OcsfFile
from mumetal.connect.sinks.syslog import Syslog
from mumetal.core.errors import BadInputError, UnavailableError


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "ocsf",
        "ocsf:",
        "kafka:host:9092",
        "syslog:host",
        "syslog:host:0",
        "syslog:host:65536",
        "syslog:host:٣",
        "syslog::514",
        "syslog:host:514?verify=no",
        "syslog+tls:host:6514?verify=no",
        "syslog+tls:host:6514?ca=a&ca=b",
        "syslog+tls:host:6514?ca=/nowhere/ca.pem",
        "ocsf:x?max_mib=0",
        "ocsf:x?keep=-1",
        "ocsf:" + "x" * 5_000,
    ],
)
def test_a_wrong_sink_is_refused(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInputError):
        open_sink(spec)


def test_an_ipv6_address_stands_in_brackets() -> None:
    sink = open_sink("syslog:[::1]:514")
    assert isinstance(sink, Syslog)
    assert (sink._host, sink._port) == ("::1", 514)


def test_lines_are_ocsf_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.jsonl"
    sink = open_sink(f"ocsf:{path}", version="1.2.3")
    sink.deliver([a_finding(1), an_incident(2)])
    first, second = (json.loads(line) for line in path.read_bytes().splitlines())
    assert (first["class_uid"], second["class_uid"]) == (2004, 2005)
    assert first["metadata"]["product"]["version"] == "1.2.3"
    assert path.stat().st_mode & 0o077 == 0
    sink.close()


def test_it_rotates_by_size_and_keeps_so_many(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    sink = OcsfFile(path, max_bytes=5_000, keep=2)
    for n in range(60):
        sink.deliver([a_finding(n)])
    sink.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.jsonl", "e.jsonl.1", "e.jsonl.2"]
    assert all(p.stat().st_size <= 5_000 for p in tmp_path.iterdir())
    newest = [json.loads(x) for p in ("e.jsonl.1", "e.jsonl") for x in (tmp_path / p).read_bytes().splitlines()]
    assert newest[-1]["finding_info"]["uid"] == a_finding(59).finding_id
    none = OcsfFile(tmp_path / "n.jsonl", max_bytes=2_000, keep=0)
    for n in range(10):
        none.deliver([a_finding(n)])
    assert not (tmp_path / "n.jsonl.1").exists()
    none.close()


def test_a_line_cut_short_by_a_crash_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    for cut in (1, 50, 300):
        sink = OcsfFile(path)
        sink.deliver([a_finding(cut)])
        sink.close()
        os.truncate(path, path.stat().st_size - cut)
        again = OcsfFile(path)
        again.deliver([a_finding(cut)])
        again.close()
    assert len([json.loads(line) for line in path.read_bytes().splitlines()]) == 3
    path.write_bytes(b"x" * 200_000)
    OcsfFile(path).close()
    assert path.read_bytes() == b""


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "e.jsonl"
    sink = OcsfFile(path)
    sink.deliver([a_finding(1)])
    size = path.stat().st_size

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(UnavailableError, match="No space"):
            sink.deliver([a_finding(2)])
    assert path.stat().st_size == size
    sink.deliver([a_finding(2)])
    assert len(path.read_bytes().splitlines()) == 2
    sink.close()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInputError):
        open_sink(f"ocsf:{tmp_path / 'e.jsonl'}")


def test_a_sinks_name_is_stable_short_and_tells_no_paths() -> None:
    spec = "syslog+tls:siem:6514?key=/secret/place.key"
    assert sink_name(spec) == sink_name(spec)
    assert sink_name(spec) != sink_name(spec + "2")
    assert sink_name(spec).startswith("syslog+tls:siem:6514#")
    assert "secret" not in sink_name(spec)
    assert len(sink_name("ocsf:" + "x" * 4_000)) < 400
