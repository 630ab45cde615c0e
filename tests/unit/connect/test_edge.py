"""Raw waveforms in, features out, the same however they are cut and wherever it is started again."""

import io
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from mumetal.connect.sources import open_source
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.core.series import Series
from mumetal.formats.npy import from_npy, from_npz, to_npy

T0 = 1_772_434_800 * 10**9
HZ = 400
PLAN = """
window_s = 2.0
[groups.drive]
kind = "pulse"
channels = ["env.*"]
shape = [0, 1, 2, 1, 0]
[groups.clock]
kind = "timing"
channels = ["awg.timing"]
reference = ["awg.ref*"]
[groups.q0]
kind = "iq"
channels = ["iq.I", "iq.Q"]
prepared = "state"
[groups.field]
kind = "field"
channels = ["mag"]
bands_hz = [[1, 10], [100, 150]]
mains_hz = 60
"""


def capture(folder: Path, seconds: float = 9.0, seed: int = 0, start_s: float = 0.0, **changed: float) -> Path:
    r = np.random.default_rng(seed)
    n = round(seconds * HZ)
    t = T0 + round(start_s * 1e9) + np.arange(n) * (10**9 // HZ)
    state = r.integers(0, 2, n)
    s = (t - T0) / 1e9
    mag = 2e-8 * np.sin(2 * np.pi * 60 * s) + 3e-9 * np.sin(2 * np.pi * 1.4 * s) + 1e-9 * r.normal(size=n)
    place = folder / f"capture-{round(start_s):04d}.npz"
    arrays = {
        "t_ns": t,
        "env": np.outer(1 + 0.01 * r.normal(size=n), [0, 1, 2, 1 + changed.get("bend", 0.0), 0]),
        "awg.timing [ps]": 5 * r.normal(size=n),
        "awg.ref0 [ps]": 5 * r.normal(size=n),
        "iq": (4.0 * state + r.normal(size=n)) + 1j * r.normal(size=n),
        "state": state,
        "mag [T]": mag,
        "pressure [mbar]": 10 + r.normal(size=n),
    }
    np.savez(place, **arrays)  # type: ignore[arg-type]
    return place


def drain(spec: str, limit: int, cursor: str = "", restart_after: int = 0) -> tuple[list[Delivery], str]:
    source = open_source(spec)
    out: list[Delivery] = []
    for poll in range(1, 10_000):
        out.append(source.poll(cursor, limit))
        cursor = out[-1].cursor
        if out[-1].caught_up:
            return out, cursor
        if poll == restart_after:
            source.close()
            source = open_source(spec)
    pytest.fail("never caught up")


def features(deliveries: Sequence[Delivery]) -> Series:
    found = [d for x in deliveries for d in x.data if isinstance(d, Series) and d.stream.endswith(".edge")]
    values = np.concatenate([s.values for s in found])
    return Series(
        device="d", stream="s", channels=found[0].channels, t_ns=np.concatenate([s.t_ns for s in found]), values=values
    )


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "edge.toml").write_text(PLAN)
    return f"npy:{capture(tmp_path)}?edge={tmp_path / 'edge.toml'}&device=rack"


def test_raw_rows_become_features_with_units_and_provenance(spec: str) -> None:
    (whole,) = drain(spec, 10**7)[0]
    kept = [d for d in whole.data if isinstance(d, Series) and not d.stream.endswith(".edge")]
    assert [s.names for s in kept] == [("pressure",)]
    got = features([whole])
    assert len(got) == 4  # 9 s in windows of 2 s on the grid since 1970; the last is open
    assert all(c.provenance.startswith("edge ") for c in got.channels)
    row = dict(zip(got.names, got.values[1].tolist(), strict=True))
    units = {c.name: c.unit for c in got.channels}
    assert (units["clock.spread"], units["field.band0"], units["field.tube.phase"]) == ("s", "T", "rad")
    assert row["drive.distance"] == pytest.approx(0, abs=1e-6)
    assert row["clock.spread"] == pytest.approx(5e-12 * math.sqrt(2), rel=0.1)
    assert row["q0.separation"] == pytest.approx(4, rel=0.1)
    assert row["q0.p1_given_0"] == pytest.approx(0.0228, abs=0.015)
    assert row["field.mains1"] == pytest.approx(2e-8, rel=0.02)
    assert math.isnan(row["field.tube.amplitude"])  # 2 s hold too few of its periods to tell
    assert got.t_ns[0] == T0 + 2 * 10**9


@pytest.mark.parametrize("limit", [150, 999, 12_345])
@pytest.mark.parametrize("restart_after", [0, 1, 3])
def test_cuts_and_restarts_change_nothing(spec: str, limit: int, restart_after: int) -> None:
    expected = features(drain(spec, 10**7)[0])
    got = features(drain(spec, limit, restart_after=restart_after)[0])
    np.testing.assert_array_equal(got.t_ns, expected.t_ns)
    np.testing.assert_array_equal(got.values, expected.values)


