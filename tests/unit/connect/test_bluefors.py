from pathlib import Path

import numpy as np
import pytest

from mumetal.connect.sources import open_source
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series
from mumetal.formats.moments import parse_iso

DAY = "26-03-02"


def write(folder: Path, name: str, text: str | bytes, day: str = DAY) -> Path:
    path = folder / day / f"{name}{day}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def poll(folder: Path, cursor: str = "", options: str = "", limit: int = 10_000) -> Delivery:
    return open_source(f"bluefors:{folder}{options}").poll(cursor, limit)


def stream(delivery: Delivery, name: str) -> Series:
    (found,) = [d for d in delivery.data if isinstance(d, Series) and d.stream == name]
    return found


def test_temperature_resistance_power_and_flow(tmp_path: Path) -> None:
    write(tmp_path, "CH6 T ", "02-03-26,10:00:00,1.2e-02\n 02-03-26,10:00:30.5,0.000000e+00\r\n")
    write(tmp_path, "CH6 R ", "02-03-26,10:00:00,5.7e+03\n")
    write(tmp_path, "CH6 P ", "02-03-26,10:00:00,1e-12\n")
    write(tmp_path, "Flowmeter ", "02-03-26,10:00:00,0.465553\n")
    delivery = poll(tmp_path, options="?device=fridge-1")
    assert not delivery.quarantined
    warm = stream(delivery, "ch6.temperature")
    np.testing.assert_array_equal(warm.values[:, 0], [0.012, np.nan])
    assert warm.t_ns.tolist() == [parse_iso("2026-03-02T10:00:00Z"), parse_iso("2026-03-02T10:00:30.5Z")]
    assert warm.device == "fridge-1"
    assert "UTC by default, no tz given" in warm.channels[0].provenance
    assert stream(delivery, "ch6.resistance").channels[0].unit == "Ohm"
    assert stream(delivery, "ch6.power").channels[0].unit == "W"
    assert stream(delivery, "flowmeter").values[0, 0] == pytest.approx(0.465553e-3)


def gauges(**changes: str) -> str:
    return "".join(f"CH{g},        ,{changes.get(f'on{g}', '1')},{g}.5e-02,0,1," for g in range(1, 7))


def test_maxigauge_has_39_columns_and_disabled_gauges_read_nothing(tmp_path: Path) -> None:
    lines = [
        f"02-03-26,10:00:00,{gauges(on3='0')}",
        f"02-03-26,10:00:01,{gauges()[:-20]}",
        f"02-03-26,10:00:02,{gauges()}",
    ]
    write(tmp_path, "maxigauge ", "\n".join(lines) + "\n")
    delivery = poll(tmp_path)
    found = stream(delivery, "maxigauge")
    assert len(found.channels) == 12
    np.testing.assert_allclose(found.column("p1.pressure"), [1.5, 1.5])
    np.testing.assert_allclose(found.column("p3.pressure"), [np.nan, 3.5])
    assert found.seq.tolist() == [1, 3]
    assert [q.where.rsplit(":", 1)[1] for q in delivery.quarantined] == ["2"]
    assert "39" in delivery.quarantined[0].reason


def test_another_set_of_keys_is_another_epoch(tmp_path: Path) -> None:
    write(tmp_path, "Status_", "02-03-26,10:00:00,ctrl_pres,1\n02-03-26,10:00:01,cparun,1,cparun_2,0\n")
    one, two = (d for d in poll(tmp_path).data if isinstance(d, Series))
    assert one.epoch != two.epoch
    assert two.names == ("cparun", "cparun_2")
    assert "unit unknown" in one.channels[0].provenance


