"""Replacements in a text, and what a fixed file is."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One secret in a text.

    Args:
        start: First byte.
        stop: Just past the last byte.
        name: Variable that shall hold it.
    """

    start: int
    stop: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One replacement of ``text[start:stop]``, in bytes."""

    start: int
    stop: int
    new: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that a person must change.

    Args:
        where: ``path:line``.
        reason: Why it was left.
    """

    where: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file before and after.

    Args:
        path: The file.
        before: Its bytes; they hold secrets.
        after: Its bytes with the secrets gone.
        hidden: The secrets, so that a diff can mask them.
        notes: What else the reader should know.
    """

    path: str
    before: bytes = field(repr=False)
    after: bytes
    hidden: tuple[bytes, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()


def edited(text: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the text with the edits made; of overlapping edits the first by place stands."""
    out: list[bytes] = []
    at = 0
    for edit in sorted(set(edits), key=lambda e: (e.start, e.stop)):
        if edit.start < at:
            continue
        out += [text[at : edit.start], edit.new]
        at = edit.stop
    return b"".join([*out, text[at:]])
