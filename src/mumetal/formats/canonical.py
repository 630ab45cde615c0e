"""Canonical JSON (RFC 8785) for what is digested or signed, and a bounded strict decoder for what comes in."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from mumetal.core.errors import BadInputError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 64
SAFE_INTEGER = 2**53 - 1


def encode(value: Plain, depth: int = MAX_DEPTH) -> bytes:
    """Return the one canonical encoding of a plain value (RFC 8785, JSON Canonicalization Scheme).

    Args:
        value: None, booleans, finite numbers, text, sequences and mappings with text keys.
        depth: Deepest nesting that is accepted.

    Raises:
        BadInputError: The value has no canonical form: NaN, infinity, an integer past 2^53 - 1, a lone surrogate,
            nesting deeper than ``depth``.
    """
    parts: list[str] = []
    _write(value, parts, depth)
    try:
        return "".join(parts).encode()
    except UnicodeEncodeError:
        raise BadInputError("text with a lone surrogate has no canonical form") from None


def _write(value: Plain, parts: list[str], depth: int) -> None:
    if depth < 0:
        raise BadInputError("nested too deeply for canonical JSON")
    if value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, str):
        parts.append(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, int):
        if abs(value) > SAFE_INTEGER:
            raise BadInputError(f"integer {value:.3e} is not exact in canonical JSON", hint="give it as text")
        parts.append(str(value))
    elif isinstance(value, float):
        parts.append(es6_number(value))
    elif isinstance(value, Mapping):
        _write_object(value, parts, depth)
    elif isinstance(value, (list, tuple)):
        parts.append("[")
        for index, item in enumerate(value):
            if index:
                parts.append(",")
            _write(item, parts, depth - 1)
        parts.append("]")
    else:
        raise BadInputError(f"a {type(value).__name__} has no canonical form")


def _write_object(value: Mapping[str, Plain], parts: list[str], depth: int) -> None:
    parts.append("{")
    try:
        ordered = sorted(value, key=lambda key: key.encode("utf-16-be"))
    except AttributeError:
        raise BadInputError("a key of canonical JSON is text") from None
    except UnicodeEncodeError:
        raise BadInputError("a key with a lone surrogate has no canonical form") from None
    for index, key in enumerate(ordered):
        if index:
            parts.append(",")
        parts.append(json.dumps(key, ensure_ascii=False))
        parts.append(":")
        _write(value[key], parts, depth - 1)
    parts.append("}")


def es6_number(value: float) -> str:
    """Write a double as ECMAScript's ``Number::toString`` does (ECMA-262 6.1.6.1.20).

    Python's shortest round-trip digits are the same; only the layout differs.

    Raises:
        BadInputError: NaN or infinite.
    """
    if not math.isfinite(value):
        raise BadInputError(f"{value} has no canonical form", hint="leave it out or use null")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0)
    if whole == "0":
        point -= 1 + len(fraction) - len(fraction.lstrip("0"))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    head = digits[0] + ("." + digits[1:] if count > 1 else "")
    return f"{sign}{head}e{'+' if power > 0 else '-'}{abs(power)}"


def decode_json(
    data: bytes, limit: int = MAX_BYTES, depth: int = MAX_DEPTH, where: str = "", *, nan_is_null: bool = False
) -> Json:
    """Decode JSON strictly: UTF-8, no repeated keys, no NaN or infinity, bounded in size and depth.

    Args:
        data: The bytes.
        limit: Most bytes accepted.
        depth: Deepest nesting accepted.
        where: Place for the error.
        nan_is_null: Take ``NaN`` and ``Infinity``, which Python's writer makes of what is not known, as null.

    Raises:
        BadInputError: Not such a document; ``where`` and the position say where.
    """
    if len(data) > limit:
        raise BadInputError(f"JSON of {len(data)} bytes, more than {limit}", where=where)
    try:
        value: Json = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_null if nan_is_null else _no_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise BadInputError(f"not JSON: {error.msg} at {error.lineno}:{error.colno}", where=where) from None
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInputError(f"not JSON: {str(error)[:200]}", where=where) from None
    _check_depth(value, depth, where)
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _null(_text: str) -> None:
    """Take what is not a number as nothing."""


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _check_depth(value: Json, depth: int, where: str) -> None:
    level: list[Json] = [value]
    for _ in range(depth):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise BadInputError(f"JSON is nested deeper than {depth}", where=where)
