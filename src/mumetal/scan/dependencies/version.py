"""Order of Python package versions (PEP 440), as far as ranges of affected versions need it."""

import re

from mumetal.core.errors import BadInputError

_VERSION = re.compile(
    r"\s*v?(?:(\d{1,9})!)?(\d{1,9}(?:\.\d{1,9}){0,9})"
    r"(?:[._-]?(a|alpha|b|beta|c|rc|pre|preview)[._-]?(\d{1,9})?)?"
    r"(?:(?:[._-]?(?:post|rev|r)[._-]?(\d{1,9})?)|-(\d{1,9}))?"
    r"(?:[._-]?dev[._-]?(\d{1,9})?)?(\+[a-z0-9._-]{1,60})?\s*",
    re.IGNORECASE,
)
_STAGE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_FINAL = 3
Key = tuple[int, tuple[int, ...], tuple[int, int], int, int]


def version_key(text: str) -> Key:
    """Return a key that sorts versions; local parts (``+cu121``) are left out.

    Raises:
        BadInputError: No version.
    """
    found = _VERSION.fullmatch(text)
    if not found:
        raise BadInputError(f"{text[:40]!r} is no version")
    epoch, release, stage, number, post, dash, dev, _ = found.groups()
    parts = tuple(int(p) for p in release.split("."))
    while len(parts) > 1 and parts[-1] == 0:
        parts = parts[:-1]
    has_dev = re.search(r"dev", text, re.IGNORECASE) is not None
    has_post = dash is not None or re.search(r"\d[._-]?(?:post|rev|r)(?!c)", text, re.IGNORECASE) is not None
    final = (-1, 0) if has_dev and not has_post else (_FINAL, 0)
    pre = (_STAGE[stage.lower()], int(number or 0)) if stage else final
    return (
        int(epoch or 0), parts, pre, int(post or dash or 0) if has_post else -1, int(dev or 0) if has_dev else 10**9,
    )  # fmt: skip


def within(version: str, introduced: str, fixed: str) -> bool:
    """Whether ``introduced <= version < fixed``.

    Raises:
        BadInputError: One of them is no version.
    """
    return version_key(introduced) <= version_key(version) < version_key(fixed)
