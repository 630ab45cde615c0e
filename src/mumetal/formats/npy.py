"""NumPy's ``.npy`` and ``.npz`` files, by a decoder of our own: bounded, plain numbers only, nothing executed.

NumPy's own reader evaluates the header as a Python literal and may unpickle; this one takes the header apart with one
regular expression, knows plain numeric types only, and wants exactly the bytes that the header promises (format: NEP 1).
"""

import io
import math
import re
import zipfile
import zlib
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError

MAGIC = b"\x93NUMPY"
MAX_HEADER = 4_096
MAX_BYTES = 1_024 * 2**20  # of all arrays of one file, unpacked
MAX_ARRAYS = 1_000
HEADER = re.compile(
    rb"\{\s*'descr':\s*'([<>|=]?[biufcM]\d{1,2}(?:\[ns\])?)'\s*,\s*'fortran_order':\s*(True|False)\s*,\s*"
    rb"'shape':\s*\(((?:\d{1,18},\s?){0,4}(?:\d{1,18})?)\)\s*,?\s*\}\s*"
)
TYPES = frozenset(
    ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "M8[ns]"),
)


def from_npy(data: bytes, where: str = "") -> NDArray[np.generic]:
    """Decode one array of at most four dimensions, read-only.

    Raises:
        BadInputError: No such file, a type that is not a plain number, or not exactly the bytes promised.
    """
    if len(data) < 10 or data[:6] != MAGIC or data[6] not in {1, 2, 3}:
        raise BadInputError("not an .npy file", where=where)
    wide = data[6] > 1
    start = 12 if wide else 10
    length = int.from_bytes(data[8:start], "little")
    if length > MAX_HEADER or len(data) < start + length:
        raise BadInputError(f"a header of {length} bytes is cut off or longer than {MAX_HEADER}", where=where)
    found = HEADER.fullmatch(data[start : start + length])
    if found is None or found[1].decode().lstrip("<>|=") not in TYPES:
        raise BadInputError(
            "the array holds no plain numbers", where=where, hint="save it as int, float, complex or datetime64[ns]"
        )
    shape = tuple(int(part) for part in found[3].split(b",") if part.strip())
    kind = np.dtype(found[1].decode())
    if len(shape) > 4:
        raise BadInputError(f"an array of {len(shape)} dimensions, more than 4", where=where)
    count = math.prod(shape)
    if count * kind.itemsize != len(data) - start - length:
        raise BadInputError(
            f"{len(data) - start - length} bytes follow the header, which promises {count * kind.itemsize}", where=where
        )
    flat: NDArray[np.generic] = np.frombuffer(data, kind, count, start + length)
    return flat.reshape(shape, order="F" if found[2] == b"True" else "C")


def from_npz(file: BinaryIO, where: str = "") -> dict[str, NDArray[np.generic]]:
    """Decode the arrays of an ``.npz`` file by name, in its order.

    Raises:
        BadInputError: No such file, more than 1,000 arrays, more than 1 GiB unpacked, or a damaged member.
    """
    out: dict[str, NDArray[np.generic]] = {}
    left = MAX_BYTES
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MAX_ARRAYS:
                raise BadInputError(f"{len(members)} arrays, more than {MAX_ARRAYS}", where=where)
            for member in members:
                place = f"{where}:{member.filename[:100]}"
                if member.flag_bits & 1 or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                    raise BadInputError("a member is encrypted or packed in another way than deflate", where=place)
                if not member.filename.endswith(".npy"):
                    raise BadInputError("a member is no .npy file", where=place)
                with archive.open(member) as packed:
                    data = packed.read(left + 1)  # what is promised is not believed
                if len(data) > left:
                    raise BadInputError(f"more than {MAX_BYTES} bytes unpacked", where=where, hint="split the file")
                left -= len(data)
                out[member.filename.removesuffix(".npy")] = from_npy(data, place)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        raise BadInputError(f"not an .npz file: {str(error)[:100]}", where=where) from None
    return out


def to_npy(array: NDArray[np.generic]) -> bytes:
    """Encode one array of plain numbers."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()
