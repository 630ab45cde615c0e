r"""Nothing foreign reaches the log raw: every value is bounded, rid of secrets, and written without what moves a terminal.

The order matters: a text is cut first, so that no caller decides what a line costs; then secrets go, while their shape is
still whole; then everything that is not printable is spelt out (``\x1b``, ``\n``), which also keeps a line one line.
"""

import re
from collections.abc import Callable, Mapping

from mumetal.core.logs import LogValue

Mask = Callable[[str], str]

MAX_TEXT = 500  # characters of a value as written
MAX_READ = 4_000  # characters of a value that are looked at
MAX_FIELDS = 32
SHORTEST_SECRET = 8  # characters; a shorter text holds none that a rule could tell from a word
_SECRET_NAME = re.compile(
    r"(?i)token|secret|passw|passphrase|api_?key|authori[sz]ation|cookie|credential|private_?key|session_?(?:id|key)|bearer"
    r"|(?:^|_)(?:pin|otp|pwd)(?:$|_)"
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_IDS = frozenset({"incident", "finding", "request", "version"})
_ID = re.compile(r"(?:inc-)?[0-9a-f]{1,64}")
_INCIDENT = re.compile(r"inc-[0-9a-f]{24}")


def keeps(name: str) -> bool:
    """Whether a field of this name may be in the log: it is a plain name, and none that announces a secret."""
    return _NAME.fullmatch(name) is not None and _SECRET_NAME.search(name) is None


def escape_unprintable(text: str) -> str:
    """Return text with all that is not printable spelt out, so that it is one line and moves no cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def cleaned_text(text: str, mask: Mask) -> str:
    """Return foreign text fit for a line: at most 500 characters, printable, without what ``mask`` takes out."""
    cut = len(text) > MAX_READ
    if cut:
        parts = text[:MAX_READ].rsplit(maxsplit=1)  # the last word may be half a secret, which has no shape
        text = parts[0] if len(parts) == 2 else ""
    if len(text) >= SHORTEST_SECRET:
        text = mask(text)
    text = escape_unprintable(text)
    return text if len(text) <= MAX_TEXT and not cut else f"{text[:MAX_TEXT]}…"


def cleaned(fields: Mapping[str, LogValue], mask: Mask) -> dict[str, LogValue]:
    """Return the fields that may be written, at most 32 of them, each value clean."""
    kept: dict[str, LogValue] = {}
    for name, value in fields.items():
        if len(kept) >= MAX_FIELDS:
            break
        if value is None or not keeps(name):
            continue
        if isinstance(value, bool | int | float):
            kept[name] = value
            continue
        text = str(value)
        ours = _INCIDENT.fullmatch(text) or (name in _IDS and _ID.fullmatch(text))
        kept[name] = text if ours else cleaned_text(text, mask)
    return kept
