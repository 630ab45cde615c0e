"""Takes secrets out of a text before it is written: what a rule of the secret scanner finds, and what has the shape of one.

In its place stands the fingerprint that a scan gives the same secret, so that a line and a finding can be held together.
A comment that excuses a secret in a file excuses nothing here, and a zero byte hides nothing.
"""

import re
from collections.abc import Callable, Iterator

MAX_FINGERPRINTS = 20  # of one text: each new fingerprint takes a millisecond or two
# a word of 16 characters is judged by its shape alone, whole and between the signs that part a path or an assignment
_WORD = re.compile(rb"[A-Za-z0-9_\-+/=.~%]{16,}")
_PART = re.compile(rb"[A-Za-z0-9_\-+~%]{16,}")
_TURN = re.compile(rb"(?=[a-z][A-Z0-9]|[A-Z][a-z0-9]|[0-9][A-Za-z])")
_HEX = re.compile(rb"[0-9a-fA-F]{24,}")

Spans = Callable[[bytes], list[tuple[int, int]]]


class SecretMask:
    """Replaces secrets by their fingerprints; call it with a text.

    Args:
        spans: Where the rules of the secret scanner find secrets in some bytes, as (first, past the last).
        random: Whether the scanner takes a word for one that a machine drew.
        fingerprint: Tells one secret from another without telling it.
    """

    def __init__(self, spans: Spans, random: Callable[[bytes], bool], fingerprint: Callable[[bytes], str]) -> None:
        self._spans, self._random, self._fingerprint = spans, random, fingerprint

    def __call__(self, text: str) -> str:
        """Return the text with each secret replaced by ``[secret FINGERPRINT]``."""
        raw = text.encode("utf-8", "replace")
        found = sorted({*self._spans(raw), *self._shaped(raw)})
        if not found:
            return text
        pieces: list[bytes] = []
        at = 0
        for number, (start, stop) in enumerate(found):
            if stop <= at:
                continue
            first = max(start, at)
            pieces.append(raw[at:first])
            mark = self._fingerprint(raw[first:stop]) if number < MAX_FINGERPRINTS else "not computed"
            pieces.append(f"[secret {mark}]".encode())
            at = stop
        pieces.append(raw[at:])
        return b"".join(pieces).decode("utf-8", "replace")

    def _shaped(self, raw: bytes) -> Iterator[tuple[int, int]]:
        for word in _WORD.finditer(raw):
            if self._drawn(word[0]):
                yield word.span()
                continue
            for part in _PART.finditer(raw, *word.span()):
                if self._drawn(part[0]):
                    yield part.span()

    def _drawn(self, word: bytes) -> bool:
        return _HEX.fullmatch(word) is not None or self._random(word)


def restless(word: bytes) -> bool:
    """Whether small letters, capitals and digits take turns as drawn ones do (6 of 10 neighbours) and names do not."""
    turns = len(_TURN.findall(word))
    return turns >= 0.4 * (len(word) - 1)


def shipped_mask() -> SecretMask:
    """Return a mask by the rules that the secret scanner is shipped with; takes a tenth of a second."""
    from mumetal.core.artefact import Artefact
    from mumetal.scan.api import SecretConfig, SecretScanner, fingerprint, is_public, looks_random

    scanner = SecretScanner(
        SecretConfig(engine="re2")
    )  # finds the same as Hyperscan, and compiles in a sixth of the time

    def spans(raw: bytes) -> list[tuple[int, int]]:
        plain = raw.replace(b"mumetal:", b"mumetal;").replace(b"\0", b" ")  # no excuse, no binary; places stay
        return [(hit.start, hit.stop) for hit in scanner.hits(Artefact(uri="log", kind="log", data=plain))]

    def random(word: bytes) -> bool:
        return looks_random(word) or (restless(word) and not is_public(word))

    return SecretMask(spans, random, fingerprint)
