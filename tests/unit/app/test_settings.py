"""What the command line says over the settings file is held to the same as what stands in it."""

from pathlib import Path

import pytest

from mumetal.app import wiring
from mumetal.app.settings_told import told
from mumetal.app.wiring import Overrides
from mumetal.core.errors import BadInputError

NOT_UTF_8 = "m\udcff"  # as Python reads the byte 0xff on the command line


@pytest.mark.parametrize(
    ("over", "where"),
    [
        (Overrides(sources=("csv:here", f"csv:{NOT_UTF_8}.csv")), "sources"),
        (Overrides(sinks=(f"ocsf:{NOT_UTF_8}",)), "sinks"),
        (Overrides(store=Path(NOT_UTF_8)), "store.directory"),
        (Overrides(host=NOT_UTF_8), "serve.host"),
    ],
)
def test_text_that_is_no_utf_8_is_refused_and_its_setting_named(over: Overrides, where: str) -> None:
    with pytest.raises(BadInputError, match="UTF-8") as refused:
        wiring.load(None, over)
    assert refused.value.where == where


def test_any_other_text_can_be_told() -> None:
    assert "sources:" in told(wiring.load(None, Overrides(sources=("csv:mü.csv",), store=Path("ü"))))