def test_heaters_and_channels(tmp_path: Path) -> None:
    write(tmp_path, "heaters_", "02-03-26,10:00:00,a1_u,0.5,htr,1.0,cpamodel,CP1110\n")
    write(tmp_path, "Heaters ", "02-03-26,10:00:00,0,0.00e+00,1,8.00e-03\n")
    write(tmp_path, "Channels ", "02-03-26,10:00:00,1,v1,1,v2,0,pulsetube,1\n")
    delivery = poll(tmp_path)
    named = [d for d in delivery.data if isinstance(d, Series) and d.stream == "heaters"]
    assert sorted(name for s in named for name in s.names) == [
        "a1_u", "cpamodel", "heater0.on", "heater0.power", "heater1.on", "heater1.power", "htr",
    ]  # fmt: skip
    assert stream(delivery, "channels").names == ("v1", "v2", "pulsetube")
    assert [q.reason for q in delivery.quarantined] == ["value is no number"]


@pytest.mark.parametrize(
    "line",
    ["garbage", "02-03-26,10:00:00", "32-03-26,10:00:00,1", "02-03-26,25:00:00,1", "2026-03-02,10:00:00,1", "26-03-02,10:00:00,1",
     "02-03-26,10:00:00,warm", "02-03-26,10:00:00,1,2", "02-03-26,10:00:00,inf", "02-03-26,10:00:00,1_0", "02-03-26,10:00:99,1",
     "05-03-26,10:00:00,1", "\u0660\u0662-03-26,10:00:00,1", "\x00\x01,\x02,3"],
)  # fmt: skip
def test_a_bad_line_is_refused_by_its_number_and_the_rest_kept(tmp_path: Path, line: str) -> None:
    write(tmp_path, "CH1 T ", f"02-03-26,09:00:00,40\n{line}\n02-03-26,11:00:00,41\n")
    delivery = poll(tmp_path)
    np.testing.assert_array_equal(stream(delivery, "ch1.temperature").values[:, 0], [40, 41])
    (refused,) = delivery.quarantined
    assert refused.where.endswith(f"{DAY}/CH1 T {DAY}.log:2")
    assert bytes.fromhex(refused.excerpt) == line.encode()[:200]


def test_an_hour_that_comes_twice_is_told_apart(tmp_path: Path) -> None:
    # Helsinki, 2026-10-25: at 04:00 summer time the clocks go back to 03:00.
    times = ["02:59:00", "03:10:00", "03:50:00", "03:05:00", "03:04:59", "03:55:00", "04:10:00"]
    write(tmp_path, "CH1 T ", "".join(f"25-10-26,{t},{i}\n" for i, t in enumerate(times)), day="26-10-25")
    delivery = poll(tmp_path, options="?tz=Europe/Helsinki")
    found = stream(delivery, "ch1.temperature")
    by_value = dict(zip(found.column("ch1.temperature").tolist()[1:], found.t_ns.tolist()[1:], strict=True))
    expected = ["00:10:00", "00:50:00", "01:05:00", "01:04:59", "01:55:00", "02:10:00"]
    assert by_value == {float(i): parse_iso(f"2026-10-25T{t}Z") for i, t in enumerate(expected, 1)}
    assert len(found) == 7
    pieces, cursor = [], ""
    for _ in range(7):
        delivery = poll(tmp_path, cursor, "?tz=Europe/Helsinki", limit=1)
        cursor = delivery.cursor
        pieces += [int(t) for d in delivery.data if isinstance(d, Series) for t in d.t_ns]
    assert sorted(pieces) == found.t_ns.tolist()


def test_a_time_that_the_clocks_skipped_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "CH1 T ", "29-03-26,03:30:00,1\n29-03-26,04:30:00,2\n", day="26-03-29")
    delivery = poll(tmp_path, options="?tz=Europe/Helsinki")
    assert len(stream(delivery, "ch1.temperature")) == 1
    assert "does not exist" in delivery.quarantined[0].reason


def test_a_line_without_its_end_waits(tmp_path: Path) -> None:
    path = write(tmp_path, "CH1 T ", "02-03-26,10:00:00,4\n02-03-26,10:0")
    first = poll(tmp_path)
    assert len(stream(first, "ch1.temperature")) == 1
    with path.open("a") as file:
        file.write("1:00,5\n")
    second = poll(tmp_path, first.cursor)
    assert stream(second, "ch1.temperature").values[0, 0] == 5
    assert stream(second, "ch1.temperature").seq.tolist() == [2]
    assert not first.quarantined + second.quarantined


