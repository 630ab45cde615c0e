"""What an image was when it was accepted, kept as JSON, so that the next one is compared without the old bytes."""

import msgspec

from mumetal.core.errors import BadInputError
from mumetal.core.firmware import FirmwareImage
from mumetal.scan.firmware.parsed import MAX_FACTS, MAX_REGIONS

MAX_BYTES = 32 * 2**20
MARK = b'{"baseline":'


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    baseline: FirmwareImage


def encode(image: FirmwareImage) -> bytes:
    """Return the baseline of an image."""
    return msgspec.json.encode(_File(image)) + b"\n"


def is_baseline(data: bytes) -> bool:
    """Say whether the bytes start like a baseline."""
    return data.startswith(MARK)


def decode(data: bytes, where: str = "baseline") -> FirmwareImage:
    """Read a baseline.

    Raises:
        BadInputError: Not a baseline, or larger than one can be.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"a baseline has at most {MAX_BYTES} bytes", where=where)
    try:
        image = msgspec.json.decode(data, type=_File).baseline
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"not a baseline: {error}"[:300], where=where) from None
    if max(len(image.regions), len(image.promises)) > MAX_REGIONS or len(image.facts) > MAX_FACTS:
        raise BadInputError("it lists more than an image can have", where=where)
    return image
