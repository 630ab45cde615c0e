"""Tables as machines and offices write them: read rightly, or refused with words that say what to do."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mumetal.connect.sources import open_source
from mumetal.core.delivery import Delivery
from mumetal.core.errors import BadInputError
from mumetal.core.series import Series
from mumetal.formats.moments import parse_iso

GERMAN = '[time]\ncolumn = "Zeit"\nformat = "%d.%m.%Y %H:%M:%S"\ntz = "Europe/Berlin"\n[channels.T1]\nunit = "mK"\n[channels.T2]\nunit = "bar"\n'


def poll(path: Path, options: str = "", cursor: str = "", limit: int = 10_000) -> Delivery:
    source = open_source(f"csv:{path}{options}")
    try:
        return source.poll(cursor, limit)
    finally:
        source.close()


def only(delivery: Delivery) -> Series:
    (series,) = delivery.data
    assert isinstance(series, Series)
    return series


def table(folder: Path, text: str, mapping: str = "", name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    if mapping:
        (folder / f"{name}.toml").write_text(mapping)
    return path


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), min_size=1, max_size=9),
    st.permutations(["Zeit", "T1", "T2"]),
    st.integers(1, 9),
)
@settings(max_examples=30, deadline=None)
def test_decimal_commas_in_any_order_of_columns_and_any_split(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], order: list[str], limit: int
) -> None:
    lines = [";".join(order)]
    for i, (a, b) in enumerate(rows):
        cells = {"Zeit": f"02.03.2026 10:00:{i:02}", "T1": f"{a / 1000:.3f}", "T2": f"{b / 100:.2e}"}
        lines.append(";".join(cells[n].replace(".", ",") if n != "Zeit" else cells[n] for n in order))
    folder = tmp_path_factory.mktemp("comma")
    path = table(folder, "\n".join(lines) + "\n", 'delimiter = ";"\ndecimal = ","\n' + GERMAN)
    got: list[list[float]] = []
    cursor, done = "", False
    while not done:
        delivery = poll(path, cursor=cursor, limit=limit)
        assert not delivery.quarantined
        cursor, done = delivery.cursor, delivery.caught_up
        for series in delivery.data:
            assert isinstance(series, Series)
            got += np.stack([series.column("T1"), series.column("T2")], axis=1).tolist()
    np.testing.assert_allclose(got, [(a / 1e6, float(f"{b / 100:.2e}") * 1e5) for a, b in rows], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "options", "why"),
    [
        ("time;T1\n2026-03-02T10:00:00Z;0,0094\n", "?delimiter=;", "'0,0094' is no number: decimal comma"),
        ("time;T1\n2026-03-02T10:00:00Z;1,234\n", "?delimiter=;", "thousands separator or a decimal comma"),
        ("time;T1\n2026-03-02T10:00:00Z;1.234.567,5\n", "?delimiter=;", "thousands separator"),
        ("time;T1\n2026-03-02T10:00:00Z;1.234,5\n", "?delimiter=;&decimal=,", "thousands separators are not read"),
        ("time;T1\n2026-03-02T10:00:00Z;1'234.5\n", "?delimiter=;", "thousands separator"),
        ("time;T1\n2026-03-02T10:00:00Z;5\n", "", "one column by ',' and several by ';'"),
        ("time T1\n1772445600 5\n", "", "several by 'whitespace'"),
        ("1772445600,5\n1772445601,6\n", "", "holds numbers and no names"),
        ("2026-03-02 10:00:00,5\n2026-03-02 10:00:01,6\n", "", "holds numbers and no names"),
        ("time,T1\n1772445600,5\n", "?decimal=;", "decimal mark"),
        ("time,T1\n1772445600,5\n", "?delimiter=;;", "one character"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, text: str, options: str, why: str) -> None:
    with pytest.raises(BadInputError, match=why) as caught:
        poll(table(tmp_path, text), options)
    assert caught.value.hint or caught.value.where


def test_a_decimal_comma_in_a_later_row_is_refused_by_its_field(tmp_path: Path) -> None:
    path = table(tmp_path, "time;T1\n2026-03-02T10:00:00Z;5\n2026-03-02T10:00:01Z;5,25\n")
    (refused,) = poll(path, "?delimiter=;").quarantined
    assert refused.where.endswith(":3 T1")
    assert "decimal comma?" in refused.reason


def test_unquoted_decimal_commas_between_commas_are_told(tmp_path: Path) -> None:
    (refused,) = poll(table(tmp_path, "time,T1\n2026-03-02T10:00:00Z,1\n2026-03-02T10:00:01Z,5,25\n")).quarantined
    assert "decimal comma?" in refused.reason


def test_sep_lines_and_commas_at_the_end(tmp_path: Path) -> None:
    delivery = poll(
        table(tmp_path, "sep=;\r\ntime;T1 [mK];T2;\r\n2026-03-02T10:00:00Z;10;2;\r\n2026-03-02T10:00:01Z;11;3\r\n")
    )
    assert not delivery.quarantined
    assert only(delivery).names == ("T1", "T2")
    np.testing.assert_allclose(only(delivery).values, [[0.01, 2], [0.011, 3]])
    assert only(delivery).seq.tolist() == [3, 4]


@pytest.mark.parametrize("word", ["", "nan", "NaN", "null", "None", "n/a", "NA", "--"])
def test_words_for_nothing_are_not_observed(tmp_path: Path, word: str) -> None:
    delivery = poll(table(tmp_path, f"time,T1,T2\n2026-03-02T10:00:00Z,{word},1\n2026-03-02T10:00:01Z,5,{word}\n"))
    assert not delivery.quarantined
    np.testing.assert_array_equal(only(delivery).values, [[np.nan, 1], [5, np.nan]])


@pytest.mark.parametrize("stamp", ["2026.03.02,10:00:00", "2026-03-02,10:00:00", "2026/03/02,10:00:00.0"])
def test_date_and_time_in_two_columns(tmp_path: Path, stamp: str) -> None:
    found = only(poll(table(tmp_path, f"Date,Time,T1\n{stamp},5\n"), "?tz=Europe/Berlin"))
    assert found.names == ("T1",)
    assert found.t_ns.tolist() == [parse_iso("2026-03-02T09:00:00Z")]


def test_date_and_time_in_two_columns_by_a_mapping_and_beside_a_whole_time(tmp_path: Path) -> None:
    mapping = '[time]\ncolumn = "Tag"\nclock = "Uhr"\nformat = "%d.%m.%Y %H:%M"\n[channels.T1]\nunit = "K"\n'
    found = only(poll(table(tmp_path, "T1,Uhr,Tag\n5,10:30,02.03.2026\n", mapping)))
    assert found.t_ns.tolist() == [parse_iso("2026-03-02T10:30:00Z")]
    whole = table(tmp_path, "date,time,T1\n2026-03-02,2026-03-02T10:30:00Z,5\n", name="w.csv")
    assert only(poll(whole)).t_ns.tolist() == [parse_iso("2026-03-02T10:30:00Z")]


def test_headerless_and_whitespace_tables(tmp_path: Path) -> None:
    mapping = 'delimiter = "whitespace"\nheader = ["t", "T1", "T2"]\n[time]\ncolumn = "t"\n[channels.T2]\nunit = "mK"\n'
    path = table(tmp_path, "# a counter\n  1772445600   5  6\n\n 1772445601  5 7\n", mapping)
    assert only(poll(path)).values[:, 0].tolist() == [0.006, 0.007]
    saved = table(tmp_path, "# made by hand\n# time T1\n1772445600 5\n1772445601 6\n", name="numpy.csv")
    assert only(poll(saved, "?delimiter=whitespace")).values[:, 0].tolist() == [5, 6]
    headed = table(tmp_path, "# a comment\ntime\tT1\n1772445600\t5\n", name="tabs.csv")
    assert only(poll(headed, "?delimiter=%09")).values[:, 0].tolist() == [5]


INFLUX = """#group,false,false,true,true,false,false,true,true,true
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,host
,,0,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z,2026-03-02T10:00:00Z,0.01,mxc,fridge,lab pc
,,0,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z,2026-03-02T10:00:10Z,0.02,mxc,fridge,lab pc
,,1,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z,2026-03-02T10:00:00Z,4.1,plate,fridge,lab pc
"""


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_annotated_influx_exports_are_read_a_channel_a_stream(tmp_path: Path, limit: int) -> None:
    again = INFLUX.replace("#datatype,string,long", "#datatype,string,unsignedLong").replace("10:00:", "11:00:")
    path = table(tmp_path, INFLUX + "\n" + again, name="export.csv")
    got: dict[str, list[float]] = {}
    cursor, done = "", False
    while not done:
        delivery = poll(path, cursor=cursor, limit=limit)
        assert not delivery.quarantined
        cursor, done = delivery.cursor, delivery.caught_up
        for series in delivery.data:
            assert isinstance(series, Series)
            got.setdefault(series.names[0], []).extend(series.values[:, 0])
    assert got == {"fridge.lab_pc.mxc": [0.01, 0.02, 0.01, 0.02], "fridge.lab_pc.plate": [4.1, 4.1]}


def test_an_influx_export_whose_second_table_has_other_columns_is_refused_there(tmp_path: Path) -> None:
    path = table(tmp_path, INFLUX + "\n" + INFLUX.replace("_value,_field", "_field,_value"), name="export.csv")
    first = poll(path)
    assert sum(len(s) for s in first.data if isinstance(s, Series)) == 3
    with pytest.raises(BadInputError, match="second table"):
        poll(path, cursor=first.cursor)


def test_pivoted_influx_exports_are_tables(tmp_path: Path) -> None:
    text = "#datatype,string,long,dateTime:RFC3339,double\n#group,a\n#default,b\n,result,table,_time,mxc\n,,0,2026-03-02T10:00:00Z,0.01\n"
    found = only(poll(table(tmp_path, text)))
    assert found.column("mxc").tolist() == [0.01]


def test_packed_tables_are_read_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plc.csv.gz"
    path.write_bytes(gzip.compress(b"time,T1\n1772445600,5\n1772445601,6"))
    first = poll(path, limit=1)
    assert (only(first).device, only(first).values.tolist(), first.caught_up) == ("plc", [[5.0]], False)
    assert only(poll(path, cursor=first.cursor)).values.tolist() == [[6.0]]
    path.write_bytes(gzip.compress(b"x" * 100)[:-9])
    with pytest.raises(BadInputError, match="no whole gzip"):
        poll(path)
    monkeypatch.setattr("mumetal.connect.sources.unpacked.MAX_UNPACKED", 1_000)
    path.write_bytes(gzip.compress(b"x" * 10_000))
    with pytest.raises(BadInputError, match="unpacks to more than"):
        poll(path)