def test_a_file_that_is_rotated_or_cut_is_read_from_its_start(tmp_path: Path) -> None:
    path = write(tmp_path, "CH1 T ", "02-03-26,10:00:00,4\n02-03-26,10:01:00,5\n")
    cursor = poll(tmp_path).cursor
    path.write_text("02-03-26,11:00:00,6\n")
    cut = poll(tmp_path, cursor)
    assert stream(cut, "ch1.temperature").values.tolist() == [[6.0]]
    fresh = path.with_suffix(".new")
    fresh.write_text("02-03-26,12:00:00,7\n02-03-26,12:01:00,8\n")
    fresh.replace(path)
    assert stream(poll(tmp_path, cut.cursor), "ch1.temperature").values.tolist() == [[7.0], [8.0]]


def test_a_line_that_is_too_long_is_refused_once_and_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, "CH1 T ", b"02-03-26,10:00:00,4\n" + b"9" * (6 * 2**20))
    delivery = poll(tmp_path)
    cursor, refused = delivery.cursor, list(delivery.quarantined)
    assert len(stream(delivery, "ch1.temperature")) == 1
    while not delivery.caught_up:
        delivery = poll(tmp_path, cursor)
        cursor = delivery.cursor
        refused += delivery.quarantined
    with path.open("ab") as file:
        file.write(b"99\n02-03-26,10:02:00,6\n")
    rest = stream(poll(tmp_path, cursor), "ch1.temperature")
    assert (rest.values.tolist(), rest.seq.tolist()) == ([[6.0]], [3])
    assert [q.where.rsplit(":", 1)[1] for q in refused] == ["2"]


def test_links_are_not_followed_and_strange_files_are_named_once(tmp_path: Path) -> None:
    write(tmp_path, "CH1 T ", "02-03-26,10:00:00,4\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / DAY / f"CH2 T {DAY}.log").symlink_to("/etc/hostname")
    (tmp_path / DAY / "notes.log").write_text("hello\n")
    delivery = poll(tmp_path)
    assert len(delivery.data) == 1
    assert [q.where for q in delivery.quarantined] == [f"{tmp_path.name}/{DAY}/notes.log"]
    assert not poll(tmp_path, delivery.cursor).quarantined


def test_days_that_are_over_leave_the_cursor(tmp_path: Path) -> None:
    for day in range(1, 29):
        write(
            tmp_path, "CH1 T ", f"{day:02}-02-26,10:00:00,{day}\n{day:02}-02-26,11:00:00,{day}", day=f"26-02-{day:02}"
        )
    delivery = poll(tmp_path)
    assert sum(len(d) for d in delivery.data if isinstance(d, Series)) == 26 * 2 + 2
    assert len(delivery.cursor) < 300
    assert not poll(tmp_path, delivery.cursor).data


@pytest.mark.parametrize("options", ["?tz=Mars/Base", "?device=a b", "?tz=", "?tz=UTC&tz=UTC", "?depth=3"])
def test_options_that_cannot_be_used_say_so(tmp_path: Path, options: str) -> None:
    with pytest.raises(BadInputError) as caught:
        poll(tmp_path, options=options)
    assert caught.value.hint or caught.value.where


@pytest.mark.parametrize(
    "line", ["02-03-26,10:00:00,", "02-03-26,10:00:00,1", "02-03-26,10:00:00,a,1,a,2", "02-03-26,10:00:00,?,1"]
)
def test_pairs_that_are_none_are_refused_even_on_the_first_line(tmp_path: Path, line: str) -> None:
    write(tmp_path, "Status_", f"{line}\n02-03-26,11:00:00,cparun,1\n")
    delivery = poll(tmp_path)
    assert stream(delivery, "status").column("cparun").tolist() == [1]
    assert [q.where.rsplit(":", 1)[1] for q in delivery.quarantined] == ["1"]
