"""What is played and what leaves, recorded apart, come out side by side: whatever the cuts, restarts, gaps and late rows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mumetal.connect.sources import open_source
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series

T0 = 1_790_000_000 * 10**9
EDGE = 'also = "csv:{power}?device=rack&stream=supply"\n[joins.leak]\nrows = "control/awg.energy"\nbeside = ["supply/power"]\n'


def table(path: Path, t_s: np.ndarray, name: str, values: np.ndarray) -> Path:
    rows = "\n".join(f"{T0 + round(float(t) * 1e9)},{v!r}" for t, v in zip(t_s, values.tolist(), strict=True))
    path.write_text(f"t_ns,{name}\n{rows}\n")
    return path


def lab(folder: Path, *, power_hz: float = 10.0, offset_s: float = 0.013, seconds: float = 60.0, more: str = "") -> str:
    rng = np.random.default_rng(0)
    t = np.arange(round(seconds * 10)) / 10
    table(folder / "played.csv", t, "awg.energy", rng.normal(size=t.size))
    p = np.arange(round(seconds * power_hz)) / power_hz + offset_s
    table(folder / "power.csv", p, "power [W]", 5 + rng.normal(size=p.size))
    (folder / "edge.toml").write_text(EDGE.format(power=folder / "power.csv") + more)
    return f"csv:{folder / 'played.csv'}?device=rack&stream=control&edge={folder / 'edge.toml'}"


def drained(spec: str, limit: int = 10**6, restart_after: int = 0) -> list[Delivery]:
    source, cursor, out = open_source(spec), "", []
    for poll in range(1, 2_000):
        out.append(source.poll(cursor, limit))
        cursor = out[-1].cursor
        if out[-1].caught_up:
            return out
        if poll == restart_after:
            source.close()
            source = open_source(spec)
    pytest.fail("never caught up")


def joined(deliveries: Sequence[Delivery], name: str = "leak") -> tuple[np.ndarray, np.ndarray, Series]:
    found = [d for x in deliveries for d in x.data if isinstance(d, Series) and d.stream == name]
    return np.concatenate([s.t_ns for s in found]), np.concatenate([s.values for s in found]), found[0]


def column(path: Path) -> tuple[np.ndarray, np.ndarray]:
    told = [line.split(",") for line in path.read_text().splitlines()[1:]]
    return np.array([int(t) for t, _ in told]), np.array([float(v) for _, v in told])


def test_nearest_rows_stand_beside_one_another_with_the_clocks_difference(tmp_path: Path) -> None:
    t, values, series = joined(drained(lab(tmp_path)))
    at, energy = column(tmp_path / "played.csv")
    _, power = column(tmp_path / "power.csv")
    assert series.names == ("awg.energy", "power", "power.lag")
    assert [c.unit for c in series.channels] == ["1", "W", "s"]
    assert series.device == "rack"
    np.testing.assert_array_equal(t, at[: t.size])
    assert t.size >= at.size - 2
    np.testing.assert_allclose(values[:, :2], np.stack([energy, power], axis=1)[: t.size])
    np.testing.assert_allclose(values[:, 2], 0.013)


@pytest.mark.parametrize("how", ["nearest", "mean"])
@pytest.mark.parametrize(("limit", "restart_after"), [(7, 0), (40, 5), (40, 9), (1_000, 1)])
def test_cuts_restarts_and_paces_change_nothing(tmp_path: Path, how: str, limit: int, restart_after: int) -> None:
    spec = lab(tmp_path, power_hz=100.0, more=f'how = "{how}"\nwithin_s = 0.05\n')
    t, values, _ = joined(drained(spec))
    parts_t, parts, _ = joined(drained(spec, limit, restart_after))
    assert set(np.unique(np.diff(parts_t))) <= {10**8}
    np.testing.assert_array_equal(parts_t, t[: parts_t.size])
    assert parts_t.size >= t.size - 1
    np.testing.assert_allclose(parts, values[: parts_t.size])


def test_the_mean_is_that_of_the_rows_since_the_row_before(tmp_path: Path) -> None:
    t, values, _ = joined(drained(lab(tmp_path, power_hz=100.0, more='how = "mean"\n')))
    at, power = column(tmp_path / "power.csv")
    for k in (1, 50, 300):
        inside = (at > t[k - 1]) & (at <= t[k])
        assert values[k, 1] == pytest.approx(power[inside].mean())
        assert values[k, 2] == pytest.approx((at[inside][-1] - t[k]) / 1e9)


def test_a_gap_is_missing_and_late_rows_are_said(tmp_path: Path) -> None:
    spec = lab(tmp_path)
    lines = (tmp_path / "power.csv").read_text().splitlines()
    (tmp_path / "power.csv").write_text("\n".join(lines[:201] + lines[301:]) + "\n")
    source = open_source(spec)
    first = source.poll("", 10**6)
    t, values, _ = joined([first])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(values[:, 1])), np.arange(200, 300))
    with (tmp_path / "played.csv").open("a") as file:
        file.write(f"{T0 + 5 * 10**9 + 7},1.0\n{T0 + 61 * 10**9},1.0\n")
    later = source.poll(first.cursor, 10**6)
    assert [q.reason for q in later.quarantined] == ["1 rows came after their time was joined"]
    assert t.size == len(set(t.tolist()))


def test_a_meter_that_falls_silent_holds_rows_no_longer_than_said(tmp_path: Path) -> None:
    spec = lab(tmp_path, more="wait_s = 5.0\n")
    lines = (tmp_path / "power.csv").read_text().splitlines()
    (tmp_path / "power.csv").write_text("\n".join(lines[:201]) + "\n")
    t, values, _ = joined(drained(spec))
    assert (int(t[-1]) - T0) / 1e9 == pytest.approx(59.9 - 5.0, abs=0.11)
    assert np.isnan(values[201:, 1]).all()


@pytest.mark.parametrize(
    ("more", "power_hz", "said"),
    [("", 2.0, "0.5 s apart, too far for the tolerance of 0.05 s"), ('how = "mean"\n', 2.0, "too far for a mean")],
)
def test_rates_that_cannot_be_joined_are_refused_with_what_to_do(
    tmp_path: Path, more: str, power_hz: float, said: str
) -> None:
    with pytest.raises(BadInputError, match=said) as refused:
        drained(lab(tmp_path, power_hz=power_hz, more=more))
    assert refused.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("window_s = 1\n", "neither groups nor joins"),
        ('[joins.a]\nrows = "x"\nbeside = ["s/y"]', "STREAM/CHANNEL"),
        ('[joins.s]\nrows = "r/x"\nbeside = ["s/y"]', "name of a stream"),
        ('[joins.a]\nrows = "s/y"\nbeside = ["s/y"]', "each once"),
        ('[joins.a]\nrows = "r/x"\nbeside = ["s/y"]\nwithin_s = 2.0\nwait_s = 1.0', "shorter than within_s"),
        ('also = "csv:x"\n[groups.a]\nkind = "field"\nchannels = ["x"]', "nothing to join"),
        ('also = "csv:{played}?edge={edge}"\n[joins.a]\nrows = "r/x"\nbeside = ["s/y"]', "names a third"),
    ],
)
def test_joins_that_cannot_be_are_refused(tmp_path: Path, text: str, said: str) -> None:
    spec = lab(tmp_path)
    edge = tmp_path / "edge.toml"
    edge.write_text(text.format(played=tmp_path / "played.csv", edge=edge))
    with pytest.raises(BadInputError, match=said):
        open_source(spec)


def test_streams_of_one_source_are_joined_and_features_too(tmp_path: Path) -> None:
    t = np.arange(2_000) / 100
    rng = np.random.default_rng(1)
    table(tmp_path / "w.csv", t, "mag [T]", rng.normal(size=t.size))
    table(tmp_path / "p.csv", np.arange(21) + 0.2, "power [W]", rng.normal(size=21))
    (tmp_path / "edge.toml").write_text(
        f'also = "csv:{tmp_path / "p.csv"}?device=rack&stream=supply"\n[groups.field]\nkind = "field"\nchannels = ["mag"]\n'
        'bands_hz = [[10, 40]]\nmains_hz = 0\npulse_tube_hz = 0\n'
        '[joins.both]\nrows = "raw.edge/field.band0"\nbeside = ["supply/power"]\nwithin_s = 0.5\n'
    )  # fmt: skip
    _, values, series = joined(
        drained(f"csv:{tmp_path / 'w.csv'}?device=rack&stream=raw&edge={tmp_path / 'edge.toml'}"), "both"
    )
    assert series.names == ("field.band0", "power", "power.lag")
    assert np.isfinite(values).all()
    assert len(values) >= 17
