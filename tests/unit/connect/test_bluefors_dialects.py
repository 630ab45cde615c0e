"""What differs between software builds, and what a gauge or a thermometer says of itself."""

import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.connect.sources import open_source
from mumetal.connect.sources.bluefors_units import Tally
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series

DAY = "26-03-02"


def write(folder: Path, name: str, lines: list[str], day: str = DAY) -> Path:
    path = folder / day / f"{name}{day}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def at(row: int, every: int = 60, day: str = "02-03-26") -> str:
    seconds = row * every
    return f"{day},{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def poll(folder: Path, options: str = "", cursor: str = "", limit: int = 100_000) -> Delivery:
    return open_source(f"bluefors:{folder}{options}").poll(cursor, limit)


def stream(delivery: Delivery, name: str) -> Series:
    (found,) = [d for d in delivery.data if isinstance(d, Series) and d.stream == name]
    return found


# Heaters


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([0, 1]), st.floats(0, 1)), min_size=3, max_size=3), min_size=1, max_size=8
    )
)
@settings(max_examples=40, deadline=None)
def test_heaters_are_state_and_power_whatever_the_states(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[tuple[int, float]]]
) -> None:
    folder = tmp_path_factory.mktemp("heaters")
    write(folder, "Heaters ", [f"{at(i)}," + ",".join(f"{on},{w:.6e}" for on, w in row) for i, row in enumerate(rows)])
    delivery = poll(folder)
    assert not delivery.quarantined
    found = stream(delivery, "heaters")
    assert found.names == tuple(f"heater{i}.{what}" for i in range(3) for what in ("on", "power"))
    assert [c.unit for c in found.channels[:2]] == ["1", "W"]
    np.testing.assert_allclose(found.values, [[x for pair in row for x in pair] for row in rows], rtol=1e-5)


def test_a_heater_line_that_was_cut_or_has_indexes_is_no_other_heater(tmp_path: Path) -> None:
    write(tmp_path, "Heaters ", [f"{at(0)},1,2e-4,1", f"{at(1)},1,2e-4,1,6e-3", f"{at(2)},1,2e-4,2,6e-3"])
    delivery = poll(tmp_path)
    assert [q.where.rsplit(":", 1)[1] for q in delivery.quarantined] == ["1"]
    named = [s.names for s in delivery.data if isinstance(s, Series)]
    assert named == [("heater0.on", "heater0.power", "heater1.on", "heater1.power"), ("heater1", "heater2")]


# Gauges


def test_a_gauge_with_a_status_reads_nothing_and_says_its_state(tmp_path: Path) -> None:
    cells = ["1,2.0e-06,0", "1,1.17E-2,1", "1, 9.99E+9,3", "0,0.00E+0,0", "1,5.00e+00,6", "0,2.00e-02,4"]
    line = at(0) + "," + "".join(f"CH{n},P{n} ,{cell},1," for n, cell in enumerate(cells, 1))
    write(tmp_path, "maxigauge ", [line])
    found = stream(poll(tmp_path), "maxigauge")
    pressures = [found.column(f"p{n}.pressure")[0] for n in range(1, 7)]
    np.testing.assert_allclose(pressures, [2e-4, *[np.nan] * 5])
    assert [found.column(f"p{n}.status")[0] for n in range(1, 7)] == [0, 1, 3, 4, 6, 4]
    assert "2 over range" in found.channels[1].provenance


def test_a_gauge_whose_zero_lies_below_nothing_still_moves(tmp_path: Path) -> None:
    for row, value in enumerate(("-6.00E+0", "-1.00E+0")):
        line = "".join(f"CH{n},P{n} ,1,{value},0,1," for n in range(1, 7))
        write(tmp_path, "maxigauge ", [f"{at(row)},{line}"])
        assert stream(poll(tmp_path), "maxigauge").column("p3.pressure")[0] == 100 * float(value)


# Errors


