"""A twin and a whole stack live six hours on one virtual clock: an attack is told at its time, and nothing stays behind."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from mumetal.app.settings import PluginSettings, ServeSettings, Settings
from mumetal.connect.api import StoreSettings
from mumetal.core.errors import RejectedError
from mumetal.core.ports import Ground
from mumetal.respond.api import TriageSettings
from mumetal.serve.ground import START_NS, ground_range
from mumetal.serve.session import Session
from mumetal.twin.lab import Pace

S = 10**9
HOUR = 3_600
PACE = Pace(
    control_hz=0.2, cryostat_hz=0.1, qubits_hz=0, queue_hz=0, handover_hz=0, supply_hz=0, calibration_s=6 * HOUR, drift=1.0,
    people=False,
)  # fmt: skip


def incidents(ground: Ground) -> list[dict[str, Any]]:
    answer = ground.client().request("GET", "/api/v1/incidents?limit=100")
    assert answer.status == 200
    found: list[dict[str, Any]] = msgspec.json.decode(answer.body)
    return found


def of_the_cryostat(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [i for i in found if i["title"].startswith(("Cryostat", "Cooling")) and i["state"] != "explained"]


@pytest.mark.parametrize("hours", [6, pytest.param(24, marks=pytest.mark.full)])
def test_a_ground_lives_hours_and_its_stack_tells_an_attack_at_its_virtual_time(hours: int, tmp_path: Path) -> None:
    before = {t.name for t in threading.enumerate()}
    with ground_range(1, pace=PACE, parent=tmp_path).open() as ground:
        assert (ground.clock.now_ns(), ground.folder.parent) == (START_NS, tmp_path.resolve())
        ground.clock.sleep((hours - 1) * HOUR)
        assert of_the_cryostat(incidents(ground)) == []
        truth = ground.twin.perturb("cryostat_sabotage", 0.5, 900.0)
        assert truth.start_ns == START_NS + (hours - 1) * HOUR * S
        ground.clock.sleep(HOUR)
        assert ground.clock.now_ns() == START_NS + hours * HOUR * S
        (told,) = of_the_cryostat(incidents(ground))
        assert truth.start_ns <= int(told["start_ns"]) < truth.stop_ns
        first = int(
            told["timeline"][0]["t_ns"]
        )  # when it was told: after what happened, and within two steps of the twin
        assert int(told["start_ns"]) < first < truth.stop_ns + 2 * 120 * S
        assert list((ground.folder / "store" / "ledger").rglob("*"))
        assert all(Path(uri.removeprefix("file:")).is_relative_to(ground.folder) for uri in ground.keys)
        url, folder = ground.url, ground.folder
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
    assert {t.name for t in threading.enumerate()} <= before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


@pytest.mark.full
def test_the_same_seed_and_key_give_the_same_incidents_to_the_nanosecond(tmp_path: Path) -> None:
    def once() -> list[dict[str, Any]]:
        with ground_range(1, pace=PACE, entropy=lambda n: b"k" * n, parent=tmp_path).open() as ground:
            ground.clock.sleep(3 * HOUR)
            ground.twin.perturb("cryostat_sabotage", 0.5, 900.0)
            ground.clock.sleep(HOUR)
            return incidents(ground)

    first = once()
    assert of_the_cryostat(first)
    assert once() == first


def smuggled(**parts: object) -> Callable[[Settings], Settings]:
    return lambda settings: structs.replace(settings, **parts)


@pytest.mark.parametrize(
    "change",
    [
        smuggled(sources=("ibm:live/ibm_brisbane",)),
        smuggled(sources=("bluefors:/var/log/cryostat",)),
        lambda s: structs.replace(s, sources=(*s.sources, f"{s.sources[0]}&edge=/etc/edge.toml")),
        smuggled(sinks=("syslog:siem.example:514",)),
        smuggled(sinks=("ocsf:/var/log/findings.jsonl",)),
        smuggled(triage=TriageSettings(inventory="/etc/inventory.toml")),
        smuggled(ledger_key="env:LEDGER_KEY"),
        smuggled(ledger_key="pkcs11:token=real;object=ledger?module-path=/usr/lib/p11.so&ml-dsa=env:X"),
        smuggled(witnesses=("/mnt/witness?key=/mnt/witness.pub",)),
        smuggled(calibrations="/srv/calibrations?roots=/srv/roots&pin=00"),
        smuggled(store=StoreSettings(directory="/var/lib/mumetal")),
        smuggled(serve=ServeSettings(host="0.0.0.0", port=0)),
        smuggled(serve=ServeSettings(port=8470)),
        smuggled(plugins=PluginSettings()),
    ],
)
def test_a_ground_with_something_real_is_refused_before_anything_opens(
    change: Callable[[Settings], Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opens(*_: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr("mumetal.serve.ground.Session", opens)
    with pytest.raises(RejectedError), ground_range(1, change=change, parent=tmp_path).open():
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_stack_failed_of_is_raised_when_its_ground_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def live() -> None:
        with ground_range(1, pace=PACE, parent=tmp_path).open() as ground:
            ground.clock.sleep(1.0)

    close = Session.__exit__

    def fails(self: Session, *_: object) -> None:
        self.stack.error = ZeroDivisionError()
        close(self, None, None, None)

    monkeypatch.setattr(Session, "__exit__", fails)
    with pytest.raises(ZeroDivisionError):
        live()
    assert list(tmp_path.iterdir()) == []
