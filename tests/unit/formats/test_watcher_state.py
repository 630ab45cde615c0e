"""The file of a watcher's state: every number comes back, and anything else is refused."""

import hashlib

import numpy as np
import pytest

from mumetal.core.errors import BadInputError
from mumetal.core.ports import WatcherState
from mumetal.formats import watcher_state
from mumetal.formats.watcher_state import BODY_AT, MAGIC, TYPES, decode, encode

ARRAYS = {
    **{f"t{n}": np.arange(3).astype(np.dtype(kind)) for n, kind in enumerate(sorted(TYPES))},
    "0/scalar": np.array(2.5),
    "0/empty": np.empty((0, 4)),
    "0/strange": np.array([np.nan, -0.0, np.inf, 5e-324]),
    "0/fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "0/cut": np.arange(20)[::3],
    "0/big-endian": np.arange(4, dtype=">i4"),
}
STATE = WatcherState(version=3, facts='{"a": "σ"}'.encode(), arrays=ARRAYS)


def sealed(body: bytes) -> bytes:
    """A file whose sum holds, whatever is in it."""
    return MAGIC + hashlib.sha256(body).digest() + body


def test_every_number_comes_back_and_the_same_state_is_the_same_file() -> None:
    data = encode(STATE)
    found = decode(data)
    assert (found.version, found.facts, list(found.arrays)) == (3, STATE.facts, list(ARRAYS))
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].shape == array.shape
        assert found.arrays[name].dtype == array.dtype.newbyteorder("<")
    assert np.signbit(found.arrays["0/strange"])[1]
    assert encode(found) == data
    assert decode(encode(WatcherState(version=1))).arrays == {}


@pytest.mark.parametrize("at", [0, 9, BODY_AT, BODY_AT + 25, 400, -1])
def test_one_wrong_bit_anywhere_is_refused(at: int) -> None:
    data = bytearray(encode(STATE))
    data[at] ^= 1
    with pytest.raises(BadInputError):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"a b": np.ones(1)}, "dimensions"),
        ({"a": np.array([None])}, "dimensions"),
        ({"a": np.array(["x"])}, "dimensions"),
        ({"a": np.array(["2026-01-01"], "M8[ns]")}, "dimensions"),
        ({"a": np.ones((1,) * 9)}, "dimensions"),
    ],
)
def test_what_is_no_plain_number_is_not_written(
    arrays: dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]], why: str
) -> None:
    with pytest.raises(BadInputError, match=why):
        encode(WatcherState(version=1, arrays=arrays))


def body(index: bytes, data: bytes = b"", facts: bytes = b"{}") -> bytes:
    head = watcher_state.HEADER.pack(1, len(facts), len(index)) + facts + index
    return head + bytes(-(BODY_AT + len(head)) % 64 if data else 0) + data


@pytest.mark.parametrize(
    "bad",
    [
        body(b"[]", b"x"),
        body(b"[", b""),
        body(b'[["a","<f8",[1]]]', b"1234567"),
        body(b'[["a","<f8",[1]]]', b"123456789"),
        body(b'[["a","|O",[1]]]', b"12345678"),
        body(b'[["a","|b1",[1]]]', b"\x02"),
        body(b'[["a","<f8",[-1]]]'),
        body(b'[["a","<f8",[4294967296,4294967296,4294967296,0]]]'),
        body(b'[["a","<f8",[0]],["a","<f8",[0]]]'),
        body(b'[["../a b","<f8",[0]]]'),
        body(b'[["a","<f8",[4294967296]]]'),
        watcher_state.HEADER.pack(1, 2**40, 2) + b"{}[]",
        watcher_state.HEADER.pack(1, 2, 2**40) + b"{}[]",
        b"",
    ],
)
def test_a_file_whose_sum_holds_is_refused_all_the_same_when_it_lies(bad: bytes) -> None:
    with pytest.raises(BadInputError):
        decode(sealed(bad))


def test_a_well_made_body_is_read() -> None:
    assert decode(sealed(body(b'[["a","|b1",[1]]]', b"\x01"))).arrays["a"].tolist() == [True]
