import json

import pytest

from mumetal.core.errors import BadInputError
from mumetal.formats.canonical import Plain, decode_json, encode, es6_number

# Pairs of RFC 8785, appendix B, and of ECMA-262's rules.
NUMBERS = [
    (0.0, "0"), (-0.0, "0"), (5e-324, "5e-324"), (-5e-324, "-5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
    (9007199254740992.0, "9007199254740992"), (295147905179352830000.0, "295147905179352830000"),
    (9.999999999999997e22, "9.999999999999997e+22"), (1e23, "1e+23"), (999999999999999700000.0, "999999999999999700000"),
    (1e21, "1e+21"), (1e-6, "0.000001"), (1e-7, "1e-7"), (333333333.3333332, "333333333.3333332"),
    (-0.0000033333333333333333, "-0.0000033333333333333333"), (4.5, "4.5"), (100.0, "100"), (1.5e-5, "0.000015"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), NUMBERS)
def test_numbers_are_written_as_ecmascript_does(value: float, text: str) -> None:
    assert es6_number(value) == text
    assert float(es6_number(value)) == value


def test_keys_are_in_order_of_utf16() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    made = json.loads(encode(dict.fromkeys(keys, 0)), object_pairs_hook=lambda pairs: [k for k, _ in pairs])
    assert made == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_the_example_of_the_rfc() -> None:
    value: Plain = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert encode(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800", {"\udfff": 1}, b"x", {1: 2}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(BadInputError):
        encode(value)  # type: ignore[arg-type]


def test_depth_is_bounded_both_ways() -> None:
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(BadInputError):
        encode(deep)  # type: ignore[arg-type]
    for n in (65, 5_000, 200_000):
        with pytest.raises(BadInputError):
            decode_json(b"[" * n + b"]" * n)
    assert decode_json(b"[" * 60 + b"]" * 60)


@pytest.mark.parametrize(
    "data", [b'{"a":1,"a":2}', b"NaN", b"[1e999]", b"-Infinity", b"\xff", b"{", b"", b'{"a":1} x', b"1" * 5_000]
)
def test_json_is_decoded_strictly(data: bytes) -> None:
    with pytest.raises(BadInputError) as caught:
        decode_json(data, where="f.json")
    assert caught.value.where == "f.json"


def test_size_is_bounded() -> None:
    with pytest.raises(BadInputError, match="more than 3"):
        decode_json(b"1000", limit=3)