def test_a_bent_pulse_shows_in_its_distance(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(PLAN)
    bent = features(drain(f"npy:{capture(tmp_path, bend=0.2)}?edge={tmp_path / 'edge.toml'}", 10**7)[0])
    assert bent.column("drive.distance").min() > 0.04


def test_a_folder_of_captures_is_read_in_order_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(PLAN)
    folder = tmp_path / "raw"
    folder.mkdir()
    capture(folder, 4.0)
    spec = f"npy:{folder}?edge={tmp_path / 'edge.toml'}"
    first, cursor = drain(spec, 10**6)
    assert len(features(first)) == 1
    (folder / "capture-0004.npz").write_bytes(b"half a file")
    capture(folder, 6.0, seed=1, start_s=6.0)
    second, cursor = drain(spec, 10**6, cursor=cursor)
    assert features(second).t_ns.tolist() == [T0 + 4 * 10**9, *(T0 + k * 10**9 for k in (8, 10))]
    assert any("not an" in q.reason for d in second for q in d.quarantined)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("window_s = 1", "groups"),
        ('[groups.a]\nkind = "iq"\nchannels = ["x"]', "two channels"),
        ('[groups.a]\nkind = "pulse"\nchannels = ["x"]\nreference = ["y"]', "only timing"),
        ('[groups.a]\nkind = "field"\nchannels = ["x"]\nbands_hz = [[5, 2]]', "low < high"),
        ('[groups.a]\nkind = "pulse"\nchannels = ["x*"]\nshape = [0, 0, 0]', "not all zero"),
        ('[groups.a]\nkind = "colour"\nchannels = ["x"]', "colour"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(BadInputError, match=said):
        open_source(f"npy:{capture(tmp_path)}?edge={tmp_path / 'e.toml'}")


def test_a_plan_that_is_not_there_and_a_group_that_does_not_fit(tmp_path: Path) -> None:
    place = capture(tmp_path)
    with pytest.raises(UnavailableError, match="edge file"):
        open_source(f"npy:{place}?edge={tmp_path / 'none.toml'}")
    (tmp_path / "e.toml").write_text('[groups.a]\nkind = "timing"\nchannels = ["mag"]\n')
    with pytest.raises(BadInputError, match="in seconds, not T"):
        open_source(f"npy:{place}?edge={tmp_path / 'e.toml'}").poll("", 1_000)


def test_rows_after_their_window_are_said(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    (tmp_path / "e.toml").write_text('window_s = 1\n[groups.a]\nkind = "field"\nchannels = ["x"]\nmains_hz = 0\n')
    rows = [f"{T0 + k * 10**7},{k % 7}" for k in range(320)]
    table.write_text("t_ns,x\n" + "\n".join(rows) + "\n")
    source = open_source(f"csv:{table}?edge={tmp_path / 'e.toml'}")
    cursor = source.poll("", 10**6).cursor
    with table.open("a") as file:
        file.write(f"{T0 + 5 * 10**6},1\n{T0 + 4 * 10**9},1\n")
    later = source.poll(cursor, 10**6)
    assert [q.reason for q in later.quarantined] == ["1 rows came after their window was closed"]
    assert len(features([later])) == 1


def test_npy_files_of_plain_numbers_come_back_and_nothing_else_does() -> None:
    for array in (
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.ones((3, 2), np.float32)),
        np.array(3.5),
        np.ones(2) * 1j,
    ):
        np.testing.assert_array_equal(from_npy(to_npy(array)), array)
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInputError, match="no plain numbers"):
        from_npy(pickled.getvalue())
    record = io.BytesIO()
    np.save(record, np.zeros(2, dtype=[("a", "f8")]))
    with pytest.raises(BadInputError, match="no plain numbers"):
        from_npy(record.getvalue())
    with pytest.raises(BadInputError, match="promises"):
        from_npy(to_npy(np.arange(4))[:-1])


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mumetal.formats.npy.MAX_BYTES", 100_000)
    bomb = io.BytesIO()
    np.savez_compressed(bomb, a=np.zeros(200_000))
    with pytest.raises(BadInputError, match="unpacked"):
        from_npz(bomb)
    strange = io.BytesIO()
    with zipfile.ZipFile(strange, "w") as archive:
        archive.writestr("run.py", "import os")
    with pytest.raises(BadInputError, match=r"no \.npy"):
        from_npz(strange)


def test_hdf5_links_out_plug_ins_and_foreign_data_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "a.h5"
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.arange(5.0)
    with h5py.File(place, "w") as file:
        file.create_dataset("a", data=np.arange(5.0)).attrs["units"] = "mK"
        file["b/c"] = np.arange(5.0)
        file["loop"] = h5py.SoftLink("/b")
        file["out"] = h5py.ExternalLink("other.h5", "/x")
        file.create_dataset("raw", shape=(5,), dtype="f8", external=[(str(tmp_path / "raw.bin"), 0, 40)])
        layout = h5py.VirtualLayout(shape=(5,), dtype="f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(5,))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("packed", data=np.arange(64.0), compression="lzf")
        file["words"] = "text"
        file.attrs["t0_ns"], file.attrs["rate_hz"] = T0, 10.0
    found = open_source(f"hdf5:{place}").poll("", 10**6)
    (rows,) = found.data
    assert isinstance(rows, Series)
    assert rows.names == ("a", "b.c")
    np.testing.assert_allclose(rows.column("a"), np.arange(5) * 1e-3)
    assert np.diff(rows.t_ns).tolist() == [10**8] * 4
    refused = {q.where.split()[-1]: q.reason for q in found.quarantined}
    assert set(refused) == {"loop", "out", "raw", "virtual", "packed", "words"}
    assert "link" in refused["out"]
    assert "filter" in refused["packed"]


def test_hdf5_that_promises_more_than_it_may_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "big.h5"
    with h5py.File(place, "w") as file:
        file.create_dataset("a", shape=(10**9,), dtype="f8", chunks=(1_000,))
    with pytest.raises(BadInputError, match="unpacked"):
        open_source(f"hdf5:{place}").poll("", 10**6)