@pytest.mark.parametrize(
    ("said", "blind"),
    [("T. OVER", "T"), ("T. UNDER", "T"), ("VMIX OVL", "TRP"), ("R. UNDER,T. OVER", "TRP"), ("odd", "")],
)
def test_an_error_makes_its_reading_unobserved_and_is_a_state(tmp_path: Path, said: str, blind: str) -> None:
    for quantity in "TRP":
        for channel in (1, 6):
            write(tmp_path, f"CH{channel} {quantity} ", [f" {at(row)},1.020050E+2" for row in range(4)])
    write(tmp_path, "Errors ", [f" 02-03-26,00:00:59,Ch6,{said}", f" {at(2)},Ch6,{said}"])
    delivery = poll(tmp_path)
    assert not delivery.quarantined
    for quantity, name in (("T", "temperature"), ("R", "resistance"), ("P", "power")):
        seen = np.isfinite(stream(delivery, f"ch6.{name}").values[:, 0])
        assert seen.tolist() == [True, quantity not in blind, quantity not in blind, True]
        assert np.isfinite(stream(delivery, f"ch1.{name}").values).all()
    assert (stream(delivery, "ch6.errors").values > 0).all()
    assert len(stream(delivery, "ch6.errors")) == 2


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_readings_are_the_same_in_any_split(tmp_path: Path, limit: int) -> None:
    write(tmp_path, "CH6 T ", [f"{at(row)},{row + 1}" for row in range(9)])
    write(tmp_path, "Errors ", [f"{at(row)},Ch6,T. OVER" for row in (2, 3, 7)])
    whole = stream(poll(tmp_path), "ch6.temperature").values[:, 0]
    cursor, pieces, done = "", [], False
    while not done:
        delivery = poll(tmp_path, cursor=cursor, limit=limit)
        pieces += [
            v for s in delivery.data if isinstance(s, Series) and s.stream == "ch6.temperature" for v in s.values[:, 0]
        ]
        cursor, done = delivery.cursor, delivery.caught_up
    np.testing.assert_array_equal(pieces, whole)
    assert np.flatnonzero(np.isnan(whole)).tolist() == [2, 3, 7]


def test_errors_that_are_appended_are_known_to_the_readings_after(tmp_path: Path) -> None:
    reading, errors = (write(tmp_path, name, lines) for name, lines in (("CH6 T ", [f"{at(0)},4"]), ("Errors ", [])))
    source = open_source(f"bluefors:{tmp_path}")
    cursor = source.poll("", 100).cursor
    with reading.open("a") as one, errors.open("a") as two:
        two.write(f"{at(1)},Ch6,T. OVER\n")
        one.write(f"{at(1)},102.005\n")
    assert np.isnan(stream(source.poll(cursor, 100), "ch6.temperature").values).all()


def test_a_bad_line_of_errors_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "Errors ", [f"{at(0)},T. OVER", f"{at(1)},Ch6,T. OVER"])
    delivery = poll(tmp_path)
    assert [q.where.rsplit(":", 1)[1] for q in delivery.quarantined] == ["1"]


# Units of compressors

CELSIUS = {
    "cptempwi": (16.9, "K", 290.05),
    "cptemph": (67.0, "K", 340.15),
    "cpavgl": (85.0, "Pa", 586_054.4),
    "cpavgh": (268.0, "Pa", 1_847_795.0),
}
KELVIN = {
    "cpatempwi": (289.9, "K", 289.9),
    "cpatemph": (340.0, "K", 340.0),
    "cpalp": (8.2, "Pa", 8.2e5),
    "cpahp": (20.5, "Pa", 20.5e5),
}


def status(values: Mapping[str, float], row: int, every: int = 900, day: str = "02-03-26") -> str:
    return f"{at(row, every, day)}," + ",".join(f"{key},{value:.6e}" for key, value in values.items())


@pytest.mark.parametrize("build", [CELSIUS, KELVIN])
def test_units_are_told_from_the_history(tmp_path: Path, build: dict[str, tuple[float, str, float]]) -> None:
    order = random.Random(3).sample(sorted(build), len(build))
    write(tmp_path, "Status_", [status({k: build[k][0] for k in order}, row) for row in range(12)])
    delivery = poll(tmp_path)
    assert not delivery.quarantined
    found = stream(delivery, "status")
    for channel in found.channels:
        assert channel.unit == build[channel.name][1]
        assert found.column(channel.name)[0] == pytest.approx(build[channel.name][2], rel=1e-6)
        assert "12 of the 12 lines" in channel.provenance


def test_one_line_tells_no_unit_and_says_so_once(tmp_path: Path) -> None:
    path = write(tmp_path, "Status_", [status({"cptempwi": 16.9, "cpavgh": 268.0}, 0)])
    source = open_source(f"bluefors:{tmp_path}")
    first = source.poll("", 100)
    found = stream(first, "status")
    assert [(c.unit, v) for c, v in zip(found.channels, found.values[0], strict=True)] == [("1", 16.9), ("1", 268.0)]
    assert sorted("temperature=" in q.reason for q in first.quarantined) == [False, True]
    with path.open("a") as file:
        file.write(status({"cptempwi": 16.9, "cpavgh": 268.0}, 1) + "\n")
    assert not source.poll(first.cursor, 100).quarantined


