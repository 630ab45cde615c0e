"""``mumetal model train`` and ``adapt``, as a stranger would run them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mumetal.app.models.adapting import adapted_encoders, place
from mumetal.app.models.encoders import shipped
from mumetal.connect.settings import StoreSettings
from mumetal.connect.stores.store import LogStore
from mumetal.core.clock import SystemClock
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import Channel, Series
from mumetal.serve.cli.app import app
from mumetal.watch.ensemble import Ensemble, extras_for

ROWS = 4_200


def stream(rows: int = ROWS, name: str = "a") -> Series:
    now = SystemClock().now_ns() // 10**9 * 10**9
    return Series(
        device="fridge",
        stream="cryostat",
        channels=(Channel(name=name, unit="K"), Channel(name="b", unit="K")),
        t_ns=now - (rows - np.arange(rows, dtype=np.int64)) * 10**9,
        values=np.random.default_rng(0).normal(size=(rows, 2)),
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    kept = LogStore(tmp_path / "telemetry", StoreSettings(), SystemClock())
    kept.append(Delivery(source="test", data=(stream(),), cursor="1", caught_up=True))
    kept.close()
    return tmp_path


def test_a_stream_is_adapted_to_watched_and_forgotten(store: Path) -> None:
    run = CliRunner()
    done = run.invoke(app, ["model", "adapt", "fridge", "cryostat", "--store", str(store), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["adapted"]["rows"] == ROWS
    assert said["adapted"]["model"] == shipped().digest
    encoders, wrong = adapted_encoders(store)
    assert not wrong
    assert [m.family for m in Ensemble(stream(), extras_for(stream(), encoders)).members].count("encoder") == 1
    assert not encoders[0].fits(stream(name="other"))
    assert "encoder" not in {m.family for m in Ensemble(stream(600), extras_for(stream(600), encoders)).members}
    undone = run.invoke(app, ["model", "adapt", "fridge", "cryostat", "--store", str(store), "--undo"])
    assert undone.exit_code == 0, undone.output
    assert adapted_encoders(store) == ((), ())
    again = run.invoke(app, ["model", "adapt", "fridge", "cryostat", "--store", str(store), "--undo"])
    assert again.exit_code == BadInputError.exit_code


def test_a_stream_that_is_not_there_is_named_with_those_that_are(store: Path) -> None:
    done = CliRunner().invoke(app, ["model", "adapt", "fridge", "qubits", "--store", str(store)])
    assert done.exit_code == BadInputError.exit_code
    assert "fridge/cryostat" in done.stderr


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model": "0" * 64}, "belong to encoder"),
        ({"prototypes": [[2.0] + [0.0] * 15]}, "not an adaptation"),
        ({"prototypes": [[0.5] + [0.0] * 15]}, "no unit vector"),
        ({"format": "other"}, "not an adaptation"),
    ],
)
def test_an_adaptation_that_cannot_be_used_is_left_out_and_named(
    store: Path, change: dict[str, object], why: str
) -> None:
    run = CliRunner()
    assert run.invoke(app, ["model", "adapt", "fridge", "cryostat", "--store", str(store)]).exit_code == 0
    path = place(store, "local", "fridge", "cryostat")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    encoders, wrong = adapted_encoders(store)
    assert not encoders
    assert why in wrong[0][1]


def test_training_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torch" else real(name, *a))
    done = CliRunner().invoke(app, ["model", "train", "--out", str(tmp_path / "out")])
    assert done.exit_code == 3
    assert "mumetal[train]" in done.stderr
    assert not (tmp_path / "out").exists()
