"""Whatever the values, a message parses back to them and frames never run into each other."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.receiver import unframed

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Severity
from mumetal.formats import syslog_lines

T0 = 1_800_000_000 * 10**9
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
HEADER = re.compile(
    r"<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) - (\S{1,32}) \[mumetal@32473((?: [^=\s]+=\"(?:[^\"\\\]]|\\.)*\")*)\] \ufeff",
    re.DOTALL,
)
PAIR = re.compile(r' ([^=\s]+)="((?:[^"\\\]]|\\.)*)"', re.DOTALL)


@given(values=st.lists(TEXT, max_size=4), text=TEXT, host=TEXT, severity=st.sampled_from(list(Severity)))
@settings(max_examples=300)
def test_it_parses_back(values: list[str], text: str, host: str, severity: Severity) -> None:
    data = [(f"p{n}", v) for n, v in enumerate(values)]
    body = syslog_lines.message(
        severity=severity, t_ns=T0 + 1_999_999_999, host=host, app="mumetal", kind="finding", data=data, text=text
    )
    whole = body.decode()
    header = HEADER.match(whole)
    assert header, whole
    assert int(header[1]) == 13 * 8 + syslog_lines.LEVEL[severity]
    assert header[2] == "2027-01-15T08:00:01.999999Z"
    assert whole[header.end() :] == text
    read = [(m[1], re.sub(r'\\([\\"\]])', r"\1", m[2])) for m in PAIR.finditer(header[6])]
    assert read == [(n, syslog_lines.CONTROL.sub("\ufffd", v)) for n, v in data]


@given(bodies=st.lists(st.binary(max_size=60), max_size=6))
@settings(max_examples=200)
def test_frames_never_run_into_each_other(bodies: list[bytes]) -> None:
    assert unframed(b"".join(syslog_lines.framed(b) for b in bodies)) == bodies


@pytest.mark.parametrize("name", ["", "a b", 'a"', "a]", "a=b", "x" * 33, "é"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(BadInputError):
        syslog_lines.message(severity=Severity.LOW, t_ns=T0, host="h", app="a", kind="k", data=[(name, "v")], text="")
