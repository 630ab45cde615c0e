"""A comment that excuses a finding in its line or the next: ``mumetal: ignore[rule] reason``; without a reason it does not count."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_COMMENT = re.compile(rb"mumetal:\s{0,4}ignore(?:\[([a-z0-9_.,\- *]{1,200})\])?[ \t]{1,8}(\S.{0,200})")
_MARKS = frozenset(b"#/-;<*")


def reason_in(names: Iterable[str], line: bytes, above: bytes) -> str:
    """Return why a finding is excused; empty when it is not.

    Args:
        names: What the rule may be called: ``github.token`` and ``scan.secrets.github.token``.
        line: The finding's line, or what is at hand of it.
        above: The line above; it counts only when it is a comment.
    """
    known = tuple(names)
    for text in (line, above if above.lstrip()[:1] and above.lstrip()[0] in _MARKS else b""):
        if b"mumetal:" in text and (found := _COMMENT.search(text)):
            rules = [r.strip().decode() for r in (found[1] or b"*").split(b",")]
            if any(fnmatchcase(name, rule) for name in known for rule in rules):
                return found[2].decode(errors="replace").strip().removesuffix("-->").removesuffix("*/").strip()
    return ""
