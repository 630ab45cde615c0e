"""A part reaches its own tables and no other."""

from pathlib import Path

import pytest

from mumetal.connect.stores.records.opening import open_records
from mumetal.core.errors import BadInputError
from mumetal.core.migration import Migration

MINE = Migration(
    prefix="tally", number=1, name="counts", work=("CREATE TABLE tally_counts (name VARCHAR(40), n INTEGER)",)
)
KEYED = Migration(
    prefix="tally",
    number=1,
    name="totals",
    work=("CREATE TABLE tally_totals (name VARCHAR(40) PRIMARY KEY, n INTEGER)",),
)


def test_a_part_writes_and_reads_its_own_table(tmp_path: Path) -> None:
    records = open_records(tmp_path, migrations=[MINE])
    tables = records.tables("tally")
    tables.write("INSERT INTO tally_counts (name, n) VALUES (:name, :n)", name="x'); DROP TABLE incidents; --", n=3)
    assert tables.read("SELECT name, n FROM tally_counts") == [("x'); DROP TABLE incidents; --", 3)]
    records.close()


def test_a_part_counts_up_in_one_statement(tmp_path: Path) -> None:
    records = open_records(tmp_path, migrations=[KEYED])
    tables = records.tables("tally")
    up = "INSERT INTO tally_totals (name, n) VALUES (:name, 1) ON CONFLICT (name) DO UPDATE SET n = tally_totals.n + 1"
    for _ in range(3):
        tables.write(up, name="x")
    assert tables.read("SELECT n FROM tally_totals") == [(3,)]
    records.close()


@pytest.mark.parametrize(
    ("verb", "statement"),
    [
        ("read", "SELECT * FROM incidents"),
        ("read", "SELECT * FROM tally_counts JOIN findings ON 1 = 1"),
        ("read", "DELETE FROM tally_counts"),
        ("write", "INSERT INTO incidents VALUES (1)"),
        ("write", "UPDATE users SET name = 'x'"),
        ("write", "DROP TABLE tally_counts"),
        ("write", "DELETE FROM tally_counts; DELETE FROM incidents"),
        ("write", "SELECT 1"),
        ("read", ""),
        ("read", "SELECT 1"),
        ("read", "SELECT * FROM tallyho"),
    ],
)
def test_what_is_not_its_own_is_refused(tmp_path: Path, verb: str, statement: str) -> None:
    records = open_records(tmp_path, migrations=[MINE])
    with pytest.raises(BadInputError):
        getattr(records.tables("tally"), verb)(statement)
    records.close()
