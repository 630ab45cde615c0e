"""The bench of implants: what it puts in is found or missed as told, false alarms are counted, and it says so in numbers."""

import math
import random
from pathlib import Path

import pytest
from tests import firmware_images as images

from bench.trust import implants, updates
from bench.trust.updates import Trial, admitted, measure, share
from mumetal.core.errors import BadInputError

CODE = random.Random(5).randbytes(6_000)


def gate(version: int) -> bytes:
    return images.bit(images.configuration(images.frames(12, seed=version)))


def boot(version: int) -> bytes:
    return b"U-Boot 2023.0%d \0" % version + CODE[version * 7 :] + bytes(9_000) + random.Random(version).randbytes(50)


def folder(place: Path) -> Path:
    """Two families with two versions each: one format with sums, one without."""
    for family, make in (("gate", gate), ("boot", boot)):
        for version in (1, 2):
            (place / family / f"1.{version}").mkdir(parents=True)
            (place / family / f"1.{version}" / "image.bin").write_bytes(make(version))
    return place


def test_it_measures_and_says_what_it_could_not(tmp_path: Path) -> None:
    said: list[str] = []
    report = measure(folder(tmp_path), said.append, random.Random(3), each=2)
    assert report.updates == {"boot": 1, "gate": 1}
    assert report.alarms == {"boot": 0, "gate": 0}
    assert report.kinds["command"]["bare"].value == 1.0
    assert report.kinds["patch-mended"]["bare"].value == 0.0
    assert math.isnan(report.kinds["repacked"]["bare"].value), "there is no UEFI image here"
    assert set(report.kinds) == {*implants.KINDS, *implants.HARDER}
    assert 0 < report.recall["bare"].value <= report.recall["declared"].value
    assert len(said) == 4
    with pytest.raises(BadInputError, match="two families"):
        measure(tmp_path / "gate", said.append, random.Random(3))


def test_a_rule_that_alarms_elsewhere_is_not_admitted() -> None:
    calm, loud = [frozenset[str]()] * 200, [frozenset({"shell"})] * 5
    assert "shell" not in admitted({"a": [*calm, *loud], "b": calm}, "b")
    assert "shell" in admitted({"a": [*calm, *loud], "b": calm}, "a"), "its own family is not asked"


def test_kinds_weigh_the_same_and_families_make_the_interval() -> None:
    def trial(family: str, kind: str, *, found: bool) -> Trial:
        return Trial(family=family, kind=kind, bare=found, declared=True, histogram=False)

    trials = [trial("a", "x", found=True), *(trial("b", "y", found=False) for _ in range(9))]
    got = share(trials, "bare")
    assert (got.value, got.n) == (0.5, 10)
    assert got.low == 0.0
    assert got.high == 1.0
    assert share(trials, "declared").low == 1.0


@pytest.mark.parametrize("kind", sorted({**implants.KINDS, **implants.HARDER}))
def test_an_implant_changes_the_image_or_says_that_it_does_not_apply(kind: str) -> None:
    make = {**implants.KINDS, **implants.HARDER}[kind]
    applied = 0
    for name, data in images.every().items():
        image = updates.look(name, data)
        assert image is not None
        evil = make(data, image, random.Random(1))
        applied += evil is not None and evil != data
    assert applied or kind in {"repacked", "wider-rights"}
