"""The twin's doors: what it writes is what a lab writes, and what it pushes arrives."""

import json
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from tests.unit.twin.twins import START_NS, channels, events, lab

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.formats.backend_properties import from_backend_properties
from mumetal.formats.columnar import from_columnar_json
from mumetal.formats.ocsf import read_event
from mumetal.redteam.virtual_clock import VirtualClock
from mumetal.serve.cli.watch.recognised import specs_of
from mumetal.twin import bluefors, push
from mumetal.twin.demo import backfill, run
from mumetal.twin.doors import LabWriter
from mumetal.twin.lab import Pace


class Door:
    """A push door on loopback that keeps what it was sent and answers as it is told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answers: list[int] = []
        self.heads: list[tuple[str, str]] = []

    @contextmanager
    def open(self) -> Iterator[str]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = door.answers.pop(0) if door.answers else 200
                if status == 200:
                    door.bodies.append(body)
                    door.heads.append((self.path, self.headers["content-type"]))
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


def received(door: Door) -> list[Series]:
    deliveries = [from_columnar_json(body) for body in door.bodies]
    assert not [q for d in deliveries for q in d.quarantined]
    return [s for d in deliveries for s in d.data if isinstance(s, Series)]


def test_what_was_written_is_known_again_by_what_is_in_it(tmp_path: Path) -> None:
    writer = LabWriter(tmp_path / "lab")
    twin = lab()
    writer.write(twin.advance(60.0))
    (tmp_path / "lab" / "calibrations" / "set.json").write_text('{"backend_name": "x", "qubits": []}')
    writer.close()
    (tmp_path / "lab" / "truth.json").write_text("[]")
    trail, logs, *calibrations = specs_of(str(tmp_path / "lab"))
    assert (trail, logs) == (f"audit:{tmp_path}/lab/audit.jsonl", f"bluefors:{tmp_path}/lab/bluefors")
    assert [c.startswith(f"ibm:{tmp_path}/lab/calibrations") for c in calibrations] == [True]
    (tmp_path / "lab" / "audit.jsonl").rename(tmp_path / "other.jsonl")
    assert specs_of(str(tmp_path / "other.jsonl")) == [f"audit:{tmp_path}/other.jsonl"]


def test_the_refrigerators_log_has_the_format_and_the_values(tmp_path: Path) -> None:
    data = lab().advance(5.0)
    writer = LabWriter(tmp_path)
    writer.write(data)
    moment = datetime.fromtimestamp(START_NS // 10**9, UTC)
    day = f"{moment:%y-%m-%d}"
    assert {p.name for p in writer.fridge.iterdir()} == {day}
    folder = writer.fridge / day
    assert {p.name for p in folder.iterdir()} == {
        f"CH1 T {day}.log", f"CH2 T {day}.log", f"CH5 T {day}.log", f"CH6 T {day}.log", f"maxigauge {day}.log",
        f"Status_{day}.log",
    }  # fmt: skip
    cryostat = channels(data)
    lines = (folder / f"CH6 T {day}.log").read_text().splitlines()
    assert len(lines) == 5
    assert all(re.fullmatch(r" \d\d-\d\d-\d\d,\d\d:\d\d:\d\d,\d\.\d+e[+-]\d\d", line) for line in lines)
    assert lines[0].startswith(f" {moment:%d-%m-%y,%H:%M:%S},")
    assert float(lines[0].split(",")[2]) == pytest.approx(cryostat["cryostat/mxc.temperature"][0, 1], rel=1e-6)
    gauge = (folder / f"maxigauge {day}.log").read_text().splitlines()[0].split(",")
    assert len(gauge) == 39
    for index in range(6):
        name, _, enabled, mbar = gauge[2 + 6 * index : 6 + 6 * index]
        assert (name, enabled) == (f"CH{index + 1}", "1")
        pascal = cryostat[f"cryostat/p{index + 1}.pressure"][0, 1]
        assert float(mbar) * 100.0 == pytest.approx(pascal, rel=1e-3)
    cells = (folder / f"Status_{day}.log").read_text().splitlines()[0].split(",")
    pairs = dict(zip(cells[2::2], map(float, cells[3::2]), strict=True))
    assert pairs["cpatempwi"] == pytest.approx(16.8, abs=0.5)
    assert pairs["cpahp"] == pytest.approx(308, abs=4)


def test_a_day_ends_at_midnight() -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    (series, *_) = [d for d in lab().advance(2.0) if isinstance(d, Series) and d.stream == "cryostat"]
    second = round(midnight.timestamp()) * 10**9
    across = Series(
        device="a", stream="cryostat", channels=series.channels, t_ns=np.array([second - 10**9, second]),
        values=series.values[:2],
    )  # fmt: skip
    paths = [path for path, _ in bluefors.lines(across) if "CH6" in path]
    assert paths == ["26-11-21/CH6 T 26-11-21.log", "26-11-22/CH6 T 26-11-22.log"]


def test_calibrations_and_the_audit_trail_come_back_as_they_were(tmp_path: Path) -> None:
    twin = lab()
    twin.perturb("config_edit", 0.05, 5.0)
    data = twin.advance(12.0)
    writer = LabWriter(tmp_path)
    writer.write(data)
    said = [d for d in data if isinstance(d, DeviceSnapshot)]
    files = sorted(writer.calibrations.iterdir())
    assert len(files) == len(said) == 2
    for file, snapshot in zip(files, said, strict=True):
        back, refused = from_backend_properties(file.read_bytes())
        assert not refused
        assert (back.device, back.t_ns, back.qubits) == ("twin-a", snapshot.t_ns, snapshot.qubits)
        ours = {p.channel: p.value for p in snapshot.parameters}
        for parameter in back.parameters:
            value = ours[parameter.channel]
            assert parameter.value == pytest.approx(value, rel=1e-9) or math.isnan(value)
    read = [read_event(line) for line in writer.audit.read_bytes().splitlines()]
    assert [(e.event_id, e.t_ns, e.activity, e.actor, e.shots) for e in read] == [
        (e.event_id, e.t_ns, e.activity, e.actor, e.shots) for e in events(data)
    ]
    assert "config.write" in {e.activity for e in read}


def test_fast_streams_are_pushed_whole_and_in_order(tmp_path: Path) -> None:
    door, twin = Door(), lab()
    with door.open() as url:
        writer = LabWriter(tmp_path, url)
        backfill(twin, writer, 61.0)
        writer.close()
    assert set(door.heads) == {("/api/v1/push/columnar", "application/json")}
    body = json.loads(door.bodies[0])
    first = body[0] if isinstance(body, list) else body
    assert set(first) == {"source", "device", "stream", "channels", "t_ns", "seq", "values"}
    got = channels(received(door))
    want = channels(lab().advance(61.0))
    fast = {n for n in want if n.split("/")[0] in {"control", "handover", "qubits", "queue", "supply"}}
    assert set(got) == fast
    for name in fast:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-12, atol=1e-22, err_msg=name)


def test_what_the_door_refuses_for_now_is_sent_later_and_nothing_twice(tmp_path: Path) -> None:
    door, twin = Door(), lab(pace=Pace(people=False))
    with door.open() as url:
        writer = LabWriter(tmp_path, url)
        assert writer.push is not None
        door.answers = [503]
        with pytest.raises(UnavailableError):
            writer.write(twin.advance(1.0))
        assert writer.push.waiting == 1
        writer.write(twin.advance(1.0))
        assert (writer.push.waiting, writer.push.sent, writer.push.lost) == (0, 2, 0)
        door.answers = [400]
        with pytest.raises(BadInputError):
            writer.write(twin.advance(1.0))
        assert writer.push.waiting == 0
        writer.close()
    t = channels(received(door))["queue/jobs.rate"][:, 0]
    np.testing.assert_array_equal((t - START_NS) / 1e9, [0.0, 1.0])


def test_a_door_that_is_away_keeps_files_coming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door, twin = Door(), lab(pace=Pace(people=False))
    with door.open() as url:
        pass
    monkeypatch.setattr(push, "MAX_WAITING", 3)
    writer = LabWriter(tmp_path, url)
    assert writer.push is not None
    clock = VirtualClock(START_NS)
    stop = clock.flag()
    with clock.taking_part():
        living = clock.thread(lambda: away.append(run(twin, writer, clock, 2.0, stop)), "twin")
        away: list[int] = []
        living.start()
        clock.sleep(8 * 0.25 / 2.0 - 1e-3)
        stop.set()
        living.join()
    assert away == [8]
    assert (writer.push.waiting, writer.push.lost) == (3, 5)
    assert clock.monotonic_ns() == pytest.approx(8 * 0.25 / 2.0 * 1e9 - 1e6)
    log = next(writer.fridge.glob("*/CH6*.log"))
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.parametrize("url", ["ftp://x", "file:///etc/passwd", "127.0.0.1:80", "http://"])
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(BadInputError):
        push.open_url(url)
