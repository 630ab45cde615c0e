"""Does a text look random, like a password, or like a placeholder? Plain counts; no model."""

import math
import re
from collections import Counter
from functools import cache
from itertools import pairwise

_PLACEHOLDER = re.compile(
    rb"(?i)^(?:x{3,}|\*{3,}|\.{3,}|_+|-+|0+|1+|n/?a|none|null|nil|true|false|undefined|empty|unknown|default|todo|tbd|fixme|"
    rb"redacted|masked|hidden|removed|secret|token|password|passwd|pass|pwd|key|apikey|api[_-]?key|string|str|bytes|int|"
    rb"value|text|test|tiger|foo|bar|baz|foobar|admin|user|username|root|name|example|sample|dummy|fake|changeme|change[_-]?me|"
    rb"(?:your|my|the|an?|some|insert|enter|put|replace|use)[_ -].*|your.*|(?:.*[_-])?(?:here|placeholder|goes[_-]here))$"
)
_MARK = re.compile(
    rb"(?i)\$\{|\{\{|\$\(|%\(|<%|#\{|\*{4}|x{6}|\.{3}|your[_-]|[_-]here\b|placeholder|redacted|change[_-]?me|replace[_-]?me"
    rb"|example[_-]|[_-]example\b|dummy|insert[_-]|#{4}|\?{4}"
)
_UUID = re.compile(rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_HEX = re.compile(rb"[0-9a-f]+|[0-9A-F]+")
_PAULI = re.compile(rb"[IXYZ]{6,}|[01]{8,}|[01xX_-]{8,}")
_WORD = re.compile(rb"[A-Z]?[a-z]{3,}|[A-Z]{3,}(?![a-z])")
_VOWEL = re.compile(rb"(?i)[aeiouy]")


def entropy(text: bytes) -> float:
    """Return Shannon's entropy of the bytes, bits per character (Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x)."""
    n = len(text)
    return math.log2(n) - sum(map(_weighed, Counter(text).values())) / n if n else 0.0


@cache
def _weighed(count: int) -> float:
    return count * math.log2(count)


def is_placeholder(text: bytes) -> bool:
    """Whether a person wrote it to stand for a secret: ``<your-token>``, ``xxxx``, ``${TOKEN}``, ``changeme``."""
    bare = text.strip(b"\"'`<>[](){} ,;")
    if not bare or _PLACEHOLDER.match(bare) or _MARK.search(text):
        return True
    return len(set(bare.lower())) <= min(6, max(2, len(bare) // 16))


def is_public(text: bytes) -> bool:
    """Whether it is a UUID, a Pauli string or bits: random-looking and no secret."""
    return bool(_UUID.fullmatch(text) or _PAULI.fullmatch(text))


def is_uuid(text: bytes) -> bool:
    """Whether it is a UUID."""
    return bool(_UUID.fullmatch(text))


def is_drawn_uuid(text: bytes) -> bool:
    """Whether a generator made the UUID: a version from 1 to 8 and the variant of RFC 9562, section 4.1, and not all alike."""
    return is_uuid(text) and text[14:15] in b"12345678" and text[19:20] in b"89abAB" and len(set(text)) > 6


def is_hex(text: bytes) -> bool:
    """Whether it is hex digits of one case."""
    return bool(_HEX.fullmatch(text))


def sequential(text: bytes) -> float:
    """Return the share of characters that follow their left neighbour in the alphabet or among the digits, in [0, 1]."""
    low = text.lower()
    steps = sum(1 for a, b in pairwise(low) if b - a == 1 or (a == 57 and b == 48))
    return steps / (len(low) - 1) if len(low) > 1 else 0.0


def wordy(text: bytes) -> float:
    """Return the share of characters that lie in pronounceable words of four letters or more, in [0, 1]."""
    words = (w for w in _WORD.findall(text) if 4 <= len(w) <= 14 and sequential(w) < 0.5)
    inside = sum(len(w) for w in words if 0.2 <= len(_VOWEL.findall(w)) / len(w) <= 0.75)
    return inside / len(text) if text else 0.0


def changes(text: bytes) -> int:
    """Return how often letters and digits alternate; words with a number at the end change once."""
    kinds = [48 <= c <= 57 for c in text if 48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122]
    return sum(a != b for a, b in pairwise(kinds))


def spelt(text: bytes) -> bool:
    """Whether it is a name in parts (``jackson-core-2.11``, ``5h.ca.example.com``): words and numbers joined by signs."""
    parts = [p for p in re.split(rb"[-_.:/=+ ]", text) if p]
    plain = sum(len(p) for p in parts if p.isdigit() or len(p) <= 3 or wordy(p) > 0.5 or (p.isalpha() and len(p) <= 12))
    return len(parts) >= 3 and plain >= 0.6 * sum(map(len, parts)) and max(map(len, parts)) <= 20


def classes(text: bytes) -> int:
    """Return how many of lower case, upper case, digits and others occur, 0 to 4."""
    lower = any(97 <= c <= 122 for c in text)
    upper = any(65 <= c <= 90 for c in text)
    digit = any(48 <= c <= 57 for c in text)
    other = any(not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122) for c in text)
    return lower + upper + digit + other


def looks_random(text: bytes, least: float = 2.4) -> bool:
    """Whether a machine made it: long and mixed enough, and not made of words.

    Args:
        text: What is judged.
        least: Least entropy, bits per character; short texts are asked for less, as they cannot reach it.
    """
    n = len(text)
    if n < 8 or is_placeholder(text) or is_public(text):
        return False
    digits = sum(48 <= c <= 57 for c in text)
    if digits == n or entropy(text) < min(least, math.log2(n) - 0.7):
        return False
    if digits == 0:
        mixed = classes(text) >= 2 and not text.isupper() and not text.islower()
        return mixed and wordy(text) < 0.35 and entropy(text) >= 3.5 and n >= 16
    if spelt(text):
        return False
    return changes(text) >= 4 or wordy(text) < (0.5 if n >= 16 else 0.4)
