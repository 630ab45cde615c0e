"""Fills a rule's examples with fresh fakes, so that no token stands in the source or in a test."""

import base64
import re
import string
import zlib

import numpy as np

from mumetal.core.errors import BadInputError
from mumetal.scan.secrets.check import base62

_FIELD = re.compile(r"\{([a-z0-9]+)(?::(\d+))?\}")
_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "upper32": string.ascii_uppercase + "234567",
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}
_WHOLE = frozenset({"uuid", "github", "npm", "jwt", "pem", "b64pair"})


def _draw(alphabet: str, length: int, rng: np.random.Generator) -> str:
    text = "".join(rng.choice(list(alphabet), size=length))
    if (
        length >= 8 and len(alphabet) > 30 and alphabet != _ALPHABETS["letters"]
    ):  # a fake key has a digit, as real ones do
        at = int(rng.integers(1, length - 4))
        text = text[:at] + "7g3K"[: length - at] + text[at + 4 :] if alphabet == _ALPHABETS["alnum"] else text
    return text


def _checked(prefix: str, rng: np.random.Generator) -> str:
    body = _draw(_ALPHABETS["alnum"], 30, rng)
    return f"{prefix}_{body}{base62(zlib.crc32(body.encode()), 6).decode()}"


def _part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _whole(kind: str, rng: np.random.Generator) -> str:
    hexes = _ALPHABETS["hex"]
    if kind == "uuid":
        return "-".join(_draw(hexes, n, rng) for n in (8, 4, 4, 4, 12))
    if kind in {"github", "npm"}:
        return _checked("ghp" if kind == "github" else "npm", rng)
    if kind == "jwt":
        claims = f'{{"sub":"{_draw(hexes, 12, rng)}"}}'
        head = _part('{"alg":"RS256","typ":"JWT"}')
        return f"{head}.{_part(claims)}.{_draw(_ALPHABETS['alnum'], 43, rng)}"
    if kind == "b64pair":
        return base64.b64encode(f"lab:{_draw(_ALPHABETS['alnum'], 14, rng)}".encode()).decode()
    dashes = "-" * 5
    body = "\n".join(_draw(_ALPHABETS["alnum"], 64, rng) for _ in range(6))
    return f"{dashes}BEGIN PRIVATE KEY{dashes}\n{body}\n{dashes}END PRIVATE KEY{dashes}"


def fill(template: str, rng: np.random.Generator) -> str:
    """Return the template with each field drawn anew.

    Args:
        template: Text with fields such as ``{hex:40}``, ``{alnum:32}``, ``{uuid}``, ``{jwt}``; other braces stay.
        rng: Where randomness comes from.

    Raises:
        BadInputError: A field has an alphabet that is not known.
    """

    def one(match: re.Match[str]) -> str:
        kind, length = match[1], match[2]
        if length is None:
            return _whole(kind, rng) if kind in _WHOLE else match[0]
        if kind not in _ALPHABETS:
            raise BadInputError(f"a template names the unknown alphabet {kind!r}")
        return _draw(_ALPHABETS[kind], min(int(length), 10_000), rng)

    return _FIELD.sub(one, template)
