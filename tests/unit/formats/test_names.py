import pytest
from hypothesis import given
from hypothesis import strategies as st

from mumetal.core import check
from mumetal.formats.names import encoded


@pytest.mark.parametrize(
    ("text", "name"), [("TC 0-3/flux", "TC_0-3/flux"), ("T µ", "T_(b5)"), ("_x", "x_x"), ("q0.T1", "q0.T1")]
)
def test_ordinary_characters_are_encoded(text: str, name: str) -> None:
    assert encoded(text) == name


@given(st.text(min_size=1, max_size=15).filter(lambda text: ".." not in text))
def test_every_text_gives_a_name(text: str) -> None:
    check.name(encoded(text), "channel")
