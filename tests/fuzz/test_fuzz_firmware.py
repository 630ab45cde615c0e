"""The parsers of firmware on damaged bytes: they refuse with BadInputError and do nothing else."""

import contextlib
import random

import pytest
from tests import firmware_images as images

from mumetal.core.artefact import Artefact
from mumetal.core.errors import BadInputError
from mumetal.scan.firmware import hwh
from mumetal.scan.firmware.diff import decode
from mumetal.scan.firmware.inspect import inspect

EACH = 1_200
XML = b'<EDKSYSTEM TIMESTAMP="Mon"><SYSTEMINFO DEVICE="x" NAME="d" PACKAGE="f"/><MODULE FULLNAME="/a"/></EDKSYSTEM>'


def fuzz_one(data: bytes) -> None:
    """Read ``data`` as an image, as a hand-off and as a declaration."""
    with contextlib.suppress(BadInputError):
        inspect(Artefact(uri="f", kind="firmware", data=data))
    with contextlib.suppress(BadInputError):
        hwh.parse(data)
    with contextlib.suppress(BadInputError):
        decode(data)


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


@pytest.mark.parametrize("name", [*sorted(images.every()), "hand-off"])
def test_ten_thousand_damaged_images(name: str) -> None:
    chance = random.Random(name)
    sound = {**images.every(), "hand-off": XML}[name]
    head = min(len(sound), 400)
    for turn in range(EACH):
        if turn % 3:
            fuzz_one(damage(sound[:head], chance) + sound[head:])  # headers are where parsers decide
        else:
            fuzz_one(damage(sound, chance) if turn % 9 else chance.randbytes(chance.randrange(1, 300)))