def test_a_compressor_that_stands_in_bar_or_psi_cannot_be_told_and_the_option_names_it(tmp_path: Path) -> None:
    write(tmp_path, "Status_", [status({"cpavgl": 14.7, "cpavgh": 14.7}, row) for row in range(20)])
    assert {c.unit for c in stream(poll(tmp_path), "status").channels} == {"1"}
    named = stream(poll(tmp_path, "?pressure=psi"), "status")
    assert named.column("cpavgh")[0] == pytest.approx(101_353, rel=1e-4)
    assert "named by the option" in named.channels[0].provenance
    with pytest.raises(BadInputError, match="no unit of pressure"):
        poll(tmp_path, "?pressure=K")


@pytest.mark.parametrize(("unit", "per_second"), [("s", 1.0), ("min", 1 / 60), ("h", 1 / 3600)])
def test_running_time_is_told_by_how_fast_it_counts(tmp_path: Path, unit: str, per_second: float) -> None:
    rows = [status({"cpttime": round(5e6 + row * 900 * per_second, 1)}, row) for row in range(40)]
    write(tmp_path, "Status_", rows)
    found = stream(poll(tmp_path), "status")
    assert found.channels[0].unit == "s"
    assert np.diff(found.values[:, 0]).mean() == pytest.approx(900, rel=0.05)
    assert f"in {unit} " in found.channels[0].provenance


def test_a_stretch_in_another_unit_is_not_observed_and_changes_no_map(tmp_path: Path) -> None:
    rows = [status({"cptempwi": 290.0 if row in {30, 31} else 16.9}, row) for row in range(60)]
    write(tmp_path, "Status_", rows)
    delivery = poll(tmp_path)
    found = stream(delivery, "status")
    assert np.flatnonzero(np.isnan(found.column("cptempwi"))).tolist() == [30, 31]
    assert "no possible value" in delivery.quarantined[0].reason


def test_a_software_update_changes_the_unit_and_no_map(tmp_path: Path) -> None:
    write(tmp_path, "Status_", [status({"cptempwi": 16.9}, row) for row in range(12)])
    write(tmp_path, "Status_", [status({"cptempwi": 290.0}, row, day="03-03-26") for row in range(12)], day="26-03-03")
    one, two = (s for s in poll(tmp_path).data if isinstance(s, Series))
    assert one.epoch == two.epoch
    assert one.values[0, 0] == pytest.approx(290.05)
    assert two.values[0, 0] == pytest.approx(290.0)


@given(st.lists(st.floats(-20, 120), min_size=4, max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_plausible_history_is_read_in_the_wrong_unit(celsius: list[float], kelvin: bool) -> None:
    tally = Tally()
    tally.add((i, {"cptempwi": v + 273.15 if kelvin else v}) for i, v in enumerate(celsius))
    assert tally.unit("cp.temperature")[0] in {"K" if kelvin else "degC", ""}


def test_names_with_blanks_are_kept_and_cut_lines_are_no_keys(tmp_path: Path) -> None:
    write(
        tmp_path,
        "Status_",
        [f"{at(0)},room temp,21.5,oil #2,1", f"{at(1)},room temp,21.6,oil", f"{at(2)},room temp,21.6,oil #2,1"],
    )
    delivery = poll(tmp_path)
    found = stream(delivery, "status")
    assert found.names == ("room_temp", "oil_(23)2")
    assert [q.where.rsplit(":", 1)[1] for q in delivery.quarantined] == ["2"]


def test_every_switch_of_the_channels_log_is_a_channel_and_no_row_of_a_second_is_lost(tmp_path: Path) -> None:
    names = [
        *(f"v{n}" for n in range(1, 24)),
        "turbo1",
        "turbo2",
        "scroll1",
        "compressor",
        "pulsetube",
        "hs-still",
        "ext",
    ]
    state = dict.fromkeys(names, 1)
    lines = []
    for switched in ("", "ext", "pulsetube", "turbo1", "v9"):
        state |= {switched: 0} if switched else {}
        lines.append("02-03-26,15:52:52,0," + ",".join(f"{k},{v}" for k, v in state.items()))
    write(tmp_path, "Channels ", lines)
    found = stream(poll(tmp_path), "channels")
    assert found.names == tuple(names)
    assert len(found) == 5
    assert [int(found.column(n).sum()) for n in ("ext", "pulsetube", "turbo1", "v9", "v8")] == [1, 2, 3, 4, 5]
