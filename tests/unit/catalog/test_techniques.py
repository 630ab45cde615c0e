"""The technique cards."""

import pytest

from mumetal.catalog.techniques import decode, technique, techniques
from mumetal.core.errors import BadInputError
from mumetal.core.technique import Grade

CARD = """
[[technique]]
id = "impair.something"
title = "Something"
layer = "queue"
grade = "R"
effects = ["one effect"]
observables = ["one trace"]
mitigations = ["one remedy"]
"""


def test_all_41_are_there_and_complete() -> None:
    found = techniques()
    assert len(found) == 41
    assert {t.grade for t in found} == set(Grade)
    for one in found:
        assert one.technique_id.startswith(f"{one.tactic}.")
        assert one.effects
        assert one.observables
        assert one.mitigations
        assert one.preconditions
        assert one.references or one.grade in {Grade.RECALLED, Grade.VERIFIED}


def test_a_technique_is_found_by_its_id() -> None:
    assert technique("impair.config_edit").grade is Grade.CITED
    with pytest.raises(BadInputError, match=r"impair\.config_edit"):
        technique("impair.nothing")


@pytest.mark.parametrize(
    "text",
    [
        "[[technique]]",
        CARD.replace('"R"', '"certain"'),
        CARD + CARD,
        CARD.replace("impair.", ""),
        CARD + "x = 1\n",
        "\xff",
    ],
)
def test_a_bad_file_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        decode(text.encode("latin-1"))


def test_a_good_file_is_read() -> None:
    (one,) = decode(CARD.encode())
    assert (one.tactic, one.layer, one.effects) == ("impair", "queue", ("one effect",))
