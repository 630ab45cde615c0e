"""The twin's attacks through a door to findings, and what the page says of the power there was, over a stack that runs."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.web_client import WebClient
from typer.testing import CliRunner

from mumetal.app import wiring
from mumetal.app.settings import ServeSettings, Settings
from mumetal.app.stack import Stack
from mumetal.catalog import calibrations
from mumetal.connect.settings import StoreSettings
from mumetal.core.clock import ManualClock
from mumetal.core.delivery import Delivery
from mumetal.core.ports import Truth
from mumetal.core.series import Series
from mumetal.respond.triage import Inventory
from mumetal.serve.cli.app import app
from mumetal.serve.web import create_app
from mumetal.trust.ledger import opening as ledgers
from mumetal.twin.lab import Lab, Pace
from mumetal.watch.covert.codes import Codes
from mumetal.watch.settings import WatchSettings

T0 = 1_790_000_000 * 10**9
CONTROL = Pace(control_hz=40.0, cryostat_hz=0, qubits_hz=0, queue_hz=0, handover_hz=0, supply_hz=0, people=False)
SUPPLY = Pace(control_hz=0, cryostat_hz=0, qubits_hz=0, queue_hz=0, handover_hz=0, supply_hz=10.0, people=False)
TIMING = "exfiltration.timing_covert_channel"


def rows(data: Sequence[object], stream: str) -> Series:
    found = [d for d in data if isinstance(d, Series) and d.stream == stream]
    return Series(
        device="rack", stream=stream, channels=found[0].channels, t_ns=np.concatenate([s.t_ns for s in found]),
        values=np.concatenate([s.values for s in found]),
    )  # fmt: skip


def saved(folder: Path, series: Series, columns: slice = slice(None)) -> Path:
    place = folder / f"{series.stream}-{columns.start}.npz"
    arrays = {f"{c.name} [{c.unit}]": series.values[:, k] for k, c in list(enumerate(series.channels))[columns]}
    np.savez(place, t_ns=series.t_ns, **arrays)  # type: ignore[arg-type]
    return place


def attacked(pace: Pace, stream: str, name: str, strength: float, quiet_s: float) -> tuple[Series, Truth]:
    twin = Lab(calibrations.snapshots("hanoi"), 5, T0, pace=pace)
    data = list(twin.advance(quiet_s))
    truth = twin.perturb(name, strength, 60.0)
    return rows([*data, *twin.advance(80.0)], stream), truth


def watched(tmp_path: Path, *sources: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Run ``mumetal watch`` on recorded data; returns its findings and the ledger over what it stored."""
    runner, store = CliRunner(), tmp_path / "store"
    seen = runner.invoke(app, ["watch", *sources, "--store", str(store), "--json"])
    assert seen.exit_code in {0, 1}, seen.output
    told = runner.invoke(app, ["power", "--store", str(store), "--lasting", "60s", "--json"])
    assert told.exit_code == 0, told.output
    return msgspec.json.decode(seen.stdout)["findings"], msgspec.json.decode(told.stdout)


def test_a_timing_channel_of_the_twin_goes_through_the_door_to_a_finding_that_the_ledger_could_promise(
    tmp_path: Path,
) -> None:
    series, truth = attacked(CONTROL, "control", "timing_covert_channel", 1.2, 660.0)
    found, power = watched(tmp_path, f"npy:{saved(tmp_path, series)}?device=rack&stream=control")
    hits = [f for f in found if f["rule"].startswith("watch.covert.")]
    assert hits
    for hit in hits:
        assert TIMING in hit["techniques"]
        assert truth.start_ns <= int(hit["stop_ns"])
        assert int(hit["start_ns"]) < truth.stop_ns
        assert hit["attribution"][0]["channel"] == "awg.timing_residual"
    lines = [e for e in power if e["technique"] == TIMING and not e["blind"]]
    assert {e["detector"] for e in lines} >= {"watch.covert.timing", "watch.covert.sequence", "watch.covert.template"}
    promised = next(e for e in lines if e["detector"] == "watch.covert.timing")
    assert float(promised["smallest"]) < truth.strength
    assert "0.14 σ" in promised["reason"]


def test_played_energy_and_supply_power_that_are_recorded_apart_are_joined_and_a_tap_is_found(tmp_path: Path) -> None:
    series, truth = attacked(SUPPLY, "supply", "supply_tap", 5.0, 500.0)
    played, power = (saved(tmp_path, series, slice(k, k + 1)) for k in (0, 1))
    (tmp_path / "edge.toml").write_text(
        f'also = "npy:{power}?device=rack&stream=meter"\n[joins.leak]\nrows = "played/awg.pulse_energy"\n'
        'beside = ["meter/supply.power"]\n'
    )
    found, told = watched(tmp_path, f"npy:{played}?device=rack&stream=played&edge={tmp_path / 'edge.toml'}")
    hit = next(f for f in found if f["rule"] == "watch.covert.power_leakage")
    assert hit["subject"]["name"] == "leak"
    assert truth.start_ns <= int(hit["stop_ns"])
    assert hit["attribution"][0]["channel"] == "supply.power"
    line = next(e for e in told if e["technique"] == "collection.controller_power_trace")
    assert not line["blind"]
    assert "stays invisible" in line["reason"]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    clock = ManualClock(T0 + 10**12)
    settings = Settings(
        store=StoreSettings(directory=str(tmp_path)), watch=WatchSettings(learning_rows=600, learning_s=0)
    )
    codes = Codes(names=("implant",), sequences=((1.0, -1.0, 0.0, 1.0, -1.0),))
    with ledgers.opened(tmp_path, clock) as ledger, wiring.opened_stores(settings, clock) as stores:
        made = Stack(
            settings, clock, store=stores.store, records=stores.records, inventory=Inventory(), ledger=ledger,
            authorizer=wiring.authorizer(), codes=codes,
        )  # fmt: skip
        with made:
            yield made


def test_the_page_says_what_a_running_stack_could_have_seen_and_measures_anew_when_that_is_old(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = WebClient(create_app(stack, ServeSettings()))
    empty = client.get("/power").text
    assert "awg.timing_residual" not in empty
    assert "any monitor would be" in empty
    twin = Lab(calibrations.snapshots("hanoi"), 6, T0, pace=CONTROL)
    for _ in range(12):
        stack.push(Delivery(source="test", data=(rows(twin.advance(10.0), "control"),), cursor=""))
    assert "awg.timing_residual" not in client.get("/power").text  # what was measured is kept for a while
    monkeypatch.setattr("mumetal.watch.power.book.FRESH_S", 0.0)
    for _ in range(200):
        seen = client.get("/power?lasting=60").text
        if "control/awg.timing_residual" in seen:
            break
        time.sleep(0.05)
    assert "control/awg.timing_residual" in seen
    assert "of your own" in seen
