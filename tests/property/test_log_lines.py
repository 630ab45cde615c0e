"""Whatever a value is, a line of the log is one line of printable text, and in JSON the value it holds is one too."""

import json
import tempfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumetal.app.logs.running_log import RunningLog
from mumetal.app.logs.secret_mask import shipped_mask
from mumetal.app.logs.settings import LogSettings
from mumetal.core.logs import RoomLogger

MASK = shipped_mask()
LOG = RoomLogger("connect")
NASTY = st.sampled_from(
    ["\n", "\r", "\x1b[2J", "\x9b31m", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x00", "\u202e", "\ufeff", '"', "\\"]
)  # fmt: skip
TEXT = st.lists(st.one_of(st.text(max_size=20), NASTY), max_size=12).map("".join)
VALUE = st.one_of(TEXT, st.integers(), st.floats(), st.booleans(), st.none())


@pytest.mark.parametrize("form", ["json", "text"])
@given(values=st.lists(VALUE, min_size=1, max_size=4), message=TEXT)
def test_no_value_starts_a_line_or_carries_an_escape(
    form: Literal["json", "text"], values: list[str | int | float | bool | None], message: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with RunningLog(LogSettings(format=form), Path(folder), MASK) as log:
            for value in values:
                LOG.warning("source.unavailable", reason=value)
            LOG.failure("stack.failed", ValueError(message))
        written = log.path.read_bytes().decode()
    assert written.endswith("\n")
    said = written[:-1].split("\n")
    assert len(said) == len(values) + 1
    assert all(line.isprintable() for line in said)
    if form == "json":
        read = [json.loads(line) for line in said]
        assert all(str(value).isprintable() for line in read for value in line.values())
        assert {line["event"] for line in read} == {"source.unavailable", "stack.failed"}
    else:
        assert all(line.split()[3] in {"source.unavailable", "stack.failed"} for line in said)
