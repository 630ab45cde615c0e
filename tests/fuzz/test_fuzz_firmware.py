"""The parsers of firmware on damaged bytes: they refuse with BadInputError and do nothing else."""

import contextlib
import random

import pytest
from tests import firmware_images as images
from tests.unit.trust.firmware.makers import envelope

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan.firmware import baseline, hwh
from mumetal.scan.firmware.diff import decode
from mumetal.scan.firmware.inspect import inspect
from mumetal.trust.firmware import fleet as firmware_fleet
from mumetal.trust.firmware import release

EACH = 800
XML = b'<EDKSYSTEM TIMESTAMP="Mon"><SYSTEMINFO DEVICE="x" NAME="d" PACKAGE="f"/><MODULE FULLNAME="/a"/></EDKSYSTEM>'


def fuzz_one(data: bytes) -> None:
    """Read ``data`` as an image, a hand-off, a declaration, a baseline, a release and a fleet."""
    with contextlib.suppress(BadInputError):
        inspect(Artefact(uri="f", kind="firmware", data=data))
    with contextlib.suppress(BadInputError):
        hwh.parse(data)
    for read in (decode, baseline.decode, release.decode, firmware_fleet.decode):
        with contextlib.suppress(BadInputError):
            read(data)


def damage(sound: bytes, chance: random.Random) -> bytes:
    data = bytearray(sound)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data))
        data[at] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
    if chance.random() < 0.3:
        del data[chance.randrange(1, len(data)) :]
    elif chance.random() < 0.2:
        at = chance.randrange(len(data))
        data[at:at] = chance.randbytes(chance.randrange(1, 40))
    return bytes(data)


TEXTS = {
    "hand-off": XML,
    "baseline": baseline.encode(inspect(Artefact(uri="f", kind="firmware", data=images.elf()))),
    "release": envelope(),
    "declaration": b'{"version": "2", "regions": ["fv0/*"], "facts": ["url https://a"]}',
    "fleet": b'[device.rack1]\nboard = "z7010"\nimage = "/boot/a.bit"\n',
}


@pytest.mark.parametrize("name", [*sorted(images.every()), *TEXTS])
def test_ten_thousand_damaged_images(name: str) -> None:
    chance = random.Random(name)
    sound = {**images.every(), **TEXTS}[name]
    head = min(len(sound), 400)
    for turn in range(EACH):
        if turn % 3:
            fuzz_one(damage(sound[:head], chance) + sound[head:])  # headers are where parsers decide
        else:
            fuzz_one(damage(sound, chance) if turn % 9 else chance.randbytes(chance.randrange(1, 300)))
